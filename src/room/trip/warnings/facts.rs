//! What the rules look at, read out of the JSON of a trip. What is not of its form is as if it were not there, and so
//! is what was cancelled: it does not take place. Nothing else in a document can change a warning.

use std::fmt;

use iso_currency::Currency;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Value};

use super::super::amount::Amount;
use super::super::value::{currency, date, time};
use super::super::{BUDGET_CATEGORIES, ITEM_KINDS};
use super::Severity;
use super::position::Position;

/// The longest id in bytes: warnings carry ids, and a document may have huge ones. What has a longer one is not looked
/// at.
const ID_BYTES_MAX: usize = 200;

/// So many characters of a name are shown.
const NAME_CHARACTERS: usize = 60;

/// What has a beginning and no end takes so long at least.
const LEAST_DURATION: SignedDuration = SignedDuration::from_mins(1);

/// A trip.
#[derive(Debug, Hash)]
pub(super) struct Trip<'a> {
    /// Its first day.
    pub(super) start: Option<Date>,
    /// Its last day.
    pub(super) end: Option<Date>,
    /// What the budget is in, and each price without a currency of its own.
    pub(super) currency: Option<Currency>,
    /// What the whole may cost.
    pub(super) total: Option<Amount>,
    /// What was spent of it.
    pub(super) spent: Option<Amount>,
    /// What its parts may cost, as far as something is known of them.
    pub(super) categories: Vec<Category>,
    /// Where it goes.
    pub(super) destinations: Vec<Destination<'a>>,
    /// What happens, in the order of ids.
    pub(super) items: Vec<Item<'a>>,
}

/// A part of the budget.
#[derive(Debug, Hash)]
pub(super) struct Category {
    /// One of [`BUDGET_CATEGORIES`].
    pub(super) name: &'static str,
    /// What is meant for it.
    pub(super) planned: Option<Amount>,
    /// What was spent on it.
    pub(super) spent: Option<Amount>,
}

/// Where a trip goes.
#[derive(Debug, Hash)]
pub(super) struct Destination<'a> {
    /// Its key.
    pub(super) id: &'a str,
    /// What it is called; its id, if nobody said.
    pub(super) name: Name<'a>,
    /// The first day there.
    pub(super) arrival: Option<Date>,
    /// The last day there.
    pub(super) departure: Option<Date>,
}

/// Something that happens.
#[derive(Debug, Hash)]
pub(super) struct Item<'a> {
    /// Its key.
    pub(super) id: &'a str,
    /// What it is called; its id, if nobody said.
    pub(super) name: Name<'a>,
    /// What it is.
    pub(super) kind: Kind,
    /// How firm it is.
    pub(super) commitment: Commitment,
    /// The day that it is planned for.
    pub(super) day: Option<Date>,
    /// When it begins.
    pub(super) start: Option<Moment<'a>>,
    /// When it ends.
    pub(super) end: Option<Moment<'a>>,
    /// Where it is.
    pub(super) position: Option<Position>,
    /// What it costs.
    pub(super) price: Option<Price>,
    /// The reference of its booking.
    pub(super) booking_reference: Option<&'a str>,
    /// Its id elsewhere.
    pub(super) external_id: Option<&'a str>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Flight,
    Accommodation,
    Transport,
    Activity,
    Meal,
    Event,
    Note,
    Other,
}

/// How firm an item is, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Commitment {
    Flexible,
    Planned,
    Booked,
}

/// A point in time, and how it was written.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Moment<'a> {
    /// When it is.
    pub(super) at: Timestamp,
    /// The day, as it is called where the item is.
    pub(super) day: Date,
    written: &'a str,
}

/// What something costs.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Price {
    /// How much.
    pub(super) amount: Amount,
    /// In what, if it is not the trip's currency.
    pub(super) currency: Option<Currency>,
}

/// A name as sentences have it: in quotation marks, and not long.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct Name<'a>(&'a str);

