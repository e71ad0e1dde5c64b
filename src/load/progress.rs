//! What a person sees while a run goes on: live lines in a terminal, plain ones elsewhere. Always on standard error, so
//! that `--json -` stays clean. `load::run` tells it of each phase and, once a second, of the moment.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words;

/// Plain lines are for logs: one in this time is enough.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A bar moves in steps of this time.
const TICK_MS: u128 = 100;

/// Parts of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Clients come in.
    Connecting,
    /// Load without measuring.
    WarmUp,
    /// What counts.
    Measuring,
    /// No more updates; those under way may arrive.
    Draining,
    /// Fresh clients read what there is.
    Checking,
}

impl Phase {
    fn label(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::WarmUp => "warming up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
            Self::Checking => "checking",
        }
    }
}

/// What the last second was like.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moment {
    /// Open now.
    pub connections: u64,
    /// How many there should be.
    pub wanted_connections: u64,
    /// Logical updates.
    pub sent_per_second: f64,
    /// Logical updates at other clients.
    pub deliveries_per_second: f64,
    /// Of all connections.
    pub bytes_in_per_second: f64,
    /// Of the last second; nothing without deliveries.
    pub p50_ms: Option<f64>,
    /// The same.
    pub p99_ms: Option<f64>,
    /// Refused or ended connections, unreadable and doubled messages, since the start.
    pub errors: u64,
    /// Of the server's processes: 100 is one whole core.
    pub server_cpu_percent: Option<f64>,
}

impl Moment {
    /// In one line.
    fn line(&self) -> String {
        let connections = if self.connections == self.wanted_connections {
            words::many(self.connections, "connection", "connections")
        } else {
            format!("{} of {} connections", words::count(self.connections), words::count(self.wanted_connections))
        };
        let mut parts = vec![connections];
        if self.sent_per_second > 0.0 || self.deliveries_per_second > 0.0 {
            parts.push(format!("{} sent/s", words::number(self.sent_per_second)));
            parts.push(format!("{} delivered/s", words::number(self.deliveries_per_second)));
            parts.push(format!("{}/s in", words::bytes(self.bytes_in_per_second)));
        }
        parts.extend(self.p50_ms.map(|p50| format!("p50 {}", words::milliseconds(p50))));
        parts.extend(self.p99_ms.map(|p99| format!("p99 {}", words::milliseconds(p99))));
        parts.extend(self.server_cpu_percent.map(|percent| format!("server {percent:.0} % of a core")));
        parts.push(words::many(self.errors, "error", "errors"));
        parts.join(" · ")
    }
}

/// Where it is shown. Clones show in the same place.
#[derive(Clone)]
pub enum Screen {
    /// Lines of a terminal that change.
    Live(ProgressBar),
    /// A line for each thing, for logs.
    Lines(Arc<Mutex<dyn Write + Send>>),
    /// Nowhere.
    Nothing,
}

impl Screen {
    /// A sentence on a line of its own.
    pub fn note(&self, sentence: &str) {
        let sentence = words::plain(sentence);
        match self {
            Self::Live(bar) => bar.println(format!("  {sentence}")),
            Self::Lines(out) => write_line(out, &sentence),
            Self::Nothing => {}
        }
    }

    /// Takes what changes away, for good: whatever comes next stands in its place.
    pub fn clear(&self) {
        if let Self::Live(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The progress of one run.
pub struct Progress {
    screen: Screen,
    phase: Phase,
    since: Instant,
    lasts: Option<Duration>,
    last_line: Option<Instant>,
}

impl Progress {
    /// On standard error, live if that is a terminal.
    pub fn on_standard_error() -> Self {
        if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.enable_steady_tick(Duration::from_millis(100));
            Self::new(Screen::Live(bar))
        } else {
            Self::in_lines(io::stderr())
        }
    }

    /// One line for each phase and every few seconds.
    pub fn in_lines(out: impl Write + Send + 'static) -> Self {
        Self::new(Screen::Lines(Arc::new(Mutex::new(out))))
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self::new(Screen::Nothing)
    }

    fn new(screen: Screen) -> Self {
        Self { screen, phase: Phase::Connecting, since: Instant::now(), lasts: None, last_line: None }
    }

    /// Where it is shown, for who has something to say beside it.
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// A phase begins; how long it lasts, if that is known.
    pub fn begin(&mut self, phase: Phase, lasts: Option<Duration>) {
        (self.phase, self.since, self.lasts, self.last_line) = (phase, Instant::now(), lasts, None);
        let until = lasts.map_or_else(String::new, |lasts| format!(" for {}", seconds(lasts)));
        match &self.screen {
            Screen::Live(bar) => {
                bar.set_length(lasts.map_or(0, ticks));
                bar.set_position(0);
                bar.set_style(style(lasts.is_some()));
                bar.set_prefix(phase.label());
                bar.set_message("");
            }
            Screen::Lines(out) => write_line(out, &format!("{}{until}", phase.label())),
            Screen::Nothing => {}
        }
    }

    /// What it is like now; to be called about once a second.
    pub fn show(&mut self, moment: &Moment) {
        let gone = self.since.elapsed();
        match &self.screen {
            Screen::Live(bar) => {
                if let Some(lasts) = self.lasts {
                    bar.set_position(ticks(gone.min(lasts)));
                }
                bar.set_message(moment.line());
            }
            Screen::Lines(out) => {
                if self.last_line.is_none_or(|last| last.elapsed() + Duration::from_millis(500) >= LINE_EVERY) {
                    self.last_line = Some(Instant::now());
                    write_line(out, &format!("{} {}: {}", self.phase.label(), seconds(gone), moment.line()));
                }
            }
            Screen::Nothing => {}
        }
    }

    /// Something worth a line of its own, such as the first connection that was refused.
    pub fn note(&self, sentence: &str) {
        self.screen.note(sentence);
    }

    /// Takes the live lines away, so that the table comes in their place.
    pub fn finish(self) {
        self.screen.clear();
    }
}

/// A log that cannot be written must not end a run.
fn write_line(out: &Mutex<dyn Write + Send>, line: &str) {
    let _ = writeln!(out.lock().unwrap_or_else(PoisonError::into_inner), "triproom load: {line}");
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / TICK_MS).unwrap_or(u64::MAX)
}

fn style(has_end: bool) -> ProgressStyle {
    let template = if has_end {
        "{prefix:.bold:<11} {bar:32.cyan/dim}  {elapsed} ({eta} to go)\n            {wide_msg}"
    } else {
        "{prefix:.bold:<11} {spinner}\n            {wide_msg}"
    };
    ProgressStyle::with_template(template).expect("the template is well-formed").progress_chars("━╸─")
}
