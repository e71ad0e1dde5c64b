//! Everything fails, from a seed.
