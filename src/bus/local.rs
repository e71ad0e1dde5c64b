//! An exchange between servers of one process, each with a bus of its own. For tests, which may lose and hold messages
//! on it as a network would.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use bytes::Bytes;

use super::{Channel, Shared};

/// Decides which messages are lost, one by one.
pub type Loss = Arc<dyn Fn() -> bool + Send + Sync>;

/// See the module. A cheap handle.
#[derive(Clone, Default)]
pub struct Exchange {
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Who hears a channel, by the number of their plug.
    channels: HashMap<Channel, HashSet<u64>>,
    plugs: HashMap<u64, Weak<Shared>>,
    count: u64,
    loss: Option<Loss>,
}

/// One server's end.
pub(super) struct Plug {
    exchange: Exchange,
    number: u64,
}

impl Exchange {
    /// From now on messages for which `loss` says so are lost.
    pub fn lose(&self, loss: Option<Loss>) {
        self.state().loss = loss;
    }

    /// Every server is told that messages may have been lost, as after a connection that broke.
    pub fn part(&self) {
        let all: Vec<_> = self.state().plugs.values().filter_map(Weak::upgrade).collect();
        for shared in all {
            shared.parted();
        }
    }

    pub(super) fn plug(&self, shared: Weak<Shared>) -> Plug {
        let mut state = self.state();
        state.count += 1;
        let number = state.count;
        state.plugs.insert(number, shared);
        Plug { exchange: self.clone(), number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().expect("nothing panics while it holds the exchange")
    }
}

impl Plug {
    pub fn publish(&self, channel: &Channel, message: &Bytes) {
        let state = self.exchange.state();
        let Some(hearers) = state.channels.get(channel) else { return };
        let arrives = |_: &&u64| !state.loss.as_ref().is_some_and(|loss| loss());
        let hearers = hearers.iter().filter(arrives).filter_map(|number| state.plugs.get(number)?.upgrade());
        let hearers: Vec<Arc<Shared>> = hearers.collect();
        drop(state);
        let room = match channel {
            Channel::Room(room) => Some(room),
            Channel::Nodes => None,
        };
        for shared in hearers {
            shared.hear(room, message);
        }
    }

    pub fn subscribe(&self, channel: &Channel) -> usize {
        let mut state = self.exchange.state();
        let hearers = state.channels.entry(channel.clone()).or_default();
        hearers.insert(self.number);
        hearers.len() - 1
    }

    pub fn unsubscribe(&self, channel: &Channel) {
        let mut state = self.exchange.state();
        if let Some(hearers) = state.channels.get_mut(channel) {
            hearers.remove(&self.number);
            if hearers.is_empty() {
                state.channels.remove(channel);
            }
        }
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        let mut state = self.exchange.state();
        state.plugs.remove(&self.number);
        state.channels.retain(|_, hearers| {
            hearers.remove(&self.number);
            !hearers.is_empty()
        });
    }
}