impl<'a> Trip<'a> {
    /// Reads an object of roots. On a trip that was cancelled nothing happens.
    pub(super) fn read(roots: &'a Map<String, Value>) -> Self {
        let trip = Fields(Some(roots)).object("trip");
        let takes_place = trip.text("status") != Some("cancelled");
        let roots = Fields(takes_place.then_some(roots));
        let (budget, destinations, items) =
            (roots.object("budget"), roots.object("destinations"), roots.object("items"));
        let categories = budget.object("categories");
        Self {
            start: trip.date("start_date"),
            end: trip.date("end_date"),
            currency: trip.text("currency").and_then(currency),
            total: budget.limit("total"),
            spent: budget.amount("spent"),
            categories: BUDGET_CATEGORIES.iter().map(|name| Category::read(name, categories.object(name))).collect(),
            destinations: destinations.members().map(|(id, fields)| Destination::read(id, fields)).collect(),
            items: items.members().filter_map(|(id, fields)| Item::read(id, fields)).collect(),
        }
    }

    /// An amount in the trip's currency, in words.
    pub(super) fn money(&self, amount: Amount) -> String {
        match self.currency {
            Some(currency) => format!("{amount} {}", currency.code()),
            None => amount.to_string(),
        }
    }

    /// What has a price in the trip's currency, and the price.
    pub(super) fn priced(&self) -> impl Iterator<Item = (&Item<'a>, Amount)> {
        self.items.iter().filter_map(|item| {
            let price = item.price?;
            (price.currency.is_none() || price.currency == self.currency).then_some((item, price.amount))
        })
    }
}

impl Category {
    fn read(name: &'static str, fields: Fields<'_>) -> Self {
        Self { name, planned: fields.limit("planned"), spent: fields.amount("spent") }
    }
}

impl<'a> Destination<'a> {
    fn read(id: &'a str, fields: Fields<'a>) -> Self {
        Self {
            id,
            name: Name::new(fields.text("name").unwrap_or(id)),
            arrival: fields.date("arrival_date"),
            departure: fields.date("departure_date"),
        }
    }

    /// Pointer to one of its fields.
    pub(super) fn field(&self, name: &str) -> String {
        pointer(["destinations", self.id, name])
    }
}

impl<'a> Item<'a> {
    fn read(id: &'a str, fields: Fields<'a>) -> Option<Self> {
        let commitment = match fields.text("booking_status") {
            Some("cancelled") => return None,
            _ if fields.get("flexible") == Some(&Value::Bool(true)) => Commitment::Flexible,
            Some("reserved" | "booked" | "completed") => Commitment::Booked,
            _ => Commitment::Planned,
        };
        Some(Self {
            id,
            name: Name::new(fields.text("title").unwrap_or(id)),
            kind: fields.text("kind").map_or(Kind::Other, Kind::read),
            commitment,
            day: fields.date("day"),
            start: fields.text("start").and_then(Moment::read),
            end: fields.text("end").and_then(Moment::read),
            position: fields.get("place").and_then(Position::read),
            price: Price::read(fields),
            booking_reference: fields.text("booking_reference"),
            external_id: fields.text("external_id"),
        })
    }

    /// Pointer to it.
    pub(super) fn pointer(&self) -> String {
        pointer(["items", self.id])
    }

    /// Pointer to one of its fields.
    pub(super) fn field(&self, name: &str) -> String {
        pointer(["items", self.id, name])
    }

    /// The day that it is on.
    pub(super) fn on(&self) -> Option<Date> {
        self.day.or_else(|| self.start.map(|start| start.day))
    }

    /// From when until when it takes time. The end is after the beginning.
    pub(super) fn period(&self) -> Option<(Timestamp, Timestamp)> {
        let from = self.start?.at;
        let until = self.end.map(|end| end.at).filter(|until| *until > from);
        Some((from, until.or_else(|| from.checked_add(LEAST_DURATION).ok())?))
    }
}

impl Kind {
    const ALL: [Self; ITEM_KINDS.len()] = [
        Self::Flight,
        Self::Accommodation,
        Self::Transport,
        Self::Activity,
        Self::Meal,
        Self::Event,
        Self::Note,
        Self::Other,
    ];

