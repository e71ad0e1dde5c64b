//! The options of JSON sockets: how much one may say. Part of `Config`.

use bytesize::ByteSize;
use clap::Args;

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
}
