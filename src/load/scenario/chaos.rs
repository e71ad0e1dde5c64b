//! `chaos`: people whose connections are cut and who stop reading for a while, in the middle of writing. In the end everybody is to
//! have everything all the same.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::fanout::{Fanout, plan};
use super::{LoadError, Scenario};
use crate::config::duration;
use crate::load::conductor;
use crate::load::findings::Findings;
use crate::load::options::{Options, in_words, rate};
use crate::load::plan::Mischief;
use crate::load::session::Session;

/// What goes wrong, and how often.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Chaos {
    /// The people.
    #[command(flatten)]
    #[serde(flatten)]
    pub people: Fanout,
    /// Connections a second that are cut; their clients come back and go on writing meanwhile
    #[arg(long, default_value_t = 2.0, value_parser = rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub cuts: f64,
    /// Clients a second that stop reading
    #[arg(long, default_value_t = 0.5, value_parser = rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub pauses: f64,
    /// For how long, but never into the drain
    #[arg(long, default_value = "2s", value_parser = duration, value_name = "TIME")]
    #[serde(serialize_with = "in_words")]
    pub pause: Duration,
}

impl Scenario for Chaos {
    const NAME: &'static str = "chaos";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        options.allow(0, self.cuts)?;
        options.allow(0, self.pauses)?;
        let mischief = Mischief { cuts: self.cuts, pauses: self.pauses, pause: self.pause, storms: None };
        let plan = Arc::new(plan(self.people.crowd(), options.times()?, mischief, options)?);
        let found = conductor::conduct(&plan, &options.pid, session)?;
        Ok(Findings::of(found, &plan))
    }
}
