//! Logs and metrics: how they are set up, and the names of the server's numbers.
//! Counters are looked up once and kept, so that counting costs an atomic addition. Numbers of the store are
//! counted in `store`. No log line and no label ever holds document content, presence or a query string.

use metrics::{Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics::{gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::LogFormat;
use crate::wire::close::CloseReason;

/// Buckets of durations, in seconds.
const SECONDS: [f64; 12] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];
/// Buckets of counts.
const COUNTS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 30.0, 100.0, 300.0, 1000.0];

/// The hub's and the sessions' numbers.
#[derive(Clone)]
pub struct Metrics {
    /// Open sockets.
    pub connections: Gauge,
    /// Live rooms.
    pub rooms: Gauge,
    /// Messages from clients.
    pub frames_in: Counter,
    /// Their bytes.
    pub bytes_in: Counter,
    /// Writes to clients: one a client a turn, whatever is in it.
    pub deliveries: Counter,
    /// Their bytes.
    pub bytes_out: Counter,
    /// Turns of rooms.
    pub turns: Counter,
    /// Updates that a turn merged into one.
    pub merged: Histogram,
    /// How long a flush took, from its start to the last write.
    pub flush_seconds: Histogram,
    /// How long it took to open a room.
    pub open_seconds: Histogram,
    /// Outboxes that overflowed.
    pub overflows: Counter,
    /// Outboxes that were healed by a difference.
    pub heals: Counter,
    /// Turns whose updates were refused because too much is unsaved.
    pub refused_unsaved: Counter,
    /// Documents that had to be loaded anew after an update broke them in memory.
    pub rebuilds: Counter,
    /// Entries into rooms that were in memory.
    pub visits_live: Counter,
    /// And into those that were opened for it.
    pub visits_opened: Counter,
    /// Rooms whose task failed.
    pub room_failures: Counter,
}

impl Metrics {
    /// Looks the numbers up in the recorder that is installed; without one they go nowhere.
    pub fn new() -> Self {
        describe();
        Self {
            connections: gauge!("triproom_connections"),
            rooms: gauge!("triproom_rooms"),
            frames_in: counter!("triproom_frames_received_total"),
            bytes_in: counter!("triproom_received_bytes_total"),
            deliveries: counter!("triproom_deliveries_total"),
            bytes_out: counter!("triproom_sent_bytes_total"),
            turns: counter!("triproom_turns_total"),
            merged: histogram!("triproom_turn_updates"),
            flush_seconds: histogram!("triproom_flush_seconds"),
            open_seconds: histogram!("triproom_room_open_seconds"),
            overflows: counter!("triproom_outbox_overflows_total"),
            heals: counter!("triproom_outbox_heals_total"),
            refused_unsaved: counter!("triproom_updates_refused_unsaved_total"),
            rebuilds: counter!("triproom_document_rebuilds_total"),
            visits_live: counter!("triproom_room_visits_total", "room" => "live"),
            visits_opened: counter!("triproom_room_visits_total", "room" => "opened"),
            room_failures: counter!("triproom_room_failures_total"),
        }
    }

    /// A socket is closed.
    pub fn closed(&self, reason: CloseReason) {
        counter!("triproom_closes_total", "reason" => reason.label()).increment(1);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn describe() {
    describe_gauge!("triproom_connections", "Open sockets");
    describe_gauge!("triproom_rooms", "Live rooms");
    describe_counter!("triproom_frames_received_total", "Messages received from clients");
    describe_counter!("triproom_received_bytes_total", Unit::Bytes, "Bytes of these messages");
    describe_counter!("triproom_deliveries_total", "Writes to clients: one a client a turn");
    describe_counter!("triproom_sent_bytes_total", Unit::Bytes, "Bytes of these writes");
    describe_counter!("triproom_turns_total", "Turns of rooms");
    describe_histogram!("triproom_turn_updates", "Updates that one turn merged into one");
    describe_histogram!("triproom_flush_seconds", Unit::Seconds, "Time to write the news of one turn to everybody");
    describe_histogram!("triproom_room_open_seconds", Unit::Seconds, "Time to load a room");
    describe_counter!("triproom_outbox_overflows_total", "Outboxes that overflowed");
    describe_counter!("triproom_outbox_heals_total", "Outboxes that were healed by one difference");
    describe_counter!(
        "triproom_updates_refused_unsaved_total",
        "Turns whose updates were refused because too much is unsaved"
    );
    describe_counter!("triproom_document_rebuilds_total", "Documents loaded anew after an update broke them");
    describe_counter!("triproom_room_failures_total", "Rooms whose task failed");
    describe_counter!("triproom_closes_total", "Sockets closed, by reason");
}

/// Installs the recorder behind `/metrics`. Once a process.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_updates".to_owned()), &COUNTS)?
        .install_recorder()
}

/// What tells of every request that it comes and goes.
const CHATTY: &str = "rmcp=warn";

/// A bare level is meant for this server: its libraries would write down what comes over sockets, tokens included.
fn own_logs(filter: &str) -> String {
    match filter.parse::<LevelFilter>() {
        Ok(level) if level > LevelFilter::INFO => format!("info,triproom={level},{CHATTY}"),
        Ok(LevelFilter::INFO) => format!("info,{CHATTY}"),
        _ => filter.to_owned(),
    }
}

/// Installs the log writer, on standard error. Once a process.
pub fn install_logs(format: LogFormat, filter: &str) -> Result<(), tracing_subscriber::filter::ParseError> {
    // Whoever read standard error may be gone; that is no reason to fail, or to complain to the same place.
    let logs = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(own_logs(filter))?)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    match format {
        LogFormat::Human => logs.compact().init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}
