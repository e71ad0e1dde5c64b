//! How the generator itself does while single clients are measured: what CPU it takes, and how late a timer of it comes that should
//! come every few milliseconds. A crowd has its own (`worker`).

use std::io;
use std::pin::pin;
use std::time::{Duration, Instant};

use super::alarm::Alarm;
use super::host;
use super::latency::Latency;

/// How often it beats.
const BEAT: Duration = Duration::from_millis(5);

/// Beats while something is measured.
#[derive(Debug)]
pub struct Pulse {
    alarm: Alarm,
    late: Latency,
    /// Nothing where it is not known.
    cpu_seconds: Option<f64>,
    seconds: f64,
}

impl Pulse {
    /// Needs the runtime of what is measured.
    pub fn new() -> io::Result<Self> {
        Ok(Self { alarm: Alarm::new()?, late: Latency::default(), cpu_seconds: Some(0.0), seconds: 0.0 })
    }

    /// Does something that is measured, on the same thread as whatever this must not be late for.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> io::Result<T> {
        let (start, cpu) = (Instant::now(), host::own_cpu_seconds());
        let (mut work, mut next) = (pin!(work), start + BEAT);
        let done = loop {
            tokio::select! {
                biased;
                rung = self.alarm.until(next) => {
                    rung?;
                    self.late.record_missed(next.elapsed(), BEAT);
                    next = Instant::now() + BEAT;
                }
                done = &mut work => break done,
            }
        };
        let used = host::own_cpu_seconds().zip(cpu).map(|(now, then)| now - then);
        self.cpu_seconds = self.cpu_seconds.zip(used).map(|(before, used)| before + used);
        self.seconds += start.elapsed().as_secs_f64();
        Ok(done)
    }

    /// How late 99 of 100 beats were not.
    pub fn late_p99_ms(&self) -> f64 {
        self.late.quantile_ms(0.99)
    }

    /// What the generator took meanwhile: 100 is a whole core. Nothing where that is not known.
    pub fn cpu_percent(&self) -> Option<f64> {
        self.cpu_seconds.filter(|_| self.seconds > 0.0).map(|used| 100.0 * used / self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_holds_the_thread_up_is_late_and_busy() {
        let (mut calm, mut busy) = (Pulse::new().expect("a timer"), Pulse::new().expect("a timer"));
        calm.during(tokio::time::sleep(Duration::from_millis(50))).await.expect("a timer");
        let hold_up = async {
            for _ in 0..5 {
                let until = Instant::now() + Duration::from_millis(30);
                while Instant::now() < until {}
                tokio::task::yield_now().await;
            }
        };
        busy.during(hold_up).await.expect("a timer");
        assert!(busy.late_p99_ms() >= 20.0, "{}", busy.late_p99_ms());
        assert!(busy.cpu_percent() > calm.cpu_percent(), "{:?} {:?}", busy.cpu_percent(), calm.cpu_percent());
    }
}
