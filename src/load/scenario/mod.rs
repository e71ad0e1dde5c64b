//! The scenarios, one file each: what it is, its knobs, its plan, its figures. Called by `load::run`.

pub mod agents;
pub mod chaos;
pub mod fanout;
pub mod idle;
pub mod join;
pub mod replay;
pub mod saturate;
pub mod soak;
pub mod storm;
pub mod trip;

use super::conductor::RunError;
use super::findings::Findings;
use super::options::{Options, OptionsError};
use super::record::RecordError;
use super::session::Session;

/// Something that can be done to a server.
pub trait Scenario: serde::Serialize {
    /// As it is called on the command line.
    const NAME: &'static str;

    /// Does it.
    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError>;
}

/// Why a scenario could not be run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// See there.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// See there.
    #[error(transparent)]
    Run(#[from] RunError),
    /// See there.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Names a run, and its rooms: nobody else's have the same.
fn run_name() -> String {
    (0..8).map(|_| char::from(b"abcdefghijkmnpqrstuvwxyz23456789"[fastrand::usize(..32)])).collect()
}
