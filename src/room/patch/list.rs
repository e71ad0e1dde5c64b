//! What changed in a list, as few and small replacements. Pure.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Lists with more elements than this between their first and last difference are replaced there as a whole: finding
/// out what moved costs the product of the lengths.
const ELEMENTS_MAX: usize = 2_000;

/// Elements that took the place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// What to replace in `old` to get `new`: at most `most` hunks, in order, that do not touch each other.
pub(super) fn hunks(old: &[Value], new: &[Value], most: usize) -> Vec<Hunk> {
    let prefix = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let rest = old[prefix..].iter().rev().zip(new[prefix..].iter().rev());
    let suffix = rest.take_while(|(old, new)| old == new).count();
    let whole = Hunk { old: prefix..old.len() - suffix, new: prefix..new.len() - suffix };
    if whole.old.is_empty() && whole.new.is_empty() {
        return Vec::new();
    }
    if whole.old.is_empty() || whole.new.is_empty() || whole.old.len() + whole.new.len() > ELEMENTS_MAX {
        return vec![whole];
    }
    let mut numbers = HashMap::new();
    let mut number = |value| {
        let next = numbers.len();
        *numbers.entry(value).or_insert(next)
    };
    let before: Vec<usize> = old[whole.old.clone()].iter().map(&mut number).collect();
    let after: Vec<usize> = new[whole.new.clone()].iter().map(number).collect();
    let hunks: Vec<Hunk> = replacements(&before, &after)
        .into_iter()
        .map(|(old, new)| Hunk { old: old.start + prefix..old.end + prefix, new: new.start + prefix..new.end + prefix })
        .collect();
    if hunks.len() > most { vec![whole] } else { hunks }
}

/// Which elements of `old` are replaced by which of `new`, neighbours as one.
pub(super) fn replacements<T: Eq + std::hash::Hash>(old: &[T], new: &[T]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut found: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for change in capture_diff_slices(Algorithm::Myers, old, new) {
        let (old, new) = match change {
            DiffOp::Equal { .. } => continue,
            DiffOp::Delete { old_index, old_len, new_index } => (old_index..old_index + old_len, new_index..new_index),
            DiffOp::Insert { old_index, new_index, new_len } => (old_index..old_index, new_index..new_index + new_len),
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                (old_index..old_index + old_len, new_index..new_index + new_len)
            }
        };
        match found.last_mut() {
            Some(last) if last.0.end == old.start && last.1.end == new.start => {
                (last.0.end, last.1.end) = (old.end, new.end);
            }
            _ => found.push((old, new)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(old: &Value, new: &Value) -> Vec<(Range<usize>, Range<usize>)> {
        let (old, new) = (old.as_array().expect("a list"), new.as_array().expect("a list"));
        hunks(old, new, 9).into_iter().map(|hunk| (hunk.old, hunk.new)).collect()
    }

    #[test]
    fn only_what_changed_is_replaced() {
        assert_eq!(changed(&json!([1, 2, 3]), &json!([1, 2, 3])), []);
        assert_eq!(changed(&json!([1, 2, 3]), &json!([1, 3])), [(1..2, 1..1)]);
        assert_eq!(changed(&json!([]), &json!([1])), [(0..0, 0..1)]);
        assert_eq!(changed(&json!([1, 2, 3, 4, 5]), &json!([0, 2, 3, 9, 9, 5])), [(0..1, 0..1), (3..4, 3..5)]);
        let many = |from: usize| Value::from((from..from + 3_000).map(|n| json!(n)).collect::<Vec<_>>());
        assert_eq!(changed(&many(0), &many(1)), [(0..3_000, 0..3_000)]);
    }
}
