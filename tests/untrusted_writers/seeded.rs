//! Seeded random sessions: editors write everywhere, commenters honestly or not, in documents that are garbage-collected,
//! loaded anew and asked in the middle of changes. Which elements are below `comments` is known from the edits that made
//! them. `SEED=7 cargo test --test untrusted_writers` replays one run.

use triproom::room::change::Outcome;
use triproom::room::document::Document;
use triproom::room::update::CheckedUpdate;
use triproom::room::verdict::{Holder, Verdict};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, IdSet, ReadTxn, StateVector, Transact, Update};

use super::edits::{Where, client_doc, edit};
use super::trip::{COMMENTS, apply, copy, says};

pub const EDITORS: [u64; 2] = [10, 11];
pub const COMMENTERS: [u64; 2] = [20, 21];

pub fn seeds() -> Vec<u64> {
    match std::env::var("SEED") {
        Ok(seed) => vec![seed.parse().expect("SEED is a number")],
        Err(_) => (0..150).collect(),
    }
}

/// A server's document, its clients, and what is where.
pub struct Session {
    pub random: fastrand::Rng,
    pub document: Document,
    clients: Vec<Doc>,
    pub inside: IdSet,
    pub outside: IdSet,
    next_client: u64,
}

/// What a room knows: it has seen those who write here, and of others it has heard nothing.
pub fn holder(client: u64) -> Holder {
    match client {
        _ if EDITORS.contains(&client) => Holder::Other,
        _ if COMMENTERS.contains(&client) => Holder::Writer,
        _ => Holder::Nobody,
    }
}

impl Session {
    pub fn new(seed: u64) -> Self {
        let clients = EDITORS.iter().chain(&COMMENTERS).map(|client| client_doc(*client)).collect();
        let (inside, outside) = (IdSet::default(), IdSet::default());
        let random = fastrand::Rng::with_seed(seed);
        Self { random, document: Document::new(1 << 30), clients, inside, outside, next_client: 1_000 }
    }

    /// One edit of a client, and where it was.
    fn edit(&mut self, doc: &Doc, place: Where) -> Vec<u8> {
        let mut txn = doc.transact_mut();
        edit(&mut txn, &mut self.random, place);
        let made = if place == Where::Comments { &mut self.inside } else { &mut self.outside };
        made.merge_with(txn.insert_set().clone());
        txn.encode_update_v1()
    }

    /// One edit of one of the clients that nobody hears of.
    pub fn edit_by(&mut self, at: usize, place: Where) -> Vec<u8> {
        let doc = self.clients[at].clone();
        self.edit(&doc, place)
    }

    pub fn any_place(&mut self) -> Where {
        if self.random.bool() { Where::Comments } else { Where::Elsewhere }
    }

    /// What the server's document has, as an update.
    fn state(&self) -> Update {
        Update::decode_v1(&self.document.difference(&[])).expect("the library's own")
    }

    pub fn known(&self) -> StateVector {
        StateVector::decode_v1(&self.document.state_vector()).expect("the library's own")
    }

    /// Judges an update, and checks that by who made what where, and by applying it to a copy.
    fn judge(&mut self, raw: &[u8], update: &CheckedUpdate, holder: impl Fn(u64) -> Holder) -> Verdict {
        let verdict = self.document.only_touches(update, COMMENTS, holder);
        let (honest, before) = (Update::decode_v1(raw).expect("honest"), self.state());
        let brought = honest.insertions(true).diff(&before.insertions(true)).intersect(&self.outside);
        let deleted = honest.delete_set().diff(before.delete_set()).intersect(&self.outside).diff(&brought);
        let mut later = copy(&self.document);
        apply(&mut later, CheckedUpdate::parse(update.raw.clone()).expect("honest"));
        // What was put into something that is collected is collected.
        let after = later.difference(&[]);
        let nothing = brought.diff(Update::decode_v1(&after).expect("the library's own").delete_set()).is_empty();
        match verdict {
            Verdict::Inside => {
                assert!(deleted.is_empty() && nothing);
                assert_eq!(says(&after).0, says(&self.document.difference(&[])).0);
            }
            Verdict::Outside => assert!(!deleted.is_empty() || !brought.is_empty()),
            Verdict::Unknown | Verdict::Forged => panic!("everybody is honest about what they know and who they are"),
        }
        verdict
    }

