//! The tools that models have: what each does, when to use it, an example, and what its arguments are. The texts are written
//! for a model; the forms of arguments come from the tables of the trip and of its verbs. `calls` does them.

use std::sync::LazyLock;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

use super::schema;
use crate::room::event::post::{AgentTask, ChatMessage};
use crate::room::event::status::AgentStatus;
use crate::room::patch::{Usage, VERBS};

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Lists rooms.
    List,
    /// Something in a room.
    In(RoomWork),
}

/// What a tool does in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomWork {
    /// Says who is in it.
    Here,
    /// Reads the document.
    Read,
    /// Says what is odd about the trip.
    Warnings,
    /// Says what was said lately.
    Activity,
    /// Tells everybody how an agent is.
    Status,
    /// Says something to everybody.
    Say,
    /// Tells everybody how far a task is.
    Task,
    /// One operation of this name.
    Verb(&'static str),
    /// Operations of any kind.
    Patch,
    /// Takes back what an agent did.
    Undo,
    /// Decides on a suggestion.
    Decide,
}

/// What is left of a room after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It is as it was.
    Reads,
    /// There is more in it.
    Adds,
    /// Something in it is otherwise.
    Changes,
    /// Something in it may be gone.
    Removes,
}

struct Entry {
    name: &'static str,
    title: &'static str,
    work: Work,
    effect: Effect,
    about: &'static str,
}

