//! The seconds of a run without a crowd, as they pass: what was sent and what came in each, and what the server used meanwhile. It is
//! shown while it goes on, and kept in the record. Led by scenarios whose clients live on one thread; a crowd's is led by `conductor`.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::latency::Latency;
use super::progress::{Moment, Progress};
use super::record::Second;
use super::watch::{Sample, Watch, percent};

const SECOND: Duration = Duration::from_secs(1);
/// A second of which no more than this is missing is one.
const NEARLY: Duration = Duration::from_millis(20);

/// What has happened since the last second was over.
#[derive(Debug, Default)]
pub struct Lately {
    sent: Cell<u64>,
    deliveries: Cell<u64>,
    bytes_in: Cell<u64>,
    latency: RefCell<Latency>,
}

impl Lately {
    /// Somebody has written something.
    pub fn sends(&self) {
        self.sent.set(self.sent.get() + 1);
    }

    /// It has come at somebody else, so long after it was meant.
    pub fn comes(&self, took: Duration) {
        self.deliveries.set(self.deliveries.get() + 1);
        self.latency.borrow_mut().record(took);
    }

    /// So many bytes were read.
    pub fn reads(&self, bytes: usize) {
        self.bytes_in.set(self.bytes_in.get() + bytes as u64);
    }

    /// All that as a second, and nothing from here on.
    fn take(&self) -> Second {
        let mut latency = self.latency.borrow_mut();
        let some = |figure: f64| (latency.count() > 0).then_some(figure);
        let second = Second {
            sent: self.sent.take(),
            deliveries: self.deliveries.take(),
            bytes_in: self.bytes_in.take(),
            p50_ms: some(latency.quantile_ms(0.5)),
            p99_ms: some(latency.quantile_ms(0.99)),
            max_ms: some(latency.max_ms()),
            ..Second::default()
        };
        latency.clear();
        second
    }
}

/// How many clients there are at a moment.
#[derive(Debug, Clone, Copy)]
pub struct There {
    /// Connected.
    pub connections: u64,
    /// How many there should be.
    pub wanted: u64,
    /// Of how many it is known that something went wrong.
    pub errors: u64,
}

/// The seconds so far.
#[derive(Debug)]
pub struct Timeline {
    watch: Watch,
    last: Sample,
    start: Instant,
    seconds: Vec<Second>,
}

impl Timeline {
    /// Begins at this moment, which is about now, and looks at these processes; or which of them is not there. What was before is
    /// forgotten.
    pub fn begin(start: Instant, pids: &[u32], lately: &Lately) -> Result<Self, (u32, io::Error)> {
        let watch = Watch::new(pids)?;
        lately.take();
        Ok(Self { last: watch.look(), watch, start, seconds: Vec::new() })
    }

    /// Does something that is measured, and tells each second that passes meanwhile.
    pub async fn during<T>(
        &mut self,
        progress: &mut Progress,
        lately: &Lately,
        there: impl Fn() -> There,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        loop {
            let end = self.start + SECOND * u32::try_from(self.seconds.len() + 1).unwrap_or(u32::MAX);
            let done = tokio::select! {
                biased;
                () = tokio::time::sleep_until(end.into()) => None,
                done = &mut work => Some(done),
            };
            // What ends with a second may do so a moment before that.
            if done.is_none() || end.saturating_duration_since(Instant::now()) < NEARLY {
                progress.show(&self.second(lately.take(), there()));
            }
            if let Some(done) = done {
                return done;
            }
        }
    }

    /// A second is over.
    fn second(&mut self, mut second: Second, there: There) -> Moment {
        let now = self.watch.look();
        let before = std::mem::replace(&mut self.last, now);
        // Of seconds that were missed together nobody knows what each took.
        let is_whole = self.last.at - before.at > SECOND / 2;
        let of = |cpu: fn(&Sample) -> Option<f64>| percent(&before, &self.last, cpu).filter(|_| is_whole);
        second.second = self.seconds.len() as u64;
        second.connections = there.connections;
        second.server_cpu_percent = of(Sample::server_cpu);
        second.server_memory_bytes = self.last.server_memory();
        second.generator_cpu_percent = of(|sample| sample.generator);
        let moment = Moment {
            connections: there.connections,
            wanted_connections: there.wanted,
            sent_per_second: second.sent as f64,
            deliveries_per_second: second.deliveries as f64,
            bytes_in_per_second: second.bytes_in as f64,
            p50_ms: second.p50_ms,
            p99_ms: second.p99_ms,
            errors: there.errors,
            server_cpu_percent: second.server_cpu_percent,
        };
        self.seconds.push(second);
        moment
    }

    /// How many are over.
    pub fn count(&self) -> usize {
        self.seconds.len()
    }

    /// The first so many of those that are over.
    pub fn seconds(mut self, count: usize) -> Vec<Second> {
        self.seconds.truncate(count);
        self.seconds
    }
}
