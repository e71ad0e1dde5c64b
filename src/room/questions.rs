//! Who waits to be told the document's state, and what each of them has already. Owned by `Room`.
//! A connection has one question at a time, however often it asks.

use std::collections::VecDeque;

use bytes::Bytes;

use super::id::ConnectionId;

/// What a connection wants to know. The bytes are the encoded state vector that it has.
#[derive(Debug)]
pub enum Question {
    /// A client's own Step1.
    Step1(Bytes),
    /// A connection whose outbox overflowed: this it surely has.
    Heal(Bytes),
}

impl Question {
    /// What the connection has.
    pub fn known(&self) -> &Bytes {
        let (Self::Step1(known) | Self::Heal(known)) = self;
        known
    }
}

/// All open questions, oldest first.
#[derive(Debug, Default)]
pub struct Questions {
    waiting: VecDeque<(ConnectionId, Question)>,
}

impl Questions {
    /// Puts a question in the place of an older one of the same connection.
    pub fn ask(&mut self, connection: ConnectionId, question: Question) {
        match self.waiting.iter_mut().find(|(asker, _)| *asker == connection) {
            // A heal stands in for whatever else is asked: it is from what the connection surely has.
            Some((_, Question::Heal(_))) => {}
            Some((_, waiting)) => *waiting = question,
            None => self.waiting.push_back((connection, question)),
        }
    }

    /// The oldest question.
    pub fn pop(&mut self) -> Option<(ConnectionId, Question)> {
        let oldest = self.waiting.pop_front();
        if self.waiting.is_empty() {
            // Nobody may ask for hours.
            self.waiting = VecDeque::new();
        }
        oldest
    }

    /// The connection is gone.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.waiting.retain(|(asker, _)| *asker != connection);
    }

    /// Whether any question is open.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What those who ask have.
    pub fn known(&self) -> impl Iterator<Item = &Bytes> {
        self.waiting.iter().map(|(_, question)| question.known())
    }
}
