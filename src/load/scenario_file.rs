//! Scenario files: a TOML file has the names of the flags, and what is said on the command line wins. It is turned into flags
//! before the command line is read, so that a file can say all that a flag can, with the same checks and the same errors.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use toml::de::DeTable;
use toml::{Table, Value};

/// The largest scenario file.
pub const FILE_LIMIT: u64 = 1 << 20;

/// What says in a file which scenario it is for, as if it were a flag.
const SCENARIO: &str = "--scenario";

/// Why a scenario file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioFileError {
    /// No file, no right.
    #[error("--file {}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is larger than a scenario can be.
    #[error("--file {}: a scenario file has no more than 1 MiB", .0.display())]
    Large(PathBuf),
    /// It is no TOML.
    #[error("--file {}: {error}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and what.
        error: Box<toml::de::Error>,
    },
    /// A value that no flag has.
    #[error("--file {}: {key}: a text, a number, true, false, or a list of these", path.display())]
    Value {
        /// Which file.
        path: PathBuf,
        /// What it is called there.
        key: String,
    },
    /// It names another one.
    #[error("--file {}: a scenario file cannot name another one", .0.display())]
    Nested(PathBuf),
    /// Neither the command line nor the file says what to run.
    #[error("--file {}: write `scenario = \"fanout\"` (or another one) into it, or name one behind `load`", .0.display())]
    NoScenario(PathBuf),
    /// They do not agree.
    #[error("--file {}: it is for {of_file}, not for {asked}", path.display())]
    OtherScenario {
        /// Which file.
        path: PathBuf,
        /// What the file says.
        of_file: String,
        /// What the command line says.
        asked: String,
    },
}

/// A command line in which a file's options are flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// The command line.
    pub words: Vec<OsString>,
    /// Flags that are of the file, and their lines there, from 1.
    lines: Vec<(String, usize)>,
    /// Which file.
    path: PathBuf,
}

impl Expanded {
    /// Where in the file it is written what a command line is refused for; nothing if a person typed it.
    pub fn place(&self, refused: &clap::Error) -> Option<String> {
        let flag = match (refused.get(ContextKind::InvalidArg), refused.get(ContextKind::InvalidSubcommand)) {
            // Behind a flag that there is stands what it takes.
            (Some(ContextValue::String(flag)), _) => flag.split([' ', '=']).next()?,
            (_, Some(_)) => SCENARIO,
            _ => return None,
        };
        let (_, line) = self.lines.iter().find(|(of_file, _)| of_file == flag)?;
        Some(format!("--file {}, line {line}", self.path.display()))
    }
}

/// A command line with the file of `load … --file FILE` written out as flags, in front of those that are given. Any other command
/// line is given back as it is.
pub fn expand(arguments: impl IntoIterator<Item = OsString>) -> Result<Expanded, ScenarioFileError> {
    let arguments = arguments.into_iter().collect::<Vec<_>>();
    let as_it_is = |words| Ok(Expanded { words, lines: Vec::new(), path: PathBuf::new() });
    if arguments.get(1).is_none_or(|command| command != "load") {
        return as_it_is(arguments);
    }
    let (head, given) = arguments.split_at(2);
    let Some(path) = file(given) else { return as_it_is(arguments) };
    let text = read(&path)?;
    let syntax = |error| ScenarioFileError::Syntax { path: path.clone(), error: Box::new(error) };
    let mut table: Table = text.parse().map_err(syntax)?;
    let of_file = match table.remove("scenario") {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(ScenarioFileError::Value { path, key: "scenario".to_owned() }),
    };
    let asked = given.first().filter(|word| !word.to_string_lossy().starts_with('-'));
    let is_of_file = asked.is_none();
    let (scenario, given) = match (asked, of_file) {
        (Some(asked), Some(of_file)) if **asked != *of_file => {
            let asked = asked.to_string_lossy().into_owned();
            return Err(ScenarioFileError::OtherScenario { path, of_file, asked });
        }
        (Some(asked), _) => (asked.clone(), &given[1..]),
        (None, Some(of_file)) => (of_file.into(), given),
        (None, None) => return Err(ScenarioFileError::NoScenario(path)),
    };
    if table.contains_key("file") {
        return Err(ScenarioFileError::Nested(path));
    }
    let (flags, mut names) = flags(&path, &table, given)?;
    names.extend(is_of_file.then(|| SCENARIO.to_owned()));
    let words = head.iter().cloned().chain([scenario]).chain(flags).chain(given.iter().cloned()).collect();
    Ok(Expanded { words, lines: lines(&text, &names), path })
}

