//! What grows in a long run: the server's memory, and how long everything takes. `load::run` asks for it when a run of any scenario was
//! long, and whenever it was `soak`. It is read from the seconds of the run.

use std::time::Duration;

use super::findings::Findings;
use super::record::Second;

/// What is shorter says little of an hour.
pub const LONG: Duration = Duration::from_mins(20);

/// Adds what has grown to what was found.
pub fn tell(findings: &mut Findings) {
    if let Some(growth) = growth(&findings.timeline) {
        findings.figure("memory grows", growth / 1e6, "MB an hour, over the second half");
        if findings.seconds < LONG.as_secs_f64() {
            let half = findings.seconds / 2.0;
            findings.notes.push(format!("how memory grows in an hour is guessed from {half:.0} s, in which caches fill: soak for hours to know, as by --duration 8h"));
        }
    }
    if let Some((early, late)) = drift(&findings.timeline) {
        findings.figure("p99 early", early, "ms, median of the first tenth's seconds");
        findings.figure("p99 late", late, "ms, median of the last tenth's seconds");
    }
}

/// Bytes an hour: the slope of the straight line that fits the second half best, when caches have filled.
fn growth(timeline: &[Second]) -> Option<f64> {
    let half = &timeline[timeline.len() / 2..];
    let points: Vec<(f64, f64)> =
        half.iter().filter_map(|second| Some((second.second as f64, second.server_memory_bytes? as f64))).collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (time, memory) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - time).powi(2)).sum();
    let together: f64 = points.iter().map(|point| (point.0 - time) * (point.1 - memory)).sum();
    (spread > 0.0).then(|| together / spread * 3_600.0)
}

/// What the 99th percentile of a second was in the beginning, and in the end.
fn drift(timeline: &[Second]) -> Option<(f64, f64)> {
    let tenth = (timeline.len() / 10).max(1);
    let median = |seconds: &[Second]| {
        let mut all: Vec<f64> = seconds.iter().filter_map(|second| second.p99_ms).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    let late = timeline.len().checked_sub(tenth)?;
    Some((median(&timeline[..tenth])?, median(&timeline[late..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_found() {
        let second = |second: u64, memory: u64, p99_ms: f64| Second {
            second,
            server_memory_bytes: Some(memory),
            p99_ms: Some(p99_ms),
            ..Second::default()
        };
        let line: Vec<Second> = (0..100).map(|time| second(time, 1_000_000 + 500 * time, 1.0 + time as f64)).collect();
        assert_eq!(growth(&line).map(f64::round), Some(1_800_000.0));
        assert_eq!(drift(&line), Some((6.0, 96.0)));
        assert_eq!((growth(&[]), drift(&[])), (None, None));
    }
}
