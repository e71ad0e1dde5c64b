//! `soak`: a crowd for hours, with some who lose their connection. What grows meanwhile is for `growth` to say, as of every long run.
//! Say how long by `--duration 8h`.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::fanout::{Fanout, plan};
use super::{LoadError, Scenario};
use crate::load::conductor;
use crate::load::findings::Findings;
use crate::load::options::{Options, rate};
use crate::load::plan::Mischief;
use crate::load::session::Session;
use crate::load::writer::EDIT;

/// The crowd.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Soak {
    /// The people.
    #[command(flatten)]
    #[serde(flatten)]
    pub people: Fanout,
    /// Connections a second that are cut; their clients come back
    #[arg(long, default_value_t = 0.0, value_parser = rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub cuts: f64,
}

impl Scenario for Soak {
    const NAME: &'static str = "soak";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        options.allow(0, self.cuts)?;
        let mischief = Mischief { cuts: self.cuts, ..Mischief::default() };
        let plan = Arc::new(plan(self.people.crowd(), options.times()?, mischief, options)?);
        let found = conductor::conduct(&plan, &options.pid, session)?;
        let mut findings = Findings::of(found, &plan);
        let text = plan.crowd.rooms as f64 * plan.crowd.writers as f64 * plan.crowd.rate * f64::from(EDIT);
        findings.figure("text written", text * 3_600.0 / 1e6, "MB an hour, which is there to stay");
        Ok(findings)
    }
}
