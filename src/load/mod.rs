//! The load tester.

pub mod latency;
pub mod merge;
pub mod progress;
pub mod record;
pub mod report;
pub mod scenario_file;
pub mod table;
pub mod verdict;
pub mod words;