/// What comes behind `--file`.
fn file(given: &[OsString]) -> Option<PathBuf> {
    let mut words = given.iter();
    while let Some(word) = words.next() {
        if word == "--file" {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--file=")) {
            return Some(PathBuf::from(path));
        }
    }
    None
}

fn read(path: &Path) -> Result<String, ScenarioFileError> {
    let failed = |error| ScenarioFileError::File { path: path.to_owned(), error };
    let mut text = String::new();
    std::fs::File::open(path).map_err(failed)?.take(FILE_LIMIT + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_LIMIT {
        return Err(ScenarioFileError::Large(path.to_owned()));
    }
    Ok(text)
}

fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

/// In which lines these flags are, as far as the parser says.
fn lines(text: &str, flags: &[String]) -> Vec<(String, usize)> {
    let Ok(table) = DeTable::parse(text) else { return Vec::new() };
    let line = |place: usize| 1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count();
    let keys = table.get_ref().keys().map(|key| (flag(key.get_ref()), line(key.span().start)));
    keys.filter(|(of_file, _)| flags.contains(of_file)).collect()
}

/// The table as flags, but for those that are given anyway, and which these are.
fn flags(path: &Path, table: &Table, given: &[OsString]) -> Result<(Vec<OsString>, Vec<String>), ScenarioFileError> {
    let (mut flags, mut names) = (Vec::new(), Vec::new());
    for (key, value) in table {
        let flag = flag(key);
        let with_value = format!("{flag}=");
        let is_given = |word: &OsString| *word == *flag || word.to_string_lossy().starts_with(&with_value);
        if given.iter().any(is_given) {
            continue;
        }
        let values = if let Value::Array(values) = value { values.as_slice() } else { std::slice::from_ref(value) };
        for value in values {
            flags.push(match value {
                Value::Boolean(true) => flag.clone().into(),
                Value::Boolean(false) => continue,
                Value::String(text) => format!("{flag}={text}").into(),
                Value::Integer(number) => format!("{flag}={number}").into(),
                Value::Float(number) => format!("{flag}={number}").into(),
                Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
                    return Err(ScenarioFileError::Value { path: path.to_owned(), key: key.clone() });
                }
            });
        }
        names.push(flag);
    }
    Ok((flags, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(file: &str, given: &[&str]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, file).unwrap();
        let words = ["triproom", "load"].into_iter().chain(given.iter().copied()).map(OsString::from);
        let expanded = expand(words.chain(["--file".into(), path.into()])).map_err(|error| error.to_string())?.words;
        let words = expanded[2..expanded.len() - 2].iter().map(|word| word.to_str().unwrap().to_owned());
        Ok(words.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_file_is_flags_and_the_command_line_wins() {
        let file = "scenario = 'fanout'\nclients = 50\nrate = 2.5\nwarm_up = '5s'\nallow-remote = true\nsilent = false\n\
                    header = ['A: b', 'C: d']\n";
        let all = "fanout --clients=50 --rate=2.5 --warm-up=5s --allow-remote --header=A: b --header=C: d";
        for part in all.split(" --") {
            assert!(expanded(file, &[]).unwrap().contains(part), "{part}");
        }
        let fewer = expanded(file, &["fanout", "--clients=7", "--header", "E: f"]).unwrap();
        assert!(fewer.ends_with("--clients=7 --header E: f"), "{fewer}");
        assert_eq!(fewer.matches("--clients").count(), 1);
        assert_eq!(fewer.matches("--header").count(), 1);
    }

    #[test]
    fn a_file_that_says_too_little_or_something_else_is_refused() {
        assert!(expanded("rate = 1", &[]).unwrap_err().contains("scenario ="));
        assert!(expanded("scenario = 'idle'", &["fanout"]).unwrap_err().contains("for idle, not for fanout"));
        assert!(expanded("[rooms]\na = 1", &["fanout"]).unwrap_err().contains("rooms: a text"));
        assert!(expanded("file = 'other.toml'", &["fanout"]).unwrap_err().contains("cannot name another"));
        assert!(expanded("rate = ", &["fanout"]).unwrap_err().contains("line 1"));
    }

    #[test]
    fn other_command_lines_stay_as_they_are() {
        for line in ["triproom", "triproom serve --file x", "triproom load fanout --rate 5"] {
            let words = line.split(' ').map(OsString::from).collect::<Vec<_>>();
            assert_eq!(expand(words.clone()).unwrap().words, words);
        }
    }
}
