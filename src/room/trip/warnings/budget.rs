//! Money: what costs more than is meant for it, and what cannot be counted. Amounts of two currencies are never added:
//! no rate is known. What people say that they spent and what the items cost may be the same money, so the greater
//! counts.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::amount::Amount;
use super::facts::{Category, Item, Price, Trip};
use super::findings::{Findings, Message};
use super::{Severity, WarningCode};

const TOTAL: &str = "/budget/total";

/// The trip, its categories, the categories' plan and its days, against the budget.
pub(super) fn exceeded(trip: &Trip<'_>, findings: &mut Findings) {
    for category in &trip.categories {
        part(trip, category, findings);
    }
    let Some(total) = trip.total else { return };
    whole(trip, total, findings);
    plan(trip, total, findings);
    days(trip, total, findings);
}

/// Prices that are left out of every sum: for each other currency, a warning that points to the dearest item. A trip
/// without a currency may have one after all, that of its items.
pub(super) fn mixed(trip: &Trip<'_>, findings: &mut Findings) {
    let mut others: BTreeMap<&str, Vec<(&Item<'_>, Amount)>> = BTreeMap::new();
    for item in &trip.items {
        if let Some(Price { amount, currency: Some(currency) }) = item.price
            && Some(currency) != trip.currency
        {
            others.entry(currency.code()).or_default().push((item, amount));
        }
    }
    let unit = match trip.currency {
        Some(currency) => format!("which is in {}", currency.code()),
        None if others.len() < 2 => return,
        None => "which has no currency".to_owned(),
    };
    for (code, items) in others {
        let sum: Amount = items.iter().map(|(_, amount)| *amount).sum();
        let Some((dearest, _)) = dearest(items.iter().copied()) else { continue };
        findings.add(WarningCode::CurrencyMixed, Severity::Low, || Message {
            pointers: vec!["/trip/currency".to_owned(), dearest.field("currency")],
            text: format!("Prices of {sum} {code} in {} are not counted in the budget, {unit}.", count(items.len())),
            suggestion: format!("Convert the prices in {code}, or set the trip's currency."),
        });
    }
}

fn whole(trip: &Trip<'_>, total: Amount, findings: &mut Findings) {
    let priced = trip.priced().map(|(_, amount)| amount).sum();
    let (what, cost, pointers) = match trip.spent {
        Some(spent) if spent > priced => ("What was spent comes", spent, vec![TOTAL, "/budget/spent"]),
        _ => ("The prices of all items come", priced, vec![TOTAL]),
    };
    if cost > total {
        findings.add(WarningCode::BudgetExceeded, Severity::High, || Message {
            pointers: pointers.into_iter().map(str::to_owned).collect(),
            text: format!("{what} to {}, {}.", trip.money(cost), over(trip, cost, total, "the trip's total")),
            suggestion: "Raise the total, or find something cheaper for the dearest items.".to_owned(),
        });
    }
}

fn part(trip: &Trip<'_>, category: &Category, findings: &mut Findings) {
    let Category { name, planned: Some(planned), spent } = *category else { return };
    let of_it = trip.priced().filter(|(item, _)| item.kind.category() == name);
    let priced = of_it.map(|(_, amount)| amount).sum();
    let (what, cost, field) = match spent {
        Some(spent) if spent > priced => (format!("What was spent on {name} comes"), spent, "spent"),
        _ => (format!("The prices of items for {name} come"), priced, "planned"),
    };
    if cost > planned {
        findings.add(WarningCode::BudgetExceeded, Severity::Medium, || Message {
            pointers: vec![format!("/budget/categories/{name}/{field}")],
            text: format!("{what} to {}, {}.", trip.money(cost), over(trip, cost, planned, "what is planned")),
            suggestion: format!("Plan more for {name}, or find something cheaper."),
        });
    }
}

fn plan(trip: &Trip<'_>, total: Amount, findings: &mut Findings) {
    let planned = trip.categories.iter().filter_map(|category| category.planned).sum();
    if planned > total {
        findings.add(WarningCode::BudgetExceeded, Severity::Medium, || Message {
            pointers: vec![TOTAL.to_owned(), "/budget/categories".to_owned()],
            text: format!(
                "What is planned for the categories comes to {}, {}.",
                trip.money(planned),
                over(trip, planned, total, "the trip's total")
            ),
            suggestion: "Plan less for a category, or raise the total.".to_owned(),
        });
    }
}

/// A day may cost its even share of the total. Beds and journeys are for the whole trip and do not count.
fn days(trip: &Trip<'_>, total: Amount, findings: &mut Findings) {
    let (Some(start), Some(end)) = (trip.start, trip.end) else { return };
    let Some(length) = u32::try_from(end.duration_since(start).as_hours() / 24 + 1).ok().filter(|days| *days > 1)
    else {
        return;
    };
    let share = total.share(length);
    let mut days: BTreeMap<Date, Vec<(&Item<'_>, Amount)>> = BTreeMap::new();
    for (item, amount) in trip.priced().filter(|(item, _)| item.kind.is_visit()) {
        if let Some(day) = item.on() {
            days.entry(day).or_default().push((item, amount));
        }
    }
    for (day, items) in days {
        let cost: Amount = items.iter().map(|(_, amount)| *amount).sum();
        let Some((dearest, _)) = dearest(items.into_iter()).filter(|_| cost > share) else { continue };
        findings.add(WarningCode::BudgetExceeded, Severity::Low, || Message {
            pointers: vec![TOTAL.to_owned(), dearest.field("price")],
            text: format!(
                "{day} costs {} without beds and journeys, {} in a trip of {length} days.",
                trip.money(cost),
                over(trip, cost, share, "the even share")
            ),
            suggestion: format!("Move {} to another day, or find something cheaper.", dearest.name),
        });
    }
}

/// The dearest of some items; the first of those that are equally dear.
fn dearest<'t, 'a>(items: impl Iterator<Item = (&'t Item<'a>, Amount)>) -> Option<(&'t Item<'a>, Amount)> {
    items.reduce(|dearest, item| if item.1 > dearest.1 { item } else { dearest })
}

fn over(trip: &Trip<'_>, cost: Amount, limit: Amount, what: &str) -> String {
    format!("{} over {what} of {}", trip.money(cost.beyond(limit)), trip.money(limit))
}

fn count(items: usize) -> String {
    if items == 1 { "one item".to_owned() } else { format!("{items} items") }
}
