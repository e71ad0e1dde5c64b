//! Those who asked a room something and wait for its answer. Owned by the room task. Whoever has stopped waiting is
//! forgotten when the answer comes.

use hashbrown::HashMap;
use tokio::sync::oneshot;

use crate::room::request::{Answer, Ask, Request, RequestId};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    waiting: HashMap<RequestId, oneshot::Sender<Answer>>,
    asked: u64,
}

impl Visitors {
    /// Somebody asks, and waits.
    pub(super) fn ask(&mut self, ask: Ask, reply: oneshot::Sender<Answer>) -> Request {
        self.asked += 1;
        let id = RequestId(self.asked);
        self.waiting.insert(id, reply);
        Request { id, ask }
    }

    /// It cannot be told now what comes of these, and none of them is done.
    pub(super) fn fail(&mut self, requests: &[Request]) {
        for request in requests {
            self.waiting.remove(&request.id);
        }
    }

    /// The room answers.
    pub(super) fn answer(&mut self, answers: Vec<(RequestId, Answer)>) {
        for (id, answer) in answers {
            if let Some(reply) = self.waiting.remove(&id) {
                // Who has gone away needs no answer.
                let _ = reply.send(answer);
            }
        }
    }
}
