//! `triproom load`: puts a server under load and says what came of it. Progress goes to standard error, the table to standard output, or
//! to standard error, too, when the record itself goes to standard output.
//! It must never connect to anything but what was named.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use super::load_records::{self, RecordsCommand, RecordsError};
use crate::load::interrupt::Interrupt;
use crate::load::options::Options;
use crate::load::progress::Progress;
use crate::load::record::{JsonPlace, RecordError};
use crate::load::scenario::agents::Agents;
use crate::load::scenario::chaos::Chaos;
use crate::load::scenario::fanout::Fanout;
use crate::load::scenario::idle::Idle;
use crate::load::scenario::join::Join;
use crate::load::scenario::replay::Replay;
use crate::load::scenario::saturate::Saturate;
use crate::load::scenario::soak::Soak;
use crate::load::scenario::storm::Storm;
use crate::load::scenario::trip::Trip;
use crate::load::scenario::{LoadError, Scenario};
use crate::load::session::Session;
use crate::load::{report, run as run_scenario, table};

/// What is done to the server.
#[derive(Debug, Clone, Subcommand)]
#[command(after_help = EXIT_CODES)]
pub enum LoadCommand {
    /// People in rooms, some of whom write at a steady rate
    Fanout(Box<Run<Fanout>>),
    /// The highest rate at which everything still comes in time
    Saturate(Box<Run<Saturate>>),
    /// People who are there and do nothing: what a connection costs
    Idle(Box<Run<Idle>>),
    /// People open a large document, one after the other and all at once
    Join(Box<Run<Join>>),
    /// Everybody loses the connection at once and comes back
    Storm(Box<Run<Storm>>),
    /// A planning session as people have them, with agents
    Trip(Box<Run<Trip>>),
    /// A real editing history, keystroke by keystroke
    Replay(Box<Run<Replay>>),
    /// Agents say how they are, or write a lot at once, beside people who type
    Agents(Box<Run<Agents>>),
    /// Connections are cut and readers stop, and everybody is to have everything all the same
    Chaos(Box<Run<Chaos>>),
    /// A crowd for hours, watching what grows
    Soak(Box<Run<Soak>>),
    /// What is done with recorded runs.
    #[command(flatten)]
    Records(RecordsCommand),
}

const EXIT_CODES: &str = "\
Exit codes:
  0  everything was delivered, every room converged
  1  it could not run, or was stopped before anything was measured
  2  something was lost, doubled, reordered, corrupted or diverged, or the server ended connections
  3  the load tester itself was too slow, so the figures are not to be trusted; or not every room could be checked
  4  it was slower than --p99-below, or too little came to tell; saturate: no rate held
130  a second Ctrl-C (or SIGTERM) ended it at once; the first one ends the measured part and keeps it";

/// A scenario's own options and those of all.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Run<S: Args> {
    #[command(flatten)]
    scenario: S,
    #[command(flatten)]
    options: Options,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum LoadCommandError {
    /// See there.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// See there.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// See there.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The table cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// The system does not let it hear what is to stop it.
    #[error("cannot listen for Ctrl-C: {0}")]
    Signals(io::Error),
}

/// Does it, and says what to exit with. Tables go to `out`, or to `notes` when the record itself goes to standard output.
pub fn run(command: LoadCommand, out: &mut impl Write, notes: &mut impl Write) -> Result<u8, LoadCommandError> {
    match command {
        LoadCommand::Fanout(run) => load(&run, out, notes),
        LoadCommand::Saturate(run) => load(&run, out, notes),
        LoadCommand::Idle(run) => load(&run, out, notes),
        LoadCommand::Join(run) => load(&run, out, notes),
        LoadCommand::Storm(run) => load(&run, out, notes),
        LoadCommand::Trip(run) => load(&run, out, notes),
        LoadCommand::Replay(run) => load(&run, out, notes),
        LoadCommand::Agents(run) => load(&run, out, notes),
        LoadCommand::Chaos(run) => load(&run, out, notes),
        LoadCommand::Soak(run) => load(&run, out, notes),
        LoadCommand::Records(command) => Ok(load_records::run(command, out, notes)?),
    }
}

fn load<S: Scenario + Args>(
    run: &Run<S>,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> Result<u8, LoadCommandError> {
    let options = &run.options;
    // Nobody wants to hear it after an hour.
    options.report.as_deref().map_or(Ok(()), |path| report::check(path, options.json.as_ref()))?;
    let mut progress = if options.quiet { Progress::silent() } else { Progress::on_standard_error() };
    let interrupt = Interrupt::by_signals(progress.screen()).map_err(LoadCommandError::Signals)?;
    let mut session = Session { progress: &mut progress, interrupt: &interrupt };
    let record = run_scenario(&run.scenario, options, &mut session);
    progress.finish();
    let record = record?;
    if let Some(place) = &options.json {
        place.append(&record)?;
    }
    match options.json {
        _ if options.quiet => {}
        Some(JsonPlace::Output) => table::write(&record, notes)?,
        _ => table::write(&record, out)?,
    }
    if let Some(path) = &options.report {
        report::write(std::slice::from_ref(&record), path)?;
    }
    Ok(record.verdict.outcome().exit_code())
}
