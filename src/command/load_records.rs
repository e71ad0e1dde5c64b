//! `triproom load merge` and `triproom load report`: what is done with runs that were recorded. They connect to nothing.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::load::merge::{MergeError, merge};
use crate::load::record::{self, JsonPlace, Record, RecordError};
use crate::load::{report, table};

/// What to do with recorded runs.
#[derive(Debug, Clone, Subcommand)]
pub enum RecordsCommand {
    /// Add up what several load testers measured at the same time
    Merge(MergeCommand),
    /// Show recorded runs, and compare several
    Report(ReportCommand),
}

/// What to add up.
#[derive(Debug, Clone, Args)]
pub struct MergeCommand {
    /// Files that `--json` wrote; of each, the last run counts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the merged run is called; without it, as all of them
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Append the merged run to this file; - is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<JsonPlace>,
    /// Write a report of the merged run to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// What to show.
#[derive(Debug, Clone, Args)]
pub struct ReportCommand {
    /// Files that `--json` wrote; all their runs count
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the report to this file, as one HTML page that needs nothing else
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// See there.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// See there.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The table cannot be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Does it, and says what to exit with: a merged run's own code, 0 after a report. Tables go to `out`, or to `notes` when the
/// record itself goes to standard output.
pub fn run(command: RecordsCommand, out: &mut impl Write, notes: &mut impl Write) -> Result<u8, RecordsError> {
    match command {
        RecordsCommand::Merge(command) => {
            command.report.as_deref().map_or(Ok(()), |path| report::check(path, command.json.as_ref()))?;
            let merged = merge(&last_of_each(&command.files)?, command.name.as_deref())?;
            if command.json == Some(JsonPlace::Output) {
                table::write(&merged, notes)?;
            } else {
                table::write(&merged, out)?;
            }
            command.json.map_or(Ok(()), |place| place.append(&merged))?;
            command.report.map_or(Ok(()), |path| report::write(std::slice::from_ref(&merged), &path))?;
            Ok(merged.verdict.outcome().exit_code())
        }
        RecordsCommand::Report(command) => {
            command.report.as_deref().map_or(Ok(()), |path| report::check(path, None))?;
            let mut records = Vec::new();
            for file in &command.files {
                records.extend(record::read(file)?);
            }
            match records.as_slice() {
                [one] => table::write(one, out)?,
                several => table::compare(several, out)?,
            }
            command.report.map_or(Ok(()), |path| report::write(&records, &path))?;
            Ok(0)
        }
    }
}

fn last_of_each(files: &[PathBuf]) -> Result<Vec<Record>, RecordError> {
    files.iter().map(|file| Ok(record::read(file)?.pop().expect("a file without a run is an error"))).collect()
}
