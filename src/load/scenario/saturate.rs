//! `saturate`: the highest rate at which a server still delivers everything in time. Rates are tried one after the other, each in
//! rooms of its own: twice as much until it is too much at two attempts, then between. What is lost on the way up is told, and is not what
//! the run is judged by, unless no rate holds.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::fanout::{highest_rate, plan};
use super::{LoadError, Scenario};
use crate::config::duration;
use crate::load::conductor::{self, RunError};
use crate::load::findings::Findings;
use crate::load::latency::LatencyKind;
use crate::load::options::{Options, OptionsError, count, in_words, some_rate};
use crate::load::plan::{Crowd, Mischief, Plan, Stopped};
use crate::load::record::Step;
use crate::load::schedule::Times;
use crate::load::session::Session;
use crate::load::verdict::{Outcome, Verdict};
use crate::load::words::{milliseconds, number};

/// A step that delivers less than this of what it is offered does not hold.
const WHOLE: f64 = 0.97;

/// So many rates are told at which the server did something wrong.
const FAULTS_TOLD: usize = 3;

/// Who writes, where to begin, and what is too slow.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Saturate {
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
    /// Updates a second of each writer in the first step
    #[arg(long, default_value_t = 5.0, value_parser = some_rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub from: f64,
    /// A step does not hold when 99 % of its deliveries are not faster than this
    #[arg(long, default_value = "100ms", value_parser = duration, value_name = "TIME")]
    #[serde(serialize_with = "in_words")]
    pub within: Duration,
    /// How long a step is measured; a third of it warms up
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME")]
    #[serde(serialize_with = "in_words")]
    pub step: Duration,
    /// Steps between the last rate that held and the first that did not
    #[arg(long, default_value_t = 3, allow_negative_numbers = true, value_name = "COUNT")]
    pub refine: u32,
}

/// What came of one rate.
enum Tried {
    Held(Box<Findings>),
    /// It did not hold; what the server did wrong, if that was it.
    Failed(Box<Findings>, Option<Outcome>),
}

/// What comes of a rate at which nobody can join any more.
fn overwhelmed(crowd: &Crowd, offered: f64, session: &mut Session<'_>, steps: &mut Vec<Step>) -> Tried {
    let none = Step {
        offered_per_second: offered,
        deliveries_per_second: 0.0,
        p50_ms: 0.0,
        p99_ms: 0.0,
        lost: 0,
        held: false,
    };
    steps.push(none);
    session.progress.note(&format!("{} deliveries/s were to come, and nobody could join any more", number(offered)));
    let mut findings = Findings::empty(Timestamp::now(), 0.0);
    findings.tally.refused = (crowd.rooms * crowd.clients) as u64;
    Tried::Failed(Box::new(findings), Some(Outcome::Disconnected))
}

/// What is said where a signal ended the climb.
const STOPPED: &str = "stopped early by a signal: of the rates that were tried until then is said what held, and the server may hold more";

impl Scenario for Saturate {
    const NAME: &'static str = "saturate";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        if self.clients < 2 || self.step.is_zero() || self.within.is_zero() {
            let why = "--clients: at least two, who hear each other; --step and --within: more than nothing";
            return Err(OptionsError::Senseless(why.to_owned()).into());
        }
        let writers = (self.rooms * self.writers.unwrap_or(self.clients)).max(1) as f64;
        let fits = highest_rate(&self.crowd(0.0), &self.times(options), options.protocol);
        let highest = (f64::from(options.max_rate) / writers).min(fits);
        let (mut steps, mut held, mut failed, mut rate) = (Vec::new(), None, None, self.from.min(highest));
        let (mut best, mut worst, mut why) = (None, None, "");
        let (mut left, mut faults) = (self.refine, Vec::new());
        loop {
            let Some(tried) = self.attempts(rate, options, session, &mut steps, &mut faults)? else {
                why = STOPPED;
                break;
            };
            match tried {
                Tried::Held(findings) => (best, held) = (Some((findings, rate)), Some(rate)),
                Tried::Failed(findings, fault) => {
                    why = "";
                    if findings.generator.saturated {
                        why = "the load tester itself was late or had no time, or something else had this machine: the server may hold more";
                    }
                    if held.is_none() && (best.is_none() || fault >= worst) {
                        (best, worst) = (Some((findings, rate)), fault);
                    }
                    failed = Some(rate);
                }
            }
            if session.interrupt.is_stopped() {
                why = STOPPED;
                break;
            }
            rate = match (held, failed) {
                (Some(held), None) if held >= highest => {
                    why = if highest < fits {
                        "that is --max-rate: the server may hold more"
                    } else {
                        "at a higher rate a room would have more text than a fresh client can be told at once: the server may hold more, which a shorter --step tells"
                    };
                    break;
                }
                (Some(held), None) => (held * 2.0).min(highest),
                (Some(held), Some(failed)) if left > 0 => f64::midpoint(held, failed),
                (None, Some(failed)) if left > 0 => failed / 2.0,
                _ => break,
            };
            if failed.is_some() {
                left -= 1;
            }
        }
        let (findings, rate) = best.ok_or(RunError::Stopped)?;
        let mut findings = *findings;
        self.conclude(&mut findings, held, (rate, worst));
        let more = faults.len().saturating_sub(FAULTS_TOLD);
        faults.truncate(FAULTS_TOLD);
        findings.notes.extend(faults);
        findings.notes.extend((more > 0).then(|| format!("and so it was {more} more times")));
        findings.notes.extend((!why.is_empty()).then(|| why.to_owned()));
        findings.steps = steps;
        Ok(findings)
    }
}

