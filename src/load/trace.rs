//! Real editing histories, letter by letter, and the updates that a client makes of them. Used by the scenario `replay`. The forms
//! are those of github.com/josephg/editing-traces: one after the other, or several authors at the same time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use yrs::{Doc, GetString, ReadTxn, Text, TextRef, Transact, TransactionMut};

use super::probe::{self, ProbeError};
use super::writer::ROOT;

/// The most that a trace may have when it is unpacked.
const TRACE_MAX: u64 = 512 << 20;
/// Authors of one trace, at most.
const AUTHORS_MAX: usize = 100;
/// The first author's Yjs client id; the others follow.
const FIRST_CLIENT: u64 = 1 << 31;

/// Why a trace cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// No file, no right.
    #[error("--trace {}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is not in one of the forms.
    #[error("--trace: it is no editing trace: {0}")]
    Form(#[from] serde_json::Error),
    /// It cannot be true.
    #[error("--trace: {0}")]
    Senseless(&'static str),
    /// The library cannot follow it.
    #[error("--trace: {0}")]
    Update(#[from] ProbeError),
}

/// A place, how many letters go there, and which come.
type Patch = (u32, u32, String);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(default)]
    start_content: String,
    end_content: Option<String>,
    txns: Vec<Edit>,
}

#[derive(Deserialize)]
struct Edit {
    /// Edits that this one knew of; without any, all before.
    parents: Option<Vec<usize>>,
    #[serde(default)]
    agent: usize,
    patches: Vec<Patch>,
}

/// One update of an author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who makes it.
    pub author: usize,
    /// The update.
    pub update: Vec<u8>,
    /// Up to where the author's clocks go with it.
    pub end: u32,
    /// What its author had read of others since their step before: who, and up to which of their clocks.
    pub upon: Vec<(usize, u32)>,
}

/// A history that can be sent.
#[derive(Debug, Clone)]
pub struct Trace {
    /// In order.
    pub steps: Vec<Step>,
    /// Yjs client ids of the authors.
    pub clients: Vec<u64>,
    /// The text when all is done.
    pub text: String,
}

impl Trace {
    /// Reads a file, perhaps compressed by gzip, and makes updates of its first edits.
    pub fn open(path: &Path, most: usize) -> Result<Self, TraceError> {
        let read = || {
            let file = BufReader::new(File::open(path)?);
            let mut text = String::new();
            if path.extension().is_some_and(|end| end == "gz") {
                flate2::bufread::GzDecoder::new(file).take(TRACE_MAX).read_to_string(&mut text)?;
            } else {
                file.take(TRACE_MAX).read_to_string(&mut text)?;
            }
            Ok(text)
        };
        let text = read().map_err(|error| TraceError::Io { path: path.to_owned(), error })?;
        Self::of(&serde_json::from_str(&text)?, most)
    }

    fn of(written: &Written, most: usize) -> Result<Self, TraceError> {
        if !written.start_content.is_empty() {
            return Err(TraceError::Senseless("it does not begin with an empty text"));
        }
        let authors = written.txns.iter().map(|edit| edit.agent + 1).max().unwrap_or(0);
        if authors == 0 || authors > AUTHORS_MAX {
            return Err(TraceError::Senseless("nobody writes in it, or more than a hundred do"));
        }
        let mut desks: Vec<Desk> = (0..authors).map(|author| Desk::new(author, written.txns.len())).collect();
        let mut edits: Vec<Vec<Step>> = Vec::new();
        let mut count = 0;
        for (number, edit) in written.txns.iter().enumerate() {
            let desk = &mut desks[edit.agent];
            let parents = edit.parents.as_deref().unwrap_or_default();
            desk.read(parents, &written.txns, &edits)?;
            let steps: Vec<Step> = edit.patches.iter().map(|patch| desk.write(edit.agent, patch)).collect();
            desk.has[number] = true;
            count += edit.patches.len();
            edits.push(steps);
            if count >= most {
                break;
            }
        }
        let clients = desks.iter().map(|desk| desk.doc.client_id().get()).collect();
        let is_whole = edits.len() == written.txns.len() && count <= most;
        let mut steps: Vec<Step> = edits.into_iter().flatten().collect();
        steps.truncate(most);
        let text = text_of(steps.iter().map(|step| &step.update))?;
        let trace = Self { steps, clients, text };
        // Where edits cross, the trace's own end is in the order of whoever wrote it down.
        let is_sequential = written.txns.iter().all(|edit| edit.parents.is_none());
        if is_whole && is_sequential && written.end_content.as_ref().is_some_and(|end| *end != trace.text) {
            return Err(TraceError::Senseless("its edits do not come to its endContent (places count UTF-16 units)"));
        }
        Ok(trace)
    }

    /// Only its first steps are left, and their text.
    pub fn truncate(&mut self, steps: usize) -> Result<(), ProbeError> {
        if steps < self.steps.len() {
            self.steps.truncate(steps);
            self.text = text_of(self.steps.iter().map(|step| &step.update))?;
        }
        Ok(())
    }
}

