//! How Redis is reached, as an operator says it: what is refused, what the log says of a connection that cannot be, TLS.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::database::TestDatabase;
use super::redis::RedisServer;

const DEADLINE: Duration = Duration::from_secs(20);

fn command(database: Option<&TestDatabase>, redis: &str, options: &[&str]) -> (Command, TempDir) {
    use sqlx::ConnectOptions;
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
    command.args(["serve", "--port", "0", "--log", "error"]).args(options).current_dir(folder.path());
    command.env("REDIS_URL", redis).env_remove("DATABASE_URL").kill_on_drop(true);
    if let Some(database) = database {
        command.env("DATABASE_URL", database.options().to_url_lossy().to_string());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, folder)
}

/// What it says before it ends.
async fn refusal(database: Option<&TestDatabase>, redis: &str, options: &[&str]) -> String {
    let (mut command, _folder) = command(database, redis, options);
    let output = tokio::time::timeout(DEADLINE, command.output()).await.expect("it ends").unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

struct Server {
    _child: Child,
    address: SocketAddr,
    log: Lines<BufReader<ChildStderr>>,
    _folder: TempDir,
}

impl Server {
    async fn start(database: &TestDatabase, redis: &str, options: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (mut command, folder) = command(Some(database), redis, options);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().trim_end_matches('/');
        let address = address.parse().unwrap_or_else(|_| panic!("no ready line: {line:?}"));
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { _child: child, address, log, _folder: folder }
    }

    /// What the log says first.
    async fn complaint(&mut self) -> String {
        tokio::time::timeout(DEADLINE, self.log.next_line()).await.expect("it complains").unwrap().unwrap()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let started = tokio::time::Instant::now();
        let mut last = Value::Null;
        while started.elapsed() < DEADLINE {
            let answer = reqwest::get(format!("http://{}/readyz", self.address)).await.unwrap();
            last = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            if is_so(&last) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never: {what}: {last}");
    }

    /// It serves, and says that it is alone.
    async fn is_unready(&self) {
        self.until("it says that it hears nothing", |ready| {
            ready["ready"] == false && ready["store"] == "healthy" && ready["nodes"]["bus"] != "healthy"
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_no_address_of_a_redis_is_refused_and_not_shown() {
    let database = TestDatabase::create().await;
    for redis in ["http://ada:secret-word@127.0.0.1/", "redis//:secret-word@127.0.0.1", "secret-word", ""] {
        let says = refusal(Some(&database), redis, &[]).await;
        assert!(says.contains("REDIS_URL: write it like redis://user:password@host:6379/0"), "{redis}: {says}");
        assert!(!says.contains("secret-word"), "{says}");
    }
}

#[tokio::test]
async fn nodes_without_a_database_are_refused() {
    let says = refusal(None, "redis://127.0.0.1:1", &[]).await;
    assert!(says.contains("REDIS_URL is for nodes that share a database: set DATABASE_URL, too"), "{says}");
}

#[tokio::test]
async fn an_authority_that_is_none_is_refused() {
    let (database, folder) = (TestDatabase::create().await, TempDir::new().unwrap());
    let file = folder.path().join("ca.pem");
    let options = ["--redis-ca", file.to_str().unwrap()];
    let says = refusal(Some(&database), "rediss://127.0.0.1:1", &options).await;
    assert!(says.contains("ca.pem") && says.contains("No such file"), "{says}");
    std::fs::write(&file, "not a certificate").unwrap();
    let says = refusal(Some(&database), "rediss://127.0.0.1:1", &options).await;
    assert!(says.contains("ca.pem: there is no certificate in PEM in it"), "{says}");
}

#[tokio::test]
async fn a_server_that_does_not_let_it_in_is_in_the_log_with_the_reason_and_no_password() {
    let database = TestDatabase::create().await;
    let redis = RedisServer::start(&["--requirepass", "right-word"]).await;
    let address = redis.address();
    let operator = ::redis::Client::open(format!("redis://:right-word@{address}")).unwrap();
    let mut operator = operator.get_multiplexed_async_connection().await.unwrap();
    let user = ["SETUSER", "mute", "on", ">secret-word", "&*", "-@all", "+subscribe"];
    ::redis::cmd("ACL").arg(&user).exec_async(&mut operator).await.unwrap();
    for (url, reason) in [
        (format!("redis://:secret-word@{address}"), "WRONGPASS"),
        (format!("redis://nobody:secret-word@{address}"), "WRONGPASS"),
        (format!("redis://{address}"), "NOAUTH"),
        (format!("redis://mute:secret-word@{address}"), "no permissions"),
        ("redis://:secret-word@127.0.0.1:1".to_owned(), "refused"),
    ] {
        let mut server = Server::start(&database, &url, &[]).await;
        let says = server.complaint().await;
        assert!(says.contains(reason) && says.contains("127.0.0.1:"), "{says}");
        assert!(!says.contains("secret-word"), "{says}");
        server.is_unready().await;
        // Said once, however often it is tried.
        let more = tokio::time::timeout(Duration::from_millis(100), server.log.next_line()).await;
        let more = more.map(|line| line.unwrap().unwrap()).unwrap_or_default();
        assert!(!more.contains("no connection to Redis"), "{more}");
    }
}

/// An authority and a server's certificate that it signed, as files.
fn certificates() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for line in [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"),
        format!("req {key} -keyout server.key -out server.csr -subj /CN=redis"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names"
            .to_owned(),
    ] {
        let mut command = std::process::Command::new("openssl");
        let made = command.args(line.split(' ')).current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
    }
    folder
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let (database, folder) = (TestDatabase::create().await, certificates());
    let redis = RedisServer::start_tls(folder.path()).await;
    let url = format!("rediss://{}", redis.address());
    let authority = folder.path().join("ca.pem");
    let options = ["--redis-ca", authority.to_str().unwrap()];
    let (ada, bob) = (Server::start(&database, &url, &options).await, Server::start(&database, &url, &options).await);
    for server in [&ada, &bob] {
        server
            .until("both hear each other", |ready| {
                ready["ready"] == true && ready["nodes"]["others"].as_array().unwrap().len() == 1
            })
            .await;
    }
    let mut stranger = Server::start(&database, &url, &[]).await;
    let says = stranger.complaint().await;
    assert!(says.contains("certificate"), "{says}");
    stranger.is_unready().await;
    // Without TLS nothing is to be had, and it is said that way.
    let mut plain = Server::start(&database, &format!("redis://{}", redis.address()), &["--redis-timeout", "1s"]).await;
    let says = plain.complaint().await;
    assert!(says.contains("no connection to Redis"), "{says}");
    plain.is_unready().await;
}
