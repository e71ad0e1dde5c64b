//! What a trip's fields may hold: the one definition, in tables, of names, words, counts and forms. What is written by
//! way of REST and JSON Patch is checked against it; the description of the API is made of it. Updates from CRDT clients
//! never are: a document may hold anything, and only what a writer changes is looked at.
//! Fields that are not listed are allowed and not looked into, but where a record says otherwise.

mod amount;
mod check;
mod value;
pub mod warnings;

pub use check::{FIELD_ERRORS_MAX, FieldError, check};
pub(super) use value::date;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Text.
    Text {
        /// The most characters.
        most: Option<usize>,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A day: `2026-05-01`.
    Date,
    /// A point in time with its zone, as RFC 3339 writes it: `2026-05-01T09:30:00+02:00`.
    Time,
    /// A code of ISO 4217: `EUR`.
    Currency,
    /// An amount of money as decimal text: `"1250.00"`.
    Amount,
    /// A whole number.
    Whole {
        /// The least.
        least: i64,
    },
    /// A number.
    Number {
        /// The least.
        least: f64,
        /// The most.
        most: f64,
    },
    /// True or false.
    Flag,
    /// A list of texts.
    Texts {
        /// The most elements.
        most: Option<usize>,
    },
    /// An object of anything.
    Object,
    /// An object with known fields.
    Record(&'static Record),
    /// An object in which every key is an id and every value is of one kind.
    ById(&'static Record),
}

/// An object with known fields.
#[derive(Debug, PartialEq)]
pub struct Record {
    /// What it is called in errors.
    pub name: &'static str,
    /// Its known fields.
    pub fields: &'static [Field],
    /// Whether it may have others.
    pub others: Others,
    /// Pairs of fields of which the second must not be before the first.
    pub spans: &'static [(&'static str, &'static str)],
}

/// Whether a record may have fields that are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// It may.
    Allowed,
    /// It must not.
    Refused,
}

/// A field of a record. Every field may be missing.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What it may hold.
    pub rule: Rule,
    /// Whether it may be null.
    pub null: Null,
}

/// Whether a field may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// It may: not planned, not known.
    Allowed,
    /// It must not; a field is cleared by removing it.
    Refused,
}

/// The most characters of a trip's title.
pub const TITLE_MAX: usize = 200;
/// The most characters of a trip's description.
pub const DESCRIPTION_MAX: usize = 2_000;
/// The most tags of a trip.
pub const TAGS_MAX: usize = 20;
/// Why people travel.
pub const TRIP_TYPES: &[&str] = &["leisure", "business", "family", "solo", "other"];
/// How far a trip is. Any may follow on any.
pub const TRIP_STATUSES: &[&str] = &["planning", "booked", "in_progress", "completed", "cancelled"];
/// Who a trip is shown to.
pub const VISIBILITIES: &[&str] = &["private", "shared", "public"];
/// What a budget is made of.
pub const BUDGET_CATEGORIES: &[&str] = &["accommodation", "transportation", "food", "activities", "miscellaneous"];
/// What an item of the itinerary is.
pub const ITEM_KINDS: &[&str] = &["flight", "accommodation", "transport", "activity", "meal", "event", "note", "other"];
/// How far an item is.
pub const BOOKING_STATUSES: &[&str] = &["planned", "reserved", "booked", "completed", "cancelled"];

const TEXT: Rule = Rule::Text { most: None };
const LATITUDE: Rule = Rule::Number { least: -90.0, most: 90.0 };
const LONGITUDE: Rule = Rule::Number { least: -180.0, most: 180.0 };

const fn field(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, null: Null::Refused }
}

const fn optional(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, null: Null::Allowed }
}

