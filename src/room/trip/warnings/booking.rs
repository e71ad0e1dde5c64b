//! References that unlike items share. The legs of a journey out and back have one booking, so journeys are alike on
//! any day.

use std::collections::BTreeMap;

use super::facts::{Commitment, Item, Name, Trip};
use super::findings::{Findings, Message};
use super::{Severity, WarningCode};

/// For each reference that items share, the first two that are of different kinds or on different days.
pub(super) fn conflicts(trip: &Trip<'_>, findings: &mut Findings) {
    let mut sharing: BTreeMap<(&str, &str), Vec<&Item<'_>>> = BTreeMap::new();
    for item in &trip.items {
        for (field, reference) in [("booking_reference", item.booking_reference), ("external_id", item.external_id)] {
            if let Some(reference) = reference {
                sharing.entry((field, reference)).or_default().push(item);
            }
        }
    }
    for ((field, reference), items) in sharing {
        let [first, others @ ..] = items.as_slice() else { continue };
        let Some(other) = others.iter().find(|other| differ(first, other)) else { continue };
        let booked = first.commitment == Commitment::Booked && other.commitment == Commitment::Booked;
        let severity = if booked { Severity::Medium } else { Severity::Low };
        findings.add(WarningCode::BookingConflict, severity, || Message {
            pointers: vec![first.field(field), other.field(field)],
            text: format!(
                "{} and {} have the same {field} {}.",
                described(first),
                described(other),
                Name::new(reference)
            ),
            suggestion: format!("Correct the {field} of one of them, or remove the one that is there twice."),
        });
    }
}

fn differ(first: &Item<'_>, other: &Item<'_>) -> bool {
    if first.kind.is_journey() && other.kind.is_journey() {
        return false;
    }
    first.kind != other.kind || first.on().zip(other.on()).is_some_and(|(day, other)| day != other)
}

fn described(item: &Item<'_>) -> String {
    let day = item.on().map_or_else(String::new, |day| format!(" on {day}"));
    format!("{} ({}{day})", item.name, item.kind.as_str())
}
