//! Which nodes live, and whether messages really arrive: each node sends a beat a second, hears its own, and says in it
//! how far it has heard the others. A wire that takes messages and delivers none looks healthy to everything but this.
//! Driven by `beating`; times come in with each call.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::room::node::NodeId;
use crate::room::region::Region;

/// Between two beats.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A node that was not heard for so long, while the wire works, is dead.
const DEAD_AFTER: Duration = Duration::from_millis(4_500);
/// When the node's own beats, or others' word of them, do not come for so long, messages do not arrive.
const DEAF_AFTER: Duration = Duration::from_secs(3);
/// A node that did not beat for so long was stopped, and the others take it for dead.
const ASLEEP_AFTER: Duration = Duration::from_millis(3_500);
/// The most nodes that one hears.
const NODES_MAX: usize = 1_024;

/// A node's sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beat {
    /// Counts its beats.
    pub count: u64,
    pub region: Option<Region>,
    /// The latest beat of each other node that it heard.
    pub heard: Vec<(NodeId, u64)>,
}

/// Whether messages arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusHealth {
    /// They do.
    Healthy,
    /// There is no connection, or what this node says does not come back to it.
    Deaf,
    /// This node hears another one, which does not hear it; or one is up, by the database's word, and is not heard.
    Unheard,
}

/// All nodes.
pub(super) struct Roll {
    state: Mutex<State>,
    health: watch::Sender<BusHealth>,
}

struct State {
    nodes: HashMap<NodeId, Node>,
    count: u64,
    /// When the last own beat came back.
    own: Instant,
    /// When the last own beat was sent.
    beaten: Instant,
    /// Somebody else's word: a node is up that is not heard.
    split: bool,
}

struct Node {
    count: u64,
    heard: Instant,
    region: Option<Region>,
    /// When it last knew a beat of this node that it had not known before.
    hears: Instant,
    knows: u64,
    /// The number of what it says next.
    next: u64,
}

impl Node {
    fn new(now: Instant) -> Self {
        Self { count: 0, heard: now, region: None, hears: now, knows: 0, next: 0 }
    }
}

/// What a beat brings to light.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pulse {
    pub beat: Beat,
    /// Nodes that are dead.
    pub dead: Vec<NodeId>,
    /// The process was stopped for a while: others have taken it for dead.
    pub slept: bool,
    pub health: BusHealth,
}

impl Roll {
    pub fn new(now: Instant) -> Self {
        let state = State { nodes: HashMap::new(), count: 0, own: now, beaten: now, split: false };
        Self { state: Mutex::new(state), health: watch::Sender::new(BusHealth::Healthy) }
    }

    pub fn health(&self) -> watch::Receiver<BusHealth> {
        self.health.subscribe()
    }

    pub fn others(&self) -> Vec<(NodeId, Option<Region>)> {
        self.state().nodes.iter().map(|(id, node)| (*id, node.region.clone())).collect()
    }

    /// A beat came, perhaps the own one.
    pub fn hear(&self, now: Instant, own: NodeId, from: NodeId, beat: &Beat) {
        let mut state = self.state();
        if from == own {
            state.own = now;
            return;
        }
        if state.nodes.len() >= NODES_MAX && !state.nodes.contains_key(&from) {
            return;
        }
        let knows = beat.heard.iter().find(|(node, _)| *node == own).map_or(0, |(_, count)| *count);
        let node = state.nodes.entry(from).or_insert_with(|| Node::new(now));
        (node.count, node.heard) = (beat.count, now);
        node.region.clone_from(&beat.region);
        if knows > node.knows {
            (node.knows, node.hears) = (knows, now);
        }
    }

    /// A message of another node came that is about no room; says whether one before it is missing. Of a node that was not
    /// known, or was taken for dead, all are but what it said first.
    pub fn count(&self, now: Instant, from: NodeId, sequence: u64) -> bool {
        let mut state = self.state();
        if state.nodes.len() >= NODES_MAX && !state.nodes.contains_key(&from) {
            return false;
        }
        let node = state.nodes.entry(from).or_insert_with(|| Node::new(now));
        std::mem::replace(&mut node.next, sequence.wrapping_add(1)) != sequence
    }

    /// A node says something in a room. One that never beats is dead in time, too.
    pub fn spoke(&self, now: Instant, from: NodeId) {
        let mut state = self.state();
        if state.nodes.len() < NODES_MAX {
            state.nodes.entry(from).or_insert_with(|| Node::new(now));
        }
    }

    /// Whether a node is up, by somebody else's word, that is not heard.
    pub fn note_split(&self, is_split: bool) {
        self.state().split = is_split;
    }

    /// The same.
    pub fn is_split(&self) -> bool {
        self.state().split
    }

    /// A node has said goodbye.
    pub fn left(&self, node: NodeId) {
        self.state().nodes.remove(&node);
    }