/// The root `trip`.
pub static TRIP: Record = Record {
    name: "trip",
    fields: &[
        field("title", Rule::Text { most: Some(TITLE_MAX) }),
        field("description", Rule::Text { most: Some(DESCRIPTION_MAX) }),
        field("destination", TEXT),
        optional("start_date", Rule::Date),
        optional("end_date", Rule::Date),
        field("currency", Rule::Currency),
        field("travelers", Rule::Whole { least: 1 }),
        field("trip_type", Rule::OneOf(TRIP_TYPES)),
        field("status", Rule::OneOf(TRIP_STATUSES)),
        field("visibility", Rule::OneOf(VISIBILITIES)),
        field("tags", Rule::Texts { most: Some(TAGS_MAX) }),
        field("preferences", Rule::Object),
    ],
    others: Others::Allowed,
    spans: &[("start_date", "end_date")],
};

/// The root `budget`.
pub static BUDGET: Record = Record {
    name: "budget",
    fields: &[
        optional("total", Rule::Amount),
        optional("spent", Rule::Amount),
        field("categories", Rule::Record(&CATEGORIES)),
    ],
    others: Others::Allowed,
    spans: &[],
};

static CATEGORIES: Record = Record {
    name: "budget categories",
    fields: &[
        field(BUDGET_CATEGORIES[0], Rule::Record(&CATEGORY)),
        field(BUDGET_CATEGORIES[1], Rule::Record(&CATEGORY)),
        field(BUDGET_CATEGORIES[2], Rule::Record(&CATEGORY)),
        field(BUDGET_CATEGORIES[3], Rule::Record(&CATEGORY)),
        field(BUDGET_CATEGORIES[4], Rule::Record(&CATEGORY)),
    ],
    others: Others::Refused,
    spans: &[],
};

static CATEGORY: Record = Record {
    name: "budget category",
    fields: &[optional("planned", Rule::Amount), optional("spent", Rule::Amount)],
    others: Others::Allowed,
    spans: &[],
};

/// A member of the root `destinations`.
pub static DESTINATION: Record = Record {
    name: "destination",
    fields: &[
        field("name", TEXT),
        field("country", TEXT),
        field("city", TEXT),
        optional("lat", LATITUDE),
        optional("lng", LONGITUDE),
        optional("arrival_date", Rule::Date),
        optional("departure_date", Rule::Date),
        field("rank", TEXT),
    ],
    others: Others::Allowed,
    spans: &[("arrival_date", "departure_date")],
};

/// A member of the root `items`.
pub static ITEM: Record = Record {
    name: "item",
    fields: &[
        field("kind", Rule::OneOf(ITEM_KINDS)),
        field("title", TEXT),
        optional("day", Rule::Date),
        field("rank", TEXT),
        optional("start", Rule::Time),
        optional("end", Rule::Time),
        optional("place", Rule::Record(&PLACE)),
        optional("price", Rule::Amount),
        field("currency", Rule::Currency),
        field("booking_status", Rule::OneOf(BOOKING_STATUSES)),
        field("booking_reference", TEXT),
        field("external_id", TEXT),
        field("flexible", Rule::Flag),
        field("url", TEXT),
        field("by", TEXT),
        field("details", Rule::Object),
        field("notes", TEXT),
    ],
    others: Others::Allowed,
    spans: &[("start", "end")],
};

/// Where an item takes place.
static PLACE: Record = Record {
    name: "place",
    fields: &[field("name", TEXT), optional("lat", LATITUDE), optional("lng", LONGITUDE)],
    others: Others::Allowed,
    spans: &[],
};

/// A member of the root `comments`.
pub static COMMENT: Record = Record {
    name: "comment",
    fields: &[
        optional("anchor", TEXT),
        optional("parent", TEXT),
        field("by", TEXT),
        field("at", Rule::Time),
        optional("edited_at", Rule::Time),
        field("text", TEXT),
        field("mentions", Rule::Texts { most: None }),
        field("resolved", Rule::Flag),
        optional("resolved_by", TEXT),
    ],
    others: Others::Allowed,
    spans: &[],
};

/// The roots of a trip that are looked into. The root `notes` is text, and any text will do.
pub static ROOTS: &[Field] = &[
    field("trip", Rule::Record(&TRIP)),
    field("budget", Rule::Record(&BUDGET)),
    field("destinations", Rule::ById(&DESTINATION)),
    field("items", Rule::ById(&ITEM)),
    field("comments", Rule::ById(&COMMENT)),
];
