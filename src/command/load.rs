//! `triproom load`: puts a server under load and says what came of it. Progress goes to standard error, the table to standard output.
//! It must never connect to anything but what was named.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::load::options::Options;
use crate::load::progress::Progress;
use crate::load::record::{JsonPlace, Record};
use crate::load::scenario::fanout::Fanout;
use crate::load::scenario::{LoadError, Scenario};
use crate::load::{run as run_scenario, table};

/// What is done to the server.
#[derive(Debug, Clone, Subcommand)]
#[command(after_help = EXIT_CODES)]
pub enum LoadCommand {
    /// People in rooms, some of whom write at a steady rate
    Fanout(Run<Fanout>),
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
