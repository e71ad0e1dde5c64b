//! Reads from a room's log what an agent did in a run, and has the room take it back. Used by whoever a person asks. It must
//! never read more than fits into memory.

use std::num::NonZeroU16;
use std::sync::Arc;

use super::lane::HEAVY_BYTES;
use super::visit::{Visit, VisitError};
use crate::room::event::Fault;
use crate::room::event::edits::Undone;
use crate::room::kept::{EventSeq, StoredEvent};
use crate::room::principal::Principal;
use crate::room::request::{Answer, Ask, RequestRefusal};
use crate::room::run::AgentRun;
use crate::room::undoing::Record;
use crate::store::{EventQuery, EventSpan};

/// Records are read so many at a time.
const PAGE: NonZeroU16 = NonZeroU16::new(100).expect("more than 0");
/// The most bytes of records that are taken back at once.
pub const UNDO_BYTES_MAX: usize = 32 << 20;

type Records = Vec<(EventSeq, Record)>;

impl Visit {
    /// Takes back what an agent did in a run, as far as it is still as the agent left it; done when it is durable. Whether the
    /// caller may write everything has been seen to.
    pub async fn undo(&self, by: Arc<Principal>, run: AgentRun) -> Result<Box<Undone>, VisitError> {
        let records = self.records(&run).await?;
        match self.ask(Ask::Undo { by, run, records }, 0).await? {
            Answer::Undone(undone) => Ok(undone),
            other => Err(super::visit::unexpected(&other)),
        }
    }

    /// What was not taken back already, in order.
    async fn records(&self, run: &AgentRun) -> Result<Records, VisitError> {
        let (mut records, mut bytes) = (Records::new(), 0);
        let (mut before, mut floor) = (EventSeq::MAX, EventSeq::default());
        loop {
            let query =
                EventQuery { span: EventSpan::Before(before), kinds: vec![run.kind()], origin: None, limit: PAGE };
            let page = self.events(query).await.map_err(|_| VisitError::Failed)?.events;
            let oldest = page.first().map(|event| event.seq);
            let is_last = page.len() < usize::from(PAGE.get());
            let length: usize = page.iter().map(|event| event.body.len()).sum();
            bytes += length;
            if bytes > UNDO_BYTES_MAX {
                let fault = Fault::new("message_too_large", "This run changed more than can be taken back at once.");
                return Err(RequestRefusal::Unfit(Box::new(fault)).into());
            }
            let read = if length > HEAVY_BYTES {
                self.lane().run(move || read(page)).await.map_err(|_| VisitError::Failed)?
            } else {
                read(page)
            };
            let Some(oldest) = oldest else { break };
            for (seq, record) in read.into_iter().rev() {
                match record {
                    Record::TakenBack(up_to) => floor = floor.max(EventSeq(up_to)),
                    record if seq > floor => records.push((seq, record)),
                    _ => {}
                }
            }
            before = oldest;
            if is_last || before <= floor {
                break;
            }
        }
        records.reverse();
        Ok(records)
    }
}

fn read(page: Vec<StoredEvent>) -> Records {
    let read = |event: StoredEvent| {
        let record = Record::read(&event.body);
        if record.is_none() {
            tracing::error!(seq = event.seq.0, "the record of an edit cannot be read");
        }
        Some((event.seq, record?))
    };
    page.into_iter().filter_map(read).collect()
}