static ENTRIES: [Entry; 19] = [
    Entry {
        name: "list_rooms",
        title: "List rooms",
        work: Work::List,
        effect: Effect::Reads,
        about: "Lists the trip rooms that you may enter, by name, with your role in each (viewer, commenter, editor, admin, \
            owner: each may all that the ones before it may). Use it when nobody told you which room to work in. When \
            `next` is not null, there are more: send it as `cursor`.",
    },
    Entry {
        name: "who_is_here",
        title: "See who is here",
        work: Work::In(RoomWork::Here),
        effect: Effect::Reads,
        about: "Says who is in a room now (`members`), what its agents are doing (`agents`), who you are (`me`) and what your \
            `role` is. Use it to greet people by name, and before you do what another agent may be doing already.",
    },
    Entry {
        name: "read_trip",
        title: "Read the trip",
        work: Work::In(RoomWork::Read),
        effect: Effect::Reads,
        about: "Reads the trip as JSON: `version`, `pointer` and `value`. The roots are `trip` (title, dates, currency), \
            `items` (the itinerary: an object by id), `destinations` (by id), `budget`, `notes` (one text, Markdown) and \
            `comments` (by id). Use it before you change anything: ids come from here and cannot be guessed. Items of one \
            `day` are in the order of `rank`, then of id; an item without a day is not planned yet. With `pointer` you read \
            a part and save much: \"/trip\", \"/items\", \"/items/item-7z0k2m4x9q1c\", \"/notes\".",
    },
    Entry {
        name: "trip_warnings",
        title: "See what is odd about the trip",
        work: Work::In(RoomWork::Warnings),
        effect: Effect::Reads,
        about: "Says what does not add up in the trip: items at one time, journeys that nobody can make, a budget that is \
            passed, bookings that clash, items outside the trip's dates, mixed currencies. Each has `code`, `severity` (0 to \
            1, the most severe first), `pointers` to what it is about, `text` and `suggestion`. Use it when you are done \
            with a change; `dry_run` of a change says beforehand which ones it would add.",
    },
    Entry {
        name: "add_item",
        title: "Add an item",
        work: Work::In(RoomWork::Verb("item.add")),
        effect: Effect::Adds,
        about: "Adds an item to the itinerary: a flight, a stay, a meal, a visit. Answers its new id in `added`. It comes last \
            in its day, or beside another item with `before` or `after`; without a `day` it waits among what is not planned \
            yet. Leave `rank` and `by` out: the server sets them.",
    },
    Entry {
        name: "move_item",
        title: "Move an item",
        work: Work::In(RoomWork::Verb("item.move")),
        effect: Effect::Changes,
        about: "Moves an item to another day, or to another place in its day, and changes nothing else in it. `day` null takes \
            it out of the plan and keeps it. Use it, and not update_item, to change a day or an order; clock times (`start`, \
            `end`) do not move along: update them if they are set.",
    },
    Entry {
        name: "update_item",
        title: "Update an item",
        work: Work::In(RoomWork::Verb("item.update")),
        effect: Effect::Changes,
        about: "Changes fields of one item: only those that you name in `item` are touched, null clears one. For its day or \
            order use move_item.",
    },
    Entry {
        name: "remove_item",
        title: "Remove an item",
        work: Work::In(RoomWork::Verb("item.remove")),
        effect: Effect::Removes,
        about: "Removes an item for everybody. Use it only for what you added or were asked to remove: to take something out \
            of the plan and keep it, use move_item with `day` null.",
    },
    Entry {
        name: "append_notes",
        title: "Append to the notes",
        work: Work::In(RoomWork::Verb("note.append")),
        effect: Effect::Adds,
        about: "Appends text (Markdown) as a new line to the end of the shared notes, which people may be typing in: nothing \
            of theirs is touched. Use it for findings that are no items.",
    },
    Entry {
        name: "comment",
        title: "Comment",
        work: Work::In(RoomWork::Verb("comment.add")),
        effect: Effect::Adds,
        about: "Adds a comment for people to read, to what `anchor` (a JSON pointer such as \"/items/item-7z0k2m4x9q1c\") \
            points at, or as a reply to the comment whose id is `parent`. Use it to propose or ask something without \
            changing the plan; it is all that a commenter may write.",
    },
    Entry {
        name: "set_budget",
        title: "Set the budget",
        work: Work::In(RoomWork::Verb("budget.set")),
        effect: Effect::Changes,
        about: "Sets amounts of the budget, in the trip's currency: `total` and `spent` of the whole trip; or, with a \
            `category`, `planned` and `spent` of that one. Only what you name is touched, null clears it.",
    },
    Entry {
        name: "update_trip",
        title: "Update the trip",
        work: Work::In(RoomWork::Verb("trip.update")),
        effect: Effect::Changes,
        about: "Changes fields of the trip itself, such as title, dates, currency, travelers: only those that you name in \
            `trip` are touched, null clears one.",
    },
    Entry {
        name: "recent_activity",
        title: "Hear what was said",
        work: Work::In(RoomWork::Activity),
        effect: Effect::Reads,
        about: "Reads what people and agents said in the room: `events` (oldest first, each with `id`, `type`, `at`, `from` and \
            `data`), and `cursor`. The types are chat.message, agent.task, agent.command (what people tell agents to do: \
            start, pause, resume, cancel, retry), agent.handoff, doc.edited (what agents changed), doc.undone, and \
            suggestion.made, suggestion.accepted and suggestion.rejected. Without arguments the newest 20. Use it to learn what \
            people want of you, and between the steps of longer work with `after` (the `cursor` of last time) to hear what is \
            new: stop when somebody cancels.",
    },
    Entry {
        name: "set_status",
        title: "Say what you are doing",
        work: Work::In(RoomWork::Status),
        effect: Effect::Changes,
        about: "Shows everybody what you are doing now. `message` is a sentence for people, `progress` a share from 0 to 1 \
            (0.4, never 40). It replaces your status before, is not kept, and is shown for a minute: say it again while you \
            work. Use it before and during anything that takes longer than some seconds, and once more with `completed` or \
            `idle` at the end. Agents only.",
    },
    Entry {
        name: "say",
        title: "Say something",
        work: Work::In(RoomWork::Say),
        effect: Effect::Adds,
        about: "Says something to everybody in the room's chat, where it is kept: an answer, a question, what you found. `text` is \
            Markdown, at most 32 KiB. For a remark on one item, use comment. A `client_id` of your own makes it safe to send \
            again: the same one is one message. It takes a commenter.",
    },
    Entry {
        name: "report_task",
        title: "Report a task",
        work: Work::In(RoomWork::Task),
        effect: Effect::Adds,
        about: "Shows everybody a task of yours and how far it is, where it is kept. `task` is an id of your own: call again with \
            the same one when its `state` or `progress` (a share from 0 to 1) is another one, and at its end with `result`, or \
            with `error` when it failed. Use it for work that people should be able to look up later; for what you do this \
            moment, use set_status. Agents only.",
    },
    Entry {
        name: "patch_trip",
        title: "Patch the trip",
        work: Work::In(RoomWork::Patch),
        effect: Effect::Removes,
        about: "Does several changes at once: all of them or, when one cannot be done, none. Use it for what the small tools \
            do not do, or for changes that belong together. `operations` are verbs of the trip and operations of JSON Patch \
            (RFC 6902: add, remove, replace, move, copy, test), mixed as you like. The verbs:",
    },
    Entry {
        name: "undo_run",
        title: "Take work back",
        work: Work::In(RoomWork::Undo),
        effect: Effect::Removes,
        about: "Takes back, at once, all that you changed in one `run` (without it: all that you changed outside of any run), \
            also long ago. What somebody else changed since stays, and is named in `kept` with why; `edits` 0 means that there \
            was nothing to take back. It is for your own mistakes, or when people ask for it; name another `agent` only then. It \
            takes an editor.",
    },
    Entry {
        name: "decide_suggestion",
        title: "Decide on a suggestion",
        work: Work::In(RoomWork::Decide),
        effect: Effect::Removes,
        about: "Accepts or rejects a change that somebody put forward (with `suggest`), once: what you accept is done in your \
            name. Use it when people tell you to; suggestions are for people to decide. recent_activity with `type` \
            \"suggestion.made\" has their ids. It takes an editor.",
    },
];

