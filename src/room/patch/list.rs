//! What changed in a list, as few and small replacements. Pure. The search is Myers' as git bounds it, so that even lists
//! that have nothing in common take little more than linear time.

use std::cmp::Reverse;
use std::hash::Hash;
use std::ops::Range;

use hashbrown::HashMap;
use serde_json::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Elements that took the place of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// How much is looked for: whatever of it is used up, coarser changes are found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Places of one list or text that change.
    pub(super) places: usize,
    /// Elements, words or lines that may still be compared.
    pub(super) compared: usize,
}

impl Effort {
    /// Whether so many may be compared; then they are.
    pub(super) fn spend(&mut self, elements: usize) -> bool {
        let left = self.compared.checked_sub(elements);
        self.compared = left.unwrap_or(self.compared);
        left.is_some()
    }
}

/// What to replace in `old` to get `new`, in order, and nothing that touches.
pub(super) fn hunks(old: &[Value], new: &[Value], effort: &mut Effort) -> Vec<Hunk> {
    let prefix = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let rest = old[prefix..].iter().rev().zip(new[prefix..].iter().rev());
    let suffix = rest.take_while(|(old, new)| old == new).count();
    let whole = Hunk { old: prefix..old.len() - suffix, new: prefix..new.len() - suffix };
    if whole.old.is_empty() && whole.new.is_empty() {
        return Vec::new();
    }
    if whole.old.is_empty() || whole.new.is_empty() || !effort.spend(whole.old.len() + whole.new.len()) {
        return vec![whole];
    }
    let mut numbers = HashMap::new();
    let mut number = |value| {
        let next = numbers.len();
        *numbers.entry(value).or_insert(next)
    };
    let before: Vec<usize> = old[whole.old.clone()].iter().map(&mut number).collect();
    let after: Vec<usize> = new[whole.new.clone()].iter().map(number).collect();
    replacements(&before, &after, effort.places)
        .into_iter()
        .map(|(old, new)| Hunk { old: old.start + prefix..old.end + prefix, new: new.start + prefix..new.end + prefix })
        .collect()
}

type Replacement = (Range<usize>, Range<usize>);

/// Which elements of `old` are replaced by which of `new`, in `most` places at most.
pub(super) fn replacements<T: Eq + Hash>(old: &[T], new: &[T], most: usize) -> Vec<Replacement> {
    let mut found: Vec<Replacement> = Vec::new();
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
    joined(found, most)
}

/// The same in `most` places at most: those that have the least between them become one.
fn joined(found: Vec<Replacement>, most: usize) -> Vec<Replacement> {
    if found.len() <= most {
        return found;
    }
    let gap = |at: usize| found[at].0.start - found[at - 1].0.end;
    let mut gaps: Vec<usize> = (1..found.len()).collect();
    gaps.sort_by_key(|at| Reverse(gap(*at)));
    gaps.truncate(most.saturating_sub(1));
    gaps.sort_unstable();
    let starts = || std::iter::once(0).chain(gaps.iter().copied());
    let ends = gaps.iter().copied().chain([found.len()]);
    starts()
        .zip(ends)
        .map(|(start, end)| {
            let (first, last) = (&found[start], &found[end - 1]);
            (first.0.start..last.0.end, first.1.start..last.1.end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(old: &Value, new: &Value) -> Vec<(Range<usize>, Range<usize>)> {
        let (old, new) = (old.as_array().expect("a list"), new.as_array().expect("a list"));
        hunks(old, new, &mut Effort { places: 2, compared: 6_000 })
            .into_iter()
            .map(|hunk| (hunk.old, hunk.new))
            .collect()
    }

    #[test]
    fn only_what_changed_is_replaced() {
        assert_eq!(changed(&json!([1, 2, 3]), &json!([1, 2, 3])), []);
        assert_eq!(changed(&json!([1, 2, 3]), &json!([1, 3])), [(1..2, 1..1)]);
        assert_eq!(changed(&json!([]), &json!([1])), [(0..0, 0..1)]);
        assert_eq!(changed(&json!([1, 2, 3, 4, 5]), &json!([0, 2, 3, 9, 9, 5])), [(0..1, 0..1), (3..4, 3..5)]);
    }

    #[test]
    fn long_lists_change_where_they_changed() {
        let many = |from: usize, count: usize| Value::from((from..from + count).map(|n| json!(n)).collect::<Vec<_>>());
        assert_eq!(changed(&many(0, 2_999), &many(1, 2_999)), [(0..1, 0..0), (2_999..2_999, 2_998..2_999)]);
        assert_eq!(changed(&many(0, 9_000), &many(1, 9_000)), [(0..9_000, 0..9_000)], "more than may be compared");
    }

    #[test]
    fn of_too_many_places_the_near_ones_are_joined() {
        let changed = changed(&json!([1, 2, 3, 4, 5, 6, 7, 8, 9]), &json!([0, 2, 0, 4, 5, 6, 7, 8, 0]));
        assert_eq!(changed, [(0..3, 0..3), (8..9, 8..9)]);
    }
}
