//! Whether people can get from one place to the next. Only what takes time at one place is looked at: the place of a
//! journey may be where it begins or where it ends, and a bed is free long before somebody comes.

use jiff::SignedDuration;

use super::WarningCode;
use super::facts::{Item, Trip};
use super::findings::{Findings, Message};

/// What is farther apart is not at one place: a large city, and places that are not given to the metre, are nearer.
pub(super) const FAR_KM: f64 = 50.0;

/// As fast as an airliner flies, in kilometres an hour.
const FASTEST_KM_H: f64 = 900.0;

/// How many kilometres the places of two items are apart.
pub(super) fn kilometres(first: &Item<'_>, second: &Item<'_>) -> Option<f64> {
    Some(first.position?.kilometres(second.position?))
}

/// Visits that an airliner would not reach in time from the one that ended last before.
pub(super) fn too_far(trip: &Trip<'_>, findings: &mut Findings) {
    let placed = trip.items.iter().filter(|item| item.kind.is_visit() && item.position.is_some());
    let mut visits: Vec<_> = placed.filter_map(|item| Some((item.period()?, item))).collect();
    visits.sort_unstable_by_key(|((from, _), item)| (*from, item.id));
    let Some((mut last, later)) = visits.split_first() else { return };
    for next in later {
        let ((_, left), first) = *last;
        let ((from, until), second) = *next;
        if left <= from {
            compare(first, second, from.duration_since(left), findings);
        }
        if until > left {
            last = next;
        }
    }
}

fn compare(first: &Item<'_>, second: &Item<'_>, time: SignedDuration, findings: &mut Findings) {
    let Some(distance) = kilometres(first, second) else { return };
    if distance <= FAR_KM + FASTEST_KM_H * time.as_secs_f64() / 3_600.0 {
        return;
    }
    let severity = first.commitment.min(second.commitment).severity();
    findings.add(WarningCode::ImpossibleTravel, severity, || Message {
        pointers: vec![first.pointer(), second.pointer()],
        text: format!(
            "{} is {distance:.0} km from {}, and there are {} minutes to get there.",
            second.name,
            first.name,
            time.as_mins()
        ),
        suggestion: format!(
            "Leave more time between {} and {}, or choose another day for one.",
            first.name, second.name
        ),
    });
}
