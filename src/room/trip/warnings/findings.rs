//! What the rules have found so far. It sees to it that there is never much of it, whatever a document holds: a warning
//! is put into words only if it can be among those that are shown.

use super::{Severity, Warning, WarningCode};

/// So many warnings are given about one trip, the most severe ones.
pub const WARNINGS_MAX: usize = 100;

/// What a warning says.
pub(super) struct Message {
    /// See [`Warning`].
    pub(super) pointers: Vec<String>,
    /// See [`Warning`].
    pub(super) text: String,
    /// See [`Warning`].
    pub(super) suggestion: String,
}

/// Found warnings. No two of them have the same code and pointers: the rules see to that.
#[derive(Default)]
pub(super) struct Findings {
    found: Vec<Warning>,
}

impl Findings {
    /// Adds a warning, unless there are enough that are as severe.
    pub(super) fn add(&mut self, code: WarningCode, severity: Severity, message: impl FnOnce() -> Message) {
        let enough = || self.found.iter().filter(|warning| warning.severity >= severity).count() >= WARNINGS_MAX;
        if self.found.len() >= WARNINGS_MAX && enough() {
            return;
        }
        let Message { pointers, text, suggestion } = message();
        self.found.push(Warning { code, severity, pointers, text, suggestion });
    }

    /// Those that are shown, the most severe first.
    pub(super) fn into_warnings(mut self) -> Vec<Warning> {
        self.found.sort_unstable_by(|a, b| {
            b.severity.cmp(&a.severity).then_with(|| a.code.cmp(&b.code)).then_with(|| a.pointers.cmp(&b.pointers))
        });
        self.found.truncate(WARNINGS_MAX);
        self.found
    }
}
