//! Plain HTTP connections: accepted, served and ended, each until it becomes a WebSocket or its life is over. Called by
//! `server`. A request that is under way must never be cut off while it gets on.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::session::plain::PlainSocket;

/// The least that hyper reads at once.
const HEAD_BYTES_MIN: usize = 8 * 1024;
/// After an error of the listener, which is out of file descriptors most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub struct HttpOptions {
    /// Connections at the same time, sockets aside.
    pub connections: usize,
    /// How long the head of a request may take to come.
    pub head_timeout: Duration,
    /// Bytes of the head of a request.
    pub head_bytes: usize,
    /// How long a connection is used for further requests.
    pub life: Duration,
    /// How long a client may take nothing of its answer.
    pub slow: Duration,
}

/// Accepts connections for ever.
pub async fn accept(listener: &TcpListener, routes: Router, options: HttpOptions) {
    let places = Arc::new(Semaphore::new(options.connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((socket, peer)) => {
                let routes = routes.clone();
                tokio::spawn(async move {
                    serve(socket, peer, routes, options).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Existing connections go on, new ones wait.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Serves HTTP/1 on one socket until it is closed or upgraded.
async fn serve(socket: TcpStream, peer: SocketAddr, routes: Router, options: HttpOptions) {
    let routes = routes.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    // A socket that cannot be told so is about to fail anyway.
    let _ = socket.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_timeout)
        .max_buf_size(options.head_bytes.max(HEAD_BYTES_MIN))
        .serve_connection(TokioIo::new(PlainSocket::new(socket, options.slow)), TowerToHyperService::new(routes))
        .with_upgrades();
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = sleep(options.life) => {
            // The request under way is finished; then, or at once if there is none, the connection is closed.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
