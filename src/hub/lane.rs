//! A lane for heavy work, a permit a core. Decoding or encoding a large document takes tens of milliseconds; on a
//! runtime's own threads a few of those at once would make everybody wait who types elsewhere. Here they run on
//! threads that the operating system shares out, at most two a core at a time.
//! Two kinds of permits, so that nothing that holds one waits for the same kind.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages above this count as heavy.
pub const HEAVY_BYTES: usize = 64 * 1024;

/// The lane. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lane {
    entrance: Arc<Semaphore>,
    work: Arc<Semaphore>,
}

/// The right of one heavy message to lie in a room's queue; it bounds how many there are in the whole process.
#[derive(Debug)]
pub struct Entrance(#[expect(dead_code, reason = "held, not read")] [OwnedSemaphorePermit; 2]);

/// One room's turn at the entrance. A room has one heavy message under way at a time: a slow one keeps out its own
/// people and nobody else's.
#[derive(Debug, Clone)]
pub struct RoomTurn(Arc<Semaphore>);

impl Default for RoomTurn {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// The work panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("heavy work panicked")]
pub struct Panicked;

impl Lane {
    /// A lane for `cores` cores.
    pub fn new(cores: usize) -> Self {
        Self { entrance: Arc::new(Semaphore::new(cores * 2)), work: Arc::new(Semaphore::new(cores * 2)) }
    }

    /// Waits until a heavy message may be queued for a room.
    pub async fn enter(&self, room: &RoomTurn) -> Entrance {
        // In this order: who waits for their room holds no entrance.
        let turn = Arc::clone(&room.0).acquire_owned().await.expect("it is never closed");
        Entrance([Arc::clone(&self.entrance).acquire_owned().await.expect("the lane is never closed"), turn])
    }

    /// Waits for a turn of the lane; heavy work that a library runs on threads of its own holds it meanwhile.
    pub async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.work).acquire_owned().await.expect("the lane is never closed")
    }

    /// A turn of the lane, if nobody has to wait for it.
    pub fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.work).try_acquire_owned().ok()
    }

    /// Runs `work` when the lane has room.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
        let _permit = self.permit().await;
        tokio::task::spawn_blocking(work).await.map_err(|_| Panicked)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_room_with_many_heavy_messages_keeps_nobody_else_out() {
        let lane = Lane::new(1);
        let (busy, calm) = (RoomTurn::default(), RoomTurn::default());
        let first = lane.enter(&busy).now_or_never().expect("nobody is there");
        assert!(lane.enter(&busy).now_or_never().is_none(), "one at a time");
        assert!(lane.enter(&calm).now_or_never().is_some());
        drop(first);
        assert!(lane.enter(&busy).now_or_never().is_some());
    }
}
