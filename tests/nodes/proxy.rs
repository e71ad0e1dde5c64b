//! A wire between a node and what it depends on, which the test can slow down, freeze, or cut.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What the wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Everything passes.
    Open,
    /// Everything passes so much later.
    Slow(Duration),
    /// What goes to the server passes, and nothing comes back: it looks alive and delivers nothing.
    Mute,
    /// Nothing passes, and nobody is told.
    Frozen,
    /// Connections are cut, and none can be made.
    Cut,
}

/// Where a wire leads.
#[derive(Debug, Clone)]
pub enum Server {
    Tcp(String),
    Unix(PathBuf),
}

pub struct Proxy {
    address: SocketAddr,
    way: Arc<watch::Sender<Way>>,
    server: Arc<Mutex<Server>>,
    task: AbortHandle,
}

impl Proxy {
    pub async fn to(server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let way = Arc::new(watch::Sender::new(Way::Open));
        let server = Arc::new(Mutex::new(server));
        let (ways, leads) = (Arc::clone(&way), Arc::clone(&server));
        let task = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                if *ways.borrow() == Way::Cut {
                    continue;
                }
                near.set_nodelay(true).unwrap();
                let way = ways.subscribe();
                let server = leads.lock().unwrap().clone();
                match server {
                    Server::Tcp(server) => {
                        let Ok(far) = TcpStream::connect(server).await else { continue };
                        far.set_nodelay(true).unwrap();
                        tokio::spawn(pass(near, far, way));
                    }
                    Server::Unix(server) => {
                        let Ok(far) = UnixStream::connect(server).await else { continue };
                        tokio::spawn(pass(near, far, way));
                    }
                }
            }
        });
        Self { address, way, server, task: task.abort_handle() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the next connection on it leads to another server.
    pub fn lead_to(&self, server: Server) {
        *self.server.lock().unwrap() = server;
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(near: TcpStream, far: impl AsyncRead + AsyncWrite, mut way: watch::Receiver<Way>) {
    let (near_out, near_in) = near.into_split();
    let (far_out, far_in) = tokio::io::split(far);
    let (there, back) = (way.clone(), way.clone());
    tokio::select! {
        () = one_way(near_out, far_in, there, |way| way == Way::Frozen) => {}
        () = one_way(far_out, near_in, back, |way| matches!(way, Way::Frozen | Way::Mute)) => {}
        _ = way.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
    holds: impl Fn(Way) -> bool,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let now = *way.borrow();
        if let Way::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        // What was held is lost when the wire is cut.
        if way.wait_for(|way| !holds(*way)).await.is_err() || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
