//! `storm`: everybody loses the connection at the same moment and comes back at once, as after a restart or when a network fails.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::fanout::plan;
use super::{LoadError, Scenario};
use crate::config::at_least_a_second;
use crate::load::conductor;
use crate::load::findings::Findings;
use crate::load::latency::LatencyKind;
use crate::load::options::{Options, OptionsError, count, in_words, rate};
use crate::load::plan::{Crowd, Mischief, Plan};
use crate::load::session::Session;

/// How many come back, and how often.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Storm {
    /// Rooms
    #[arg(long, default_value_t = 200, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub rooms: usize,
    /// People in each room
    #[arg(long, default_value_t = 10, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub clients: usize,
    /// How many of them write; what they write meanwhile is to come through, too
    #[arg(long, default_value_t = 1, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub writers: usize,
    /// Updates a second of each writer
    #[arg(long, default_value_t = 0.2, value_parser = rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub rate: f64,
    /// How often there is a storm
    #[arg(long, default_value = "10s", value_parser = at_least_a_second, value_name = "TIME")]
    #[serde(serialize_with = "in_words")]
    pub every: Duration,
}

impl Scenario for Storm {
    const NAME: &'static str = "storm";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        let (rooms, clients, writers, rate) = (self.rooms, self.clients, self.writers, self.rate);
        let crowd = Crowd { rooms, clients, writers, rate, cursors: 0.0 };
        if self.every > options.duration {
            return Err(OptionsError::Senseless("--every: longer than --duration, so only one comes".to_owned()).into());
        }
        let mischief = Mischief { storms: Some(self.every), ..Mischief::default() };
        let plan = Arc::new(Plan { presence: true, ..plan(crowd, options.times()?, mischief, options)? });
        let found = conductor::conduct(&plan, &options.pid, session)?;
        // A storm that some have not come back from has lasted as long as there was to see.
        let more = if found.missing.away > 0 { " and more: some never came back" } else { "" };
        let mut storms: Vec<f64> = found.notes.storms.iter().map(|storm| *storm as f64 / 1e6).collect();
        let mut findings = Findings::of(found, &plan);
        findings.about = Some(LatencyKind::Reconnect);
        storms.sort_by(f64::total_cmp);
        if let (Some(median), Some(worst)) = (storms.get(storms.len() / 2), storms.last()) {
            findings.figure("all back", *median, &format!("ms, median of the storms{more}"));
            findings.figure("all back", *worst, &format!("ms, longest of the storms{more}"));
        }
        Ok(findings)
    }
}
