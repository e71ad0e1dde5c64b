//! Bodies of changes on their way in, before anything is done for them: each bounded in bytes and in time, and all
//! together in bytes. `layers` receives each whole, so that a slow one holds nothing but what has come of it.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::body;
use super::code::Code;
use super::media;
use super::problem::Problem;

/// See the module.
#[derive(Debug)]
pub struct Bodies {
    most: usize,
    patience: Duration,
    /// A permit a byte.
    room: Arc<Semaphore>,
    /// The same for JSON that is worked on.
    json: Arc<Semaphore>,
    json_bytes: usize,
}

/// Bodies up to this size are parsed without asking for room.
const SMALL: usize = 4 << 10;

/// A request's whole body, for those who look at it beside its handler.
#[derive(Debug, Clone)]
pub struct Whole(pub Bytes);

/// A body that has come. Its bytes count as long as this is held.
#[derive(Debug)]
pub struct Received {
    /// The body.
    pub bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Received {
    /// To go along with the request.
    pub fn whole(&self) -> Whole {
        Whole(self.bytes.clone())
    }
}

impl Bodies {
    /// Bodies of at most `most` bytes, that come within `patience`; `together` bytes of them, but always one, and of JSON
    /// `json_bytes` in work.
    pub fn new(most: usize, patience: Duration, together: usize, json_bytes: usize) -> Self {
        let together = together.max(most).min(Semaphore::MAX_PERMITS);
        let json_bytes = json_bytes.clamp(1, u32::MAX as usize);
        let (room, json) = (Arc::new(Semaphore::new(together)), Arc::new(Semaphore::new(json_bytes)));
        Self { most, patience, room, json, json_bytes }
    }

    /// Waits until there is room to parse a body: as values, JSON takes up to some hundred times the memory that it takes as
    /// bytes. To be held while it is worked on; nothing where that is of no account.
    pub async fn room_to_parse(&self, headers: &HeaderMap, bytes: usize) -> Option<OwnedSemaphorePermit> {
        if bytes <= SMALL || !media::is_json(headers) {
            return None;
        }
        let permits = u32::try_from(bytes.min(self.json_bytes)).unwrap_or(u32::MAX);
        Arc::clone(&self.json).acquire_many_owned(permits).await.ok()
    }

    /// Waits for the whole of a body.
    pub async fn receive(&self, headers: &HeaderMap, body: Body) -> Result<Received, Problem> {
        if body::announced(headers).is_some_and(|length| length > self.most) {
            return Err(body::too_large(self.most));
        }
        let late = |_| Problem::new(Code::BodyTimeout, format!("The body did not come within {:?}.", self.patience));
        timeout(self.patience, self.collect(body)).await.map_err(late)?
    }

    async fn collect(&self, mut body: Body) -> Result<Received, Problem> {
        let mut room = self.take(0)?;
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| body::broken_off())?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.most {
                return Err(body::too_large(self.most));
            }
            room.merge(self.take(data.len())?);
            bytes.extend_from_slice(&data);
        }
        Ok(Received { bytes: bytes.freeze(), _room: room })
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let permits = u32::try_from(bytes).map_err(|_| body::too_large(self.most))?;
        let full = |_| Problem::new(Code::Busy, "The server holds as many bytes of bodies as it takes at once.");
        Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, header};
    use futures_util::FutureExt;

    fn of(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    #[test]
    fn large_json_waits_for_its_turn_and_nothing_else_does() {
        let bodies = Bodies::new(1 << 20, Duration::from_secs(1), 1 << 20, 100_000);
        let patch = of("application/json-patch+json");
        let room = |headers: &HeaderMap, bytes| bodies.room_to_parse(headers, bytes).now_or_never();
        // Larger than all the room there is: it gets all of it.
        let all = room(&patch, 1 << 20).expect("there is room");
        assert!(room(&patch, 50_000).is_none(), "it waits");
        assert!(room(&patch, SMALL).is_some() && room(&of("application/vnd.yjs.update"), 50_000).is_some());
        drop(all);
        assert!(room(&patch, 50_000).is_some());
    }
}
