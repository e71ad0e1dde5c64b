//! What the documents say about options, metrics, close codes and codes of errors is what the code says.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{Args, Command, Subcommand};
use serde_json::Value;
use triproom::api::code::Code;
use triproom::api::event_schema;
use triproom::command::key::KeyCommand;
use triproom::command::load::LoadCommand;
use triproom::command::room::RoomCommand;
use triproom::config::Config;
use triproom::load::scenario_file;
use triproom::room::event::request::{self, TYPES};
use triproom::room::patch::{PatchCode, VERBS};
use triproom::room::role::Role;
use triproom::wire::close::CloseReason;

const API: &str = include_str!("../docs/api.md");
const OPERATIONS: &str = include_str!("../docs/operations.md");
const PROTOCOLS: &str = include_str!("../docs/protocols.md");
const ACCESS: &str = include_str!("../docs/access.md");
const README: &str = include_str!("../README.md");
const LOAD: &str = include_str!("../docs/load.md");
const EVENTS: &str = include_str!("../docs/events.md");

/// The names of all events and requests: whatever the schema says that a `type` is.
fn types(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(names) = members.get("type").and_then(|kind| kind.get("enum")).and_then(Value::as_array) {
                found.extend(names.iter().map(|name| name.as_str().expect("a name").to_owned()));
            }
            members.values().for_each(|value| types(value, found));
        }
        Value::Array(elements) => elements.iter().for_each(|value| types(value, found)),
        _ => {}
    }
}

#[test]
fn every_event_is_documented_and_every_example_is_one() {
    let mut found = BTreeSet::new();
    types(&event_schema::schema(), &mut found);
    assert!(found.len() > 20, "{found:?}");
    for name in &found {
        assert!(EVENTS.contains(&format!("`{name}`")) || EVENTS.contains(&format!("\"{name}\"")), "{name} is missing");
    }
    let rows = EVENTS.lines().filter_map(|line| line.strip_prefix("| `{")?.split_once("` |"));
    let frames: Vec<String> = rows.map(|(frame, _)| format!("{{{frame}")).collect();
    assert!(frames.len() >= TYPES.len());
    for frame in frames {
        request::read(&frame).request.unwrap_or_else(|fault| panic!("{frame}: {fault:?}"));
    }
    for block in EVENTS.split("```json\n").skip(1) {
        let json = block.split("\n```").next().expect("it ends");
        serde_json::from_str::<Value>(json).unwrap_or_else(|error| panic!("{json}: {error}"));
    }
    for verb in &VERBS {
        assert!(EVENTS.contains(&format!("| `{}` |", verb.name)), "{} is missing", verb.name);
    }
}

#[test]
fn every_option_is_documented_with_its_variable_and_default() {
    let command = Config::augment_args(Command::new("triproom"));
    let mut documented = 0;
    for option in command.get_arguments() {
        let flag = format!("| `--{}` |", option.get_long().expect("every option has a flag"));
        let row =
            OPERATIONS.lines().find(|line| line.starts_with(&flag)).unwrap_or_else(|| panic!("{flag} is missing"));
        let variable = option.get_env().and_then(|name| name.to_str()).expect("and a variable");
        assert!(row.contains(&format!("`{variable}`")), "{row}");
        for default in option.get_default_values().iter().filter_map(|value| value.to_str()) {
            assert!(row.contains(&format!("| `{default}` |")) || default == "false", "{row}: {default}");
        }
        documented += 1;
    }
    let rows = OPERATIONS.lines().filter(|line| line.starts_with("| `--")).count();
    assert_eq!(rows, documented, "no option is documented that does not exist");
}

#[test]
fn every_command_is_documented() {
    for (name, command) in [
        ("key", KeyCommand::augment_subcommands(Command::new("key"))),
        ("room", RoomCommand::augment_subcommands(Command::new("room"))),
    ] {
        for command in command.get_subcommands() {
            let line = format!("`triproom {name} {}", command.get_name());
            assert!(OPERATIONS.contains(&line), "{line} is missing");
        }
    }
}

