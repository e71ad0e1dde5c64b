//! What happens in rooms, posted to addresses of the operator's choice: kept events, and what changed in the document, gathered.
//! Started by `server`; each room that is open has a `courier` for each address. It must never be in the way of a room, and
//! never call something delivered before the address has said so.

mod courier;
mod digest;

use std::time::Duration;

use reqwest::{Client, Url};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use crate::access::http;
use crate::access::options::Secret;
use crate::hub::Hub;
use crate::room::id::RoomId;
use crate::store::Store;
use courier::Courier;

/// Where to post, and how.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// The addresses.
    pub urls: Vec<Url>,
    /// What signs each post; without it, nothing does.
    pub secret: Option<Secret>,
    /// How long an address may take to answer.
    pub timeout: Duration,
    /// Changes of the document are gathered for so long.
    pub digest: Duration,
}

/// What all couriers share.
#[derive(Clone)]
struct Post {
    hub: Hub,
    store: Store,
    client: Client,
    options: WebhookOptions,
}

/// Posts until the set is dropped.
///
/// # Errors
/// When there can be no client for HTTP.
pub fn start(hub: &Hub, store: &Store, options: WebhookOptions) -> Result<JoinSet<()>, reqwest::Error> {
    let mut posting = JoinSet::new();
    if !options.urls.is_empty() {
        let post = Post { hub: hub.clone(), store: store.clone(), client: http::client()?, options };
        posting.spawn(post.follow());
    }
    Ok(posting)
}

impl Post {
    /// Sends couriers to every room that opens.
    async fn follow(self) {
        let mut openings = self.hub.openings();
        let mut couriers = JoinSet::new();
        loop {
            tokio::select! {
                Some(_) = couriers.join_next(), if !couriers.is_empty() => {}
                opened = openings.recv() => match opened {
                    Ok(room) => self.send(&room, &mut couriers),
                    // Those that were missed have their turn when they open again.
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "rooms opened faster than webhooks could follow");
                    }
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    fn send(&self, room: &RoomId, couriers: &mut JoinSet<()>) {
        for url in &self.options.urls {
            couriers.spawn(Courier::new(self.clone(), room.clone(), url.clone()).run());
        }
    }
}
