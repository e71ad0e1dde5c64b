//! Every option: a flag, an environment variable, a type and a default, all in `--help`.
//! Read once at the start by `main`; the parts get what concerns them.

pub mod access;
pub mod events;
pub mod http;
pub mod nodes;
pub mod place;

use std::net::IpAddr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use access::AccessConfig;
use events::EventsConfig;
use http::HttpConfig;
use nodes::NodesConfig;
use place::StorePlace;

use crate::store::Migrations;

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// A JSON object a line.
    Json,
}

/// What a server does with tables that are not those of its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MigrateOption {
    /// It makes them, or brings them up to date.
    Auto,
    /// It refuses to start; `triproom migrate` is run by somebody else.
    Check,
}

impl From<MigrateOption> for Migrations {
    fn from(option: MigrateOption) -> Self {
        match option {
            MigrateOption::Auto => Self::Apply,
            MigrateOption::Check => Self::Check,
        }
    }
}

/// Options of `triproom serve`. Sizes are written like 64KiB or 16MiB, times like 500ms, 30s or 2m.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Address to listen on
    #[arg(long, env = "TRIPROOM_HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 lets the system choose
    #[arg(long, env = "TRIPROOM_PORT", default_value_t = 8080)]
    pub port: u16,
    /// Where the rooms are.
    #[command(flatten)]
    pub store: StorePlace,
    /// Whether a server brings the tables up to date (auto), or refuses to start when they are not (check)
    #[arg(long, env = "TRIPROOM_MIGRATE", value_enum, default_value = "auto", value_name = "HOW")]
    pub migrate: MigrateOption,
    /// Listen beyond loopback although everybody who can connect may read and write every room
    #[arg(long, env = "TRIPROOM_I_KNOW_THIS_IS_OPEN")]
    pub i_know_this_is_open: bool,

    /// The other nodes.
    #[command(flatten)]
    pub nodes: NodesConfig,

    /// Who may do what.
    #[command(flatten)]
    pub access: AccessConfig,

    /// What HTTP may take.
    #[command(flatten)]
    pub http: HttpConfig,

    /// What JSON sockets may say.
    #[command(flatten)]
    pub events: EventsConfig,

    /// How long a stopping server may take to send clients away and to save everything
    #[arg(long, env = "TRIPROOM_DRAIN", default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub drain: Duration,
    /// How long a room without clients stays in memory
    #[arg(long, env = "TRIPROOM_ROOM_IDLE", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub room_idle: Duration,
    /// How long a connection may take nothing of what it is sent before it is closed
    #[arg(long, env = "TRIPROOM_SLOW_CLIENT", default_value = "20s", value_parser = duration, value_name = "TIME")]
    pub slow_client: Duration,
    /// After how long of hearing nothing a client is asked whether it lives; after three times as long it is closed
    #[arg(long, env = "TRIPROOM_PING", default_value = "20s", value_parser = at_least_a_second, value_name = "TIME")]
    pub ping: Duration,

    /// Sockets at the same time
    #[arg(long, env = "TRIPROOM_MAX_CONNECTIONS", default_value_t = 100_000, value_name = "COUNT")]
    pub max_connections: usize,
    /// Rooms in memory at the same time
    #[arg(long, env = "TRIPROOM_MAX_ROOMS", default_value_t = 100_000, value_name = "COUNT")]
    pub max_rooms: usize,
    /// Bytes of a room's name
    #[arg(long, env = "TRIPROOM_MAX_ROOM_NAME", default_value = "1KiB", value_name = "SIZE")]
    pub max_room_name: ByteSize,
    /// Bytes of one message from a client
    #[arg(long, env = "TRIPROOM_MAX_MESSAGE", default_value = "16MiB", value_name = "SIZE")]
    pub max_message: ByteSize,
    /// Bytes of one document in its encoded form
    #[arg(long, env = "TRIPROOM_MAX_DOCUMENT", default_value = "100MiB", value_name = "SIZE")]
    pub max_document: ByteSize,
    /// Bytes of one presence state
    #[arg(long, env = "TRIPROOM_MAX_PRESENCE", default_value = "64KiB", value_name = "SIZE")]
    pub max_presence: ByteSize,
    /// Clients that one connection may announce in presence
    #[arg(long, env = "TRIPROOM_MAX_PRESENCE_CLIENTS", default_value_t = 16, value_name = "COUNT")]
    pub max_presence_clients: usize,
    /// Bytes that may wait for one connection before it is brought up to date by one difference instead
    #[arg(long, env = "TRIPROOM_OUTBOX", default_value = "1MiB", value_name = "SIZE")]
    pub outbox: ByteSize,
    /// Documents on one Hocuspocus socket
    #[arg(long, env = "TRIPROOM_MAX_SOCKET_DOCUMENTS", default_value_t = 100, value_name = "COUNT")]
    pub max_socket_documents: usize,
    /// How long a document on a Hocuspocus socket may wait for its token, and the socket be without an open document
    #[arg(long, env = "TRIPROOM_AUTH_DEADLINE", default_value = "30s", value_parser = at_least_a_second, value_name = "TIME")]
    pub auth_deadline: Duration,
    /// Bytes that may wait on one Hocuspocus socket until its documents are opened
    #[arg(long, env = "TRIPROOM_MAX_WAITING", default_value = "5MiB", value_name = "SIZE")]
    pub max_waiting: ByteSize,
    /// Messages that may wait on one Hocuspocus socket until its documents are opened
    #[arg(long, env = "TRIPROOM_MAX_WAITING_MESSAGES", default_value_t = 1_000, value_name = "COUNT")]
    pub max_waiting_messages: usize,
    /// Bytes of one stateless text that Hocuspocus clients say to each other
    #[arg(long, env = "TRIPROOM_MAX_TEXT", default_value = "64KiB", value_name = "SIZE")]
    pub max_text: ByteSize,
    /// Such texts a second and socket, in the long run
    #[arg(long, env = "TRIPROOM_MAX_TEXTS", default_value_t = 20, value_name = "COUNT")]
    pub max_texts: u32,
    /// Messages that may wait for one room
    #[arg(long, env = "TRIPROOM_MAILBOX", default_value_t = 512, value_name = "COUNT")]
    pub mailbox: usize,

    /// Bytes that may wait to be saved while the store fails; beyond, rooms take no changes
    #[arg(long, env = "TRIPROOM_UNSAVED_BUDGET", default_value = "64MiB", value_name = "SIZE")]
    pub unsaved_budget: ByteSize,
    /// Rows of a room's log after which it is folded into a snapshot
    #[arg(long, env = "TRIPROOM_COMPACT_ROWS", default_value_t = 5_000, value_name = "COUNT")]
    pub compact_rows: usize,
    /// Bytes of a room's log after which it is folded into a snapshot
    #[arg(long, env = "TRIPROOM_COMPACT_BYTES", default_value = "1MiB", value_name = "SIZE")]
    pub compact_bytes: ByteSize,

    /// Threads that serve; 0 means one a core that the process may use
    #[arg(long, env = "TRIPROOM_THREADS", default_value_t = 0, value_name = "COUNT")]
    pub threads: usize,
    /// How logs are written to standard error
    #[arg(long, env = "TRIPROOM_LOG_FORMAT", value_enum, default_value = "human", value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What is logged: a level, or a filter such as triproom=debug
    #[arg(long, env = "TRIPROOM_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
}

/// A time as it is written on the command line.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 500ms, 30s or 2m"))
}

/// The same, when less makes no sense.
pub fn at_least_a_second(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time < Duration::from_secs(1) { Err("at least 1s".to_owned()) } else { Ok(time) }
}

/// A size as a number of bytes in memory.
pub fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}
