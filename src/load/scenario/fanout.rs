//! `fanout`: people in rooms, some of whom write at a steady rate; everybody else is to see it. The plain load of a server of
//! documents, and the ground of the other scenarios with a crowd.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::{LoadError, Scenario};
use crate::load::client::MESSAGE_MAX;
use crate::load::conductor;
use crate::load::findings::Findings;
use crate::load::options::{Options, OptionsError, count, rate};
use crate::load::plan::{Crowd, Mischief, Plan, Stopped};
use crate::load::schedule::Times;
use crate::load::session::Session;
use crate::load::target::Protocol;
use crate::load::writer::EDIT;

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

/// How much of the longest message may be text: the rest says whose it is.
const TEXT_SHARE_MAX: f64 = 0.95;

/// The highest rate of each writer at which a fresh client can still be told at once what is in a room in the end.
/// JSON sockets tell what there is one by one.
pub fn highest_rate(crowd: &Crowd, times: &Times, protocol: Protocol) -> f64 {
    if protocol == Protocol::Events {
        return f64::INFINITY;
    }
    let edits = MESSAGE_MAX as f64 * TEXT_SHARE_MAX / f64::from(EDIT);
    edits / (crowd.writers as f64 * times.load().as_secs_f64()).max(f64::MIN_POSITIVE)
}

/// A plan of a crowd, if the limits allow it.
pub fn plan(crowd: Crowd, times: Times, mischief: Mischief, options: &Options) -> Result<Plan, OptionsError> {
    if crowd.rooms == 0 || crowd.clients == 0 || crowd.writers > crowd.clients {
        let why = "--rooms and --clients: at least one; --writers: at most as many as clients";
        return Err(OptionsError::Senseless(why.to_owned()));
    }
    let people = crowd.rooms.saturating_mul(crowd.clients);
    options.allow(people, crowd.busyness())?;
    let target = options.target()?;
    if crowd.rate > highest_rate(&crowd, &times, target.protocol) {
        let why = format!(
            "a room would have more text in the end than a fresh client can be told at once, {} MiB: a shorter --duration, a lower --rate or fewer --writers in more --rooms",
            MESSAGE_MAX >> 20
        );
        return Err(OptionsError::Senseless(why));
    }
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
        times,
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
        let plan = Arc::new(plan(self.crowd(), options.times()?, Mischief::default(), options)?);
        let found = conductor::conduct(&plan, &options.pid, session)?;
        Ok(Findings::of(found, &plan))
    }
}