static TOOLS: LazyLock<Vec<(Work, Tool)>> =
    LazyLock::new(|| ENTRIES.iter().map(|entry| (entry.work, entry.tool())).collect());

/// All of them.
pub fn all() -> impl Iterator<Item = Tool> {
    TOOLS.iter().map(|(_, tool)| tool.clone())
}

/// The tool that is called so, and what it does.
pub fn find(name: &str) -> Option<(Work, &'static Tool)> {
    TOOLS.iter().find(|(_, tool)| tool.name == name).map(|(work, tool)| (*work, tool))
}

/// A text in which a verb's example is one of a call of its tool.
pub fn in_arguments(text: &str, verb: &str) -> String {
    usage(verb).map_or_else(|| text.to_owned(), |usage| text.replace(usage.example, &call(usage)))
}

fn usage(verb: &str) -> Option<&'static Usage> {
    VERBS.iter().find(|usage| usage.name == verb)
}

/// A verb's example as arguments of its tool.
fn call(usage: &Usage) -> String {
    let mut arguments: JsonObject = serde_json::from_str(usage.example).expect("the example is an object");
    arguments.remove("op");
    arguments.insert("room".to_owned(), "lisbon".into());
    Value::from(arguments).to_string()
}

impl Entry {
    fn tool(&self) -> Tool {
        let annotations = ToolAnnotations::with_title(self.title)
            .read_only(self.effect == Effect::Reads)
            .destructive(self.effect == Effect::Removes)
            .idempotent(matches!(self.effect, Effect::Reads | Effect::Changes))
            .open_world(false);
        Tool::new(self.name, self.description(), self.schema()).with_title(self.title).with_annotations(annotations)
    }

    fn description(&self) -> String {
        let example = match self.work {
            Work::List => "{}".to_owned(),
            Work::In(RoomWork::Here | RoomWork::Warnings) => r#"{"room":"lisbon"}"#.to_owned(),
            Work::In(RoomWork::Read) => r#"{"pointer":"/items","room":"lisbon"}"#.to_owned(),
            Work::In(RoomWork::Activity) => r#"{"after":"17","limit":20,"room":"lisbon"}"#.to_owned(),
            Work::In(RoomWork::Status) => {
                r#"{"message":"Comparing 14 hotels near the river","progress":0.4,"room":"lisbon","state":"executing"}"#
                    .to_owned()
            }
            Work::In(RoomWork::Say) => r#"{"room":"lisbon","text":"I found three hotels near the river."}"#.to_owned(),
            Work::In(RoomWork::Task) => {
                r#"{"room":"lisbon","state":"running","task":"find-hotels","title":"Find hotels near the river"}"#
                    .to_owned()
            }
            Work::In(RoomWork::Undo) => r#"{"room":"lisbon","run":"plan-day-3"}"#.to_owned(),
            Work::In(RoomWork::Decide) => r#"{"decision":"reject","id":"17","room":"lisbon"}"#.to_owned(),
            Work::In(RoomWork::Verb(verb)) => call(usage(verb).expect("there is such a verb")),
            Work::In(RoomWork::Patch) => {
                let verbs: Vec<_> = VERBS.iter().map(|usage| usage.example).collect();
                return format!("{}\n{}", self.about, verbs.join("\n"));
            }
        };
        format!("{} Example: {example}", self.about)
    }

    fn schema(&self) -> JsonObject {
        match self.work {
            Work::List => schema::of_list(),
            Work::In(RoomWork::Here | RoomWork::Warnings) => schema::of_room(),
            Work::In(RoomWork::Read) => schema::of_read(),
            Work::In(RoomWork::Activity) => schema::of_activity(),
            Work::In(RoomWork::Status) => schema::of_type::<AgentStatus>(),
            Work::In(RoomWork::Say) => schema::of_type::<ChatMessage>(),
            Work::In(RoomWork::Task) => schema::of_type::<AgentTask>(),
            Work::In(RoomWork::Verb(verb)) => schema::of_verb(verb),
            Work::In(RoomWork::Patch) => schema::of_patch(),
            Work::In(RoomWork::Undo) => schema::of_undo(),
            Work::In(RoomWork::Decide) => schema::of_decision(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_documented_and_no_other() {
        let page = include_str!("../../../docs/mcp.md");
        let (_, table) = page.split_once("| tool |").expect("a table of tools");
        let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(rows.collect::<Vec<_>>(), all().map(|tool| tool.name).collect::<Vec<_>>());
    }
}
