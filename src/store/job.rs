//! What the writer is asked to do between two batches.
//! Compaction, deletion and retention make jobs, the writer does them one by one. Whoever asked may have left meanwhile.

use super::compaction::CompactionJob;
use super::deletion::DeletionJob;
use super::error::StoreError;
use super::events::retention::RetentionJob;

/// See the module.
#[derive(Debug)]
pub(super) enum Job {
    /// Replace a room's snapshot and delete the rows in it.
    Compact(CompactionJob),
    /// Delete all of a room.
    Delete(DeletionJob),
    /// Delete some of a room's oldest events.
    Retain(RetentionJob),
}

impl Job {
    /// Answers that it is not done. Nobody minds when whoever asked has left.
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Compact(job) => drop(job.reply.send(Err(error))),
            Self::Delete(job) => drop(job.reply.send(Err(error))),
            Self::Retain(job) => drop(job.reply.send(Err(error))),
        }
    }
}
