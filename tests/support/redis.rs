//! A Redis server of its own for one test: the real one, on a port of its own, which the test may stop and start again.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Names the program, when it is not `redis-server` in the PATH.
const PROGRAM: &str = "TRIPROOM_TEST_REDIS_SERVER";

/// Killed with this.
pub(crate) struct RedisServer {
    port: u16,
    folder: TempDir,
    options: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::start_on(free_port(), options).await
    }

    /// With TLS alone; the folder has `server.pem` and `server.key`.
    pub(crate) async fn start_tls(folder: &Path) -> Self {
        let (port, certificate, key) = (free_port(), folder.join("server.pem"), folder.join("server.key"));
        let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
        let tls = ["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "no"];
        let files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate];
        Self::start_on(port, &[&tls[..], &files].concat()).await
    }

    async fn start_on(port: u16, options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut server = Self { port, folder: TempDir::new().unwrap(), options, child: None };
        server.start_again().await;
        server
    }

    pub(crate) async fn start_again(&mut self) {
        let program = std::env::var(PROGRAM).unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(&program);
        command.args(["--port", &self.port.to_string(), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]);
        command.args(&self.options).current_dir(self.folder.path()).kill_on_drop(true);
        command.stdout(Stdio::null());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{program} must be there, or {PROGRAM} name it: {error}"));
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(child.try_wait().unwrap().is_none(), "{program} ends at once: {:?}", self.options);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.child = Some(child);
    }

    pub(crate) async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.unwrap();
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The channels to which somebody listens.
    pub(crate) async fn channels(&self) -> Vec<String> {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("PUBSUB").arg("CHANNELS").query_async(&mut connection).await.unwrap()
    }

    /// Puts something else into all keys of this pattern.
    pub(crate) async fn spoil(&self, pattern: &str, value: &str) {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await.unwrap();
        assert!(!keys.is_empty());
        for key in keys {
            let _: () = redis::cmd("SET").arg(key).arg(value).query_async(&mut connection).await.unwrap();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
