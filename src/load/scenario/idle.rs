//! `idle`: people who are there and do nothing but say so now and then, as browsers do. What a connection costs in memory.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::fanout::plan;
use super::{LoadError, Scenario};
use crate::config::duration;
use crate::load::conductor;
use crate::load::findings::Findings;
use crate::load::options::{Options, count, in_words};
use crate::load::plan::{Crowd, Mischief, Plan};
use crate::load::session::Session;

/// How many people are there.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Idle {
    /// Rooms
    #[arg(long, default_value_t = 100, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub rooms: usize,
    /// People in each room
    #[arg(long, default_value_t = 10, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub clients: usize,
    /// How often each says again that it is there; 0s: only in the beginning
    #[arg(long, default_value = "15s", value_parser = duration, value_name = "TIME")]
    #[serde(serialize_with = "in_words")]
    pub renew: Duration,
}

impl Scenario for Idle {
    const NAME: &'static str = "idle";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        let cursors = if self.renew.is_zero() { 0.0 } else { 1.0 / self.renew.as_secs_f64() };
        let crowd = Crowd { rooms: self.rooms, clients: self.clients, writers: 0, rate: 0.0, cursors };
        let plan = Arc::new(Plan { presence: true, ..plan(crowd, options.times()?, Mischief::default(), options)? });
        let found = conductor::conduct(&plan, &options.pid, session)?;
        let mut findings = Findings::of(found, &plan);
        if !findings.servers.is_empty() && findings.tally.connections > 0 {
            let grown = |server: &crate::load::record::ServerUse| {
                server.memory_after_bytes as f64 - server.memory_before_bytes as f64
            };
            let grown: f64 = findings.servers.iter().map(grown).sum();
            let cpu: f64 = findings.servers.iter().map(|server| server.cpu_seconds).sum();
            let connections = findings.tally.connections as f64;
            findings.figure("memory a connection", grown / connections / 1_000.0, "kB");
            findings.figure("CPU a connection", cpu / findings.seconds / connections * 1e6, "µs/s");
        }
        Ok(findings)
    }
}
