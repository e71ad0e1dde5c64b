//! How a room answers those who ask for its document's state. The part of `Room` that encodes.

use bytes::Bytes;
use hashbrown::HashMap;

use super::client::Receipt;
use super::id::ConnectionId;
use super::questions::Question;
use super::room::{Room, SMALL_DOCUMENT};
use crate::wire::ServerMessage;

/// So many bytes of differences are made before they are sent.
const ANSWER_BYTES: usize = 4 << 20;

impl Room {
    /// The document as an update: what somebody lacks who has the encoded state vector `known`.
    pub(super) fn state(&mut self, known: &Bytes) -> Bytes {
        if is_nothing(known)
            && let (None, full) = self.document.full_state()
        {
            return full;
        }
        // What came after the kept state is not in it.
        self.document.difference(known)
    }

    /// Answers those who asked for the document's state, as many as fit into some megabytes; call it again while
    /// `has_questions`. Apart from `turn` because it may be dear, and everybody else's news go first.
    pub fn answer(&mut self) -> Vec<(ConnectionId, Vec<ServerMessage>)> {
        let mut differences: HashMap<Bytes, Bytes> = HashMap::new();
        let mut vector = None;
        let mut answers = Vec::new();
        let mut bytes = 0;
        while bytes < ANSWER_BYTES
            && let Some((connection, question)) = self.questions.pop()
        {
            if !self.clients.contains_key(&connection) {
                continue;
            }
            let known = question.known();
            let mut state: Vec<ServerMessage> = if is_nothing(known) {
                // Shared by all who ask for it, so it counts for nothing.
                let (first, full) = self.document.full_state();
                first.map(ServerMessage::Update).into_iter().chain([ServerMessage::Step2(full)]).collect()
            } else {
                let document = &self.document;
                let difference = differences.entry(known.clone()).or_insert_with(|| document.difference(known)).clone();
                bytes += difference.len();
                vec![ServerMessage::Step2(difference)]
            };
            state.extend(self.document.orphans().map(|orphan| ServerMessage::Update(orphan.raw.clone())));
            let client = self.clients.get_mut(&connection).expect("it was just looked up");
            let first = !std::mem::replace(&mut client.greeted, true);
            let is_heal = matches!(question, Question::Heal(_));
            let counts = client.receipt == Receipt::Status;
            let mut messages = Vec::with_capacity(state.len() + 2);
            // To a client that counts, one for each that it sent, and one when it may have missed those.
            let owed = if counts { client.answers() } else { 0 };
            let asks = u32::from(is_heal || !counts && (first || self.document.lacks(known)));
            if is_heal {
                client.asked();
            }
            if owed + asks > 0 {
                let vector = vector.get_or_insert_with(|| self.document.state_vector());
                messages.extend((0..owed + asks).map(|_| ServerMessage::Step1(vector.clone())));
            }
            if counts {
                messages.append(&mut state);
            } else {
                messages.splice(0..0, state);
                if first && !self.presence.is_empty() {
                    messages.push(ServerMessage::Presence(self.presence.everyone(Some(connection))));
                }
            }
            answers.push((connection, messages));
        }
        answers
    }

    /// Whether somebody waits for `answer`.
    pub fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Whether `answer` will take long enough to be kept away from other rooms' tasks.
    pub fn answer_is_heavy(&self) -> bool {
        let encodes = |known: &Bytes| !is_nothing(known) || !self.document.state_is_ready();
        self.document.size() > SMALL_DOCUMENT && self.questions.known().any(encodes)
    }
}

/// Whether a state vector says "I have nothing": one that is missing, or counts no client.
fn is_nothing(vector: &[u8]) -> bool {
    matches!(vector, [] | [0, ..])
}
