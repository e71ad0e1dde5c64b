//! What is before the trip's first day or after its last one. Notes are about a trip, and need not be within it.

use jiff::civil::Date;

use super::facts::{Kind, Trip};
use super::findings::{Findings, Message};
use super::{Severity, WarningCode};

/// The end of the trip that something is beyond.
struct Bound {
    pointer: &'static str,
    text: String,
}

/// Items and destinations outside the trip's dates; each of them once.
pub(super) fn outside(trip: &Trip<'_>, findings: &mut Findings) {
    if let (Some(start), Some(end)) = (trip.start, trip.end)
        && end < start
    {
        findings.add(WarningCode::OutsideDates, Severity::Medium, || Message {
            pointers: vec!["/trip/start_date".to_owned(), "/trip/end_date".to_owned()],
            text: format!("The trip ends on {end}, before it starts on {start}."),
            suggestion: "Correct start_date or end_date.".to_owned(),
        });
        return;
    }
    for item in trip.items.iter().filter(|item| item.kind != Kind::Note) {
        let days = [("day", item.day), ("start", item.start.map(|start| start.day))];
        if let Some((field, day, bound)) = first_beyond(trip, days) {
            findings.add(WarningCode::OutsideDates, item.commitment.severity(), || {
                message(item.field(field), &bound, &format!("{} is on {day}", item.name))
            });
        }
    }
    for destination in &trip.destinations {
        let days = [("arrival_date", destination.arrival), ("departure_date", destination.departure)];
        if let Some((field, day, bound)) = first_beyond(trip, days) {
            findings.add(WarningCode::OutsideDates, Severity::Medium, || {
                message(destination.field(field), &bound, &format!("The {field} of {} is {day}", destination.name))
            });
        }
    }
}

fn first_beyond(trip: &Trip<'_>, days: [(&'static str, Option<Date>); 2]) -> Option<(&'static str, Date, Bound)> {
    days.into_iter().find_map(|(field, day)| Some((field, day?, beyond(trip, day?)?)))
}

fn beyond(trip: &Trip<'_>, day: Date) -> Option<Bound> {
    if let Some(start) = trip.start.filter(|start| day < *start) {
        return Some(Bound { pointer: "/trip/start_date", text: format!("before the trip starts on {start}") });
    }
    let end = trip.end.filter(|end| day > *end)?;
    Some(Bound { pointer: "/trip/end_date", text: format!("after the trip ends on {end}") })
}

fn message(pointer: String, bound: &Bound, subject: &str) -> Message {
    Message {
        text: format!("{subject}, {}.", bound.text),
        suggestion: format!("Choose a day of the trip, or change {}.", bound.pointer),
        pointers: vec![pointer, bound.pointer.to_owned()],
    }
}
