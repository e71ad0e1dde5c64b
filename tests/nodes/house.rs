//! Servers that share a database and a Redis server, each a process of the real binary behind proxies of its own.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::client::Client;
use super::database::TestDatabase;
use super::postgres::PostgresServer;
use super::proxy::{Proxy, Server};
use super::redis::RedisServer;

/// What no test should ever need.
pub const DEADLINE: Duration = Duration::from_mins(1);
/// Between two looks at something that nobody announces.
pub const LOOK: Duration = Duration::from_millis(20);

pub struct House {
    pub database: TestDatabase,
    pub redis: RedisServer,
    pub nodes: Vec<Node>,
    /// The database server, where it may be killed.
    pub postgres: Option<PostgresServer>,
    http: reqwest::Client,
}

pub struct Node {
    pub address: SocketAddr,
    /// Its wire to Redis.
    pub redis: Proxy,
    /// Its wire to Postgres.
    pub postgres: Proxy,
    child: Child,
    http: reqwest::Client,
    _folder: TempDir,
}

impl House {
    /// So many nodes, with more options as on the command line.
    pub async fn open(nodes: usize, options: &[&str]) -> Self {
        Self::open_on(TestDatabase::create().await, None, nodes, options).await
    }

    /// The same with a database server that nobody else uses.
    pub async fn open_with_postgres(nodes: usize, options: &[&str]) -> Self {
        let server = PostgresServer::start().await;
        let database = TestDatabase::create_on(server.options()).await;
        Self::open_on(database, Some(server), nodes, options).await
    }

    async fn open_on(database: TestDatabase, postgres: Option<PostgresServer>, nodes: usize, options: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redis = RedisServer::start(&[]).await;
        let mut house = Self { database, redis, nodes: Vec::new(), postgres, http: reqwest::Client::new() };
        for _ in 0..nodes {
            house.add(options).await;
        }
        house.settle().await;
        house
    }

    pub async fn add(&mut self, options: &[&str]) {
        let redis = Proxy::to(Server::Tcp(self.redis.address())).await;
        let (postgres, url) = self.wire_to_postgres().await;
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
        let log = std::env::var("TRIPROOM_TEST_LOG").unwrap_or_else(|_| "off".to_owned());
        command.args(["serve", "--port", "0", "--log", &log, "--database-timeout", "3s"]).args(options);
        command.env("DATABASE_URL", url);
        command.env("REDIS_URL", format!("redis://{}", redis.address()));
        command.current_dir(folder.path()).kill_on_drop(true).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().trim_end_matches('/');
        let address = address.parse().unwrap_or_else(|_| panic!("no ready line: {line:?}"));
        self.nodes.push(Node { address, redis, postgres, child, http: self.http.clone(), _folder: folder });
    }

    /// A wire to the database, and its address as a node is told it.
    async fn wire_to_postgres(&self) -> (Proxy, String) {
        use sqlx::ConnectOptions;
        let options = self.database.options();
        let server = match options.get_socket() {
            Some(folder) => Server::Unix(folder.join(format!(".s.PGSQL.{}", options.get_port()))),
            None => Server::Tcp(format!("{}:{}", options.get_host(), options.get_port())),
        };
        let proxy = Proxy::to(server).await;
        let mut url = options.to_url_lossy();
        url.set_query(None);
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxy.address().port())).unwrap();
        (proxy, format!("{url}?sslmode=disable"))
    }

    /// Waits until every node hears every other one.
    pub async fn settle(&self) {
        let others = self.nodes.len() - 1;
        for node in &self.nodes {
            node.until("every node hears every other one", |ready| {
                ready["ready"] == json!(true) && ready["nodes"]["others"].as_array().unwrap().len() == others
            })
            .await;
        }
    }

    /// A client of the node with this number that has joined and is synced.
    pub async fn join(&self, node: usize, room: &str, id: u64) -> Client {
        Client::join(self.nodes[node].address, room, id).await
    }
}

impl Node {
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM: it drains. Done when the process has ended; says whether it ended well.
    pub async fn terminate(mut self) -> bool {
        self.signal("TERM");
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it ends").unwrap().success()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap();
        assert!(sent.success());
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// The value of a metric with these labels.
    pub async fn labelled(&self, name: &str) -> f64 {
        let text = self.http.get(self.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |value| value.parse().unwrap())
    }

    /// The value of a metric.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.http.get(self.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.split([' ', '{']).next() == Some(name));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |value| value.parse().unwrap())
    }

    pub async fn create(&self, room: &str) {
        let request = self.http.post(self.url("/v1/rooms")).header("content-type", "application/json");
        let answer = request.body(json!({"id": room, "title": "Lisbon"}).to_string()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
    }

    pub async fn patch(&self, room: &str, key: &str) -> StatusCode {
        let body = json!([{"op": "add", "path": format!("/items/{key}"), "value": {"title": key}}]).to_string();
        let request = self.http.patch(self.url(&format!("/v1/rooms/{room}/document")));
        let request = request.header("content-type", "application/json-patch+json").body(body);
        request.send().await.map_or(StatusCode::SERVICE_UNAVAILABLE, |answer| answer.status())
    }

    /// Sends a request, with a patch if there is one, and gives what is answered.
    pub async fn send(&self, method: Method, path: &str, json: Option<&Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, self.url(path));
        if let Some(json) = json {
            request = request.header("content-type", "application/json-patch+json").body(json.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }

    /// Waits until somebody, named as in a query, is in a room by so many connections of all nodes.
    pub async fn until_present(&self, room: &str, who: &str, connections: u64) {
        let id = who.trim_start_matches("name=");
        let looking = async {
            loop {
                let view = self.get(&format!("/v1/rooms/{room}")).await;
                let mut present = view["present"].as_array().unwrap().iter();
                if present.any(|one| one["id"] == id && one["connections"] == connections) {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(DEADLINE, looking).await.expect("somebody is there so many times");
    }

    pub async fn delete(&self, path: &str) -> StatusCode {
        self.http.delete(self.url(path)).send().await.unwrap().status()
    }

    /// Asks whether it is ready until the answer is as it should be, and gives the time that this took.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Duration {
        let started = tokio::time::Instant::now();
        let mut last = Value::Null;
        while started.elapsed() < DEADLINE {
            last = self.get("/readyz").await;
            if is_so(&last) {
                return started.elapsed();
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("never: {what}: {last}");
    }

    /// The document as JSON, until it is as it should be.
    pub async fn until_document(&self, room: &str, what: &str, is_so: impl Fn(&Value) -> bool) {
        let started = tokio::time::Instant::now();
        let mut last = Value::Null;
        while started.elapsed() < DEADLINE {
            last = self.get(&format!("/v1/rooms/{room}/document")).await;
            if is_so(&last) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("never: {what}: {last}");
    }
}
