//! The options of HTTP: what a plain connection and a request of REST may take. Part of `Config`.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::duration;

/// See the module.
#[derive(Debug, Clone, Args)]
pub struct HttpConfig {
    /// Plain HTTP connections beside the sockets of clients
    #[arg(long, env = "TRIPROOM_MAX_HTTP_CONNECTIONS", default_value_t = 1_000, value_name = "COUNT")]
    pub max_http_connections: usize,
    /// How long a plain HTTP connection is used for further requests
    #[arg(long, env = "TRIPROOM_HTTP_LIFE", default_value = "2m", value_parser = duration, value_name = "TIME")]
    pub http_life: Duration,
    /// How long the head of a request may take to come
    #[arg(long, env = "TRIPROOM_HEAD_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub head_timeout: Duration,
    /// Bytes of the head of a request; 8KiB at least
    #[arg(long, env = "TRIPROOM_MAX_HEAD", default_value = "32KiB", value_name = "SIZE")]
    pub max_head: ByteSize,
    /// How long the body of a request over REST may take to come
    #[arg(long, env = "TRIPROOM_BODY_TIMEOUT", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub body_timeout: Duration,
    /// Bytes of all bodies of requests over REST that are held at the same time
    #[arg(long, env = "TRIPROOM_MAX_BODIES", default_value = "256MiB", value_name = "SIZE")]
    pub max_bodies: ByteSize,
    /// Bytes of JSON bodies above 4KiB that are worked on at the same time; further ones wait
    #[arg(long, env = "TRIPROOM_MAX_JSON_BODIES", default_value = "4MiB", value_name = "SIZE")]
    pub max_json_bodies: ByteSize,
    /// Requests over REST that change something and are worked on at the same time
    #[arg(long, env = "TRIPROOM_MAX_CHANGES", default_value_t = 1_000, value_name = "COUNT")]
    pub max_changes: usize,
    /// Bytes of one JSON body over REST, patches included
    #[arg(long, env = "TRIPROOM_MAX_REQUEST", default_value = "1MiB", value_name = "SIZE")]
    pub max_request: ByteSize,
    /// Operations of one JSON Patch
    #[arg(long, env = "TRIPROOM_MAX_PATCH_OPERATIONS", default_value_t = 1_000, value_name = "COUNT")]
    pub max_patch_operations: usize,
    /// Bytes of the JSON of one document; a larger one can be had as a Yjs update alone
    #[arg(long, env = "TRIPROOM_MAX_JSON", default_value = "32MiB", value_name = "SIZE")]
    pub max_json: ByteSize,
    /// Values in the JSON of one document, members of objects and elements of lists included
    #[arg(long, env = "TRIPROOM_MAX_JSON_VALUES", default_value_t = 1_000_000, value_name = "COUNT")]
    pub max_json_values: usize,
    /// Bytes of a document, or of a part of one, that a tool of MCP answers; models are told to read a part of it
    #[arg(long, env = "TRIPROOM_MAX_MCP_ANSWER", default_value = "256KiB", value_name = "SIZE")]
    pub max_mcp_answer: ByteSize,
    /// How long a change over REST may take to be saved before its caller is told that this is open
    #[arg(long, env = "TRIPROOM_REQUEST_TIMEOUT", default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub request_timeout: Duration,
    /// How long answers are kept for requests that are repeated with the same idempotency key
    #[arg(long, env = "TRIPROOM_IDEMPOTENCY_KEEP", default_value = "1d", value_parser = duration, value_name = "TIME")]
    pub idempotency_keep: Duration,
    /// Answers that are kept for such requests; the oldest go first
    #[arg(long, env = "TRIPROOM_IDEMPOTENCY_ANSWERS", default_value_t = 100_000, value_name = "COUNT")]
    pub idempotency_answers: usize,
    /// Bytes of these answers; half a KiB counts for each beside its body
    #[arg(long, env = "TRIPROOM_IDEMPOTENCY_BYTES", default_value = "64MiB", value_name = "SIZE")]
    pub idempotency_bytes: ByteSize,
}
