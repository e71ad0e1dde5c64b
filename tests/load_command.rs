//! The load tester's page as somebody follows it: files, records, reports and merges, against the real server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;
use triproom::load::merge::{MergeError, merge};
use triproom::load::record;

struct Server {
    process: Child,
    target: String,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
        command.args(["serve", "--port", "0", "--data"]).arg(folder.path().join("data"));
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("http://").next().unwrap();
        let target = format!("ws://{address}");
        Self { process, target, folder }
    }

    fn load(&self, words: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
        command.arg("load").args(words).current_dir(self.folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A small run; its exit code is 3 where the machine is too busy for it.
    fn small(&self, duration: &str, words: &[&str]) -> Child {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/load/quiet-room.toml");
        let small = ["--target", &self.target, "--duration", duration, "--warm-up", "200ms", "--drain", "20s"];
        self.load(&[&["--file", file.to_str().unwrap()], &small[..], words].concat())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ended(process: Child, codes: &[i32]) -> Output {
    let output = process.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{}: {said}", output.status);
    output
}

#[test]
fn runs_are_recorded_reported_and_compared() {
    let server = Server::start();
    let path = server.folder.path();
    let pid = server.process.id().to_string();
    let first = ended(server.small("1s", &["--json", "runs.json", "--report", "one.html", "--pid", &pid]), &[0, 3]);
    let table = String::from_utf8(first.stdout).unwrap();
    assert!(table.contains("lost          0 of ") && table.contains("converged     1 of 1 room"), "{table}");
    assert!(std::fs::read_to_string(path.join("one.html")).unwrap().contains("<h3>Server CPU</h3>"));

    let second =
        ended(server.small("1s", &["--rate", "4", "--name", "twice", "--json", "runs.json", "--quiet"]), &[0, 3]);
    assert!(second.stdout.is_empty() && second.stderr.is_empty());
    let runs = record::read(&path.join("runs.json")).unwrap();
    assert_eq!(runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(), ["fanout", "twice"]);
    assert_eq!(runs[1].verdict.tally.sent, 2 * runs[0].verdict.tally.sent, "the flag won over the file");

    let compared = ended(server.load(&["report", "runs.json", "--report", "both.html"]), &[0]);
    assert!(String::from_utf8(compared.stdout).unwrap().contains("twice"));
    assert!(std::fs::read_to_string(path.join("both.html")).unwrap().contains("2 runs compared"));

    for words in
        [&["report", "runs.json", "--report", "runs.json"][..], &["merge", "runs.json", "--report", "runs.json"]]
    {
        let refused = ended(server.load(words), &[1]);
        assert!(String::from_utf8(refused.stderr).unwrap().contains("--report runs.json"), "{words:?}");
    }
    ended(server.small("1s", &["--json", "new", "--report", "./new"]), &[1]);
    std::fs::write(path.join("notes"), "triproom load was fast").unwrap();
    ended(server.load(&["report", "runs.json", "--report", "notes"]), &[1]);
    assert_eq!(record::read(&path.join("runs.json")).unwrap().len(), 2, "nothing of them is gone");
    ended(server.load(&["report", "runs.json", "--report", "both.html"]), &[0]);

    let clean = ended(server.small("1s", &["--json", "-"]), &[0, 3]);
    let line = std::str::from_utf8(&clean.stdout).unwrap();
    record::Record::parse(line).expect("nothing but the record is on standard output");
    assert!(String::from_utf8(clean.stderr).unwrap().contains("converged     1 of 1 room"), "the table is beside it");
}

#[test]
fn several_load_testers_make_one_run() {
    let server = Server::start();
    let [a, b] = ["a", "b"].map(|name| server.small("3s", &["--name", name, "--json", name]));
    ended(a, &[0, 3]);
    ended(b, &[0, 3]);
    let merged = ended(server.load(&["merge", "a", "b", "--name", "both", "--json", "all"]), &[0, 3]);
    assert!(String::from_utf8(merged.stdout).unwrap().starts_with("both · fanout"));
    let [a, b, all] = ["a", "b", "all"].map(|name| record::read(&server.folder.path().join(name)).unwrap().remove(0));
    let deliveries = |run: &record::Record| run.verdict.tally.deliveries;
    assert_eq!(deliveries(&all), deliveries(&a) + deliveries(&b));

    let mut node = b.clone();
    node.target.urls = vec!["ws://127.0.0.1:2".to_owned()];
    let of_nodes = merge(&[a.clone(), node], None).unwrap();
    assert_eq!(of_nodes.target.urls.len(), 2, "{:?}", of_nodes.target);
    let mut other = b;
    other.target.path = "/elsewhere/{room}".to_owned();
    assert!(matches!(merge(&[a, other], None), Err(MergeError::Targets(..))));
}

#[test]
fn of_a_server_that_ends_in_the_middle_is_said_what_was_known() {
    let mut server = Server::start();
    let pid = server.process.id().to_string();
    let mut run = server.small("3s", &["--pid", &pid, "--json", "runs.json"]);
    let mut said = BufReader::new(run.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("measuring for")));
    server.process.kill().unwrap();
    ended(run, &[2]);
    let run = record::read(&server.folder.path().join("runs.json")).unwrap().remove(0);
    let used = &run.servers[0];
    assert!(used.memory_after_bytes > 1 << 20 && used.memory_peak_bytes >= used.memory_before_bytes, "{used:?}");
    assert!(run.verdict.notes.iter().any(|note| note.contains("ended before the load did")), "{:?}", run.verdict);
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_line() {
    let server = Server::start();
    let path = server.folder.path().join("wrong.toml");
    for (text, line, said) in [
        ("scenario = 'fanout'\n# how often\nratee = 5\n", 3, "'--ratee'"),
        ("scenario = 'fanout'\nclients = 3\nwarm_up = 'soon'\n", 3, "'--warm-up <TIME>'"),
        ("scenario = 'fanout'\nrate = -1\n", 2, "'--rate <NUMBER>': write a number, 0 or more"),
        ("rate = 1\nscenario = 'fanuot'\n", 2, "'fanuot'"),
        ("scenario = 'fanout'\nrate 5\n", 2, "line 2"),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = ended(server.load(&["--file", "wrong.toml"]), &[1]);
        let error = String::from_utf8(output.stderr).unwrap();
        let place =
            error.contains(&format!("--file wrong.toml, line {line}:")) || error.contains("--file wrong.toml: ");
        assert!(place && error.contains(said), "{text}: {error}");
    }
    std::fs::write(&path, "scenario = 'fanout'\nrate = 5\n").unwrap();
    let output = ended(server.load(&["--file", "wrong.toml", "--rate", "x"]), &[1]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("'--rate <NUMBER>'") && !error.contains("wrong.toml"), "a person typed it: {error}");
}

#[test]
fn what_cannot_run_says_so_by_its_exit_code() {
    let server = Server::start();
    for (words, said) in [
        (&["fanout"][..], "--target"),
        (&["fanout", "--ratee", "5"], "--ratee"),
        (&["fanout", "--target", "ws://example.org"], "--allow-remote"),
        (&["fanout", "--target", "ws://ada:secret@127.0.0.1"], "--header"),
        (&["trip", "--mix", "nowhere.toml"], "--mix nowhere.toml: "),
        (&["replay", "--target", "ws://127.0.0.1:1", "--trace", "nowhere.json"], "--trace nowhere.json: "),
        (&["replay", "--target", "ws://127.0.0.1:1", "--trace", "nowhere.json", "--edits", "0"], "--edits"),
        (&["saturate", "--clients", "1"], "--clients"),
        (&["saturate", "--step", "0s"], "--step"),
        (&["fanout", "--target", "ws://127.0.0.1:1", "--patience", "0s"], "--patience"),
        (&["fanout", "--target", "ws://127.0.0.1:1", "--patience", "2days"], "--patience"),
        (&["fanout", "--rate", "-1"], "'--rate <NUMBER>': write a number, 0 or more"),
        (&["fanout", "--rate", "NaN"], "'--rate <NUMBER>': write a number, 0 or more"),
        (&["fanout", "--clients", "-1"], "'--clients <COUNT>': write a whole number, 0 or more"),
        (&["fanout", "--threads", "-1"], "'--threads <COUNT>': -1 is not in 1..=256"),
        (&["saturate", "--from", "0"], "'--from <NUMBER>': write a number of more than 0"),
        (&["--file", "nowhere.toml"], "nowhere.toml"),
        (&["report", "nowhere.json"], "nowhere.json"),
        (&["report", "nowhere.json", "--report", "-"], "--json -"),
    ] {
        let output = ended(server.load(words), &[1]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(said), "{words:?}: {error}");
    }
}