impl Saturate {
    /// Tries a rate, a second time if it does not hold: one hiccup of the machine must not end the climb. Nothing comes of it if all
    /// is stopped before it was tried once.
    fn attempts(
        &self,
        rate: f64,
        options: &Options,
        session: &mut Session<'_>,
        steps: &mut Vec<Step>,
        faults: &mut Vec<String>,
    ) -> Result<Option<Tried>, LoadError> {
        let mut note = |tried: &Option<Tried>| {
            if let Some(Tried::Failed(_, Some(fault))) = tried {
                let rate = number(rate);
                faults.push(format!("{rate} updates a second of each writer did not hold: {}", fault.word()));
            }
        };
        let first = self.attempt(rate, options, session, steps)?;
        note(&first);
        let Some(Tried::Failed(_, fault)) = &first else { return Ok(first) };
        let second = self.attempt(rate, options, session, steps)?;
        note(&second);
        // Of two that failed, the worse one.
        let is_first = match &second {
            None => true,
            Some(Tried::Failed(_, again)) => fault > again,
            Some(Tried::Held(_)) => false,
        };
        Ok(if is_first { first } else { second })
    }

    /// At this rate of each writer.
    fn crowd(&self, rate: f64) -> Crowd {
        let writers = self.writers.unwrap_or(self.clients);
        Crowd { rooms: self.rooms, clients: self.clients, writers, rate, cursors: 0.0 }
    }

    /// Of one rate.
    fn times(&self, options: &Options) -> Times {
        Times { warm_up: self.step / 3, measured: self.step, drain: options.drain }
    }

    fn attempt(
        &self,
        rate: f64,
        options: &Options,
        session: &mut Session<'_>,
        steps: &mut Vec<Step>,
    ) -> Result<Option<Tried>, LoadError> {
        if session.interrupt.is_stopped() {
            return Ok(None);
        }
        let crowd = self.crowd(rate);
        let plan = plan(crowd, self.times(options), Mischief::default(), options)?;
        let plan = Arc::new(Plan { stopped: Stopped::Dropped, ..plan });
        let offered = crowd.rooms as f64 * crowd.writers as f64 * rate * (crowd.clients.saturating_sub(1)) as f64;
        let found = match conductor::conduct(&plan, &options.pid, session) {
            Ok(found) => found,
            Err(RunError::Stopped) => return Ok(None),
            // It could be joined before: it is the rates until now that it has not got over.
            Err(RunError::NobodyJoined(_) | RunError::TooSlow(_)) if !steps.is_empty() => {
                return Ok(Some(overwhelmed(&crowd, offered, session, steps)));
            }
            Err(error) => return Err(error.into()),
        };
        let mut findings = Findings::of(found, &plan);
        let delivered = findings.tally.deliveries as f64 / findings.seconds;
        let latency = findings.latencies.get(&LatencyKind::Delivery).cloned().unwrap_or_default();
        let (p50_ms, p99_ms) = (latency.quantile_ms(0.5), latency.quantile_ms(0.99));
        // Who is late by much of what is allowed cannot tell whether a server keeps to it.
        let within_ms = self.within.as_secs_f64() * 1_000.0;
        findings.judge_generator(plan.threads, p99_ms.min(within_ms));
        let verdict = Verdict::judge(findings.tally, findings.generator, None, Vec::new());
        let held = verdict.outcome() < Outcome::Saturated
            && delivered >= WHOLE * offered
            && latency.count() > 0
            && p99_ms < within_ms;
        let lost = findings.tally.lost;
        steps.push(Step { offered_per_second: offered, deliveries_per_second: delivered, p50_ms, p99_ms, lost, held });
        session.progress.note(&format!(
            "{} deliveries/s offered, {} came, p99 {}: {}",
            number(offered),
            number(delivered),
            milliseconds(p99_ms),
            match verdict.outcome() {
                _ if held => "held",
                Outcome::Saturated => "not held, and it was the load tester that was late or had no time",
                outcome if outcome > Outcome::Saturated => outcome.word(),
                _ => "not held",
            }
        ));
        let findings = Box::new(findings);
        let fault = Some(verdict.outcome()).filter(|outcome| *outcome > Outcome::Saturated);
        Ok(Some(if held { Tried::Held(findings) } else { Tried::Failed(findings, fault) }))
    }

    /// Says what was found at the highest rate that held; if none did, where the server did the worst, or else at the lowest that was
    /// tried. Where none held, `rate` is that one, and `fault` what the server did wrong there.
    fn conclude(&self, findings: &mut Findings, held: Option<f64>, (rate, fault): (f64, Option<Outcome>)) {
        if held.is_some() {
            findings.figure("highest rate held", findings.tally.deliveries as f64 / findings.seconds, "deliveries/s");
        } else {
            findings.figure("highest rate held", 0.0, "deliveries/s: none of those that were tried has held");
            let rate = number(rate);
            let note = format!("no rate has held; all other figures are of {rate} updates a second of each writer");
            findings.notes.push(note);
            findings.within = Some(self.within);
            let p99_ms = findings.latencies.get(&LatencyKind::Delivery).map(|latency| latency.quantile_ms(0.99));
            let is_fast = p99_ms.is_none_or(|p99| p99 < self.within.as_secs_f64() * 1_000.0);
            findings.falls_short = is_fast && fault.is_none() && !findings.generator.saturated;
        }
    }
}
