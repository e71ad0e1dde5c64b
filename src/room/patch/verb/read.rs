//! From an operation's members to a verb. Strict, for a model to learn from: unknown members are refused, and every error
//! names the member, says what it may hold, and shows an example.

use serde_json::{Map, Value, json};

use super::{Context, Day, Place, Resolution, Spot, Usage, VERBS, Verb};
use crate::room::json::{excerpt, normalize};
use crate::room::patch::error::{Fault, PatchCode};
use crate::room::trip::{self, BUDGET_CATEGORIES, ITEM_KINDS};

/// The most bytes of an id that a client makes.
const ID_BYTES_MAX: usize = 100;

/// The verb that is called so.
pub(in crate::room::patch) fn usage(name: &str) -> Option<&'static Usage> {
    VERBS.iter().find(|usage| usage.name == name)
}

impl Verb {
    /// Reads the members, but for `op`, of the operation at `index` of a list.
    pub(in crate::room::patch) fn read(
        usage: &'static Usage,
        mut members: Map<String, Value>,
        index: usize,
        context: &Context,
    ) -> Result<Self, Fault> {
        for (member, value) in &mut members {
            if let Some(number) = normalize(value) {
                let fault = Fault::new(PatchCode::NumberTooLarge, &super::pointer([member.as_str()]));
                let expected = "numbers that JavaScript holds exactly";
                return Err(fault
                    .expected(expected)
                    .received(number.to_string())
                    .hint("Write so large a number as text."));
            }
        }
        let mut reader = Reader { usage, members };
        reader.refuse_unknown()?;
        reader.verb(index, context)
    }
}

struct Reader {
    usage: &'static Usage,
    members: Map<String, Value>,
}

impl Reader {
    fn verb(&mut self, index: usize, context: &Context) -> Result<Verb, Fault> {
        Ok(match self.usage.name {
            "item.add" => self.add_item(index, context)?,
            "item.move" => self.move_item()?,
            "item.update" => {
                let id = self.id()?;
                let item = self.object("item")?;
                self.refuse_managed(&item, &["day", "rank", "by"])?;
                Verb::UpdateItem { id, changes: item.into() }
            }
            "item.remove" => Verb::RemoveItem { id: self.id()? },
            "note.append" => Verb::AppendNote { text: self.text("text")? },
            "comment.add" => self.add_comment(index, context)?,
            "comment.edit" => {
                let (id, text) = (self.id()?, self.text("text")?);
                Verb::EditComment { id, text, by: context.by.clone(), at: context.at }
            }
            "comment.resolve" => {
                let id = self.id()?;
                let state = match self.take("resolved") {
                    None | Some(Value::Bool(true)) => Resolution::ResolvedBy(context.by.clone()),
                    Some(Value::Bool(false)) => Resolution::Open,
                    Some(other) => return Err(self.wrong(&["resolved"], "true or false", &other)),
                };
                Verb::ResolveComment { id, state }
            }
            "budget.set" => self.set_budget()?,
            "trip.update" => Verb::UpdateTrip { changes: self.object("trip")?.into() },
            other => unreachable!("{other} is in the table of verbs"),
        })
    }

    fn add_item(&mut self, index: usize, context: &Context) -> Result<Verb, Fault> {
        let id = self.new_id("item", index, context)?;
        let mut item = self.object("item")?;
        self.refuse_managed(&item, &["rank", "by"])?;
        let kinds = format!("one of {}", ITEM_KINDS.join(", "));
        for (field, expected) in [("title", "a text"), ("kind", kinds.as_str())] {
            if item.get(field).is_none_or(|value| value.is_null() || value == "") {
                return Err(self.wrong(&["item", field], expected, item.get(field).unwrap_or(&Value::Null)));
            }
        }
        let place = Place { day: self.day(&["item", "day"], item.get("day"))?, spot: self.spot()? };
        item.insert("by".to_owned(), context.by.as_str().into());
        for (field, value) in [("booking_status", "planned"), ("notes", "")] {
            item.entry(field).or_insert_with(|| value.into());
        }
        Ok(Verb::AddItem { id, item, place })
    }

    fn move_item(&mut self) -> Result<Verb, Fault> {
        let id = self.id()?;
        let day = self.members.remove("day");
        let place = Place { day: self.day(&["day"], day.as_ref())?, spot: self.spot()? };
        if place == (Place { day: Day::Unsaid, spot: Spot::End }) {
            return Err(self.missing("day", "a day, or a neighbour as \"before\" or \"after\""));
        }
        Ok(Verb::MoveItem { id, place })
    }

    fn add_comment(&mut self, index: usize, context: &Context) -> Result<Verb, Fault> {
        let id = self.new_id("comment", index, context)?;
        let parent = self.optional_text("parent")?;
        let mut comment = Map::from_iter([
            ("text".to_owned(), self.text("text")?.into()),
            ("by".to_owned(), context.by.as_str().into()),
            ("at".to_owned(), super::steps::time(context.at)),
        ]);
        for (member, value) in [("parent", parent.clone()), ("anchor", self.optional_text("anchor")?)] {
            comment.extend(value.map(|value| (member.to_owned(), value.into())));
        }
        // Whether they are texts is found out with all other fields.
        comment.extend(self.take("mentions").map(|mentions| ("mentions".to_owned(), mentions)));
        Ok(Verb::AddComment { id, comment, parent })
    }

