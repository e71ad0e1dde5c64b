//! Latencies of one kind, as an HDR histogram: what a meter records into, what a record carries, what is added up when
//! records are merged. Every figure is read from the histogram, so a summary never says anything else than its curve.

use std::io::Cursor;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};

/// The longest latency that is told apart from longer ones.
pub const LONGEST: Duration = Duration::from_hours(1);

/// How many digits of a latency are kept: three, so 0.1 % is the largest error.
const DIGITS: u8 = 3;

/// The text of a histogram in a record; one of ours is a few kilobytes.
const HISTOGRAM_TEXT_LIMIT: usize = 1 << 20;

/// What was waited for, in the order of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatencyKind {
    /// From the moment that an update was meant to be sent until it was at one other client.
    Delivery,
    /// From the moment that a status or a cursor was meant to be sent until one other client had it.
    Status,
    /// From the moment that a client that was cut off was meant to connect until it had the whole document.
    Reconnect,
    /// From the moment that an update was meant to be sent until its writer heard that it is durable.
    Saved,
    /// From the moment that a client was meant to connect until it had the whole document.
    Join,
}

impl LatencyKind {
    /// As tables and reports say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Status => "status",
            Self::Reconnect => "reconnect",
            Self::Saved => "saved",
            Self::Join => "join",
        }
    }
}

/// Latencies in microseconds, 1 µs to [`LONGEST`], three digits. All have the same buckets, so adding is exact.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(empty())
    }
}

fn empty() -> Histogram<u64> {
    let longest = u64::try_from(LONGEST.as_micros()).expect("an hour fits");
    Histogram::new_with_bounds(1, longest, DIGITS).expect("the bounds are in order")
}

impl Latency {
    /// Counts one. Allocates nothing; what is longer than [`LONGEST`] counts as that.
    pub fn record(&mut self, latency: Duration) {
        self.record_many(latency, 1);
    }

    /// Counts `times` of the same latency.
    pub fn record_many(&mut self, latency: Duration, times: u64) {
        self.0.saturating_record_n(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), times);
    }

    /// Counts a timer that was to come at all multiples of a time and came so late: late for each of them that it missed, so that
    /// a stall counts as long as it lasted and not as one timer among many.
    pub fn record_missed(&mut self, late: Duration, every: Duration) {
        let mut late = Some(late);
        while let Some(missed) = late {
            self.record(missed);
            late = missed.checked_sub(every);
        }
    }

    /// Counts all that the other one counted.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// Forgets everything and keeps its memory.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency in milliseconds that this share (0 to 1) of all did not exceed; 0 without any.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        milliseconds(self.0.value_at_quantile(share))
    }

    /// The longest one in milliseconds, as exact as its bucket.
    pub fn max_ms(&self) -> f64 {
        milliseconds(self.0.max())
    }

    /// The mean in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        (self.0.mean()).round() / 1000.0
    }
}

fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

impl Serialize for Latency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.0, &mut bytes).map_err(serde::ser::Error::custom)?;
        let mut fields = serializer.serialize_struct("Latency", 8)?;
        fields.serialize_field("count", &self.count())?;
        fields.serialize_field("p50_ms", &self.quantile_ms(0.5))?;
        fields.serialize_field("p90_ms", &self.quantile_ms(0.9))?;
        fields.serialize_field("p99_ms", &self.quantile_ms(0.99))?;
        fields.serialize_field("p999_ms", &self.quantile_ms(0.999))?;
        fields.serialize_field("max_ms", &self.max_ms())?;
        fields.serialize_field("mean_ms", &self.mean_ms())?;
        fields.serialize_field("histogram", &BASE64_STANDARD.encode(bytes))?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Carried {
            histogram: String,
        }
        let text = Carried::deserialize(deserializer)?.histogram;
        if text.len() > HISTOGRAM_TEXT_LIMIT {
            return Err(D::Error::custom("a histogram is longer than 1 MiB of text"));
        }
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut Cursor::new(bytes))
            .map_err(|error| D::Error::custom(error.to_string()))?;
        let mut latency = Self::default();
        // Into buckets of our own: a histogram of other bounds would make later additions fail or lose digits.
        if (read.low(), read.high(), read.sigfig()) != (latency.0.low(), latency.0.high(), DIGITS) {
            return Err(D::Error::custom("a histogram has other bounds than 1 µs, one hour and three digits"));
        }
        latency.0.add(read).map_err(D::Error::custom)?;
        Ok(latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_as_long_for_a_timer_as_it_was() {
        let (mut late, every) = (Latency::default(), Duration::from_millis(5));
        for _ in 0..188 {
            late.record_missed(Duration::from_micros(100), every);
        }
        late.record_missed(Duration::from_millis(59), every);
        assert_eq!(late.count(), 200, "a second of it");
        assert!(late.quantile_ms(0.99) > 40.0 && late.quantile_ms(0.9) < 1.0, "{}", late.quantile_ms(0.99));
    }
}
