//! Checks what a writer changed against the tables of `trip`, and says for every wrong field where it is, what is
//! expected and what to do.

use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Number, Value};

use super::amount::{Amount, FRACTION_DIGITS, WHOLE_DIGITS};
use super::value::{currency, date, time};
use super::{Field, Null, Others, ROOTS, Record, Rule};
use crate::room::json::excerpt;

/// So many wrong fields are told of at once.
pub const FIELD_ERRORS_MAX: usize = 20;

/// A field that holds what it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer to it in the document: `/trip/end_date`.
    pub pointer: String,
    /// What it may hold, in words.
    pub expected: String,
    /// What it was to hold, as JSON; the beginning of it, if it is long.
    pub received: String,
    /// What to do about it.
    pub hint: String,
}

/// Checks all that `after` has and `before` has not. Both are objects of a trip's roots. A few wrong fields are given,
/// of which the first is the first in the order of the tables.
pub fn check(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<FieldError> {
    let mut checker = Checker { path: Vec::new(), errors: Vec::new() };
    checker.fields(ROOTS, Some(before), after);
    checker.errors
}

struct Checker<'v> {
    path: Vec<&'v str>,
    errors: Vec<FieldError>,
}

impl<'v> Checker<'v> {
    fn fields(&mut self, fields: &'static [Field], before: Option<&Map<String, Value>>, after: &'v Map<String, Value>) {
        for field in fields {
            let Some(value) = after.get(field.name) else { continue };
            let before = before.and_then(|before| before.get(field.name));
            self.path.push(field.name);
            match (value, field.null) {
                (Value::Null, Null::Allowed) => {}
                (Value::Null, Null::Refused) if before != Some(value) => {
                    self.wrong(value, &describe(field.rule), "To clear the field, remove it.".to_owned());
                }
                _ => self.value(field.rule, before, value),
            }
            self.path.pop();
        }
    }

    fn value(&mut self, rule: Rule, before: Option<&Value>, after: &'v Value) {
        if before == Some(after) || self.errors.len() >= FIELD_ERRORS_MAX {
            return;
        }
        match (rule, after) {
            (Rule::Record(record), Value::Object(members)) => {
                self.record(record, before.and_then(Value::as_object), members);
            }
            (Rule::ById(record), Value::Object(members)) => {
                let before = before.and_then(Value::as_object);
                for (id, member) in members {
                    self.path.push(id);
                    let before = before.and_then(|before| before.get(id));
                    self.value(Rule::Record(record), before, member);
                    self.path.pop();
                }
            }
            _ => {
                if let Err(hint) = fits(rule, after) {
                    self.wrong(after, &describe(rule), hint);
                }
            }
        }
    }

    fn record(&mut self, record: &'static Record, before: Option<&Map<String, Value>>, after: &'v Map<String, Value>) {
        self.fields(record.fields, before, after);
        if record.others == Others::Refused {
            let known: Vec<&str> = record.fields.iter().map(|field| field.name).collect();
            for (key, value) in after {
                let is_new = before.is_none_or(|before| !before.contains_key(key));
                if is_new && !known.contains(&key.as_str()) {
                    self.path.push(key);
                    let expected = format!("one of {} as the key", known.join(", "));
                    self.wrong(value, &expected, format!("The {} have no {key:?}.", record.name));
                    self.path.pop();
                }
            }
        }
        for (first, last) in record.spans {
            let (Some(start), Some(end)) = (after.get(*first), after.get(*last)) else { continue };
            let was = |name: &str| before.and_then(|before| before.get(name));
            let changed = was(first) != Some(start) || was(last) != Some(end);
            if changed && is_before(end, start) {
                self.path.push(last);
                let expected = format!("not before {first}, which is {}", excerpt(start));
                self.wrong(end, &expected, format!("Change {first} and {last} in one patch if both move."));
                self.path.pop();
            }
        }
    }

    fn wrong(&mut self, value: &Value, expected: &str, hint: String) {
        if self.errors.len() < FIELD_ERRORS_MAX {
            let pointer = PointerBuf::from_tokens(self.path.iter().copied()).to_string();
            self.errors.push(FieldError { pointer, expected: expected.to_owned(), received: excerpt(value), hint });
        }
    }
}

