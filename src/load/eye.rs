//! One who sees cursors and statuses in a scenario without a crowd, in one room: the newest of each person, how soon it came, and
//! whether somebody said what is shown. What `ear` is for edits.

use std::cell::RefCell;
use std::time::Instant;

use super::latency::Latency;
use super::presence::{self, Said, State};

/// When everybody in the room said what of themselves.
#[derive(Debug)]
pub struct Shown {
    room: usize,
    first_client: u64,
    moments: RefCell<Vec<Vec<Instant>>>,
    /// When each came last.
    came: RefCell<Vec<Instant>>,
}

impl Shown {
    /// Nothing yet, of so many people in this room, of whom the first has this Yjs client id.
    pub fn new(room: usize, first_client: u64, people: usize) -> Self {
        let came = RefCell::new(vec![Instant::now(); people]);
        Self { room, first_client, moments: RefCell::new(vec![Vec::new(); people]), came }
    }

    /// Somebody comes, and says again what it said last.
    pub fn comes(&self, place: usize) {
        self.came.borrow_mut()[place] = Instant::now();
    }

    /// Somebody says something new, which was meant for this moment.
    pub fn add(&self, place: usize, moment: Instant) {
        self.moments.borrow_mut()[place].push(moment);
    }

    /// What somebody says now.
    pub fn said(&self, place: usize) -> Said {
        let count = self.moments.borrow()[place].len();
        let small = |number: usize| u32::try_from(number).expect("there are fewer");
        Said { room: self.room, place: small(place), number: small(count) }
    }

    /// The Yjs client id of somebody.
    pub fn client(&self, place: usize) -> u64 {
        self.first_client + place as u64
    }

    /// Whether this Yjs client id is somebody's.
    fn is_somebody(&self, client: u64) -> bool {
        client.checked_sub(self.first_client).is_some_and(|place| place < self.moments.borrow().len() as u64)
    }

    /// Whether somebody may be shown so.
    fn is_right(&self, client: u64, said: Said) -> bool {
        let moments = self.moments.borrow();
        let has_said = moments.get(said.place as usize).is_some_and(|said_by| said.number as usize <= said_by.len());
        has_said && said.room == self.room && client == self.client(said.place as usize)
    }
}

/// One who sees.
#[derive(Debug)]
pub struct Eye {
    place: usize,
    /// The number of the newest of each.
    seen: Vec<u32>,
    /// What was said before was not for this eye to see in time.
    since: Instant,
    /// Messages that show what nobody said.
    pub wrong: u64,
    /// From when something was meant to be said until it was seen, or something newer in its place.
    pub times: Latency,
}

impl Eye {
    /// Of somebody new.
    pub fn new(place: usize, people: usize) -> Self {
        Self { place, seen: vec![0; people], since: Instant::now(), wrong: 0, times: Latency::default() }
    }

    /// Was away, and is here from now on.
    pub fn begin_anew(&mut self) {
        self.since = Instant::now();
    }

    /// Sees a presence message.
    pub fn see(&mut self, message: &[u8], shown: &Shown) {
        let (now, mut is_wrong) = (Instant::now(), false);
        let read = presence::read(message, |client, state| {
            let (State::Person(said) | State::Agent(said)) = state else {
                is_wrong |= state == State::Other && shown.is_somebody(client);
                return;
            };
            if !shown.is_right(client, said) {
                is_wrong = true;
                return;
            }
            let place = said.place as usize;
            if place == self.place || said.number <= self.seen[place] {
                return;
            }
            let news = self.seen[place] as usize..said.number as usize;
            self.seen[place] = said.number;
            let moments = shown.moments.borrow();
            // What was said before one of them was away is not late.
            let since = self.since.max(shown.came.borrow()[place]);
            for moment in moments[place][news].iter().filter(|moment| **moment >= since) {
                self.times.record(now.saturating_duration_since(*moment));
            }
        });
        self.wrong += u64::from(is_wrong || read.is_none());
    }

    /// Whether it has seen the last that somebody else has said, or nothing was.
    pub fn has_last_of(&self, place: usize, shown: &Shown) -> bool {
        place == self.place || self.seen[place] == shown.said(place).number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_replaces_those_before_and_what_nobody_said_is_wrong() {
        let (shown, mut eye) = (Shown::new(3, 100, 2), Eye::new(0, 2));
        let says = |number| Said { room: 3, place: 1, number };
        shown.add(1, Instant::now());
        shown.add(1, Instant::now());
        assert!(!eye.has_last_of(1, &shown) && eye.has_last_of(0, &shown));
        eye.see(&says(1).by_person(101, 1), &shown);
        assert!(!eye.has_last_of(1, &shown), "that is not the last");
        eye.see(&says(2).by_person(101, 2), &shown);
        eye.see(&says(1).by_person(101, 3), &shown);
        assert!(eye.has_last_of(1, &shown) && eye.times.count() == 2 && eye.wrong == 0);
        shown.add(1, Instant::now());
        shown.comes(1);
        eye.see(&says(3).by_person(101, 4), &shown);
        assert!(eye.has_last_of(1, &shown) && eye.times.count() == 2, "it came back with what it had said");
        let elsewhere = Said { room: 4, ..says(2) };
        for wrong in [
            says(4).by_person(101, 5),
            says(2).by_person(100, 5),
            elsewhere.by_person(101, 5),
            Said { place: 2, ..says(0) }.by_agent(102, 1),
            vec![9],
        ] {
            let before = eye.wrong;
            eye.see(&wrong, &shown);
            assert_eq!(eye.wrong, before + 1, "{wrong:?}");
        }
        assert_eq!((eye.seen[1], eye.times.count()), (3, 2));
    }
}
