//! The binary as a shell or a supervisor sees it: what it prints, how it ends, what it refuses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

struct Running {
    child: Child,
    address: String,
    folder: TempDir,
}

fn command(folder: &TempDir, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
    command.args(["serve", "--port", "0", "--data"]).arg(folder.path().join("data")).args(options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(options: &[&str]) -> Running {
    let folder = TempDir::new().unwrap();
    let mut child = command(&folder, options).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    Running { child, address, folder }
}

fn get(address: &str, path: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn terminate(mut running: Running) -> Output {
    let signalled = Command::new("kill").arg(running.child.id().to_string()).status().unwrap();
    assert!(signalled.success());
    let mut errors = String::new();
    if let Some(mut stderr) = running.child.stderr.take() {
        stderr.read_to_string(&mut errors).unwrap();
    }
    let status = running.child.wait().unwrap();
    Output { status, stdout: Vec::new(), stderr: errors.into() }
}

#[test]
fn it_says_where_it_is_and_ends_well() {
    let running = start(&["--log-format", "json"]);
    assert!(get(&running.address, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(&running.address, "/metrics").contains("triproom_connections 0"));
    let page = get(&running.address, "/");
    assert!(page.contains("<!doctype html>") && page.contains("content-security-policy"));
    assert!(get(&running.address, "/nothing").contains("application/problem+json"));
    let ended = terminate(running);
    assert!(ended.status.success());
    for line in String::from_utf8(ended.stderr).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_reader_of_its_log_that_goes_away_does_not_take_it_along() {
    let mut running = start(&["--log", "debug"]);
    drop(running.child.stderr.take());
    for _ in 0..10 {
        assert!(get(&running.address, "/yjs/a").starts_with("HTTP/1.1 426"));
    }
    assert!(terminate(running).status.success());
}

#[test]
fn what_would_be_dangerous_is_refused_with_a_reason() {
    let folder = TempDir::new().unwrap();
    let open = command(&folder, &["--host", "0.0.0.0"]).output().unwrap();
    assert!(!open.status.success());
    assert!(String::from_utf8(open.stderr).unwrap().contains("--i-know-this-is-open"));

    let running = start(&[]);
    let mut second = Command::new(env!("CARGO_BIN_EXE_triproom"));
    second.args(["--port", "0", "--data"]).arg(running.folder.path().join("data"));
    let second = second.output().unwrap();
    assert!(!second.status.success(), "two processes on one folder");
    assert!(String::from_utf8(second.stderr).unwrap().contains("data"));
    assert!(terminate(running).status.success());
}
