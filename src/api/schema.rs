//! Values that several resources show or take, with their JSON and their description in one place.

use std::borrow::Cow;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::cursor::Cursor;
use crate::room::principal::{Principal, PrincipalId};
use crate::room::region::{REGION_MAX, Region};
use crate::room::role::Role;
use crate::store::directory::{Member, RoomSettings, Visibility};

/// A role as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleName(pub Role);

/// A visibility as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisibilityName(pub Visibility);

/// A region as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionName(pub Region);

/// A time as JSON: RFC 3339, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub SystemTime);

/// Who somebody is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Principal)]
pub struct PrincipalView<'a> {
    /// The same everywhere: the `sub` of a token, `agent:` and a name, `guest:` and a random text.
    #[schema(example = "ada")]
    id: &'a str,
    /// `user` or `agent`.
    #[schema(example = "user", pattern = "^(user|agent)$")]
    kind: &'static str,
    /// What others read.
    #[schema(example = "Ada")]
    name: Option<&'a str>,
    /// The person that an agent acts for.
    on_behalf_of: Option<&'a str>,
}

/// A member of a room.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberView<'a> {
    /// Who it is.
    #[schema(example = "ada")]
    pub principal: &'a str,
    /// `user` or `agent`.
    #[schema(example = "user", pattern = "^(user|agent)$")]
    kind: &'static str,
    /// What others read, as it was when they were added.
    #[schema(example = "Ada")]
    name: Option<&'a str>,
    /// What they may do.
    role: RoleName,
    /// Who added them; nobody for whoever made the room.
    added_by: Option<&'a str>,
    /// When.
    added_at: Moment,
}

/// What a room allows, and where it is at home.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct SettingsView {
    /// Who sees the room beside its members: nobody, who has a link, or every principal as a viewer.
    visibility: VisibilityName,
    /// Whether editors may invite viewers and commenters.
    editors_may_invite: bool,
    /// The region where its people are; null when nobody said so.
    home_region: Option<RegionName>,
}

/// Part of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub struct PageOf<T> {
    /// The entries, in order.
    pub items: Vec<T>,
    /// The `cursor` of the next part; null when this is the last.
    pub next: Option<String>,
}

impl<'a> From<&'a Principal> for PrincipalView<'a> {
    fn from(principal: &'a Principal) -> Self {
        Self {
            id: principal.id.as_str(),
            kind: principal.id.kind().as_str(),
            name: principal.name.as_deref(),
            on_behalf_of: principal.on_behalf_of.as_ref().map(PrincipalId::as_str),
        }
    }
}

impl<'a> MemberView<'a> {
    /// A member by its id and its row.
    pub fn new(id: &'a PrincipalId, member: &'a Member) -> Self {
        Self {
            principal: id.as_str(),
            kind: id.kind().as_str(),
            name: member.name.as_deref(),
            role: RoleName(member.role),
            added_by: member.added_by.as_ref().map(PrincipalId::as_str),
            added_at: Moment(member.added_at),
        }
    }
}

impl From<RoomSettings> for SettingsView {
    fn from(settings: RoomSettings) -> Self {
        let RoomSettings { visibility, editors_may_invite, home_region } = settings;
        Self { visibility: VisibilityName(visibility), editors_may_invite, home_region: home_region.map(RegionName) }
    }
}

impl<T> PageOf<T> {
    /// The first `limit` of what was found, which is one more if the list goes on.
    pub fn cut(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> Cursor) -> Self {
        let goes_on = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| goes_on).map(|last| cursor(last).to_string());
        Self { items, next }
    }
}

impl Serialize for RoleName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for RoleName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        name.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for VisibilityName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for VisibilityName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        name.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for RegionName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for RegionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        name.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = Timestamp::try_from(self.0).map_err(serde::ser::Error::custom)?;
        serializer.collect_str(&time)
    }
}

fn words(words: impl IntoIterator<Item = &'static str>, description: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).description(Some(description)).into()
}

impl PartialSchema for RoleName {
    fn schema() -> RefOr<Schema> {
        words(Role::ALL.map(Role::as_str), "A role; each may all that the ones before it may.")
    }
}

impl ToSchema for RoleName {
    fn name() -> Cow<'static, str> {
        "Role".into()
    }
}

impl PartialSchema for VisibilityName {
    fn schema() -> RefOr<Schema> {
        words(Visibility::ALL.map(Visibility::as_str), "Who sees a room beside its members.")
    }
}

impl ToSchema for VisibilityName {
    fn name() -> Cow<'static, str> {
        "Visibility".into()
    }
}

impl PartialSchema for RegionName {
    fn schema() -> RefOr<Schema> {
        let description = format!("The name of a region, as nodes have one (`--region`): at most {REGION_MAX} bytes.");
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("region".to_owned())))
            .min_length(Some(1))
            .max_length(Some(REGION_MAX))
            .pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]+$"))
            .description(Some(description))
            .examples(["eu-central"])
            .into()
    }
}

impl ToSchema for RegionName {
    fn name() -> Cow<'static, str> {
        "Region".into()
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-05-01T09:30:00Z"])
            .into()
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        "Moment".into()
    }
}
