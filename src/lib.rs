//! triproom: a real-time collaboration server for trip rooms.

pub mod room;
