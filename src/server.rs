//! Wires the parts together, serves, and takes itself down without losing anything.
//! Used by `main` and by tests, which bring a listener of their own and decide when to stop.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get};
use metrics_exporter_prometheus::PrometheusHandle;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::access::{Access, AccessError};
use crate::api::health::{self, Health, Nodes};
use crate::api::page;
use crate::api::problem::Problem;
use crate::api::{self, Api, ApiOptions};
use crate::bus::{Bus, ClusterId};
use crate::config::access::AccessConfigError;
use crate::config::nodes::NodesError;
use crate::config::{Config, bytes};
use crate::http::{HttpOptions, accept};
use crate::hub::members::Patience;
use crate::hub::registry::Limits;
use crate::hub::saving::CompactionTriggers;
use crate::hub::{Hub, HubOptions};
use crate::neighbors;
use crate::room::room::RoomLimits;
use crate::room::view::ViewLimits;
use crate::session::connection::ConnectionLimits;
use crate::session::events::EventLimits;
use crate::session::hocuspocus::HocuspocusLimits;
use crate::session::upgrade::{SessionOptions, Sessions};
use crate::store::directory::AnswerLimits;
use crate::store::{Place, Retention, Sharing, Store, StoreConfig, StoreError};
use crate::telemetry::Metrics;
use crate::webhooks::{self, WebhookOptions};

/// Connections that the system may hold until they are accepted: many clients come back at once after a restart.
const BACKLOG: i32 = 4096;
/// The secret by which the nodes of one database know each other.
const NODES: &str = "nodes";

/// Why a server does not start, or does not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody could read and write everything.
    #[error(
        "{0} is not a loopback address, and without authentication everybody who can connect may read and write \
         every room; listen on 127.0.0.1, say how callers prove who they are (--jwt-secret, --jwks, --auth-webhook), or \
         say --i-know-this-is-open"
    )]
    Open(SocketAddr),
    /// Options of access that do not fit together.
    #[error(transparent)]
    Options(#[from] AccessConfigError),
    /// Options of nodes that do not fit together.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// See there.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// See there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be used.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// Time was up before all was on disk.
    #[error("{unsaved} bytes of changes could not be saved within {drain:?}")]
    Unsaved {
        /// What is lost with this process, unless clients still have it.
        unsaved: u64,
        /// How long was tried.
        drain: Duration,
    },
}

/// A server that is ready to serve.
pub struct Server {
    listener: TcpListener,
    config: Config,
    hub: Hub,
    store: Store,
    bus: Option<Bus>,
    /// What follows the other nodes.
    following: Option<JoinSet<()>>,
    /// What posts to webhooks.
    posting: JoinSet<()>,
    routes: Router,
}

/// Opens a listener with a backlog of our own.
pub fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into())?)
}

