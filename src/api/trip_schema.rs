//! The fields of a trip as JSON Schema, made of the tables of `room/trip.rs`.

use std::borrow::Cow;

use iso_currency::{Currency, IntoEnumIterator};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::room::trip::{Field, Null, Others, ROOTS, Record, Rule};

/// Numbers beyond this are not the same in every language.
const WHOLE_MAX: i64 = (1 << 53) - 1;

/// An amount of money as text.
const AMOUNT_PATTERN: &str = r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$";

/// A trip's document as far as its writers are checked. What is read may hold anything else, too: CRDT clients are not.
pub struct TripDocument;

impl PartialSchema for TripDocument {
    fn schema() -> RefOr<Schema> {
        let about = "What a patch may write into a trip. CRDT clients may write anything, so what is read may differ.";
        let mut schema = object(Type::Object, Null::Refused).description(Some(about));
        for root in ROOTS {
            schema = schema.property(root.name, of(root));
        }
        schema.property("notes", text(Null::Refused)).into()
    }
}

impl ToSchema for TripDocument {
    fn name() -> Cow<'static, str> {
        "TripDocument".into()
    }
}

/// What a field may hold.
pub fn of(field: &Field) -> Schema {
    let null = field.null;
    match field.rule {
        Rule::Text { most } => text(null).max_length(most).into(),
        Rule::OneOf(words) => text(null).enum_values(Some(words.iter().copied())).into(),
        Rule::Date => text(null).format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))).into(),
        Rule::Time => text(null).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).into(),
        Rule::Currency => text(null).enum_values(Some(currencies())).into(),
        Rule::Amount => text(null).pattern(Some(AMOUNT_PATTERN)).into(),
        Rule::Whole { least } => object(Type::Integer, null).minimum(Some(least)).maximum(Some(WHOLE_MAX)).into(),
        Rule::Number { least, most } => object(Type::Number, null).minimum(Some(least)).maximum(Some(most)).into(),
        Rule::Flag => object(Type::Boolean, null).into(),
        Rule::Texts { most } => {
            ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)).max_items(most).into()
        }
        Rule::Object => object(Type::Object, null).into(),
        Rule::Record(record) => of_record(record, null).into(),
        Rule::ById(record) => {
            let one = AdditionalProperties::RefOr(Schema::from(of_record(record, Null::Refused)).into());
            object(Type::Object, null).additional_properties(Some(one)).into()
        }
    }
}

fn of_record(record: &Record, null: Null) -> ObjectBuilder {
    let mut schema = object(Type::Object, null);
    for field in record.fields {
        schema = schema.property(field.name, of(field));
    }
    let others = record.others == Others::Allowed;
    schema.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(others)))
}

fn text(null: Null) -> ObjectBuilder {
    object(Type::String, null)
}

fn object(kind: Type, null: Null) -> ObjectBuilder {
    let kind = match null {
        Null::Refused => SchemaType::Type(kind),
        Null::Allowed => SchemaType::Array(vec![kind, Type::Null]),
    };
    ObjectBuilder::new().schema_type(kind)
}

/// The codes of ISO 4217.
fn currencies() -> Vec<&'static str> {
    let mut codes: Vec<_> = Currency::iter().map(|currency| currency.code()).collect();
    codes.sort_unstable();
    codes
}
