//! The curl commands of `docs/api.md`, run in their order against a server: each works out, and what it answers has all
//! that the document shows.

use std::process::Command;

use serde_json::Value;

use super::house::House;
use super::people::{JWT, token};

const DOCS: &str = include_str!("../../docs/api.md");
/// What the document calls the server.
const SERVER: &str = "http://127.0.0.1:8080";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_docs_work() {
    let house = House::open(&JWT).await;
    let server = format!("http://{}", house.address);
    let mut blocks = fenced(DOCS).into_iter().peekable();
    let mut commands = 0;
    while let Some((kind, command)) = blocks.next() {
        if kind != "sh" || !command.contains("curl") {
            continue;
        }
        let command = command.replace(SERVER, &server);
        let shown = blocks.next_if(|(kind, _)| kind == "json").map(|(_, text)| text);
        let script = format!("set -euo pipefail; curl() {{ command curl --fail-with-body -sS \"$@\"; }}\n{command}");
        let token = token("ada");
        let run = tokio::task::spawn_blocking(move || {
            Command::new("bash").args(["-c", &script]).env("TOKEN", token).output().unwrap()
        });
        let output = run.await.unwrap();
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command}\n{out}\n{error}");
        if let Some(shown) = shown {
            let answer: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{command}\n{out}"));
            has_all(&answer, &serde_json::from_str(&shown).unwrap(), &command);
        }
        commands += 1;
    }
    assert!(commands >= 10, "the commands are where this test looks for them");
    house.stop().await.0.unwrap();
}

/// The fenced blocks of a document with what they say they are.
fn fenced(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut pieces = text.split("```");
    pieces.next();
    while let (Some(block), Some(_)) = (pieces.next(), pieces.next()) {
        let (kind, body) = block.split_once('\n').unwrap();
        blocks.push((kind.to_owned(), body.to_owned()));
    }
    blocks
}

/// Whether the answer has every member that is shown, of the same kind.
fn has_all(answer: &Value, shown: &Value, command: &str) {
    match (answer, shown) {
        (Value::Object(answer), Value::Object(shown)) => {
            for (name, value) in shown {
                has_all(answer.get(name).unwrap_or_else(|| panic!("{command}: {name} is not there")), value, command);
            }
        }
        (Value::Array(answer), Value::Array(shown)) => {
            assert!(answer.len() >= shown.len(), "{command}: {answer:?}");
            answer.iter().zip(shown).for_each(|(answer, shown)| has_all(answer, shown, command));
        }
        (answer, shown) => {
            let kind = |value: &Value| std::mem::discriminant(value);
            assert_eq!(kind(answer), kind(shown), "{command}: {answer} is shown as {shown}");
        }
    }
}
