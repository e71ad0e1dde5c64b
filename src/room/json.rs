//! Plain values: the library's to JSON and back. Used by `view`, which reads documents, and by `patch`, which writes them.
//! A number has one form here, whatever the library made of it, so that equal values compare equal: what a document
//! says must not change by being encoded and decoded. Nothing here may lose a part of a value that JSON cannot show.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use yrs::Any;

/// The largest integer that JavaScript holds exactly.
const SAFE_INTEGER: i64 = yrs::Number::I64_MAX_SAFE_INTEGER;

/// A number as JSON: whole ones without a fraction. What is no number is null, as in JavaScript. An integer that no
/// JavaScript number holds is its digits as text.
pub(super) fn number(number: yrs::Number) -> Value {
    match number {
        yrs::Number::Int(whole) if (-SAFE_INTEGER..=SAFE_INTEGER).contains(&whole) => whole.into(),
        yrs::Number::Int(whole) => as_it_is_stored(whole).map_or_else(|| whole.to_string().into(), float),
        yrs::Number::Float(fraction) => float(fraction),
    }
}

/// The library stores large integers as floats where one comes to the same number in its reckoning, and reads them
/// so.
fn as_it_is_stored(whole: i64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "as the library does it")]
    if (whole as f32) as i64 == whole {
        Some(f64::from(whole as f32))
    } else if (whole as f64) as i64 == whole {
        Some(whole as f64)
    } else {
        None
    }
}

fn float(fraction: f64) -> Value {
    if fraction.fract() == 0.0 && fraction.abs() <= SAFE_INTEGER as f64 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
        return (fraction as i64).into();
    }
    serde_json::Number::from_f64(fraction).map_or(Value::Null, Value::Number)
}

/// Brings every number of `value` into its one form. Returns a number that no JavaScript number holds, if there is one.
pub(super) fn normalize(value: &mut Value) -> Option<serde_json::Number> {
    match value {
        Value::Number(number) => {
            let whole = number.as_i128();
            let fraction = number.as_f64()?;
            #[expect(clippy::cast_possible_truncation, reason = "compared with what it was")]
            if whole.is_some_and(|whole| fraction as i128 != whole) {
                return Some(number.clone());
            }
            *value = float(fraction);
            None
        }
        Value::Array(values) => values.iter_mut().fold(None, |found, value| normalize(value).or(found)),
        Value::Object(members) => members.values_mut().fold(None, |found, value| normalize(value).or(found)),
        Value::Null | Value::Bool(_) | Value::String(_) => None,
    }
}

