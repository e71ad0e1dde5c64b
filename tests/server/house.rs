//! A server for one test: its own folder, port and store, stopped when the test says so.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use triproom::config::Config;
use triproom::hub::Hub;
use triproom::server::{ServeError, Server, listen};
use triproom::store::{FaultSwitch, Store, StoreConfig};

use super::client::Client;

/// What no test should ever need.
pub const DEADLINE: Duration = Duration::from_mins(1);

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    config: Config,
}

pub struct House {
    pub address: SocketAddr,
    pub hub: Hub,
    pub store: Store,
    pub fault: FaultSwitch,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ServeError>>,
}

impl House {
    /// Starts with options as on the command line.
    pub async fn open(options: &[&str]) -> Self {
        Self::open_in(TempDir::new().unwrap(), options).await
    }

    pub async fn open_in(folder: TempDir, options: &[&str]) -> Self {
        let config = Options::parse_from(["triproom"].iter().chain(options)).config;
        let fault = FaultSwitch::new();
        let mut store = StoreConfig::new(folder.path());
        store.unsaved_budget = config.unsaved_budget.as_u64();
        store.fault = Some(fault.clone());
        let store = Store::open(store).await.unwrap();
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let server = Server::with_store(listener, config, store.clone(), None, None).await.unwrap();
        let (address, hub) = (server.address().unwrap(), server.hub().clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self { address, hub, store, fault, folder, stop, running }
    }

    /// A client that has joined and is synced.
    pub async fn join(&self, room: &str, id: u64) -> Client {
        Client::join(self.address, room, id).await
    }

    /// Stops as SIGTERM does, and gives the folder to whoever opens it next.
    pub async fn stop(self) -> (Result<(), ServeError>, TempDir) {
        let _ = self.stop.send(());
        let ended = tokio::time::timeout(DEADLINE, self.running).await.expect("the drain ends").unwrap();
        (ended, self.folder)
    }

    /// Asks a plain HTTP question.
    pub async fn get(&self, path: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

/// Lets others run until `condition` holds; for counts that nobody announces.
pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
