//! The options of events: how much a JSON socket may say, how much is kept. Part of `Config`.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use reqwest::Url;

use super::access::secret;
use super::duration;
use crate::access::options::Secret;

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
    /// Bytes that are kept of what one patch of an agent changed; one that changed more cannot be taken back
    #[arg(long, env = "TRIPROOM_MAX_UNDO_PATCH", default_value = "256KiB", value_name = "SIZE")]
    pub max_undo_patch: ByteSize,
    /// Bytes of what is taken back of an agent at once
    #[arg(long, env = "TRIPROOM_MAX_UNDO", default_value = "32MiB", value_name = "SIZE")]
    pub max_undo: ByteSize,
    /// Address that is posted what happens in rooms; may be given several times
    #[arg(long, env = "TRIPROOM_WEBHOOK", value_delimiter = ' ', value_name = "URL")]
    pub webhook: Vec<Url>,
    /// Secret that signs what is posted there
    #[arg(long, env = "TRIPROOM_WEBHOOK_SECRET", hide_env_values = true, value_parser = secret, value_name = "SECRET")]
    pub webhook_secret: Option<Secret>,
    /// How long its answer may take
    #[arg(long, env = "TRIPROOM_WEBHOOK_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub webhook_timeout: Duration,
    /// How long changes of the document are gathered before they are posted
    #[arg(long, env = "TRIPROOM_WEBHOOK_DIGEST", default_value = "5s", value_parser = duration, value_name = "TIME")]
    pub webhook_digest: Duration,
}
