//! The HTTP side, one file a resource: health, metrics, the planner page. Every error is a `Problem`.

pub mod health;
pub mod page;
pub mod problem;
