//! From an HTTP request to a WebSocket: checks the request, answers it, takes the bare socket from hyper, and runs
//! the session in a task of its own. Called by the server's routes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::Instrument;

use super::connection::{Connection, ConnectionLimits};
use super::credentials::{chosen_subprotocol, presented};
use super::door::Door;
use super::events::EventLimits;
use super::hocuspocus::{self, HocuspocusLimits};
use super::plain::PlainSocket;
use super::{events, yjs};
use crate::access::{Access, Stranger};
use crate::hub::{Counted, Hub};
use crate::room::id::RoomId;
use crate::room::kept::EventSeq;
use crate::wire::close::CloseReason;
use crate::wire::room_path::decode_room_name;

/// What sessions have to know.
#[derive(Debug, Clone, Copy)]
pub struct SessionOptions {
    /// Sockets at the same time.
    pub connections: usize,
    /// Bytes of a room's name.
    pub room_name_bytes: usize,
    /// Bytes of one presence state.
    pub presence_bytes: usize,
    /// Limits of each connection.
    pub connection: ConnectionLimits,
    /// Limits of each Hocuspocus socket.
    pub hocuspocus: HocuspocusLimits,
    /// Limits of each JSON socket.
    pub events: EventLimits,
}

/// Opens sessions.
#[derive(Clone)]
pub struct Sessions {
    hub: Hub,
    access: Access,
    options: Arc<SessionOptions>,
    ids: Arc<AtomicU64>,
}

/// Why a request is not answered with a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// It is no WebSocket handshake.
    #[error("This path speaks WebSocket: connect with a WebSocket client.")]
    NotWebSocket,
    /// It is of another version of the protocol.
    #[error("Only version 13 of the WebSocket protocol is spoken here.")]
    WrongVersion,
    /// It has no key.
    #[error("The Sec-WebSocket-Key header is missing.")]
    NoKey,
    /// It came on a connection that cannot become a WebSocket.
    #[error("This connection cannot be upgraded.")]
    NotUpgradable,
    /// A browser comes from somewhere else.
    #[error(transparent)]
    Stranger(#[from] Stranger),
    /// There are as many sockets as there may be.
    #[error("The server has as many connections as it may have.")]
    TooManyConnections,
    /// The server is going away.
    #[error("The server is going away.")]
    Draining,
}

/// What a socket is for.
enum Purpose {
    /// A y-websocket client in its room.
    Yjs(RoomId),
    /// A Hocuspocus client.
    Hocuspocus,
    /// A JSON socket in its room.
    /// with the event behind which kept ones are to follow.
    Events(RoomId, Option<EventSeq>),
    /// The client is told why not: it would see no HTTP status, but it sees a close code.
    Refuse(CloseReason),
}

impl Sessions {
    /// Sessions in the rooms of `hub`, for those whom `access` lets in.
    pub fn new(hub: Hub, access: Access, options: SessionOptions) -> Self {
        Self { hub, access, options: Arc::new(options), ids: Arc::new(AtomicU64::new(1)) }
    }

    /// Answers a request to open a y-websocket connection; `path` is what names the room, as it came.
    pub fn open_yjs(&self, path: &str, request: &mut Request<Body>) -> Result<Response<Body>, UpgradeError> {
        let purpose = match RoomId::parse(&decode_room_name(path), self.options.room_name_bytes) {
            Ok(room) => Purpose::Yjs(room),
            Err(_) => Purpose::Refuse(CloseReason::BadRoomName),
        };
        self.open(purpose, request)
    }

    /// Answers a request to open a JSON socket; `room` is what names the room, as it came.
    pub fn open_events(&self, room: &str, request: &mut Request<Body>) -> Result<Response<Body>, UpgradeError> {
        let purpose = match RoomId::parse(&decode_room_name(room), self.options.room_name_bytes) {
            Ok(room) => Purpose::Events(room, cursor(request.uri())),
            Err(_) => Purpose::Refuse(CloseReason::BadRoomName),
        };
        self.open(purpose, request)
    }

    /// Answers a request to open a Hocuspocus connection.
    pub fn open_hocuspocus(&self, request: &mut Request<Body>) -> Result<Response<Body>, UpgradeError> {
        self.open(Purpose::Hocuspocus, request)
    }

