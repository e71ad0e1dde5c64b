//! What one receiver has of each writer: pieces of clocks, however a server cut or merged them. Says what is new to see, what came
//! twice and what came too late. Each receiver has one; it must stay cheap, it is asked at every delivery.
//! A piece behind a hole is not seen by a Yjs client until the hole is filled, so it does not count until then.

use std::ops::Range;

/// Some clocks of one writer of the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The writer's place in its room.
    pub writer: u32,
    /// Which clocks.
    pub clocks: Range<u32>,
}

/// What has come of everybody.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    tracks: Vec<Track>,
}

/// What has come of one writer.
#[derive(Debug, Clone, Default)]
struct Track {
    /// All clocks below have come.
    seen: u32,
    /// What came beyond, apart, in order, without touching each other. Nearly always nothing.
    #[expect(clippy::box_collection, reason = "there is one track a receiver and writer: they are kept small")]
    beyond: Option<Box<Vec<Range<u32>>>>,
}

/// What a piece changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What can be seen now and could not before; perhaps nothing.
    pub shown: Range<u32>,
    /// How many clocks had come before.
    pub repeated: u32,
    /// Whether some of the piece is new, and something that its writer wrote later had come before it.
    pub is_late: bool,
}

impl Taken {
    /// Whether all of the piece was there before.
    pub fn has_come_before(&self, piece: &Piece) -> bool {
        self.repeated as usize == piece.clocks.len()
    }
}

impl Coverage {
    /// Nothing has come of so many writers.
    pub fn new(writers: usize) -> Self {
        Self { tracks: vec![Track::default(); writers] }
    }

    /// Up to where a writer's clocks are there without a hole.
    pub fn seen(&self, writer: usize) -> u32 {
        self.tracks.get(writer).map_or(0, |track| track.seen)
    }

    /// How many clocks of a writer are there that cannot be seen for a hole.
    pub fn hidden(&self, writer: usize) -> u32 {
        let beyond = self.tracks.get(writer).and_then(|track| track.beyond.as_ref());
        beyond.map_or(0, |beyond| beyond.iter().map(|range| range.end - range.start).sum())
    }

    /// The last clocks of a writer that are there without a hole between them.
    pub fn newest(&self, writer: usize) -> Range<u32> {
        let track = self.tracks.get(writer);
        let beyond = track.and_then(|track| track.beyond.as_ref()?.last().cloned());
        beyond.unwrap_or(0..track.map_or(0, |track| track.seen))
    }

    /// A piece has come. Of a writer that is not in the room nothing is new.
    pub fn take(&mut self, piece: &Piece) -> Taken {
        match self.tracks.get_mut(piece.writer as usize) {
            Some(track) => track.take(&piece.clocks),
            None => Taken { shown: 0..0, repeated: 0, is_late: false },
        }
    }
}

impl Track {
    fn take(&mut self, clocks: &Range<u32>) -> Taken {
        let before = self.seen;
        let latest = self.beyond.as_ref().and_then(|beyond| beyond.last()).map_or(before, |range| range.end);
        if clocks.start > before {
            let repeated = self.put_beyond(clocks.clone());
            return Taken { shown: before..before, repeated, is_late: is_late(clocks, repeated, latest) };
        }
        let mut repeated = clocks.end.min(before) - clocks.start.min(clocks.end);
        self.seen = before.max(clocks.end);
        if let Some(beyond) = &mut self.beyond {
            repeated += beyond.iter().map(|range| range.end.min(clocks.end).saturating_sub(range.start)).sum::<u32>();
            let touched = beyond.iter().take_while(|range| {
                let touches = range.start <= self.seen;
                if touches {
                    self.seen = self.seen.max(range.end);
                }
                touches
            });
            let touched = touched.count();
            beyond.drain(..touched);
            if beyond.is_empty() {
                self.beyond = None;
            }
        }
        Taken { shown: before..self.seen, repeated, is_late: is_late(clocks, repeated, latest) }
    }

    /// Puts a piece among those beyond the hole; how much of it was there.
    fn put_beyond(&mut self, mut clocks: Range<u32>) -> u32 {
        let beyond = self.beyond.get_or_insert_default();
        let first = beyond.partition_point(|range| range.end < clocks.start);
        let last = beyond.partition_point(|range| range.start <= clocks.end);
        let overlap = |range: &Range<u32>| range.end.min(clocks.end) - range.start.max(clocks.start);
        let repeated = beyond[first..last].iter().map(overlap).sum();
        if let (Some(left), Some(right)) = (beyond.get(first), beyond[..last].last().filter(|_| first < last)) {
            clocks = clocks.start.min(left.start)..clocks.end.max(right.end);
        }
        beyond.splice(first..last, [clocks]);
        repeated
    }
}