    fn set_budget(&mut self) -> Result<Verb, Fault> {
        let category = self.optional_text("category")?;
        let categories = BUDGET_CATEGORIES.join(", ");
        if let Some(category) = category.as_deref().filter(|category| !BUDGET_CATEGORIES.contains(category)) {
            return Err(self.wrong(&["category"], &format!("one of {categories}"), &category.into()));
        }
        let stray = if category.is_some() { "total" } else { "planned" };
        if let Some(amount) = self.members.get(stray) {
            let expected = if category.is_some() {
                "no \"total\" beside a category: it is the whole trip's".to_owned()
            } else {
                format!("a \"category\" beside \"planned\": one of {categories}")
            };
            return Err(self.wrong(&[stray], &expected, amount));
        }
        // What is left are amounts, and null clears one.
        let amounts = std::mem::take(&mut self.members);
        if amounts.is_empty() {
            let expected = if category.is_some() { "\"planned\" or \"spent\"" } else { "\"total\" or \"spent\"" };
            return Err(self.missing("spent", expected));
        }
        let changes = match category {
            Some(category) => json!({"categories": {category: amounts}}),
            None => amounts.into(),
        };
        Ok(Verb::SetBudget { changes })
    }

    /// A member that is there and not null, for those where null means the same as nothing.
    fn take(&mut self, member: &str) -> Option<Value> {
        self.members.remove(member).filter(|value| !value.is_null())
    }

    fn text(&mut self, member: &str) -> Result<String, Fault> {
        self.optional_text(member)?.ok_or_else(|| self.missing(member, "a text that is not empty"))
    }

    fn optional_text(&mut self, member: &str) -> Result<Option<String>, Fault> {
        match self.take(member) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(other) => Err(self.wrong(&[member], "a text that is not empty", &other)),
        }
    }

    fn object(&mut self, member: &str) -> Result<Map<String, Value>, Fault> {
        match self.take(member) {
            Some(Value::Object(members)) if !members.is_empty() => Ok(members),
            Some(other) => Err(self.wrong(&[member], "an object with fields", &other)),
            None => Err(self.missing(member, "an object with fields")),
        }
    }

    fn id(&mut self) -> Result<String, Fault> {
        self.text("id")
    }

    /// The id that the client wants for what is new, or one that is made.
    fn new_id(&mut self, prefix: &str, index: usize, context: &Context) -> Result<String, Fault> {
        let Some(id) = self.optional_text("id")? else { return Ok(context.id(prefix, index)) };
        if id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) {
            let expected = format!("an id of at most {ID_BYTES_MAX} bytes, or none, so that one is made");
            return Err(self.wrong(&["id"], &expected, &id.into()));
        }
        Ok(id)
    }

    fn day(&self, member: &[&str], value: Option<&Value>) -> Result<Day, Fault> {
        let day = |text: &str| trip::date(text).map(Day::On);
        match value {
            None => Ok(Day::Unsaid),
            Some(Value::Null) => Ok(Day::Unplanned),
            Some(value) => value.as_str().and_then(day).ok_or_else(|| {
                self.wrong(member, "a date, YYYY-MM-DD, or null for an item that is not planned yet", value)
            }),
        }
    }

    fn spot(&mut self) -> Result<Spot, Fault> {
        Ok(match (self.optional_text("before")?, self.optional_text("after")?) {
            (None, None) => Spot::End,
            (Some(before), None) => Spot::Before(before),
            (None, Some(after)) => Spot::After(after),
            (Some(_), Some(after)) => {
                return Err(self.wrong(&["after"], "one of \"before\" and \"after\", not both", &after.into()));
            }
        })
    }

    fn refuse_unknown(&self) -> Result<(), Fault> {
        let unknown = self.members.iter().find(|(member, _)| !self.usage.members.contains(&member.as_str()));
        let Some((member, value)) = unknown else { return Ok(()) };
        let expected = format!("beside \"op\" only {}", self.usage.members.join(", "));
        Err(self.wrong(&[member], &expected, value))
    }

    /// Refuses fields of an item that have another way to be set.
    fn refuse_managed(&self, item: &Map<String, Value>, fields: &[&str]) -> Result<(), Fault> {
        let Some((field, value)) = fields.iter().find_map(|field| item.get_key_value(*field)) else { return Ok(()) };
        let hint = match field.as_str() {
            "by" => "Leave it out: the server says who added an item.",
            "rank" => "Leave it out: name a neighbour in \"before\" or \"after\" of item.add or item.move.",
            _ => "Use item.move: it gives the item a place in its new day.",
        };
        Err(self.wrong(&["item", field], "no such field here", value).hint(hint))
    }

    fn missing(&self, member: &str, expected: &str) -> Fault {
        self.wrong(&[member], expected, &Value::Null).received("nothing")
    }

    fn wrong(&self, member: &[&str], expected: &str, received: &Value) -> Fault {
        Fault::new(PatchCode::InvalidOperation, &super::pointer(member.iter().copied()))
            .expected(expected)
            .received(excerpt(received))
            .hint(format!("Write for example {}.", self.usage.example))
    }
}
