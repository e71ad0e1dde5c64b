//! The body that makes a room: a name, settings, and the fields of the trip, which are those of `room/trip.rs`, checked
//! as a patch's are.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::code::Code;
use super::parameters::ROOM_PATTERN;
use super::problem::Problem;
use super::schema::RegionName;
use super::trip_schema;
use crate::room::id::{RoomId, RoomIdError};
use crate::room::patch::Patch;
use crate::room::trip;
use crate::store::directory::RoomSettings;

const ID: &str = "id";
const EDITORS_MAY_INVITE: &str = "editors_may_invite";
const HOME_REGION: &str = "home_region";
const VISIBILITY: &str = "visibility";

/// All members that the body may have.
static KNOWN: LazyLock<Vec<&str>> = LazyLock::new(|| {
    [ID, EDITORS_MAY_INVITE, HOME_REGION].into_iter().chain(trip::TRIP.fields.iter().map(|field| field.name)).collect()
});

/// See the module.
#[derive(Debug, Default)]
pub struct NewRoom {
    id: Option<String>,
    editors_may_invite: bool,
    home_region: Option<RegionName>,
    trip: Map<String, Value>,
}

impl NewRoom {
    /// The room's name; a random one if none was given.
    pub fn room(&self, most: usize) -> Result<RoomId, Problem> {
        let name = self.id.clone().unwrap_or_else(random_name);
        RoomId::parse(&name, most).map_err(|error: RoomIdError| {
            Problem::new(Code::InvalidField, format!("This is no name: {error}.")).at(format!("/{ID}"))
        })
    }

    /// The room's settings. The trip's visibility is the room's.
    pub fn settings(&self) -> RoomSettings {
        let visibility = self.trip.get(VISIBILITY).and_then(Value::as_str).and_then(|name| name.parse().ok());
        RoomSettings {
            visibility: visibility.unwrap_or_default(),
            editors_may_invite: self.editors_may_invite,
            home_region: self.home_region.clone().map(|RegionName(region)| region),
        }
    }

    /// What is to be written into its document, if anything is: the fields that are not in this trip.
    pub fn patch(&self, there: &Map<String, Value>) -> Result<Option<Patch>, Problem> {
        let after = Map::from_iter([("trip".to_owned(), Value::Object(self.trip.clone()))]);
        let wrong = trip::check(&Map::new(), &after);
        if !wrong.is_empty() {
            return Err(Problem::wrong_fields(&wrong).below("/trip"));
        }
        let missing: Vec<_> = self.trip.iter().filter(|(name, _)| !there.contains_key(*name)).collect();
        if missing.is_empty() {
            return Ok(None);
        }
        let operations = missing.into_iter().map(|(name, value)| {
            // The names of a trip's fields have nothing in them that a pointer would escape.
            json!({ "op": "add", "path": format!("/trip/{name}"), "value": value })
        });
        let operations = operations.collect::<Value>().to_string();
        Patch::parse(operations.as_bytes(), usize::MAX).map(Some).map_err(|error| Problem::from(error).below("/trip"))
    }
}

/// A name that nobody guesses.
pub fn random_name() -> String {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl<'de> Deserialize<'de> for NewRoom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = NewRoom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<NewRoom, A::Error> {
        let mut room = NewRoom::default();
        let mut seen = Vec::new();
        while let Some(key) = members.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(de::Error::custom(format!("duplicate field `{key}`")));
            }
            match key.as_str() {
                ID => room.id = Some(members.next_value()?),
                HOME_REGION => room.home_region = members.next_value()?,
                EDITORS_MAY_INVITE => room.editors_may_invite = members.next_value()?,
                name if KNOWN.contains(&name) => {
                    room.trip.insert(key.clone(), members.next_value()?);
                }
                name => members.next_value_seed(Unknown(name))?,
            }
            seen.push(key);
        }
        Ok(room)
    }
}

/// Refuses the value of a member that nobody knows, so that the error points to it.
struct Unknown<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Unknown<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(de::Error::unknown_field(self.0, KNOWN.as_slice()))
    }
}

impl PartialSchema for NewRoom {
    fn schema() -> RefOr<Schema> {
        let id = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(1024))
            .pattern(Some(ROOM_PATTERN))
            .description(Some("The room's name; a random one if it is left out."));
        let invite = ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .default(Some(false.into()))
            .description(Some("Whether editors may invite viewers and commenters."));
        let home = OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .item(Ref::from_schema_name(RegionName::name()))
            .description(Some("The region where the room's people are."));
        let mut object = ObjectBuilder::new()
            .property(ID, id)
            .property(EDITORS_MAY_INVITE, invite)
            .property(HOME_REGION, home)
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
            .examples([
                json!({ "id": "lisbon-2026", "title": "Lisbon", "start_date": "2026-05-01", "currency": "EUR" }),
            ]);
        for field in trip::TRIP.fields {
            object = object.property(field.name, trip_schema::of(field));
        }
        object.into()
    }
}

impl ToSchema for NewRoom {
    fn name() -> Cow<'static, str> {
        "NewRoom".into()
    }
}