/// The text that updates make.
pub fn text_of(updates: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<String, ProbeError> {
    let doc = probe::document(1);
    let text = doc.get_or_insert_text(ROOT);
    probe::apply(&doc, updates)?;
    let txn = doc.transact();
    Ok(text.get_string(&txn))
}

/// An author with their document.
struct Desk {
    doc: Doc,
    text: TextRef,
    /// Which edits are in it.
    has: Vec<bool>,
    /// What was read since the last step: whose, and up to which of their clocks.
    upon: BTreeMap<usize, u32>,
}

impl Desk {
    fn new(author: usize, edits: usize) -> Self {
        let doc = probe::document(FIRST_CLIENT + author as u64);
        let text = doc.get_or_insert_text(ROOT);
        Self { doc, text, has: vec![false; edits], upon: BTreeMap::new() }
    }

    /// Takes in edits of others, and what those had taken in. Somebody may do so and write nothing.
    fn read(&mut self, parents: &[usize], written: &[Edit], edits: &[Vec<Step>]) -> Result<(), TraceError> {
        let mut missing = Vec::new();
        let mut ahead: Vec<usize> = parents.to_vec();
        while let Some(number) = ahead.pop() {
            let steps = edits.get(number).ok_or(TraceError::Senseless("an edit builds on a later one"))?;
            if !std::mem::replace(&mut self.has[number], true) {
                missing.push((number, steps));
                ahead.extend(written[number].parents.iter().flatten());
            }
        }
        missing.sort_by_key(|(number, _)| *number);
        let steps = || missing.iter().flat_map(|(_, steps)| steps.iter());
        probe::apply(&self.doc, steps().map(|step| &step.update))?;
        self.upon.extend(steps().map(|step| (step.author, step.end)));
        Ok(())
    }

    /// Does a patch. Authors whose edits cross may see another order than the trace's own, so places are kept within the text.
    fn write(&mut self, author: usize, (at, deleted, inserted): &Patch) -> Step {
        let mut txn = self.doc.transact_mut();
        let length = self.text.len(&txn);
        let at = (*at).min(length);
        let deleted = (*deleted).min(length - at);
        if deleted > 0 {
            self.text.remove_range(&mut txn, at, deleted);
        }
        if !inserted.is_empty() {
            self.text.insert(&mut txn, at, inserted);
        }
        let end = clock(&txn, self.doc.client_id());
        let upon = std::mem::take(&mut self.upon).into_iter().collect();
        Step { author, update: txn.encode_update_v1(), end, upon }
    }
}

fn clock(txn: &TransactionMut<'_>, client: yrs::ClientID) -> u32 {
    txn.state_vector().get(&client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(json: &str) -> Result<Trace, TraceError> {
        first_of(json, usize::MAX)
    }

    fn first_of(json: &str, most: usize) -> Result<Trace, TraceError> {
        Trace::of(&serde_json::from_str(json)?, most)
    }

    #[test]
    fn who_reads_and_writes_nothing_has_read_it_for_what_comes_next() {
        let trace = trace(
            r#"{"startContent":"","endContent":"ab","txns":[
                {"parents":[],"agent":0,"patches":[[0,0,"a"]]},
                {"parents":[0],"agent":1,"patches":[]},
                {"parents":[1],"agent":1,"patches":[[1,0,"b"]]}]}"#,
        );
        assert_eq!(trace.expect("a trace").steps[1].upon, [(0, 1)]);
    }

    #[test]
    fn one_after_the_other() {
        let trace = trace(
            r#"{"startContent":"","endContent":"hey","txns":[{"patches":[[0,0,"h"],[1,0,"ex"]]},{"patches":[[2,1,"y"]]}]}"#,
        );
        let trace = trace.expect("a trace");
        assert_eq!((trace.steps.len(), trace.text.as_str()), (3, "hey"));
        assert_eq!(trace.steps.iter().map(|step| step.end).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn the_end_of_a_trace_is_where_its_edits_come_to() {
        let json = r#"{"endContent":"y","txns":[{"patches":[[0,0,"x"],[0,1,"z"]]},{"patches":[[0,1,"y"]]}]}"#;
        assert!(trace(json).is_ok() && first_of(json, 1).is_ok() && first_of(json, 2).is_ok());
        assert!(trace(&json.replace("\"y\",", "\"x\",")).is_err());
    }

    #[test]
    fn at_the_same_time() {
        let trace = trace(
            r#"{"txns":[
                {"parents":[],"agent":0,"patches":[[0,0,"ab"]]},
                {"parents":[0],"agent":1,"patches":[[2,0,"c"]]},
                {"parents":[0],"agent":0,"patches":[[0,1,""]]},
                {"parents":[1,2],"agent":1,"patches":[[2,0,"d"]]}]}"#,
        );
        let trace = trace.expect("a trace");
        assert_eq!((trace.text.as_str(), trace.clients.len()), ("bcd", 2));
        let upon: Vec<_> = trace.steps.iter().map(|step| step.upon.as_slice()).collect();
        assert_eq!(
            upon,
            [&[][..], &[(0, 2)], &[], &[(0, 2)]],
            "the second author writes upon what the first one wrote"
        );
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        for json in
            ["{}", r#"{"txns":[]}"#, r#"{"txns":[{"parents":[3],"patches":[]}]}"#, r#"{"startContent":"x","txns":[]}"#]
        {
            assert!(trace(json).is_err(), "{json}");
        }
    }
}