/// Whether a piece of which so much had come has something new before the end of all that had come.
fn is_late(clocks: &Range<u32>, repeated: u32, latest: u32) -> bool {
    repeated < clocks.end.min(latest).saturating_sub(clocks.start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(writer: u32, clocks: Range<u32>) -> Piece {
        Piece { writer, clocks }
    }

    #[test]
    fn what_a_merging_server_sends_counts_the_same() {
        let mut coverage = Coverage::new(2);
        assert_eq!(coverage.take(&piece(1, 0..16)).shown, 0..16);
        assert_eq!(coverage.take(&piece(1, 16..64)).shown, 16..64);
        assert_eq!(coverage.take(&piece(0, 0..7)).shown, 0..7);
        assert_eq!((coverage.seen(0), coverage.seen(1), coverage.seen(2)), (7, 64, 0));
    }

    #[test]
    fn what_is_early_is_seen_when_the_hole_is_filled() {
        let mut coverage = Coverage::new(1);
        let early = coverage.take(&piece(0, 16..32));
        assert_eq!(early, Taken { shown: 0..0, repeated: 0, is_late: false });
        assert_eq!((coverage.seen(0), coverage.hidden(0), coverage.newest(0)), (0, 16, 16..32));
        assert_eq!(coverage.take(&piece(0, 0..16)), Taken { shown: 0..32, repeated: 0, is_late: true });
        assert_eq!((coverage.hidden(0), coverage.newest(0)), (0, 0..32));
    }

    #[test]
    fn behind_what_never_comes_nothing_is_late() {
        let mut coverage = Coverage::new(1);
        let clocks = [16..32, 32..48, 64..80, 80..96];
        assert!(clocks.iter().all(|clocks| !coverage.take(&piece(0, clocks.clone())).is_late));
        assert_eq!((coverage.seen(0), coverage.hidden(0)), (0, 64));
        assert!(
            coverage.take(&piece(0, 48..64)).is_late,
            "it is behind a hole, and what came before it was written later"
        );
    }

    #[test]
    fn what_comes_twice_is_said() {
        let mut coverage = Coverage::new(1);
        coverage.take(&piece(0, 0..16));
        let again = coverage.take(&piece(0, 0..16));
        assert_eq!(again, Taken { shown: 16..16, repeated: 16, is_late: false });
        assert!(again.has_come_before(&piece(0, 0..16)) && !again.has_come_before(&piece(0, 0..32)));
        assert_eq!(coverage.take(&piece(0, 8..32)).repeated, 8);
        coverage.take(&piece(0, 48..64));
        assert_eq!(coverage.take(&piece(0, 48..64)), Taken { shown: 32..32, repeated: 16, is_late: false });
        assert_eq!(coverage.take(&piece(0, 32..56)), Taken { shown: 32..64, repeated: 8, is_late: true });
    }

    proptest! {
        /// Any pieces in any order, some of them again and again: the same as marking each clock by itself.
        #[test]
        fn pieces_add_up(pieces in prop::collection::vec((0u32..3, 0u32..120, 1u32..30), 0..80)) {
            let mut coverage = Coverage::new(3);
            let mut marks = [[false; 150]; 3];
            for (writer, start, length) in pieces {
                let (row, clocks) = (&mut marks[writer as usize], start..start + length);
                let seen = |row: &[bool; 150]| row.iter().take_while(|mark| **mark).count();
                let before = seen(row);
                let repeated = clocks.clone().filter(|clock| row[*clock as usize]).count();
                let latest = row.iter().rposition(|mark| *mark).unwrap_or(0);
                let is_late = clocks.clone().any(|clock| (clock as usize) < latest && !row[clock as usize]);
                clocks.clone().for_each(|clock| row[clock as usize] = true);
                let taken = coverage.take(&piece(writer, clocks.clone()));
                prop_assert_eq!(taken.shown.start as usize, before);
                prop_assert_eq!(taken.shown.end as usize, seen(row));
                prop_assert_eq!(taken.repeated as usize, repeated);
                prop_assert_eq!(taken.is_late, is_late);
                let marked = row.iter().filter(|mark| **mark).count();
                prop_assert_eq!(coverage.hidden(writer as usize) as usize, marked - seen(row));
            }
        }

        /// Whatever way a server cuts what was written, in whatever order: in the end all is there once.
        #[test]
        fn any_partition_in_any_order(
            (cuts, order) in prop::collection::btree_set(1u32..400, 0..40).prop_flat_map(|cuts| {
                let pieces = cuts.len() + 1;
                (Just(cuts), Just((0..pieces).collect::<Vec<_>>()).prop_shuffle())
            })
        ) {
            let edges: Vec<u32> = [0].into_iter().chain(cuts).chain([400]).collect();
            let mut coverage = Coverage::new(1);
            let mut shown = 0;
            for place in order {
                let taken = coverage.take(&piece(0, edges[place]..edges[place + 1]));
                prop_assert_eq!(taken.shown.start, shown);
                prop_assert_eq!(taken.repeated, 0);
                shown = taken.shown.end;
            }
            prop_assert_eq!((shown, coverage.seen(0), coverage.hidden(0)), (400, 400, 0));
        }
    }
}