    fn read(word: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Self::Other)
    }

    /// Its word among [`ITEM_KINDS`].
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Flight => "flight",
            Self::Accommodation => "accommodation",
            Self::Transport => "transport",
            Self::Activity => "activity",
            Self::Meal => "meal",
            Self::Event => "event",
            Self::Note => "note",
            Self::Other => "other",
        }
    }

    /// Which of [`BUDGET_CATEGORIES`] its price counts for.
    pub(super) fn category(self) -> &'static str {
        match self {
            Self::Accommodation => "accommodation",
            Self::Flight | Self::Transport => "transportation",
            Self::Meal => "food",
            Self::Activity | Self::Event => "activities",
            Self::Note | Self::Other => "miscellaneous",
        }
    }

    /// Whether it brings people from one place to another.
    pub(super) fn is_journey(self) -> bool {
        matches!(self, Self::Flight | Self::Transport)
    }

    /// Whether people are at one place and busy.
    pub(super) fn is_visit(self) -> bool {
        matches!(self, Self::Activity | Self::Meal | Self::Event | Self::Other)
    }
}

impl Commitment {
    /// How much it matters that something of this firmness does not work.
    pub(super) fn severity(self) -> Severity {
        match self {
            Self::Flexible => Severity::Low,
            Self::Planned => Severity::Medium,
            Self::Booked => Severity::High,
        }
    }
}

impl<'a> Moment<'a> {
    fn read(written: &'a str) -> Option<Self> {
        let at = time(written)?;
        let day = date(&written[..10]).expect("a time begins with a day");
        Some(Self { at, day, written })
    }
}

/// `2026-05-01 09:30+02:00`.
impl fmt::Display for Moment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (to_the_minute, rest) = self.written.split_at(16);
        let zone = rest.find(['Z', 'z', '+', '-']).map_or("", |at| &rest[at..]);
        let zone = zone.split('[').next().unwrap_or_default();
        write!(f, "{} {}{zone}", self.day, &to_the_minute[11..])
    }
}

impl Price {
    /// A price in a currency that there is not is none.
    fn read(fields: Fields<'_>) -> Option<Self> {
        let amount = fields.amount("price")?;
        let currency = match fields.get("currency") {
            None | Some(Value::Null) => None,
            Some(code) => Some(code.as_str().and_then(currency)?),
        };
        Some(Self { amount, currency })
    }
}

impl<'a> Name<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let end = text.char_indices().nth(NAME_CHARACTERS).map_or(text.len(), |(end, _)| end);
        Self(&text[..end])
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "“{}”", self.0)
    }
}

/// An object that may not be there, with whatever fields.
#[derive(Clone, Copy, Default)]
struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    fn get(self, key: &str) -> Option<&'a Value> {
        self.0?.get(key)
    }

    fn object(self, key: &str) -> Self {
        Self(self.get(key).and_then(Value::as_object))
    }

    /// A text that is not blank.
    fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str().filter(|text| !text.trim().is_empty())
    }

    fn date(self, key: &str) -> Option<Date> {
        self.text(key).and_then(date)
    }

    fn amount(self, key: &str) -> Option<Amount> {
        self.text(key).and_then(Amount::parse)
    }

    /// An amount that is not to be exceeded: less than nothing is none.
    fn limit(self, key: &str) -> Option<Amount> {
        self.amount(key).filter(|limit| *limit >= Amount::ZERO)
    }

    /// Its objects by their ids, in the order of ids.
    fn members(self) -> impl Iterator<Item = (&'a str, Self)> {
        let members = self.0.into_iter().flatten().filter(|(id, _)| id.len() <= ID_BYTES_MAX);
        members.filter_map(|(id, member)| Some((id.as_str(), Self(Some(member.as_object()?)))))
    }
}

fn pointer<const N: usize>(tokens: [&str; N]) -> String {
    PointerBuf::from_tokens(tokens).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_tables() {
        assert_eq!(Kind::ALL.map(Kind::as_str).as_slice(), ITEM_KINDS);
        assert!(Kind::ALL.iter().all(|kind| BUDGET_CATEGORIES.contains(&kind.category())));
    }

    #[test]
    fn moments_are_shown_to_the_minute_with_their_zone() {
        for (written, shown) in [
            ("2026-05-01T09:30:00+02:00", "2026-05-01 09:30+02:00"),
            ("2026-05-01t09:30:59.250z", "2026-05-01 09:30z"),
            ("2026-05-01T09:30:00-03:00[America/Bahia]", "2026-05-01 09:30-03:00"),
        ] {
            assert_eq!(Moment::read(written).expect(written).to_string(), shown);
        }
    }
}