/// A value as the library stores it.
pub(super) fn to_any(value: &Value) -> Any {
    match value {
        Value::Null => Any::Null,
        Value::Bool(flag) => Any::Bool(*flag),
        Value::Number(number) => Any::Number(match number.as_i64() {
            Some(whole) => yrs::Number::Int(whole),
            None => yrs::Number::Float(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(text) => Any::String(text.as_str().into()),
        Value::Array(values) => Any::Array(values.iter().map(to_any).collect()),
        Value::Object(members) => {
            let members: HashMap<String, Any> =
                members.iter().map(|(key, value)| (key.clone(), to_any(value))).collect();
            Any::Map(Arc::new(members))
        }
    }
}

/// `new` as the library stores it, in the place of `old`: whatever reads the same in both stays as it was, so that
/// bytes, large integers and what is left out of JSON survive a change beside them.
pub(super) fn merged(old: &Any, new: &Value) -> Any {
    match (old, new) {
        (Any::Map(old), Value::Object(new)) => {
            let left_out = old.iter().filter(|(key, value)| matches!(value, Any::Undefined) && !new.contains_key(*key));
            let mut members: HashMap<String, Any> = left_out.map(|(key, value)| (key.clone(), value.clone())).collect();
            members.extend(new.iter().map(|(key, value)| {
                (key.clone(), old.get(key).map_or_else(|| to_any(value), |old| merged(old, value)))
            }));
            Any::Map(Arc::new(members))
        }
        (Any::Array(old), Value::Array(new)) => {
            let before = old.iter().zip(new).take_while(|(old, new)| reads_as(old, new)).count();
            let after = old[before..].iter().rev().zip(new[before..].iter().rev());
            let after = after.take_while(|(old, new)| reads_as(old, new)).count();
            let (old_end, new_end) = (old.len() - after, new.len() - after);
            let middle = new[before..new_end]
                .iter()
                .enumerate()
                .map(|(at, new)| old[before..old_end].get(at).map_or_else(|| to_any(new), |old| merged(old, new)));
            Any::Array(old[..before].iter().cloned().chain(middle).chain(old[old_end..].iter().cloned()).collect())
        }
        _ if reads_as(old, new) => old.clone(),
        _ => to_any(new),
    }
}

/// Whether a stored value reads as `value`, inside of an array.
fn reads_as(any: &Any, value: &Value) -> bool {
    match (any, value) {
        (Any::Map(members), Value::Object(values)) => {
            let shown = members.values().filter(|member| !matches!(member, Any::Undefined)).count();
            shown == values.len()
                && values.iter().all(|(key, value)| members.get(key).is_some_and(|member| reads_as(member, value)))
        }
        (Any::Array(members), Value::Array(values)) => {
            members.len() == values.len() && members.iter().zip(values).all(|(member, value)| reads_as(member, value))
        }
        (Any::Map(_) | Any::Array(_), _) => false,
        _ => scalar(any).unwrap_or(Value::Null) == *value,
    }
}

/// What holds no other values, as JSON; nothing for what JSON leaves out, and for arrays and maps.
pub(super) fn scalar(any: &Any) -> Option<Value> {
    match any {
        Any::Null => Some(Value::Null),
        Any::Bool(flag) => Some((*flag).into()),
        Any::Number(value) => Some(number(*value)),
        Any::String(text) => Some(text.as_ref().into()),
        Any::Buffer(bytes) => Some(marker("$bytes", bytes.len())),
        Any::Undefined | Any::Array(_) | Any::Map(_) => None,
    }
}

/// What stands for something that JSON cannot show.
pub(super) fn marker(kind: &str, what: impl Into<Value>) -> Value {
    Value::Object(Map::from_iter([(kind.to_owned(), what.into())]))
}

/// The most characters of a value that an error shows.
const EXCERPT: usize = 120;

/// A value as an error shows it: its JSON, or the beginning of that.
pub(super) fn excerpt(value: &Value) -> String {
    // Not much more is written of a large value than is shown.
    let shown = match value {
        Value::String(text) => Value::from(text.chars().take(EXCERPT + 1).collect::<String>()).to_string(),
        Value::Array(values) if values.len() > EXCERPT => format!("a list of {}", values.len()),
        Value::Object(members) if members.len() > EXCERPT => format!("an object of {} members", members.len()),
        other => other.to_string(),
    };
    match shown.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_have_one_form() {
        use yrs::Number::{Float, Int};
        assert_eq!(number(Float(5.0)), json!(5));
        assert_eq!(number(Float(-0.0)), json!(0));
        assert_eq!(number(Float(0.1)), json!(0.1));
        assert_eq!(number(Float(f64::NAN)), json!(null));
        assert_eq!(number(Float(f64::INFINITY)), json!(null));
        assert_eq!(number(Int((1 << 53) - 1)), json!(9_007_199_254_740_991_i64));
        assert_eq!(number(Int((1 << 53) + 1)), json!("9007199254740993"));
        // The library writes this one as a float, and reads it so.
        assert_eq!(number(Int(1 << 53)), number(Float(9_007_199_254_740_992.0)));
        let mut written = json!([1e2, 5.0, -3, {"deep": 2.5}]);
        assert_eq!(normalize(&mut written), None);
        assert_eq!(written, json!([100, 5, -3, {"deep": 2.5}]));
        let mut lossy = json!({"a": 5.0, "b": u64::MAX});
        assert!(normalize(&mut lossy).is_some());
        assert!(normalize(&mut json!(i64::MAX)).is_some());
        assert!(normalize(&mut json!(1u64 << 60)).is_none());
    }

    #[test]
    fn what_json_cannot_show_survives_a_change_beside_it() {
        let bytes = Any::Buffer(vec![1, 2].into());
        let old = Any::Map(Arc::new(HashMap::from([
            ("bytes".to_owned(), bytes.clone()),
            ("list".to_owned(), Any::Array([bytes.clone(), Any::Undefined, Any::from("x")].into())),
            ("undefined".to_owned(), Any::Undefined),
            ("lat".to_owned(), Any::from(1.5)),
        ])));
        let new = json!({"bytes": {"$bytes": 2}, "list": [0, {"$bytes": 2}, null, "x"], "lat": 2});
        let Any::Map(merged) = merged(&old, &new) else { panic!("still a map") };
        assert_eq!(merged["bytes"], bytes);
        assert_eq!(merged["undefined"], Any::Undefined);
        assert_eq!(merged["lat"], Any::from(2i64));
        assert_eq!(merged["list"], Any::Array([Any::from(0i64), bytes, Any::Undefined, Any::from("x")].into()));
    }
}