/// Whether a value is what its rule says; if not, what to do about it.
fn fits(rule: Rule, value: &Value) -> Result<(), String> {
    let good = match (rule, value) {
        (Rule::Text { most: None }, Value::String(_))
        | (Rule::Flag, Value::Bool(_))
        | (Rule::Object, Value::Object(_)) => true,
        (Rule::Text { most: Some(most) }, Value::String(text)) => {
            let characters = text.chars().count();
            if characters > most {
                return Err(format!("It has {characters} characters; shorten it."));
            }
            true
        }
        (Rule::OneOf(words), Value::String(word)) => words.contains(&word.as_str()),
        (Rule::Date, Value::String(text)) => date(text).is_some(),
        (Rule::Time, Value::String(text)) => time(text).is_some(),
        (Rule::Currency, Value::String(code)) => currency(code).is_some(),
        (Rule::Amount, Value::String(amount)) => Amount::parse(amount).is_some(),
        (Rule::Amount, Value::Number(number)) => return Err(format!("Write it as text: \"{number}\".")),
        (Rule::Whole { least }, Value::Number(number)) => whole(number).is_some_and(|whole| whole >= least),
        (Rule::Number { least, most }, Value::Number(number)) => {
            number.as_f64().is_some_and(|number| (least..=most).contains(&number))
        }
        (Rule::Texts { most }, Value::Array(texts)) => {
            if most.is_some_and(|most| texts.len() > most) {
                return Err(format!("There are {}; leave some out.", texts.len()));
            }
            texts.iter().all(Value::is_string)
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(example(rule)) }
}

fn describe(rule: Rule) -> String {
    match rule {
        Rule::Text { most: None } => "a text".to_owned(),
        Rule::Text { most: Some(most) } => format!("a text of at most {most} characters"),
        Rule::OneOf(words) => format!("one of {}", words.join(", ")),
        Rule::Date => "a date, YYYY-MM-DD".to_owned(),
        Rule::Time => "a time with its zone, as in RFC 3339".to_owned(),
        Rule::Currency => "a currency code of ISO 4217, in capitals".to_owned(),
        Rule::Amount => format!(
            "an amount as decimal text, at most {WHOLE_DIGITS} digits before the point and {FRACTION_DIGITS} after it"
        ),
        Rule::Whole { least } => format!("a whole number, at least {least}"),
        Rule::Number { least, most } => format!("a number from {least} to {most}"),
        Rule::Flag => "true or false".to_owned(),
        Rule::Texts { most: None } => "a list of texts".to_owned(),
        Rule::Texts { most: Some(most) } => format!("a list of at most {most} texts"),
        Rule::Object | Rule::Record(_) => "an object".to_owned(),
        Rule::ById(record) => format!("an object with one {} under each id", record.name),
    }
}

fn example(rule: Rule) -> String {
    match rule {
        Rule::OneOf(words) => format!("Write one of the words as it is listed, for example {:?}.", words[0]),
        Rule::Date => "Write for example \"2026-05-01\".".to_owned(),
        Rule::Time => "Write for example \"2026-05-01T09:30:00+02:00\" or \"2026-05-01T07:30:00Z\".".to_owned(),
        Rule::Currency => "Write for example \"EUR\".".to_owned(),
        Rule::Amount => "Write for example \"1250.00\", without a currency or separators.".to_owned(),
        Rule::ById(record) => format!("Put each {} under an id of its own.", record.name),
        other => format!("Give {}.", describe(other)),
    }
}

/// A whole number, whether or not it is written as one: `2.0` is what JSON Schema calls an integer, too.
fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let whole = number.as_f64().filter(|number| number.fract() == 0.0)?;
        format!("{whole:.0}").parse().ok()
    })
}

/// Whether one date or time is before another; what is neither is not compared.
fn is_before(end: &Value, start: &Value) -> bool {
    let (Some(end), Some(start)) = (end.as_str(), start.as_str()) else { return false };
    match (date(end), date(start)) {
        (Some(end), Some(start)) => end < start,
        _ => time(end).zip(time(start)).is_some_and(|(end, start)| end < start),
    }
}

#[cfg(test)]
mod tests;
