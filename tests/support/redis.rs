//! A Redis server of its own for one test: the real one, on a port of its own, which the test may stop and start again.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
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
        Self::start_with(|_, _| options.iter().map(|option| (*option).to_owned()).collect()).await
    }

    /// With TLS alone; the folder has `server.pem` and `server.key`.
    pub(crate) async fn start_tls(folder: &Path) -> Self {
        let file = |name| folder.join(name).to_str().unwrap().to_owned();
        let (certificate, key) = (file("server.pem"), file("server.key"));
        Self::start_with(|port, _| {
            let tls = format!(
                "--port 0 --tls-port {port} --tls-auth-clients no --tls-cert-file {certificate} --tls-key-file {key} \
                 --tls-ca-cert-file {certificate}"
            );
            tls.split(' ').map(str::to_owned).collect()
        })
        .await
    }

    /// With options that know its port and another one that is free. Whoever takes one of them first has it: then it is
    /// tried with others.
    pub(crate) async fn start_with(options: impl Fn(u16, u16) -> Vec<String>) -> Self {
        for _ in 0..10 {
            let (port, another) = (free_port(), free_port());
            let options = options(port, another);
            let mut server = Self { port, folder: TempDir::new().unwrap(), options, child: None };
            if server.is_started().await {
                return server;
            }
        }
        panic!("Redis does not start");
    }

    pub(crate) async fn start_again(&mut self) {
        assert!(self.is_started().await, "Redis does not start: {:?}", self.options);
    }

    async fn is_started(&mut self) -> bool {
        let program = std::env::var(PROGRAM).unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(&program);
        command.args(["--port", &self.port.to_string(), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]);
        command.args(&self.options).current_dir(self.folder.path()).kill_on_drop(true);
        command.stdout(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{program} must be there, or {PROGRAM} name it: {error}"));
        let mut log = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        self.child = Some(child);
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("Ready to accept connections") {
                // It is not to wait for somebody who reads what else it says.
                tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
                return true;
            }
        }
        false
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
