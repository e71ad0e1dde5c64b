//! The binary with its rooms in a real Postgres database: kill -9, connections that are cut, a second server, command lines.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/database.rs"]
mod database;

use std::process::{Output, Stdio};
use std::time::Duration;

use database::TestDatabase;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

struct Server {
    child: Child,
    address: String,
    client: Client,
    _folder: TempDir,
}

fn command(database: &str, line: &[&str]) -> (Command, TempDir) {
    // Nothing may be made in it.
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
    command.args(line).current_dir(folder.path()).kill_on_drop(true);
    command.env("DATABASE_URL", database).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, folder)
}

fn url(database: &PgConnectOptions) -> String {
    database.to_url_lossy().to_string()
}

async fn output(database: &str, line: &[&str]) -> (Output, String, String) {
    let (mut command, _folder) = command(database, line);
    let output = command.output().await.unwrap();
    let (out, errors) = (output.stdout.clone(), output.stderr.clone());
    (output, String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap())
}

impl Server {
    async fn start(database: &TestDatabase) -> Self {
        Self::start_with(&url(&database.options()), &[]).await
    }

    async fn start_with(database: &str, options: &[&str]) -> Self {
        // Every test's client wants one, though it speaks no TLS.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (mut command, folder) = command(database, &["serve", "--port", "0", "--log", "error"]);
        let mut child = command.args(options).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().trim_end_matches('/').to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is kept in files");
        Self { child, address: format!("http://{address}"), client: Client::new(), _folder: folder }
    }

    async fn patch(&self, room: &str, key: &str) -> Response {
        let body = json!([{"op": "add", "path": format!("/items/{key}"), "value": {"title": key}}]).to_string();
        let request = self.client.patch(format!("{}/v1/rooms/{room}/document", self.address));
        request.header("content-type", "application/json-patch+json").body(body).send().await.unwrap()
    }

    async fn saved(&self, room: &str) -> Vec<String> {
        let document = self.client.get(format!("{}/v1/rooms/{room}/document", self.address)).send().await.unwrap();
        let document: Value = serde_json::from_slice(&document.bytes().await.unwrap()).unwrap();
        document["items"].as_object().map(|items| items.keys().cloned().collect()).unwrap_or_default()
    }

    async fn create(&self, room: &str) -> StatusCode {
        let request = self.client.post(format!("{}/v1/rooms", self.address)).header("content-type", "application/json");
        request.body(json!({"id": room, "title": "Lisbon"}).to_string()).send().await.unwrap().status()
    }

    async fn ready(&self) -> StatusCode {
        self.client.get(format!("{}/readyz", self.address)).send().await.unwrap().status()
    }
}

#[tokio::test]
async fn what_was_saved_survives_kill_9() {
    let database = TestDatabase::create().await;
    let mut expected = Vec::new();
    for round in 0..4 {
        let mut server = Server::start(&database).await;
        if round == 0 {
            assert_eq!(server.create("lisbon").await, StatusCode::CREATED);
        }
        assert_eq!(server.saved("lisbon").await, expected);
        for n in 0..20 {
            let key = format!("{round}-{n:02}");
            assert_eq!(server.patch("lisbon", &key).await.status(), StatusCode::OK);
            expected.push(key);
        }
        server.child.kill().await.unwrap();
    }
    let server = Server::start(&database).await;
    assert_eq!(server.saved("lisbon").await, expected);
}

#[tokio::test]
async fn connections_that_are_cut_cost_nothing() {
    let database = TestDatabase::create().await;
    let server = Server::start(&database).await;
    assert_eq!(server.create("lisbon").await, StatusCode::CREATED);
    let mut expected = Vec::new();
    for n in 0..10 {
        let mut operator = database.connect().await;
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .execute(&mut operator)
        .await
        .unwrap();
        let key = format!("{n:02}");
        assert_eq!(server.patch("lisbon", &key).await.status(), StatusCode::OK);
        expected.push(key);
    }
    assert_eq!(server.saved("lisbon").await, expected);
    assert_eq!(server.ready().await, StatusCode::OK);
    drop(server);
    let server = Server::start(&database).await;
    assert_eq!(server.saved("lisbon").await, expected);
}

