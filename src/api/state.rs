//! What every route of REST works with, and the limits it keeps. Made once by `server.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::access::Access;
use crate::hub::Hub;
use crate::room::region::Region;
use crate::store::Directory;
use crate::store::directory::AnswerLimits;

use super::bodies::Bodies;
use super::in_flight::InFlight;

/// Limits of REST, and where this server is. Limits of sockets are told to clients, so that they need not find them out.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Bytes of a room's name.
    pub room_name_bytes: usize,
    /// Bytes of a JSON body, patches included.
    pub request_bytes: usize,
    /// Bytes of an event that is said.
    pub event_bytes: usize,
    /// Operations of one JSON Patch.
    pub patch_operations: usize,
    /// Bytes of a Yjs update, and of a message of a socket.
    pub message_bytes: usize,
    /// Bytes of a document in its encoded form.
    pub document_bytes: usize,
    /// Bytes of one presence state.
    pub presence_bytes: usize,
    /// Bytes of a document, or of a part of one, that a tool of MCP answers.
    pub mcp_answer_bytes: usize,
    /// How long a body may take to come.
    pub body_timeout: Duration,
    /// Bytes of all bodies that are held at the same time.
    pub bodies_bytes: usize,
    /// Bytes of JSON bodies that are worked on at the same time.
    pub json_bodies_bytes: usize,
    /// Requests that change something and are worked on at the same time, those included whose callers have gone away.
    pub changes: usize,
    /// How long a change may take to be saved before its caller is told that this is open.
    pub request_timeout: Duration,
    /// How long answers are kept for requests that are repeated with the same idempotency key.
    pub idempotency_keep: Duration,
    /// How many of them.
    pub answers: AnswerLimits,
    /// Where this server is, if it says so.
    pub region: Option<Region>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Hub,
    access: Access,
    directory: Directory,
    options: ApiOptions,
    in_flight: InFlight,
    bodies: Bodies,
    changes: Arc<Semaphore>,
}

impl Api {
    /// The state of `router`.
    pub fn new(hub: Hub, access: Access, directory: Directory, options: ApiOptions) -> Self {
        let most = options.message_bytes.max(options.request_bytes);
        let bodies = Bodies::new(most, options.body_timeout, options.bodies_bytes, options.json_bodies_bytes);
        let changes = Arc::new(Semaphore::new(options.changes.min(Semaphore::MAX_PERMITS)));
        let shared = Shared { hub, access, directory, options, in_flight: InFlight::default(), bodies, changes };
        Self { shared: Arc::new(shared) }
    }

    /// The live rooms.
    pub(super) fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// Who may do what.
    pub(super) fn access(&self) -> &Access {
        &self.shared.access
    }

    /// Where answers to repeated requests are kept.
    pub(super) fn directory(&self) -> &Directory {
        &self.shared.directory
    }

    /// The limits, and where this server is.
    pub(super) fn options(&self) -> &ApiOptions {
        &self.shared.options
    }

    /// Requests with an idempotency key that are being worked on.
    pub(super) fn in_flight(&self) -> &InFlight {
        &self.shared.in_flight
    }

    /// What receives bodies.
    pub(super) fn bodies(&self) -> &Bodies {
        &self.shared.bodies
    }

    /// A place for each request that changes something.
    pub(super) fn changes(&self) -> &Arc<Semaphore> {
        &self.shared.changes
    }
}
