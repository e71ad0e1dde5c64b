//! `triproom load`: puts a server under load and says what came of it. Progress goes to standard error, the table to standard output.
//! It must never connect to anything but what was named.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::load::options::Options;
use crate::load::progress::Progress;
use crate::load::record::{JsonPlace, Record};
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
use crate::load::{run as run_scenario, table};

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
}

const EXIT_CODES: &str = "\
Exit codes:
  0  everything was delivered, every room converged
  1  it could not run
  2  something was lost, doubled, reordered, corrupted or diverged, or the server ended connections
  3  the load tester itself was too slow: the figures are not to be trusted
  4  it was slower than --p99-below";

/// A scenario's own options and those of all.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXIT_CODES)]
pub struct Run<S: Args> {
    #[command(flatten)]
    scenario: S,
    #[command(flatten)]
    options: Options,
}

/// Does it; the exit code says what came of it.
pub fn run(command: LoadCommand) -> Result<ExitCode, LoadError> {
    match command {
        LoadCommand::Fanout(run) => load(&run),
        LoadCommand::Saturate(run) => load(&run),
        LoadCommand::Idle(run) => load(&run),
        LoadCommand::Join(run) => load(&run),
        LoadCommand::Storm(run) => load(&run),
        LoadCommand::Trip(run) => load(&run),
        LoadCommand::Replay(run) => load(&run),
        LoadCommand::Agents(run) => load(&run),
        LoadCommand::Chaos(run) => load(&run),
        LoadCommand::Soak(run) => load(&run),
    }
}

fn load<S: Scenario + Args>(run: &Run<S>) -> Result<ExitCode, LoadError> {
    let options = &run.options;
    let mut progress = if options.quiet { Progress::silent() } else { Progress::on_standard_error() };
    let record = run_scenario(&run.scenario, options, &mut progress);
    progress.finish();
    let record = record?;
    if let Some(place) = &options.json {
        place.append(&record)?;
    }
    if !options.quiet && options.json != Some(JsonPlace::Output) {
        show(&record);
    }
    Ok(ExitCode::from(record.verdict.outcome().exit_code()))
}

/// Whoever closed standard output does not want to read it.
fn show(record: &Record) {
    let mut out = io::stdout().lock();
    let _ = table::write(record, &mut out).and_then(|()| out.flush());
}
