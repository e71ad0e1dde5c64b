//! Agents beside the people of a crowd, on a thread of their own: some say again and again how they are, in the rooms where people
//! type; some write a lot at one moment, in rooms of their own. What that does to the people is measured where they are.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::LocalSet;
use yrs::{Map, MapPrelim, Transact};

use super::alarm::Alarm;
use super::client::{Dialect, Say, events};
use super::faults::Faults;
use super::meter::{Measure, Meter};
use super::missing::Missing;
use super::plan::{Agents, Made, Plan};
use super::presence::Said;
use super::probe::{self, Probe, ProbeError, Voice};
use super::schedule::nanoseconds;
use super::worker::{Notes, Phase, Report};

/// Who they are in what is told of them.
const WHO: &str = "an agent";

/// Where an agent that has planned a trip writes it.
pub const ITEMS: &str = "items";

/// What the thread needs.
pub struct Orders {
    /// The run.
    pub plan: Arc<Plan>,
    /// What was made on all threads.
    pub made: Arc<Made>,
    /// Where it stands.
    pub phase: watch::Receiver<Phase>,
    /// Where reports go.
    pub reports: Sender<Report>,
}

/// Runs the agents of a plan to the end of the run.
pub fn run(orders: Orders) {
    let reports = orders.reports.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut phase = orders.phase.clone();
    let done = runtime.and_then(|runtime| {
        LocalSet::new().block_on(&runtime, async {
            tokio::select! {
                done = act(orders) => done,
                // Nobody leads the run any longer.
                () = async { while phase.changed().await.is_ok() {} } => Ok(()),
            }
        })
    });
    if let Err(error) = done {
        let _ = reports.send(Report::Failed(error));
    }
}

/// An agent that says how it is.
struct Talker {
    voice: Rc<Voice>,
    room: usize,
    place: usize,
    is_gone: Rc<Cell<bool>>,
}

/// What went wrong with any of them.
type Shared = Rc<RefCell<Faults>>;

async fn act(mut orders: Orders) -> io::Result<()> {
    let plan = Arc::clone(&orders.plan);
    let Some(agents) = &plan.agents else { return Ok(()) };
    let faults = Shared::default();
    let talkers = open_talkers(&plan, agents, &orders.made, &faults).await;
    let mut writers = Vec::new();
    for number in 0..agents.bursting {
        let opening = async {
            let mut probe = Probe::open(&plan.target, &plan.agents_room(number), number, vec![0, 0]).await?;
            probe.state().await.map(|_| probe)
        };
        writers.extend(opened(opening.await, &faults, || {}));
    }
    let _ = orders.reports.send(Report::Gathered(0));
    let began = loop {
        match *orders.phase.borrow_and_update() {
            Phase::Load(began) | Phase::Ceasing(began) => break began,
            Phase::Ending => return Ok(()),
            Phase::Gathering | Phase::Draining | Phase::Checking => {}
        }
        if orders.phase.changed().await.is_err() {
            return Ok(());
        }
    };
    let alarms = (Alarm::new()?, Alarm::new()?);
    let burst = async {
        tokio::select! {
            rung = alarms.0.until(began + plan.times.warm_up) => rung?,
            // Only what is measured is ever ended so: it has begun, and what is written when it does is written.
            () = ceasing(orders.phase.clone()) => {}
        }
        for writer in &writers {
            // A socket that fails is noticed by its reader.
            let _ = writer.say(Say::Update(&agents.burst));
        }
        Ok::<_, io::Error>(())
    };
    let mut meter = Meter::default();
    meter.counts.joined = (talkers.len() + writers.len()) as u64;
    let (said, burst) = tokio::join!(say(&orders, agents, began, &alarms.1, &talkers, &mut meter), burst);
    said.and(burst)?;
    let _ = orders.reports.send(Report::Sent);
    while *orders.phase.borrow_and_update() != Phase::Ending && orders.phase.changed().await.is_ok() {}
    let notes = Notes { reasons: faults.take().count(&mut meter.counts), storms: Vec::new() };
    let _ = orders.reports.send(Report::Done(Box::new(meter), Missing::default(), notes));
    Ok(())
}