#[test]
fn every_scenario_and_option_of_the_load_tester_is_documented_with_its_default() {
    let command = LoadCommand::augment_subcommands(Command::new("load"));
    let shared = LOAD.split("\n## Options of all scenarios\n").nth(1).expect("a section").split("\n## ").next();
    for scenario in command.get_subcommands() {
        let name = scenario.get_name();
        if ["merge", "report"].contains(&name) {
            assert!(LOAD.contains(&format!("triproom load {name} ")), "{name} is missing");
            continue;
        }
        let section = LOAD.split(&format!("\n### `{name}`\n")).nth(1).unwrap_or_else(|| panic!("{name} is missing"));
        let section = section.split("\n### ").next().and_then(|section| section.split("\n## ").next());
        let rows = section.into_iter().chain(shared).flat_map(str::lines).collect::<Vec<_>>();
        for option in scenario.get_arguments() {
            let flag = format!("| `--{}` |", option.get_long().expect("every option has a flag"));
            let row =
                rows.iter().find(|row| row.starts_with(&flag)).unwrap_or_else(|| panic!("{name}: {flag} is missing"));
            for default in option.get_default_values().iter().filter_map(|value| value.to_str()) {
                assert!(row.contains(&format!("| `{default}` |")) || default == "false", "{row}: {default}");
            }
        }
    }
}

/// The lines of the page that start the load tester.
fn load_lines() -> Vec<Vec<String>> {
    let lines = LOAD.lines().map(str::trim).filter(|line| line.starts_with("triproom load "));
    let words = |line: &str| {
        let line = line.split(" # ").next().unwrap_or(line).replace("$(pidof triproom)", "1");
        line.split('"')
            .enumerate()
            .flat_map(|(place, part)| {
                let part = part.replace('\'', "");
                if place % 2 == 1 { vec![part] } else { part.split_whitespace().map(str::to_owned).collect() }
            })
            .collect()
    };
    lines.map(words).collect()
}

#[test]
fn every_command_line_of_the_load_tester_is_one() {
    let lines = load_lines();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let words = scenario_file::expand(line.iter().map(Into::into))
            .unwrap_or_else(|error| panic!("{line:?}: {error}"))
            .words;
        let command = LoadCommand::augment_subcommands(Command::new("load"));
        command.try_get_matches_from(&words[1..]).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    }
}

#[test]
fn every_scenario_file_is_one() {
    for file in ["quiet-room", "lecture-hall", "many-rooms"] {
        let line = ["triproom", "load", "--file", &format!("examples/load/{file}.toml")].map(Into::into);
        let words = scenario_file::expand(line).unwrap_or_else(|error| panic!("{file}: {error}")).words;
        let command = LoadCommand::augment_subcommands(Command::new("load"));
        command.try_get_matches_from(&words[1..]).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

#[test]
fn every_close_code_is_documented() {
    for reason in CloseReason::ALL {
        let row = format!("| {} | `{}` |", reason.code(), reason.label());
        let row = PROTOCOLS.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("{row} is missing"));
        let come_back =
            if reason == CloseReason::Normal { "| |" } else { ["| no |", "| yes |"][usize::from(reason.come_back())] };
        assert!(row.ends_with(come_back), "{row}");
    }
}

#[test]
fn every_code_of_an_error_is_documented() {
    for code in Code::ALL {
        let row = format!("| {} | `{}` | {} |", code.status().as_u16(), code.as_str(), code.doc());
        assert!(API.lines().any(|line| line == row), "{row} is missing");
    }
    let rows = API.lines().filter(|line| line.starts_with("| ") && line.contains(" | `")).count();
    assert_eq!(rows, Code::ALL.len(), "no code is documented that does not exist");
    for reason in PatchCode::ALL {
        assert!(API.contains(&format!("`{}`", reason.as_str())), "{}", reason.as_str());
    }
}

#[test]
fn every_metric_is_documented() {
    let mut found = 0;
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(path).unwrap();
            for name in source.split('"').filter(|text| is_metric(text)) {
                assert!(OPERATIONS.contains(&format!("`{name}")), "{name} is not documented");
                found += 1;
            }
        }
    }
    assert!(found > 20, "the metrics are where this test looks for them");
}

fn is_metric(text: &str) -> bool {
    text.strip_prefix("triproom_")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

#[test]
fn examples_are_shown_as_they_are() {
    for (page, example) in
        [(README, include_str!("../examples/first-room.mjs")), (ACCESS, include_str!("../examples/webhook.mjs"))]
    {
        let code = example.lines().skip_while(|line| line.starts_with("//")).collect::<Vec<_>>().join("\n");
        assert!(page.contains(&code), "{code}");
    }
}

#[test]
fn every_role_is_documented() {
    for role in Role::ALL {
        assert!(ACCESS.contains(&format!("| `{role}` |")), "{role}");
    }
}
