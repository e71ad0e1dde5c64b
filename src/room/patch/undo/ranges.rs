//! A set of a text's elements by their ids. Pure.

use std::ops::Range;

use hashbrown::HashMap;

/// One element of a text, a UTF-16 unit: a client and its clock.
pub(super) type Id = (u64, u32);

/// Elements by their ids, in ranges that do not touch.
#[derive(Debug, Default)]
pub(super) struct Ranges(HashMap<u64, Vec<Range<u32>>>);

impl FromIterator<(Id, u32)> for Ranges {
    /// Of elements that begin with an id and are so many.
    fn from_iter<I: IntoIterator<Item = (Id, u32)>>(runs: I) -> Self {
        let mut clients: HashMap<u64, Vec<Range<u32>>> = HashMap::new();
        for ((client, clock), length) in runs {
            clients.entry(client).or_default().push(clock..clock.saturating_add(length));
        }
        for ranges in clients.values_mut() {
            ranges.sort_unstable_by_key(|range| range.start);
            ranges.dedup_by(|next, last| {
                let touches = next.start <= last.end;
                if touches {
                    last.end = last.end.max(next.end);
                }
                touches
            });
        }
        Self(clients)
    }
}

impl Ranges {
    /// Cuts `length` elements from `id` on where they enter or leave the set: how long each part is, and whether it is in it.
    pub(super) fn cut(&self, (client, clock): Id, length: u32) -> Vec<(u32, bool)> {
        let ranges = self.0.get(&client).map_or(&[][..], Vec::as_slice);
        let (mut at, end) = (clock, clock.saturating_add(length));
        let mut parts = Vec::new();
        for range in &ranges[ranges.partition_point(|range| range.end <= clock)..] {
            if range.start >= end {
                break;
            }
            if range.start > at {
                parts.push((range.start - at, false));
                at = range.start;
            }
            parts.push((range.end.min(end) - at, true));
            at = range.end.min(end);
        }
        if at < end {
            parts.push((end - at, false));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_cut_where_they_enter_and_leave() {
        let ranges: Ranges = [((7, 4), 2), ((7, 10), 5), ((7, 6), 1), ((9, 0), 1)].into_iter().collect();
        assert_eq!(ranges.cut((7, 0), 20), [(4, false), (3, true), (3, false), (5, true), (5, false)]);
        assert_eq!(ranges.cut((7, 5), 1), [(1, true)]);
        assert_eq!(ranges.cut((7, 7), 3), [(3, false)]);
        assert_eq!(ranges.cut((8, 0), 3), [(3, false)]);
        assert_eq!(ranges.cut((7, 14), 3), [(1, true), (2, false)]);
        assert_eq!(ranges.cut((9, 0), 0), []);
    }
}