#[tokio::test]
async fn one_server_has_the_database_and_command_lines_work_beside_it() {
    let database = TestDatabase::create().await;
    let server = Server::start(&database).await;
    let database = url(&database.options());
    let (second, _, errors) = output(&database, &["serve", "--port", "0"]).await;
    assert!(!second.status.success() && errors.contains("in use by another server"), "{errors}");
    let made = ["key", "create", "--agent", "planner", "--rooms", "lisbon", "--role", "editor"];
    let (made, key, errors) = output(&database, &made).await;
    assert!(made.status.success() && key.starts_with("trk_"), "{key} {errors}");
    let (listed, keys, _) = output(&database, &["key", "list"]).await;
    assert!(listed.status.success() && keys.contains("planner"), "{keys}");
    drop(server);
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_told_and_what_came_meanwhile_is_saved() {
    let database = TestDatabase::create().await;
    let server = Server::start_with(&url(&database.options()), &["--database-timeout", "1s"]).await;
    assert_eq!(server.create("lisbon").await, StatusCode::CREATED);
    let mut operator = database.connect().await;
    let mut lock = operator.begin().await.unwrap();
    sqlx::query("LOCK TABLE log IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let release = async {
        let until_told = async {
            while server.ready().await != StatusCode::SERVICE_UNAVAILABLE {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), until_told).await.expect("it is told in time");
        lock.rollback().await.unwrap();
    };
    let (patched, ()) = tokio::join!(server.patch("lisbon", "meanwhile"), release);
    assert_eq!(patched.status(), StatusCode::OK);
    assert_eq!(server.saved("lisbon").await, ["meanwhile"]);
    assert_eq!(server.ready().await, StatusCode::OK);
}

#[tokio::test]
async fn tls_is_spoken_and_certificates_are_looked_at() {
    let database = TestDatabase::create_local().await;
    let verified = database.tls_url().replacen('@', ":secret-word@", 1);
    let with = |from: &str, to: &str| verified.replacen(from, to, 1);
    for trusting in [verified.clone(), with("sslmode=verify-full", "sslmode=require")] {
        let server = Server::start_with(&trusting, &[]).await;
        let plain = sqlx::query_scalar::<_, i64>(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND NOT ssl",
        );
        assert_eq!(plain.fetch_one(&mut database.connect().await).await.unwrap(), 0);
        assert_eq!(server.ready().await, StatusCode::OK);
    }
    // An authority that nobody knows, and a name that is not in the certificate.
    for (suspicious, says) in
        [(with("sslrootcert", "ignored"), "UnknownIssuer"), (with("localhost", "127.0.0.1"), "127.0.0.1")]
    {
        let (output, _, errors) = output(&suspicious, &["serve", "--port", "0"]).await;
        assert!(!output.status.success() && errors.contains("cannot be reached") && errors.contains(says), "{errors}");
        assert!(errors.contains("certificate") && !errors.contains("secret-word"), "{errors}");
    }
}

#[tokio::test]
async fn behind_a_pooler_everything_works_and_no_lock_is_taken() {
    let database = TestDatabase::create_local().await;
    let (way, pooler) = (url(&database.pooled_options()), ["--database-pooler", "transaction"]);
    let server = Server::start_with(&way, &pooler).await;
    assert_eq!(server.create("lisbon").await, StatusCode::CREATED);
    // Its connections go from hand to hand among these.
    let beside = Server::start_with(&way, &pooler).await;
    let mut expected = Vec::new();
    for n in 0..20 {
        let (key, other) = (format!("{n:02}"), format!("porto-{n}"));
        let (one, two) = tokio::join!(server.patch("lisbon", &key), beside.create(&other));
        assert_eq!((one.status(), two), (StatusCode::OK, StatusCode::CREATED));
        assert_eq!(beside.patch(&other, &key).await.status(), StatusCode::OK);
        expected.push(key);
    }
    let made = ["key", "create", "--agent", "planner", "--rooms", "lisbon", "--role", "editor"];
    let (made, key, errors) = output(&way, &[&made[..], &pooler].concat()).await;
    assert!(made.status.success() && key.starts_with("trk_"), "{key} {errors}");
    let (listed, keys, errors) = output(&way, &[&["key", "list"][..], &pooler].concat()).await;
    assert!(listed.status.success() && keys.contains("planner"), "{keys} {errors}");
    let locks = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
         WHERE locktype = 'advisory' AND datname = current_database()",
    );
    assert_eq!(locks.fetch_one(&mut database.connect().await).await.unwrap(), 0);
    drop((server, beside));
    let server = Server::start_with(&way, &pooler).await;
    assert_eq!(server.saved("lisbon").await, expected);
    assert_eq!(server.saved("porto-7").await, ["07"]);
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_and_no_password_is() {
    for (url, says) in [
        ("postgres://ada:secret-word@127.0.0.1:1/trips", "127.0.0.1:1"),
        ("mysql://ada:secret-word@127.0.0.1/trips", "postgres://user:password@host"),
    ] {
        let (mut command, _folder) = command(url, &["serve", "--port", "0"]);
        let output = command.output().await.unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(says), "{errors}");
        assert!(!errors.contains("secret-word"), "{errors}");
    }
}