    /// Time for a beat.
    pub fn beat(&self, now: Instant, region: Option<Region>) -> Pulse {
        let mut state = self.state();
        let slept = now.duration_since(state.beaten) >= ASLEEP_AFTER;
        if slept {
            // Nobody can have been heard meanwhile.
            state.own = now;
            for node in state.nodes.values_mut() {
                (node.heard, node.hears) = (now, now);
            }
        }
        state.beaten = now;
        state.count += 1;
        let deaf = now.duration_since(state.own) >= DEAF_AFTER;
        let mut silent = Vec::new();
        if deaf {
            // Whether others are silent, nobody can tell. They have their time when the wire is back.
            for node in state.nodes.values_mut() {
                (node.heard, node.hears) = (now, now);
            }
        } else {
            state.nodes.retain(|id, node| {
                let lives = now.duration_since(node.heard) < DEAD_AFTER;
                if !lives {
                    silent.push(*id);
                }
                lives
            });
        }
        let unheard = |node: &Node| {
            now.duration_since(node.hears) >= DEAF_AFTER && now.duration_since(node.heard) < BEAT_EVERY * 2
        };
        let health = match state.split || state.nodes.values().any(unheard) {
            _ if deaf => BusHealth::Deaf,
            true => BusHealth::Unheard,
            false => BusHealth::Healthy,
        };
        let heard = state.nodes.iter().map(|(id, node)| (*id, node.count)).collect();
        let beat = Beat { count: state.count, region, heard };
        drop(state);
        self.health.send_if_modified(|known| std::mem::replace(known, health) != health);
        Pulse { beat, dead: silent, slept, health }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the roll")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: NodeId = NodeId(1);
    const OTHER: NodeId = NodeId(2);

    fn other(count: u64, heard: u64) -> Beat {
        Beat { count, region: Some("eu".parse().unwrap()), heard: vec![(OWN, heard)] }
    }

    /// Beats for so many seconds; what comes is said by `hear`.
    fn run(roll: &Roll, now: &mut Instant, seconds: u64, hear: impl Fn(&Roll, Instant, &Beat)) -> Vec<Pulse> {
        let mut pulses = Vec::new();
        for _ in 0..seconds {
            *now += BEAT_EVERY;
            let pulse = roll.beat(*now, None);
            hear(roll, *now, &pulse.beat);
            pulses.push(pulse);
        }
        pulses
    }

    fn both(roll: &Roll, now: Instant, beat: &Beat) {
        roll.hear(now, OWN, OWN, beat);
        roll.hear(now, OWN, OTHER, &other(beat.count, beat.count));
    }

    #[test]
    fn a_node_that_falls_silent_is_dead_within_six_seconds_and_one_that_speaks_is_not() {
        let mut now = Instant::now();
        let roll = Roll::new(now);
        let pulses = run(&roll, &mut now, 10, both);
        assert!(pulses.iter().all(|pulse| pulse.dead.is_empty() && pulse.health == BusHealth::Healthy));
        assert_eq!(roll.others(), [(OTHER, Some("eu".parse().unwrap()))]);
        let pulses = run(&roll, &mut now, 6, |roll, now, beat| roll.hear(now, OWN, OWN, beat));
        assert_eq!(pulses.iter().filter(|pulse| pulse.dead == [OTHER]).count(), 1);
        assert!(pulses.iter().all(|pulse| pulse.health == BusHealth::Healthy) && roll.others().is_empty());
    }

    #[test]
    fn a_wire_that_delivers_nothing_is_found_out_within_five_seconds_and_nobody_is_taken_for_dead() {
        let mut now = Instant::now();
        let roll = Roll::new(now);
        run(&roll, &mut now, 3, both);
        let pulses = run(&roll, &mut now, 20, |_, _, _| ());
        let deaf = pulses.iter().position(|pulse| pulse.health == BusHealth::Deaf).expect("it is found out");
        assert!(deaf < 5, "after {deaf} s");
        assert!(pulses.iter().all(|pulse| pulse.dead.is_empty()));
        let pulses = run(&roll, &mut now, 3, both);
        assert_eq!(pulses[2].health, BusHealth::Healthy);
        assert!(pulses.iter().all(|pulse| pulse.dead.is_empty()));
    }

    #[test]
    fn a_node_that_hears_and_is_not_heard_knows_it() {
        let mut now = Instant::now();
        let roll = Roll::new(now);
        run(&roll, &mut now, 3, both);
        let pulses = run(&roll, &mut now, 5, |roll, now, beat| {
            roll.hear(now, OWN, OWN, beat);
            roll.hear(now, OWN, OTHER, &other(beat.count, 3));
        });
        assert_eq!(pulses[4].health, BusHealth::Unheard);
    }

    #[test]
    fn what_a_node_said_while_it_was_not_known_is_missed() {
        let mut now = Instant::now();
        let roll = Roll::new(now);
        assert!(!roll.count(now, OTHER, 0), "it has just begun");
        run(&roll, &mut now, 3, both);
        assert!(!roll.count(now, OTHER, 1) && roll.count(now, OTHER, 3) && !roll.count(now, OTHER, 4));
        run(&roll, &mut now, 6, |roll, now, beat| roll.hear(now, OWN, OWN, beat));
        assert!(roll.others().is_empty());
        assert!(roll.count(now, OTHER, 5), "it was taken for dead");
        assert!(!roll.count(now, OTHER, 6));
    }

    #[test]
    fn a_node_that_speaks_and_never_beats_is_dead_in_time() {
        let mut now = Instant::now();
        let roll = Roll::new(now);
        roll.spoke(now, OTHER);
        let pulses = run(&roll, &mut now, 6, |roll, now, beat| roll.hear(now, OWN, OWN, beat));
        assert_eq!(pulses.iter().filter(|pulse| pulse.dead == [OTHER]).count(), 1);
    }

    #[test]
    fn a_process_that_was_stopped_knows_it() {
        let mut now = Instant::now();
        let roll = Roll::new(now);
        assert!(run(&roll, &mut now, 3, both).iter().all(|pulse| !pulse.slept));
        now += Duration::from_secs(20);
        let pulse = roll.beat(now, None);
        assert!(pulse.slept && pulse.dead.is_empty());
        assert_eq!(pulse.health, BusHealth::Healthy);
    }
}
