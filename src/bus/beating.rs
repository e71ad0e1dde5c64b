//! The task that sends this node's beats and draws the conclusions: a dead node is gone from every room, a wire that does
//! not deliver is renewed, a process that was stopped speaks with everybody anew.

use std::sync::Weak;
use std::time::Instant;

use tokio::time::MissedTickBehavior;

use super::envelope::Body;
use super::roll::{BEAT_EVERY, BusHealth, Pulse};
use super::{Channel, Heard, Shared};

/// Beats until the bus is gone.
pub(super) async fn beat(shared: Weak<Shared>) {
    if let Some(shared) = shared.upgrade() {
        shared.wire.subscribe(&Channel::Nodes).await;
    }
    let mut interval = tokio::time::interval(BEAT_EVERY);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = BusHealth::Healthy;
    loop {
        interval.tick().await;
        let Some(shared) = shared.upgrade() else { return };
        let Pulse { beat, dead, slept, health } = shared.roll.beat(Instant::now(), shared.region.clone());
        let heard = beat.heard.len();
        shared.say(Body::Beat(beat));
        if !dead.is_empty() {
            // What it announced last may not have been sent.
            let _ = shared.announcements.send(Heard::Missed);
        }
        for node in dead {
            tracing::warn!(node = format!("{:016x}", node.0), "a node is dead");
            shared.seats.gone(node);
        }
        if slept {
            tracing::warn!("this process was stopped for a while; it speaks with the other nodes anew");
            shared.parted();
        }
        metrics::gauge!("triproom_bus_nodes").set(heard as f64 + 1.0);
        metrics::gauge!("triproom_bus_healthy").set(if health == BusHealth::Healthy { 1.0 } else { 0.0 });
        if health != before {
            match health {
                BusHealth::Healthy => tracing::info!("messages between nodes arrive again"),
                BusHealth::Deaf => tracing::error!("messages between nodes do not arrive"),
                BusHealth::Unheard => tracing::error!("another node and this one do not hear each other"),
            }
        }
        // Of two wires that each work by themselves a new connection may find the right one.
        if health == BusHealth::Deaf || shared.roll.is_split() {
            shared.wire.renew();
        }
        before = health;
    }
}
