//! What is wrong with a patch, in a form that a program can act on and a person can read.

use std::fmt;

use serde_json::Value;

use super::excerpt::Excerpt;
use crate::room::trip::FieldError;

/// What kind of fault a patch has. The names are part of the public interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatchCode {
    /// It is not JSON, or not an array of operations.
    NotAPatch,
    /// It has more operations or bytes than are taken, or would do more work than is done for one patch.
    TooLarge,
    /// An operation lacks a member, or has one that makes no sense.
    InvalidOperation,
    /// A JSON pointer is malformed.
    InvalidPointer,
    /// There is nothing at the pointer, or it leads through something that holds nothing.
    NotFound,
    /// The index of a list is malformed or beyond its end.
    InvalidIndex,
    /// A `test` did not hold, or what stands beside what a verb does is not where it was to be.
    TestFailed,
    /// What was to be added under an id of its own is there already.
    AlreadyExists,
    /// A value was to be moved into itself.
    MoveIntoItself,
    /// The caller's role may not write there.
    NotAllowed,
    /// A root cannot be removed, or not become what it was to become.
    FixedRoot,
    /// A number has more digits than JavaScript holds.
    NumberTooLarge,
    /// The document would be nested too deep.
    TooDeep,
    /// A field of the trip would hold what it must not.
    InvalidField,
}

impl PatchCode {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NotAPatch,
        Self::TooLarge,
        Self::InvalidOperation,
        Self::InvalidPointer,
        Self::NotFound,
        Self::InvalidIndex,
        Self::TestFailed,
        Self::AlreadyExists,
        Self::MoveIntoItself,
        Self::NotAllowed,
        Self::FixedRoot,
        Self::NumberTooLarge,
        Self::TooDeep,
        Self::InvalidField,
    ];

    /// Its name in errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAPatch => "not_a_patch",
            Self::TooLarge => "patch_too_large",
            Self::InvalidOperation => "invalid_operation",
            Self::InvalidPointer => "invalid_pointer",
            Self::NotFound => "not_found",
            Self::InvalidIndex => "invalid_index",
            Self::TestFailed => "test_failed",
            Self::AlreadyExists => "already_exists",
            Self::MoveIntoItself => "move_into_itself",
            Self::NotAllowed => "not_allowed",
            Self::FixedRoot => "fixed_root",
            Self::NumberTooLarge => "number_too_large",
            Self::TooDeep => "too_deep",
            Self::InvalidField => "invalid_field",
        }
    }
}

/// The first operation of a patch that cannot be done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchError {
    /// Its place in the patch, from 0; nothing when the whole is no patch.
    pub index: Option<usize>,
    /// Its `op`, if it has a known one.
    pub operation: Option<&'static str>,
    /// JSON pointer to what it is about: its `path`, its `from`, or a field below. With [`PatchCode::InvalidOperation`],
    /// a pointer into the operation, to the member of a verb that is wrong.
    pub pointer: String,
    /// What is wrong.
    pub code: PatchCode,
    /// What would be right, in words.
    pub expected: String,
    /// What is there instead: JSON, or in words.
    pub received: String,
    /// What to do about it.
    pub hint: String,
    /// With [`PatchCode::InvalidField`]: all wrong fields, a few at most.
    pub fields: Vec<FieldError>,
    /// When the document is not as the author thought: what it is instead.
    pub current: Option<Current>,
}

/// What is in the document where an operation found it to be otherwise: at its place, or at the last place on the way
/// to it that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// JSON pointer to that place.
    pub pointer: String,
    /// What is there.
    pub value: Excerpt,
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "operation {index}")?;
            if let Some(operation) = self.operation {
                write!(f, " ({operation})")?;
            }
            write!(f, " at {:?}: ", self.pointer)?;
        }
        write!(f, "expected {}, received {}", self.expected, self.received)
    }
}

impl std::error::Error for PatchError {}

/// What is wrong, before it is known in which operation.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: PatchCode,
    pub(super) pointer: String,
    pub(super) expected: String,
    pub(super) received: String,
    pub(super) hint: String,
    current: Option<Box<Current>>,
}

impl Fault {
    pub(super) fn new(code: PatchCode, pointer: &(impl ToString + ?Sized)) -> Self {
        let (expected, received, hint) = (String::new(), String::new(), String::new());
        Self { code, pointer: pointer.to_string(), expected, received, hint, current: None }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    pub(super) fn received(self, received: impl Into<String>) -> Self {
        Self { received: received.into(), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// Says what the document holds at a place.
    pub(super) fn current(self, pointer: &(impl ToString + ?Sized), value: &Value) -> Self {
        let current = Current { pointer: pointer.to_string(), value: Excerpt::of(value) };
        Self { current: Some(Box::new(current)), ..self }
    }

    pub(super) fn of(self, index: Option<usize>, operation: Option<&'static str>) -> Box<PatchError> {
        let Self { code, pointer, expected, received, hint, current } = self;
        let (fields, current) = (Vec::new(), current.map(|current| *current));
        Box::new(PatchError { index, operation, pointer, code, expected, received, hint, fields, current })
    }
}
