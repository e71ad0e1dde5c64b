//! What a model's client may read and show to its user: a room's trip, who is in it, and what was said. The same as the tools that read.

use rmcp::model::{JsonObject, ResourceTemplate};

use super::arguments::Arguments;
use super::tools::{RoomWork, Work};
use crate::api::media::JSON;
use crate::wire::room_path::decode_room_name;

/// One form of resources: all rooms have one.
struct Form {
    scheme: &'static str,
    title: &'static str,
    about: &'static str,
    work: RoomWork,
}

static FORMS: [Form; 3] = [
    Form {
        scheme: "trip",
        title: "Trip",
        about: "The trip of a room as JSON, with the version of its document. {room} is the room's name, percent-encoded.",
        work: RoomWork::Read,
    },
    Form {
        scheme: "members",
        title: "Who is here",
        about: "Who is in a room now, what its agents are doing, and your own role. {room} is the room's name, \
            percent-encoded.",
        work: RoomWork::Here,
    },
    Form {
        scheme: "activity",
        title: "Recent activity",
        about: "The newest of what people and agents said in a room. {room} is the room's name, percent-encoded.",
        work: RoomWork::Activity,
    },
];

/// All of them.
pub fn templates() -> Vec<ResourceTemplate> {
    let template = |form: &Form| {
        ResourceTemplate::new(form.template(), form.scheme)
            .with_title(form.title)
            .with_description(form.about)
            .with_mime_type(JSON)
    };
    FORMS.iter().map(template).collect()
}

/// Their templates, for whoever asked for something else.
pub fn forms() -> String {
    FORMS.iter().map(Form::template).collect::<Vec<_>>().join(", ")
}

/// What an address stands for: what a tool does, and its arguments.
pub fn parse(uri: &str) -> Option<(Work, Arguments)> {
    let (scheme, room) = uri.split_once("://")?;
    let form = FORMS.iter().find(|form| form.scheme == scheme)?;
    let room = decode_room_name(room).into();
    Some((Work::In(form.work), Arguments::new(JsonObject::from_iter([("room".to_owned(), room)]))))
}

impl Form {
    fn template(&self) -> String {
        format!("{}://{{room}}", self.scheme)
    }
}
