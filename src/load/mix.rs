//! What people of a planning session do and how often, read from a file, and the days that follow from it: every action of every
//! person has its moment before the run begins. Used by the scenario `trip`.

use std::time::Duration;

use serde::Deserialize;

/// The mix that is used when no other is given.
pub const DEFAULT: &str = include_str!("scenario/trip-mix.toml");

/// Shares of time and rates. `trip-mix.toml` says what each is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    #[serde(deserialize_with = "time")]
    stay: Duration,
    reading: Reading,
    typing: Typing,
    dragging: Dragging,
    idle: Share,
    away: Share,
    agent: Agent,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    share: f64,
    cursors_per_second: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typing {
    share: f64,
    keys_per_second: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dragging {
    share: f64,
    moves_per_minute: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agent {
    statuses_per_second: f64,
    lines_per_minute: f64,
}

/// Why a file is no mix.
#[derive(Debug, thiserror::Error)]
pub enum MixError {
    /// It is not what `trip-mix.toml` is.
    #[error("--mix: {0}")]
    Form(#[from] toml::de::Error),
    /// Its numbers make no sense.
    #[error("--mix: {0}")]
    Senseless(&'static str),
}

/// Something that somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A letter into the notes.
    Type,
    /// An item to another day.
    Drag,
    /// A line into the notes, as agents write.
    Line,
    /// The cursor moves, or an agent says how it is.
    Point,
    /// Closes the page.
    Leave,
    /// Opens it again.
    Return,
}

/// Who has a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Does one thing after the other.
    Person,
    /// Does the same all the time.
    Agent,
}

impl Mix {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, MixError> {
        let mix: Self = toml::from_str(text)?;
        let shares = mix.shares();
        if (shares.iter().sum::<f64>() - 1.0).abs() > 1e-6 || shares.iter().any(|share| *share < 0.0) {
            return Err(MixError::Senseless("the shares do not add up to 1"));
        }
        let rates = [
            mix.reading.cursors_per_second,
            mix.typing.keys_per_second,
            mix.dragging.moves_per_minute,
            mix.agent.statuses_per_second,
            mix.agent.lines_per_minute,
        ];
        if rates.iter().any(|rate| !(0.0..=10_000.0).contains(rate)) || mix.stay < Duration::from_millis(100) {
            return Err(MixError::Senseless("a rate is from 0 to 10000, and stay at least 100ms"));
        }
        Ok(mix)
    }

    fn shares(&self) -> [f64; 5] {
        [self.reading.share, self.typing.share, self.dragging.share, self.idle.share, self.away.share]
    }

    /// What the agents and people of so many do a second, at most.
    pub fn busiest(&self, people: usize, agents: usize) -> f64 {
        let agent = self.agent.statuses_per_second + self.agent.lines_per_minute / 60.0;
        let person = self.reading.cursors_per_second.max(self.typing.keys_per_second);
        people as f64 * person.max(self.dragging.moves_per_minute / 60.0) + agents as f64 * agent
    }

    /// Somebody's day: what they do when, in order. Whoever is away at the end has come back by then.
    pub fn day(&self, who: Who, lasts: Duration, random: &mut fastrand::Rng) -> Vec<(Duration, Act)> {
        let mut day = Vec::new();
        let mut now = Duration::ZERO;
        while who == Who::Person && now < lasts {
            let until = (now + wait(1.0 / self.stay.as_secs_f64(), random)).min(lasts);
            let mut drawn = random.f64();
            let part = self.shares().iter().position(|share| {
                drawn -= share;
                drawn < 0.0
            });
            match part {
                Some(0) => again(now, until, self.reading.cursors_per_second, Act::Point, random, &mut day),
                Some(1) => again(now, until, self.typing.keys_per_second, Act::Type, random, &mut day),
                Some(2) => again(now, until, self.dragging.moves_per_minute / 60.0, Act::Drag, random, &mut day),
                Some(4) => day.extend([(now, Act::Leave), (until, Act::Return)]),
                _ => {}
            }
            now = until;
        }
        if who == Who::Agent {
            again(now, lasts, self.agent.statuses_per_second, Act::Point, random, &mut day);
            again(now, lasts, self.agent.lines_per_minute / 60.0, Act::Line, random, &mut day);
            day.sort_by_key(|(moment, _)| *moment);
        }
        day
    }
}

/// So often a second, at random moments.
fn again(
    mut now: Duration,
    until: Duration,
    rate: f64,
    act: Act,
    random: &mut fastrand::Rng,
    day: &mut Vec<(Duration, Act)>,
) {
    if rate <= 0.0 {
        return;
    }
    loop {
        now += wait(rate, random);
        if now >= until {
            return;
        }
        day.push((now, act));
    }
}

/// How long until something happens that happens so often a second.
fn wait(rate: f64, random: &mut fastrand::Rng) -> Duration {
    Duration::from_secs_f64((-(1.0 - random.f64()).ln() / rate).min(1e6))
}

fn time<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    crate::config::duration(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_as_the_mix_says() {
        let mix = Mix::parse(DEFAULT).expect("the default is a mix");
        let lasts = Duration::from_hours(10);
        let day = mix.day(Who::Person, lasts, &mut fastrand::Rng::with_seed(4));
        assert!(day.is_sorted_by_key(|(moment, _)| *moment) && day.iter().all(|(moment, _)| *moment <= lasts));
        let count = |act| day.iter().filter(|(_, done)| *done == act).count() as f64;
        let seconds = lasts.as_secs_f64();
        let near = |found: f64, wanted: f64| (found - wanted).abs() < wanted / 4.0;
        assert!(near(count(Act::Type), seconds * 0.2 * 4.0), "{}", count(Act::Type));
        assert!(near(count(Act::Point), seconds * 0.45 * 0.5), "{}", count(Act::Point));
        assert!((count(Act::Leave) - count(Act::Return)).abs() < 0.5);
        assert_eq!(day, mix.day(Who::Person, lasts, &mut fastrand::Rng::with_seed(4)), "the same seed, the same day");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (what, instead) in
            [("share = 0.45", "share = 0.5"), ("= 4.0\n\n[dragging]", "= -1.0\n\n[dragging]"), ("stay", "stray")]
        {
            assert!(DEFAULT.contains(what) && Mix::parse(&DEFAULT.replace(what, instead)).is_err(), "{instead}");
        }
    }
}
