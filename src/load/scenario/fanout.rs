//! `fanout`: people in rooms, some of whom write at a steady rate; everybody else is to see it. The plain load of a server of
//! documents, and the ground of the other scenarios with a crowd.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::{LoadError, Scenario};
use crate::load::conductor;
use crate::load::findings::Findings;
use crate::load::options::{Options, OptionsError, count, rate};
use crate::load::plan::{Crowd, Mischief, Plan, Stopped};
use crate::load::session::Session;
use crate::load::target::Protocol;

/// How many people, and how busy they are.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fanout {
    /// Rooms
    #[arg(long, default_value_t = 1, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub rooms: usize,
    /// People in each room
    #[arg(long, default_value_t = 50, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub clients: usize,
    /// How many of them write; all, if nothing is said
    #[arg(long, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writers: Option<usize>,
    /// Updates a second of each writer, of 16 characters each
    #[arg(long, default_value_t = 5.0, value_parser = rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub rate: f64,
    /// Moves a second of each person's cursor, told as presence; the time until others see them is the latency `status`
    #[arg(long, default_value_t = 0.0, value_parser = rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub cursors: f64,
}

impl Fanout {
    /// The same as numbers.
    pub fn crowd(&self) -> Crowd {
        let writers = self.writers.unwrap_or(self.clients);
        Crowd { rooms: self.rooms, clients: self.clients, writers, rate: self.rate, cursors: self.cursors }
    }
}

/// A plan of a crowd, if the limits allow it.
pub fn plan(crowd: Crowd, mischief: Mischief, options: &Options) -> Result<Plan, OptionsError> {
    if crowd.rooms == 0 || crowd.clients == 0 || crowd.writers > crowd.clients {
        let why = "--rooms and --clients: at least one; --writers: at most as many as clients";
        return Err(OptionsError::Senseless(why.to_owned()));
    }
    let people = crowd.rooms.saturating_mul(crowd.clients);
    let edits = (crowd.rooms.saturating_mul(crowd.writers)) as f64 * crowd.rate;
    options.allow(people, edits + people as f64 * crowd.cursors)?;
    let target = options.target()?;
    let comes_back = mischief.cuts > 0.0 || mischief.storms.is_some();
    if comes_back && target.protocol == Protocol::Events {
        // What is written while one is away nobody asks for there.
        let why = "--protocol events: who is cut does not say again what was not taken; use another protocol";
        return Err(OptionsError::Senseless(why.to_owned()));
    }
    Ok(Plan {
        target,
        run: super::run_name(),
        seed: options.seed,
        crowd,
        times: options.times()?,
        mischief,
        agents: None,
        presence: crowd.cursors > 0.0,
        threads: usize::from(options.threads).min(people),
        opening: 64,
        fresh: options.left(people),
        stopped: Stopped::Kept,
    })
}

impl Scenario for Fanout {
    const NAME: &'static str = "fanout";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        let plan = Arc::new(plan(self.crowd(), Mischief::default(), options)?);
        let found = conductor::conduct(&plan, &options.pid, session)?;
        Ok(Findings::of(found, &plan))
    }
}