    /// Hears everything that the server has.
    fn sync(&self, doc: &Doc) {
        let known = doc.transact().state_vector().encode_v1();
        let news = Update::decode_v1(&self.document.difference(&known)).expect("the library's own");
        doc.transact_mut().apply_update(news).expect("whole");
    }

    pub fn step(&mut self) {
        let at = self.random.usize(..self.clients.len());
        let doc = self.clients[at].clone();
        match self.random.u8(..12) {
            0..3 => self.sync(&doc),
            3 => self.document.forget_unasked(),
            4 if self.random.u8(..4) == 0 => self.document = copy(&self.document),
            4 => self.answer(&doc),
            5 => self.trespass(&doc),
            _ if at < EDITORS.len() => {
                let place = self.any_place();
                let raw = self.edit(&doc, place);
                apply(&mut self.document, CheckedUpdate::parse(raw.into()).expect("honest"));
            }
            _ => self.comment(&doc),
        }
    }

    /// Some comments, judged and applied in one change.
    fn comment(&mut self, doc: &Doc) {
        let raws: Vec<_> = (0..self.random.usize(1..4)).map(|_| self.edit(doc, Where::Comments)).collect();
        let before = says(&self.document.difference(&[]));
        let mut change = self.document.change();
        for raw in raws {
            let update = CheckedUpdate::parse(raw.into()).expect("honest");
            assert_eq!(change.only_touches(&update, COMMENTS, holder), Verdict::Inside);
            let outcome = change.apply(update, 1).expect("the library bears it");
            assert!(matches!(outcome, Outcome::Applied | Outcome::Known));
        }
        change.finish().expect("the library bears it");
        assert_eq!(says(&self.document.difference(&[])).0, before.0);
    }

    /// What a client has that had heard of less, with all that it knows to be deleted.
    fn answer(&mut self, doc: &Doc) {
        let heard = self.random.choice(&self.clients).expect("there are some").transact().state_vector();
        let raw = doc.transact().encode_state_as_update_v1(&heard);
        let whole = Update::decode_v1(&raw).expect("honest");
        // It had told less to others than to the server, or there is a hole.
        let known = self.known();
        if heard.iter().any(|(client, clock)| known.get(client) < *clock) {
            return;
        }
        let update = CheckedUpdate::parse(raw.clone().into()).expect("honest");
        self.judge(&raw, &update, |_| Holder::Writer);
        let nothing = whole.insertions(true).diff(&self.state().insertions(true)).is_empty()
            && whole.delete_set().diff(self.state().delete_set()).is_empty();
        assert_eq!(self.document.brings_nothing(&update), nothing);
        apply(&mut self.document, update);
    }

    /// Somebody who knows what a client knows edits wherever it likes, under a new name.
    fn trespass(&mut self, doc: &Doc) {
        self.next_client += 1;
        let thief = client_doc(self.next_client);
        let all = doc.transact().encode_state_as_update_v1(&StateVector::default());
        thief.transact_mut().apply_update(Update::decode_v1(&all).expect("valid")).expect("whole");
        let heard = thief.transact().state_vector();
        // What the client has not said yet would be unknown.
        let known = self.known();
        if heard.iter().any(|(client, clock)| known.get(client) < *clock) {
            return;
        }
        for _ in 0..self.random.usize(1..4) {
            let place = self.any_place();
            self.edit(&thief, place);
        }
        let raw = thief.transact().encode_state_as_update_v1(&heard);
        let update = CheckedUpdate::parse(raw.clone().into()).expect("well-formed");
        if self.judge(&raw, &update, holder) == Verdict::Inside {
            apply(&mut self.document, update);
        }
    }
}

#[test]
fn of_honest_updates_exactly_those_are_inside_that_touch_comments_alone() {
    for seed in seeds() {
        println!("SEED={seed}");
        let mut session = Session::new(seed);
        for _ in 0..120 {
            session.step();
        }
        // Who hears everything says the same as the server.
        for doc in session.clients.clone() {
            let raw = doc.transact().encode_state_as_update_v1(&StateVector::default());
            apply(&mut session.document, CheckedUpdate::parse_stored(raw.into()).expect("honest"));
        }
        let server = says(&session.document.difference(&[]));
        for doc in &session.clients {
            session.sync(doc);
            let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
            assert_eq!(says(&state.into()), server);
        }
    }
}
