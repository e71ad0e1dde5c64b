//! One call of the command, and what it says.

use std::process::Command;

use triproom::load::record::Record;
use triproom::load::verdict::Outcome;

/// What a run has come to.
pub struct Run {
    /// What the process exits with.
    pub code: i32,
    /// Its record, if there was a run.
    pub record: Option<Record>,
    /// What it says to people.
    pub errors: String,
}

impl Run {
    /// The record.
    pub fn record(&self) -> &Record {
        self.record.as_ref().unwrap_or_else(|| panic!("there is no record: {}", self.errors))
    }
}

/// Runs `triproom load`.
pub fn load(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
    let output = command.arg("load").args(arguments).args(["--json", "-", "--quiet"]).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    Run {
        code: output.status.code().unwrap(),
        record: (!line.trim().is_empty()).then(|| Record::parse(&line).unwrap()),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A machine that is busy with other tests may make the generator late, which is for the run to say and not for these tests.
pub fn is_fine(run: &Run) -> bool {
    matches!(run.record().verdict.outcome(), Outcome::Ok | Outcome::Saturated)
}
