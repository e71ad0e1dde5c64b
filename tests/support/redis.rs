//! A Redis server of its own for one test: the real one, on a port of its own, which the test may stop and start again.

use std::net::TcpListener;
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
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
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
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{program} must be there, or {PROGRAM} name it: {error}"));
        self.child = Some(child);
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
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
