//! A room's task among other nodes, and its document loaded once more because an update broke it in memory. Part of
//! `task`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::Standing;
use super::super::lane::HEAVY_BYTES;
use super::super::loading::load_document;
use super::super::mail::Mail;
use super::{RoomLost, RoomTask};
use crate::bus::{Bus, Seat};
use crate::room::input::Input;
use crate::room::node::{Incarnation, Kept, NodeMessage, NodeNews, Recipient};

/// How long a room that opens waits for the other nodes that have it open to say who is there.
const INTRODUCTIONS: Duration = Duration::from_millis(250);

impl RoomTask {
    /// Hears who is there by way of other nodes before anybody is let in here: whoever comes sees them at once, and
    /// cannot write in their name.
    pub(super) async fn meet(&mut self) -> Result<(), RoomLost> {
        if !self.room().awaits_nodes() {
            return Ok(());
        }
        let patience = tokio::time::sleep(INTRODUCTIONS);
        tokio::pin!(patience);
        self.serve(Instant::now()).await?;
        while self.room().awaits_nodes() && !self.deleted {
            tokio::select! {
                biased;
                news = hear(&mut self.seat) => self.waiting.push(Box::new(Mail::Node(news))),
                () = &mut patience => {
                    tracing::debug!("another node has the room open and does not say who is there");
                    break;
                }
            }
            self.listen();
            self.turn().await?;
        }
        Ok(())
    }

    /// Takes what else other nodes have said.
    pub(super) fn listen(&mut self) {
        while self.waiting.len() < self.turn_max()
            && let Some(news) = self.seat.as_mut().and_then(Seat::heard)
        {
            self.waiting.push(Box::new(Mail::Node(news)));
        }
    }

    /// Says what the room has to say to other nodes.
    pub(super) fn share(&mut self, messages: impl IntoIterator<Item = (Recipient, NodeMessage)>) {
        let Some(seat) = &mut self.seat else { return };
        let own = self.saving.incarnation();
        for (to, mut message) in messages {
            if let NodeMessage::Digest { incarnation, .. } = &mut message {
                *incarnation = own;
            }
            seat.say(to, message);
        }
    }

    /// Says whether this node is the first of those that have the room open.
    pub(super) fn say_standing(&mut self, reply: oneshot::Sender<Standing>) {
        let own = self.shared.bus.as_ref().map(Bus::node);
        let is_first = own.is_none_or(|own| self.room().nodes().all(|other| own < other));
        // Who has gone away needs no answer.
        let _ = reply.send(if is_first { Standing::First } else { Standing::Other });
    }

    /// Loads the document anew after an update broke it in memory. Nobody notices but its sender.
    pub(super) async fn rebuild(&mut self) -> Result<(), RoomLost> {
        self.shared.metrics.rebuilds.increment(1);
        tracing::warn!("an update broke the document in memory; it is loaded anew without it");
        let (document, _) = load_document(&self.shared, &self.saving).await.map_err(|_| RoomLost)?;
        let effects = self.with_room(true, move |room| room.replace_document(document)).await?;
        self.carry_out(Instant::now(), effects);
        Ok(())
    }
}

/// What comes next from other nodes. Cancel-safe.
pub(super) async fn hear(seat: &mut Option<Seat>) -> NodeNews {
    match seat {
        Some(seat) => seat.hear().await,
        None => std::future::pending().await,
    }
}

/// Whether other nodes say so much that it is better taken in the lane.
pub(super) fn is_heavy(inputs: &VecDeque<Input>) -> bool {
    let bytes = |input: &Input| match input {
        Input::Node(NodeNews::Said { message: NodeMessage::Updates { updates, .. }, .. }) => {
            updates.iter().map(bytes::Bytes::len).sum()
        }
        _ => 0,
    };
    inputs.iter().map(bytes).sum::<usize>() > HEAVY_BYTES
}

/// Whether this may be about another room of the same name.
pub(super) fn is_doubtful(mail: &Mail, own: Option<Incarnation>) -> bool {
    match mail {
        Mail::Verify => true,
        Mail::Node(NodeNews::Said { message, .. }) => match message {
            NodeMessage::Digest { incarnation, .. } => *incarnation != own,
            NodeMessage::Updates { kept: Kept::Saved, .. } => own.is_none(),
            _ => false,
        },
        _ => false,
    }
}
