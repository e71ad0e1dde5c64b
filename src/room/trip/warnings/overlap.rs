//! What is at one time: nights in two beds, and items that take the same hours. A journey that begins before the one
//! before has ended, and things at one time in places far apart, have codes of their own.
//!
//! An item is held against the one before it that lasts longest, once for each sort of item. So there are never more
//! than a few warnings an item, and each that begins while another lasts has one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::facts::{Commitment, Item, Kind, Trip};
use super::findings::{Findings, Message};
use super::travel::{FAR_KM, kilometres};
use super::{Severity, WarningCode};

/// An item and when it is. The end is after the beginning and not a part of it.
struct Span<'a, T> {
    from: T,
    until: T,
    item: &'a Item<'a>,
}

/// Stays that share nights.
pub(super) fn stays(trip: &Trip<'_>, findings: &mut Findings) {
    let spans = trip.items.iter().filter(|item| item.kind == Kind::Accommodation).filter_map(nights).collect();
    collisions(spans, |first, second| {
        let distance = far_apart(first.item, second.item);
        let code = if distance.is_some() { WarningCode::LocationConflict } else { WarningCode::TimeOverlap };
        findings.add(code, severity(first.item, second.item), || {
            let (from, until) = (second.from, first.until.min(second.until));
            let text = format!(
                "{} and {} are both for the nights from {from} to {until}{}.",
                first.item.name,
                second.item.name,
                apart(distance)
            );
            message(first.item, second.item, text)
        });
    });
}

/// Items that take the same hours.
pub(super) fn timed(trip: &Trip<'_>, findings: &mut Findings) {
    let items = trip.items.iter().filter(|item| item.kind.is_journey() || item.kind.is_visit());
    let spans = items.filter_map(|item| {
        let (from, until) = item.period()?;
        Some(Span::<Timestamp> { from, until, item })
    });
    collisions(spans.collect(), |first, second| {
        let journeys = first.item.kind.is_journey() && second.item.kind.is_journey();
        let distance = far_apart(first.item, second.item);
        let code = match distance {
            _ if journeys => WarningCode::ImpossibleTravel,
            Some(_) => WarningCode::LocationConflict,
            None => WarningCode::TimeOverlap,
        };
        findings.add(code, severity(first.item, second.item), || {
            let text = same_hours(first.item, second.item, &apart(distance));
            message(first.item, second.item, text)
        });
    });
}

/// Calls `tell` with pairs of spans that overlap, the one that begins first first.
fn collisions<T: Ord + Copy>(mut spans: Vec<Span<'_, T>>, mut tell: impl FnMut(&Span<'_, T>, &Span<'_, T>)) {
    spans.sort_unstable_by_key(|span| (span.from, span.item.id));
    // By sort: what is loose hides nothing that is booked, and what is no journey hides no journey.
    let mut longest: BTreeMap<(bool, Commitment), &Span<'_, T>> = BTreeMap::new();
    for span in &spans {
        for running in longest.values().filter(|running| running.until > span.from) {
            tell(running, span);
        }
        let sort = (span.item.kind.is_journey(), span.item.commitment);
        let longest = longest.entry(sort).or_insert(span);
        if span.until > longest.until {
            *longest = span;
        }
    }
}

/// The nights of a stay. Without an end it is for one night; one that ends on its first day is for none.
fn nights<'a>(item: &'a Item<'a>) -> Option<Span<'a, Date>> {
    let from = item.start.map(|start| start.day).or(item.day)?;
    let until = item.end.map_or_else(|| from.tomorrow().ok(), |end| Some(end.day))?;
    (from < until).then_some(Span { from, until, item })
}

fn severity(first: &Item<'_>, second: &Item<'_>) -> Severity {
    first.commitment.min(second.commitment).severity()
}

/// How many kilometres two items are apart, if that is far and neither is a journey: a journey has more than one place.
fn far_apart(first: &Item<'_>, second: &Item<'_>) -> Option<f64> {
    if first.kind.is_journey() || second.kind.is_journey() {
        return None;
    }
    kilometres(first, second).filter(|distance| *distance > FAR_KM)
}

fn apart(distance: Option<f64>) -> String {
    distance.map_or_else(String::new, |distance| format!(", {distance:.0} km apart"))
}

fn same_hours(first: &Item<'_>, second: &Item<'_>, apart: &str) -> String {
    let begins = if second.kind.is_journey() { "leaves" } else { "begins" };
    let start = second.start.map(|start| start.to_string()).unwrap_or_default();
    let lasts = first.end.filter(|end| first.start.is_some_and(|start| end.at > start.at));
    match lasts {
        Some(end) if first.kind.is_journey() => {
            format!("{} {begins} at {start}, before {} arrives at {end}{apart}.", second.name, first.name)
        }
        Some(end) => format!("{} {begins} at {start}, before {} ends at {end}{apart}.", second.name, first.name),
        None => format!("{} {begins} at {start}, as {} does{apart}.", second.name, first.name),
    }
}

fn message(first: &Item<'_>, second: &Item<'_>, text: String) -> Message {
    let looser = if first.commitment < second.commitment { first } else { second };
    let suggestion = match looser.commitment {
        Commitment::Flexible => format!("Move {}, which is flexible.", looser.name),
        Commitment::Planned => format!("Move {}, which is not booked, or leave one of the two out.", looser.name),
        Commitment::Booked => "Change or cancel one of the two bookings.".to_owned(),
    };
    Message { pointers: vec![first.pointer(), second.pointer()], text, suggestion }
}
