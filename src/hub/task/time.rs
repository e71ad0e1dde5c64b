//! When a room's task has something to do though nothing happens, and what it does then; and when it waits though something does.
//! Part of `task`.

use std::pin::pin;
use std::time::{Duration, Instant};

use super::{RETRY, RoomTask};
use crate::room::effects::Effects;

/// So long nothing is due where nothing is known to be.
const LONG: Duration = Duration::from_hours(1);

impl RoomTask {
    /// Lets mail gather, until this moment or until it fills a turn: nobody waits for room in the mailbox meanwhile.
    pub(super) async fn rest(&mut self, until: Instant) {
        let mut over = pin!(tokio::time::sleep_until(until.into()));
        let most = self.turn_max();
        while self.waiting.len() < most {
            let left = most - self.waiting.len();
            tokio::select! {
                biased;
                () = &mut over => break,
                count = self.mail.recv_many(&mut self.waiting, left) => if count == 0 { break },
            }
        }
    }

    /// Does what is due. The alarm also rings for echoes alone, and for what was done meanwhile.
    pub(super) fn keep_time_if_due(&mut self) {
        let now = Instant::now();
        if self.due <= now {
            self.keep_time(now);
        }
    }

    fn keep_time(&mut self, now: Instant) {
        self.due = now + LONG;
        self.saving.hand_over();
        let admission = self.saving.admission(0);
        for (to, message) in self.room().tick(now, admission) {
            self.members.send(now, to, &message);
        }
        self.expiry = self.room().next_tick();
        let due = self.room().share_due(now);
        self.share(due.shares);
        self.tell_events(now, &due.events);
        self.tell_followers(due.kept, due.look);
        if due.fetch || self.looking.next().is_some_and(|again| again <= now) {
            self.looking.look_for_stored(&self.saving);
        }
        let spoken = self.room().speak_due(now, admission);
        self.carry_out(now, spoken);
        self.flush(now, &Effects::default());
        let room = self.room.as_ref().expect("the room is away only within a turn");
        self.members.check(now, || room.state_vector());
        self.leaving.send_away(now, &mut self.members);
    }

    /// When something is to be done though nothing happens.
    pub(super) fn deadline(&mut self, now: Instant) -> Instant {
        let retry = (self.saving.is_holding() || self.room().owes()).then(|| now + RETRY);
        let leaving = self.leaving.next();
        let closing = self.closing_time(now);
        let sharing = self.room().next_share();
        let (showing, hearing) = (self.room().next_showing(), self.room().next_hearing());
        // Agents are shown with the presence of others.
        let showing = showing.map(|time| self.presence_due.map_or(time, |due| time.max(due)));
        let admission = self.saving.admission(0);
        let times = [
            self.room().next_speaking(admission),
            showing,
            hearing,
            sharing,
            self.looking.next(),
            self.expiry,
            self.members.next_check(),
            self.presence_due,
            retry,
            closing,
            leaving,
        ];
        times.into_iter().flatten().min().unwrap_or(now + LONG)
    }
}