async fn open_talkers(plan: &Plan, agents: &Agents, made: &Arc<Made>, faults: &Shared) -> Vec<Talker> {
    let mut talkers = Vec::new();
    for number in 0..plan.crowd.rooms * agents.in_room {
        let (room, place) = (number / agents.in_room, plan.crowd.clients + number % agents.in_room);
        let name = plan.room(room);
        let opening = async {
            let mut probe = if agents.over_events {
                let address = plan.target.events(&name, &format!("agent:load-{number}"), number);
                Probe::open_at(&address, Dialect::Events, Vec::new()).await?
            } else {
                Probe::open(&plan.target, &name, number, vec![0, 0]).await?
            };
            probe.next().await.map(|_| probe)
        };
        let is_gone = Rc::new(Cell::new(false));
        let (gone, made) = (Rc::clone(&is_gone), Arc::clone(made));
        let goes = move || {
            gone.set(true);
            // Nobody is to see any more what it said.
            made.tell(room, place, 0);
        };
        let voice = opened(opening.await, faults, goes);
        talkers.extend(voice.map(|voice| Talker { voice, room, place, is_gone }));
    }
    talkers
}

/// The voice of one who has come in. What it hears is read and forgotten, until it is gone.
fn opened(probe: Result<Probe, ProbeError>, faults: &Shared, is_gone: impl FnOnce() + 'static) -> Option<Rc<Voice>> {
    let mut probe = probe.map_err(|error| faults.borrow_mut().add(WHO, &error)).ok()?;
    let (voice, speaking, faults) = (probe.voice(), probe.voice(), Rc::clone(faults));
    tokio::task::spawn_local(async move {
        let ended = loop {
            match probe.next().await {
                Ok(_) => {}
                Err(refused @ ProbeError::Denied(_)) if speaking.outlives_refusals() => {
                    faults.borrow_mut().refuse(WHO, &refused);
                }
                Err(error) => break error,
            }
        };
        faults.borrow_mut().add(WHO, &ended);
        is_gone();
    });
    Some(voice)
}

/// Each says how it is when it is meant to.
async fn say(
    orders: &Orders,
    agents: &Agents,
    began: Instant,
    alarm: &Alarm,
    talkers: &[Talker],
    meter: &mut Meter,
) -> io::Result<()> {
    let (plan, mut due) = (&orders.plan, Vec::new());
    for talker in talkers {
        let schedule = plan.moves(talker.room)[talker.place];
        due.extend((0..schedule.count()).map(|number| (schedule.moment(number), number, talker)));
    }
    due.sort_by_key(|(moment, ..)| *moment);
    let mut ceasing = pin!(ceasing(orders.phase.clone()));
    for (moment, number, talker) in due {
        let moment = began + Duration::from_nanos(moment);
        tokio::select! {
            biased;
            () = &mut ceasing => break,
            rung = alarm.until(moment) => rung?,
        }
        if talker.is_gone.get() {
            continue;
        }
        let place = u32::try_from(talker.place).expect("fewer fit on a machine");
        let said = Said { room: talker.room, place, number: number + 1 };
        // A socket that fails is noticed by its reader.
        let _ = if agents.over_events {
            talker.voice.say_json(&events::status(said))
        } else {
            let client = plan.first_client() + u64::from(said.place);
            talker.voice.say(Say::Presence(&said.by_agent(client, said.number)))
        };
        orders.made.tell(talker.room, talker.place, number + 1);
        meter.counts.moves += 1;
        meter.record(Measure::SendLag, nanoseconds(moment.elapsed()));
    }
    Ok(())
}

/// Done when nothing more is to be said.
async fn ceasing(mut phase: watch::Receiver<Phase>) {
    // Who leads the run no longer wants nothing more, either.
    let _ = phase.wait_for(|phase| !matches!(phase, Phase::Gathering | Phase::Load(_))).await;
}

/// What an agent writes that has planned a whole trip: items with fields, so many bytes of update.
pub fn burst(bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let doc = probe::document(u64::from(random.u32(1 << 30..)));
    let items = doc.get_or_insert_map(ITEMS);
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
