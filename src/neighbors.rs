//! What a server does because there may be others: it does here what they announce, and lets the database witness whether
//! they hear each other. Started by `server`; it must never be in the way of a room.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::access::Access;
use crate::bus::{Announcement, Bus, Heard};
use crate::hub::Hub;
use crate::room::node::NodeId;
use crate::store::Store;

/// Announcements that are acted on at a time.
const AT_A_TIME: usize = 16;
/// How often the database is asked which servers are up.
const ROLL_CALL_EVERY: Duration = Duration::from_secs(2);

/// Follows the other nodes until the set is dropped.
pub fn follow(bus: &Bus, access: Access, hub: Hub, store: Store) -> JoinSet<()> {
    let mut following = JoinSet::new();
    following.spawn(act(bus.announcements(), access, hub));
    following.spawn(witness(store, bus.clone()));
    following
}

/// Does here what other nodes announce: much at a time, because one room that is slow must not keep the others' news
/// waiting. Each change is read from the store, so their order does not matter.
async fn act(mut heard: broadcast::Receiver<Heard>, access: Access, hub: Hub) {
    let mut acting = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(()) = acting.next(), if !acting.is_empty() => {}
            news = heard.recv(), if acting.len() < AT_A_TIME => match news {
                Ok(heard) => acting.push(act_on(Some(heard), &access, &hub)),
                Err(RecvError::Lagged(_)) => acting.push(act_on(None, &access, &hub)),
                Err(RecvError::Closed) => return,
            },
        }
    }
}

async fn act_on(heard: Option<Heard>, access: &Access, hub: &Hub) {
    match heard {
        Some(Heard::Announced(Announcement::Roster(room))) => access.changed_elsewhere(&room).await,
        Some(Heard::Announced(Announcement::Deleted(room))) => {
            hub.look_after(&room).await;
            access.changed_elsewhere(&room).await;
        }
        Some(Heard::Missed) | None => {
            access.look_anew().await;
            hub.look_after_all().await;
        }
    }
}

/// Asks the database which servers are up. One that is up and is not heard is on another wire: both look healthy to
/// themselves, and their people do not see each other.
async fn witness(store: Store, bus: Bus) {
    let mut interval = interval(ROLL_CALL_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unheard: HashSet<NodeId> = HashSet::new();
    loop {
        interval.tick().await;
        // A database that does not answer is told of elsewhere.
        let Ok(up) = store.roll_call(bus.node()).await else { continue };
        let heard: HashSet<NodeId> = bus.others().into_iter().map(|(node, _)| node).collect();
        let now: HashSet<NodeId> = up.into_iter().filter(|node| !heard.contains(node)).collect();
        // One that has just started is heard a moment later.
        bus.note_split(now.intersection(&unheard).next().is_some());
        unheard = now;
    }
}
