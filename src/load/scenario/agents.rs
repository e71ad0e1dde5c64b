//! `agents`: agents beside people who type. Some say all the time how they are; some write a whole plan at one moment, in rooms of
//! their own. How long statuses take is the latency `status`; how long people are held up by the burst, which comes when measuring
//! begins, is the latency `delivery`.

use std::sync::Arc;

use bytesize::ByteSize;
use clap::Args;
use serde::Serialize;

use super::fanout::{Fanout, plan};
use super::{LoadError, Scenario};
use crate::config::bytes;
use crate::load::findings::Findings;
use crate::load::options::{Options, OptionsError, count, in_bytes, rate};
use crate::load::plan::{Agents as Planned, Mischief, Plan};
use crate::load::session::Session;
use crate::load::target::Protocol;
use crate::load::{agents, conductor};

/// How many agents do what.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Agents {
    /// The people.
    #[command(flatten)]
    #[serde(flatten)]
    pub people: Fanout,
    /// Agents in each room that say how they are
    #[arg(long, default_value_t = 5, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub agents: usize,
    /// Statuses a second of each
    #[arg(long, default_value_t = 2.0, value_parser = rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub statuses: f64,
    /// They say it on Triproom's JSON sockets, and not as presence over the protocol of the people
    #[arg(long)]
    pub over_events: bool,
    /// Agents that write a lot at one moment, each in a room of its own
    #[arg(long, default_value_t = 0, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub bursting: usize,
    /// How much each of those writes, in one update
    #[arg(long, default_value = "400KB", value_name = "SIZE")]
    #[serde(serialize_with = "in_bytes")]
    pub burst: ByteSize,
}

impl Scenario for Agents {
    const NAME: &'static str = "agents";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        let people = plan(self.people.crowd(), options.times()?, Mischief::default(), options)?;
        let connections = people.people() + self.agents * self.people.rooms + self.bursting;
        let statuses = self.statuses * (self.agents * self.people.rooms) as f64;
        options.allow(connections, people.crowd.busyness() + statuses)?;
        let (is_events, by_presence) =
            (people.target.protocol == Protocol::Events, self.agents > 0 && !self.over_events);
        if is_events && (by_presence || self.bursting > 0) {
            let why = "--protocol events: has neither presence nor documents; agents need --over-events there, and none can burst";
            return Err(OptionsError::Senseless(why.to_owned()).into());
        }
        let planned = Planned {
            in_room: self.agents,
            statuses: self.statuses,
            over_events: self.over_events,
            bursting: self.bursting,
            burst: if self.bursting > 0 { agents::burst(bytes(self.burst), options.seed) } else { Vec::new() },
        };
        let burst = planned.burst.len();
        let plan = Arc::new(Plan { agents: Some(planned), fresh: options.left(connections), ..people });
        let found = conductor::conduct(&plan, &options.pid, session)?;
        let mut findings = Findings::of(found, &plan);
        if self.bursting > 0 {
            findings.figure("written at once", (burst * self.bursting) as f64 / 1e6, "MB by all agents together");
        }
        Ok(findings)
    }
}
