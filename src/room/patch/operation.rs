//! One operation of a list: of JSON Patch, or a verb. Says what it reads and writes, whichever it is. Made by `parse`,
//! done by `plan`.

use json_patch::jsonptr::PointerBuf;
use json_patch::{CopyOperation, MoveOperation, PatchOperation};

use super::verb::Verb;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// Of RFC 6902.
    Json(PatchOperation),
    /// Of the trip's own.
    Verb(Verb),
}

impl Operation {
    /// Its `op`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Json(PatchOperation::Add(_)) => "add",
            Self::Json(PatchOperation::Remove(_)) => "remove",
            Self::Json(PatchOperation::Replace(_)) => "replace",
            Self::Json(PatchOperation::Move(_)) => "move",
            Self::Json(PatchOperation::Copy(_)) => "copy",
            Self::Json(PatchOperation::Test(_)) => "test",
            Self::Verb(verb) => verb.name(),
        }
    }

    /// The places that it writes.
    pub(super) fn written(&self) -> Vec<PointerBuf> {
        match self {
            Self::Json(PatchOperation::Test(_)) => Vec::new(),
            Self::Json(PatchOperation::Move(MoveOperation { from, path })) => vec![path.clone(), from.clone()],
            Self::Json(operation) => vec![operation.path().to_owned()],
            Self::Verb(verb) => vec![verb.written()],
        }
    }

    /// The places that it reads or writes.
    pub(super) fn touched(&self) -> Vec<PointerBuf> {
        match self {
            Self::Json(
                PatchOperation::Move(MoveOperation { from, path }) | PatchOperation::Copy(CopyOperation { from, path }),
            ) => vec![path.clone(), from.clone()],
            Self::Json(operation) => vec![operation.path().to_owned()],
            Self::Verb(verb) => [verb.written()].into_iter().chain(verb.consulted()).collect(),
        }
    }

    /// Whether it may multiply what is there.
    pub(super) fn copies(&self) -> bool {
        matches!(self, Self::Json(PatchOperation::Copy(_)))
    }
}