    fn open(&self, purpose: Purpose, request: &mut Request<Body>) -> Result<Response<Body>, UpgradeError> {
        let (accept, upgrade) = handshake(request)?;
        self.access.origins().check(request.headers())?;
        if self.hub.is_draining() {
            return Err(UpgradeError::Draining);
        }
        let counted = self.hub.connect(self.options.connections).ok_or(UpgradeError::TooManyConnections)?;
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        let door = Door {
            hub: self.hub.clone(),
            access: self.access.clone(),
            presented: presented(request.uri(), request.headers()),
            from: self.access.address(peer, request.headers()),
            presence_bytes: self.options.presence_bytes,
            ids: Arc::clone(&self.ids),
        };
        let room = if let Purpose::Yjs(room) | Purpose::Events(room, _) = &purpose { room.as_str() } else { "" };
        // Only for those who look for a fault: it is kept as long as the connection, and would be a tenth of an idle one.
        let span = tracing::debug_span!("connection", socket = self.ids.fetch_add(1, Ordering::Relaxed), room);
        tokio::spawn(serve(purpose, upgrade, counted, Box::new(door), Arc::clone(&self.options)).instrument(span));
        Ok(switching_protocols(&accept, chosen_subprotocol(request.headers())))
    }
}

/// A session from here on. Not an async function, which would keep what it is called with twice for as long as it runs.
#[expect(clippy::manual_async_fn, reason = "see above")]
fn serve(
    purpose: Purpose,
    upgrade: OnUpgrade,
    counted: Counted,
    door: Box<Door>,
    options: Arc<SessionOptions>,
) -> impl Future<Output = ()> + Send {
    async move {
        // Boxed, because it would be in the task several times: in each future that it is handed to.
        let Some(connection) = take_over(upgrade, options.connection).await.map(Box::new) else { return };
        tracing::debug!("connected");
        let reason = match purpose {
            Purpose::Yjs(room) => yjs::serve(connection, door, room).await,
            // Boxed, because a y-websocket connection should not be as big as one that carries many documents.
            Purpose::Hocuspocus => Box::pin(hocuspocus::serve(connection, door, options.hocuspocus)).await,
            Purpose::Events(room, after) => {
                Box::pin(events::serve(connection, door, room, after, options.events)).await
            }
            Purpose::Refuse(reason) => {
                Box::pin(connection.finish(reason)).await;
                reason
            }
        };
        tracing::debug!(reason = reason.label(), "disconnected");
        counted.closed(reason);
    }
}

/// Takes the socket out of hyper; whatever hyper read beyond the request comes along.
async fn take_over(upgrade: OnUpgrade, limits: ConnectionLimits) -> Option<Connection> {
    let parts = upgrade.await.ok()?.downcast::<TokioIo<PlainSocket>>().ok()?;
    // Even when it is empty, hyper's buffer would keep 8 KiB alive.
    let ahead = if parts.read_buf.is_empty() { Bytes::new() } else { Bytes::copy_from_slice(&parts.read_buf) };
    Some(Connection::new(parts.io.into_inner().into_inner(), ahead, limits))
}

/// `?cursor=`: the newest kept event that the client knows. What is none is as if it knew one that nobody does.
fn cursor(uri: &Uri) -> Option<EventSeq> {
    let mut query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let (_, cursor) = query.find(|(key, _)| key == "cursor")?;
    Some(cursor.parse().map_or(EventSeq::MAX, EventSeq))
}

/// Checks that a request is a WebSocket handshake (RFC 6455 §4.2.1); gives the accept key and the upgrade to come.
fn handshake(request: &mut Request<Body>) -> Result<(String, OnUpgrade), UpgradeError> {
    let headers = request.headers();
    let is_upgrade = request.method() == Method::GET
        && lists(headers, header::CONNECTION, "upgrade")
        && lists(headers, header::UPGRADE, "websocket");
    if !is_upgrade {
        return Err(UpgradeError::NotWebSocket);
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(UpgradeError::WrongVersion);
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or(UpgradeError::NoKey)?;
    let accept = derive_accept_key(key.as_bytes());
    let upgrade = request.extensions_mut().remove::<OnUpgrade>().ok_or(UpgradeError::NotUpgradable)?;
    Ok((accept, upgrade))
}

fn lists(headers: &HeaderMap, name: header::HeaderName, wanted: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case(wanted)))
}

fn switching_protocols(accept: &str, subprotocol: Option<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(accept).expect("base64 is a header value");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}
