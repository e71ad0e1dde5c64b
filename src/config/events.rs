//! The options of events: how much a JSON socket may say, how much is kept. Part of `Config`.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::duration;

/// See the module.
#[derive(Debug, Clone, Args)]
pub struct EventsConfig {
    /// Bytes of one event of a JSON socket; a doc.patch may have --max-request
    #[arg(long, env = "TRIPROOM_MAX_EVENT", default_value = "64KiB", value_name = "SIZE")]
    pub max_event: ByteSize,
    /// Events a second and socket, in the long run; agents may say three times as many
    #[arg(long, env = "TRIPROOM_MAX_EVENTS", default_value_t = 10, value_name = "COUNT")]
    pub max_events: u32,
    /// Requests of one JSON socket that may be unanswered
    #[arg(long, env = "TRIPROOM_MAX_EVENT_REQUESTS", default_value_t = 16, value_name = "COUNT")]
    pub max_event_requests: usize,
    /// Events of a room's log that are kept, the newest
    #[arg(long, env = "TRIPROOM_KEEP_EVENTS", default_value_t = 10_000, value_name = "COUNT")]
    pub keep_events: u64,
    /// And no longer than this
    #[arg(long, env = "TRIPROOM_KEEP_EVENTS_FOR", default_value = "90days", value_parser = duration, value_name = "TIME")]
    pub keep_events_for: Duration,
}
