//! The way of a trip's status. Any may follow on any; some seldom do, and whoever did it may have meant another.

use serde_json::{Map, Value};

use super::super::TRIP_STATUSES;
use super::{Severity, Warning, WarningCode};

/// What usually follows on what.
const USUAL: &[(&str, &str)] = &[
    ("planning", "booked"),
    ("planning", "in_progress"),
    ("planning", "cancelled"),
    ("booked", "planning"),
    ("booked", "in_progress"),
    ("booked", "cancelled"),
    ("in_progress", "completed"),
    ("in_progress", "cancelled"),
    ("cancelled", "planning"),
];

/// A warning if the trip's status went an odd way between two states of a document, given as objects of its roots. It
/// is about the step alone: the state that comes of it is as good as any.
pub fn status_transition(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Warning> {
    let (from, to) = (status(before)?, status(after)?);
    if from == to || USUAL.contains(&(from, to)) {
        return None;
    }
    Some(Warning {
        code: WarningCode::StatusTransition,
        severity: Severity::Low,
        pointers: vec!["/trip/status".to_owned()],
        text: format!("The trip's status went from {from} to {to}, which it seldom does."),
        suggestion: format!("Set it back to {from} if that was not meant."),
    })
}

fn status(roots: &Map<String, Value>) -> Option<&str> {
    roots.get("trip")?.get("status")?.as_str().filter(|status| TRIP_STATUSES.contains(status))
}