impl Server {
    /// Opens the store and wires the parts. Nothing is accepted before `run`.
    pub async fn open(
        listener: TcpListener,
        config: Config,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self, ServeError> {
        let address = listener.local_addr()?;
        let is_open = config.access.options()?.proof.is_none();
        if is_open && !address.ip().is_loopback() && !config.i_know_this_is_open {
            return Err(ServeError::Open(address));
        }
        let redis = config.nodes.redis()?;
        let mut place = config.store.place()?;
        match &mut place {
            Place::Postgres(options) if redis.is_some() && options.sharing == Sharing::Alone => {
                options.sharing = Sharing::Nodes;
            }
            Place::Folder(_) if redis.is_some() => return Err(NodesError::NoDatabase.into()),
            _ => {}
        }
        let mut store_config = StoreConfig::new(place);
        store_config.cache = redis.as_ref().and_then(|redis| config.nodes.cache(redis));
        store_config.migrations = config.migrate.into();
        store_config.unsaved_budget = config.unsaved_budget.as_u64();
        let store = Store::open(store_config).await?;
        let bus = match redis {
            Some(options) => Some(Bus::redis(options, cluster(&store).await?, config.nodes.region.clone())),
            None => None,
        };
        Self::with_store(listener, config, store, bus, metrics).await
    }

    /// The same with a store that is already open, and a bus: tests bring one whose disk fails when they say so.
    pub async fn with_store(
        listener: TcpListener,
        config: Config,
        store: Store,
        bus: Option<Bus>,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self, ServeError> {
        let hub = Hub::new(store.clone(), bus.clone(), hub_options(&config), Metrics::new());
        let access = Access::open(config.access.options()?, store.directory(), bus.clone()).await?;
        let follow = |bus| neighbors::follow(bus, access.clone(), hub.clone(), store.clone());
        let following = bus.as_ref().map(follow);
        let posting = webhooks::start(&hub, &store, webhook_options(&config)).map_err(AccessError::from)?;
        let sessions = Sessions::new(hub.clone(), access.clone(), session_options(&config));
        let api = Api::new(hub.clone(), access, store.directory(), api_options(&config));
        let unsaved_budget = config.unsaved_budget.as_u64();
        let nodes = bus.clone().map(|bus| Nodes { bus, without: config.nodes.without_redis });
        let health = Health { hub: hub.clone(), store: store.clone(), nodes, unsaved_budget, metrics };
        Ok(Self { listener, config, hub, store, bus, following, posting, routes: routes(sessions, api, health) })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        Ok(self.listener.local_addr()?)
    }

    /// Its rooms.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Serves until `shutdown` is done, then drains: nobody is let in, everybody is told to come back, everything is
    /// saved.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { listener, config, hub, store, bus, following, posting, routes } = self;
        tokio::select! {
            () = accept(&listener, routes, http_options(&config)) => {}
            () = shutdown => {}
        }
        drop(listener);
        tracing::info!(connections = hub.connections(), rooms = hub.rooms(), "draining");
        let drained = timeout(config.drain, async {
            hub.drain(config.drain / 2).await;
            drop((following, posting));
            if let Some(bus) = bus {
                bus.close().await;
            }
            store.clone().close().await
        });
        match drained.await {
            Ok(Ok(())) => {
                tracing::info!("everything is saved");
                Ok(())
            }
            Ok(Err(error)) => Err(error.into()),
            // Some client or some room did not come to its end; what matters is on disk.
            Err(_) if store.unsaved_bytes() == 0 => match store.close().await {
                // The store was closing when the time was up.
                Ok(()) | Err(StoreError::Closed) => Ok(()),
                Err(error) => Err(error.into()),
            },
            Err(_) => Err(ServeError::Unsaved { unsaved: store.unsaved_bytes(), drain: config.drain }),
        }
    }
}

/// Of which database the nodes are that this one hears.
async fn cluster(store: &Store) -> Result<ClusterId, StoreError> {
    let secret = store.directory().secret(NODES).await?;
    Ok(ClusterId(*secret.first_chunk().expect("a secret is longer")))
}

fn hub_options(config: &Config) -> HubOptions {
    HubOptions {
        limits: Limits { rooms: config.max_rooms, mailbox: config.mailbox.max(1) },
        room: RoomLimits {
            document_bytes: bytes(config.max_document),
            presence_clients: config.max_presence_clients,
            undo_bytes: bytes(config.events.max_undo_patch),
            json: ViewLimits { values: config.http.max_json_values, bytes: bytes(config.http.max_json) },
        },
        room_idle: config.room_idle,
        patience: Patience { ping: config.ping, slow: config.slow_client },
        unsaved_budget: config.unsaved_budget.as_u64(),
        compaction: CompactionTriggers { rows: config.compact_rows, bytes: bytes(config.compact_bytes) },
        retention: Retention { most: config.events.keep_events, age: config.events.keep_events_for },
        undo_bytes: bytes(config.events.max_undo),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }
}

fn session_options(config: &Config) -> SessionOptions {
    SessionOptions {
        connections: config.max_connections,
        room_name_bytes: bytes(config.max_room_name),
        presence_bytes: bytes(config.max_presence),
        connection: ConnectionLimits { message_bytes: bytes(config.max_message), outbox_bytes: bytes(config.outbox) },
        hocuspocus: HocuspocusLimits {
            documents: config.max_socket_documents,
            name_bytes: bytes(config.max_room_name),
            waiting_bytes: bytes(config.max_waiting),
            waiting_messages: config.max_waiting_messages,
            deadline: config.auth_deadline,
            text_bytes: bytes(config.max_text),
            texts: config.max_texts,
        },
        events: EventLimits {
            event_bytes: bytes(config.events.max_event),
            patch_bytes: bytes(config.http.max_request),
            patch_operations: config.http.max_patch_operations,
            events: config.events.max_events,
            requests: config.events.max_event_requests.max(1),
        },
    }
}

fn webhook_options(config: &Config) -> WebhookOptions {
    let events = &config.events;
    WebhookOptions {
        urls: events.webhook.clone(),
        secret: events.webhook_secret.clone(),
        timeout: events.webhook_timeout,
        digest: events.webhook_digest,
    }
}

fn http_options(config: &Config) -> HttpOptions {
    HttpOptions {
        connections: config.max_connections.saturating_add(config.http.max_http_connections),
        head_timeout: config.http.head_timeout,
        head_bytes: bytes(config.http.max_head),
        life: config.http.http_life,
        slow: config.slow_client,
    }
}

fn api_options(config: &Config) -> ApiOptions {
    ApiOptions {
        room_name_bytes: bytes(config.max_room_name),
        request_bytes: bytes(config.http.max_request),
        event_bytes: bytes(config.events.max_event),
        events: config.events.max_events,
        patch_operations: config.http.max_patch_operations,
        message_bytes: bytes(config.max_message),
        document_bytes: bytes(config.max_document),
        presence_bytes: bytes(config.max_presence),
        mcp_answer_bytes: bytes(config.http.max_mcp_answer),
        body_timeout: config.http.body_timeout,
        bodies_bytes: bytes(config.http.max_bodies),
        json_bodies_bytes: bytes(config.http.max_json_bodies),
        changes: config.http.max_changes,
        request_timeout: config.http.request_timeout,
        idempotency_keep: config.http.idempotency_keep,
        answers: AnswerLimits {
            answers: config.http.idempotency_answers,
            bytes: config.http.idempotency_bytes.as_u64(),
        },
        region: config.nodes.region.clone(),
    }
}

fn routes(sessions: Sessions, api: Api, health: Health) -> Router {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .with_state(health)
        .route("/yjs/{*room}", any(yjs))
        .route("/yjs/", any(yjs))
        .route("/d/{room}/ws/{*again}", any(ysweet))
        .route("/v1/rooms/{room}/socket", any(events))
        .route("/hocuspocus", any(hocuspocus))
        .route("/hocuspocus/", any(hocuspocus))
        .route("/hocuspocus/{*path}", any(hocuspocus))
        .with_state(sessions)
        .merge(api::router(api))
        .route("/", get(page::page))
        .route("/trip/{*room}", get(page::page))
        .method_not_allowed_fallback(api::method_not_allowed)
        .fallback(page::asset)
}

async fn yjs(State(sessions): State<Sessions>, mut request: Request<Body>) -> Result<Response, Problem> {
    let path = request.uri().path().strip_prefix("/yjs/").unwrap_or_default().to_owned();
    Ok(sessions.open_yjs(&path, &mut request)?)
}

/// y-sweet's clients speak as y-websocket's do; they name the document twice.
async fn ysweet(State(sessions): State<Sessions>, mut request: Request<Body>) -> Result<Response, Problem> {
    let path = request.uri().path().strip_prefix("/d/").and_then(|rest| rest.split('/').next());
    let path = path.unwrap_or_default().to_owned();
    Ok(sessions.open_yjs(&path, &mut request)?)
}

async fn events(State(sessions): State<Sessions>, mut request: Request<Body>) -> Result<Response, Problem> {
    let path = request.uri().path().strip_prefix("/v1/rooms/").and_then(|rest| rest.split('/').next());
    let path = path.unwrap_or_default().to_owned();
    Ok(sessions.open_events(&path, &mut request)?)
}

async fn hocuspocus(State(sessions): State<Sessions>, mut request: Request<Body>) -> Result<Response, Problem> {
    Ok(sessions.open_hocuspocus(&mut request)?)
}
