//! Agents beside the people of a crowd, on a thread of their own: some say again and again how they are, in the rooms where people
//! type; some write a lot at one moment, in rooms of their own. What that does to the people is measured where they are.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::LocalSet;
use yrs::{Map, MapPrelim, Transact};

use super::alarm::Alarm;
use super::client::{Dialect, Say, events};
use super::plan::{Agents, Plan};
use super::probe::{self, Probe, ProbeError, Voice};
use super::worker::{Phase, Report};
use crate::wire::lib0::{put_byte_string, put_number};

/// What the thread needs.
pub struct Orders {
    /// The run.
    pub plan: Arc<Plan>,
    /// Where it stands.
    pub phase: watch::Receiver<Phase>,
    /// Where reports go.
    pub reports: Sender<Report>,
}

/// Runs the agents of a plan to the end of the run.
pub fn run(orders: Orders) {
    let reports = orders.reports.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(AgentsError::from).and_then(|runtime| LocalSet::new().block_on(&runtime, act(orders)));
    if let Err(error) = done {
        let _ = reports.send(Report::Failed(std::io::Error::other(error.to_string())));
    }
}

/// Why agents cannot act.
#[derive(Debug, thiserror::Error)]
enum AgentsError {
    #[error("an agent: {0}")]
    Probe(#[from] ProbeError),
    #[error(transparent)]
    Timer(#[from] std::io::Error),
}

/// An agent that says how it is.
struct Talker {
    voice: Rc<Voice>,
    room: usize,
    place: usize,
}

async fn act(mut orders: Orders) -> Result<(), AgentsError> {
    let plan = Arc::clone(&orders.plan);
    let Some(agents) = &plan.agents else { return Ok(()) };
    let talkers = open_talkers(&plan, agents).await?;
    let mut writers = Vec::new();
    for number in 0..agents.bursting {
        let mut probe = Probe::open(&plan.target, &format!("{}-agent", plan.room(number)), number, vec![0, 0]).await?;
        probe.state().await?;
        writers.push(listen(probe));
    }
    let _ = orders.reports.send(Report::Gathered);
    let began = loop {
        match *orders.phase.borrow_and_update() {
            Phase::Load(began) => break began,
            Phase::Ending => return Ok(()),
            Phase::Gathering | Phase::Draining => {}
        }
        if orders.phase.changed().await.is_err() {
            return Ok(());
        }
    };
    let alarms = (Alarm::new()?, Alarm::new()?);
    let burst = async {
        alarms.0.until(began + plan.times.warm_up).await?;
        for writer in &writers {
            writer.say(Say::Update(&agents.burst))?;
        }
        Ok::<_, AgentsError>(())
    };
    let (said, burst) = tokio::join!(say(&plan, agents, began, &alarms.1, &talkers), burst);
    said.and(burst)?;
    while *orders.phase.borrow_and_update() != Phase::Ending && orders.phase.changed().await.is_ok() {}
    Ok(())
}

async fn open_talkers(plan: &Plan, agents: &Agents) -> Result<Vec<Talker>, AgentsError> {
    let mut talkers = Vec::new();
    for number in 0..plan.crowd.rooms * agents.in_room {
        let (room, place) = (number / agents.in_room, plan.crowd.clients + number % agents.in_room);
        let name = plan.room(room);
        let mut probe = if agents.over_events {
            let address = plan.target.events(&name, &format!("agent:load-{number}"), number);
            Probe::open_at(&address, Dialect::Events, Vec::new()).await?
        } else {
            Probe::open(&plan.target, &name, number, vec![0, 0]).await?
        };
        probe.next().await?;
        talkers.push(Talker { voice: listen(probe), room, place });
    }
    Ok(talkers)
}

/// What it hears is read and forgotten.
fn listen(mut probe: Probe) -> Rc<Voice> {
    let voice = probe.voice();
    tokio::task::spawn_local(async move { while probe.next().await.is_ok() {} });
    voice
}

/// Each says how it is when it is meant to.
async fn say(
    plan: &Plan,
    agents: &Agents,
    began: Instant,
    alarm: &Alarm,
    talkers: &[Talker],
) -> Result<(), AgentsError> {
    let mut due = Vec::new();
    for talker in talkers {
        let schedule = plan.moves(talker.room)[talker.place];
        due.extend((0..schedule.count()).map(|number| (schedule.moment(number), number, talker)));
    }
    due.sort_by_key(|(moment, ..)| *moment);
    for (moment, number, talker) in due {
        alarm.until(began + Duration::from_nanos(moment)).await?;
        if agents.over_events {
            talker.voice.say_json(&events::status(talker.place, number + 1))?;
        } else {
            talker.voice.say(Say::Presence(&presence(plan, talker.place, number + 1)))?;
        }
    }
    Ok(())
}

/// A status as presence, like that of a browser.
fn presence(plan: &Plan, place: usize, number: u32) -> Vec<u8> {
    let mut presence = vec![1];
    put_number(&mut presence, plan.first_client() + place as u64);
    put_number(&mut presence, number.into());
    let message = events::status_message(place, number);
    let state = format!(r#"{{"agent":{{"state":"executing","progress":0.5,"message":"{message}"}}}}"#);
    put_byte_string(&mut presence, state.as_bytes());
    presence
}

/// What an agent writes that has planned a whole trip: items with fields, so many bytes of update.
pub fn burst(bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let doc = probe::document(u64::from(random.u32(1 << 30..)));
    let items = doc.get_or_insert_map("items");
    let mut txn = doc.transact_mut();
    for number in 0.. {
        let title: String = (0..24).map(|_| random.lowercase()).collect();
        let fields = [("kind", "activity"), ("title", title.as_str()), ("day", "2026-05-01"), ("currency", "EUR")];
        items.insert(&mut txn, format!("item-{number}"), MapPrelim::from(fields));
        if number % 64 == 0 && txn.encode_update_v1().len() >= bytes {
            break;
        }
    }
    txn.encode_update_v1()
}
