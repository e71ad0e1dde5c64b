//! Looks at what the server's processes and the generator use, once a second while something is measured. Used by whoever leads a run:
//! `conductor`, or `timeline` where there is no crowd.

use std::io;
use std::time::Instant;

use super::host::{self, Process, Use};

/// Processes that are looked at.
#[derive(Debug)]
pub struct Watch {
    pids: Vec<u32>,
    before: Vec<Use>,
}

impl Watch {
    /// These, from now on; or which one is not there.
    pub fn new(pids: &[u32]) -> Result<Self, (u32, io::Error)> {
        Ok(Self { pids: pids.to_vec(), before: host::servers(pids)? })
    }

    /// Which.
    pub fn pids(&self) -> &[u32] {
        &self.pids
    }

    /// What each had used when it was first looked at.
    pub fn before(&self) -> &[Use] {
        &self.before
    }

    /// What they have used until now; nothing of one that is gone.
    pub fn look(&self) -> Sample {
        let servers = self.pids.iter().map(|pid| Process(*pid).used().ok()).collect();
        Sample { at: Instant::now(), servers, generator: host::own_cpu_seconds() }
    }
}

/// What processes have used until a moment.
#[derive(Debug)]
pub struct Sample {
    /// When.
    pub at: Instant,
    /// Of each; nothing of one that is gone.
    pub servers: Vec<Option<Use>>,
    /// CPU seconds, where they are known.
    pub generator: Option<f64>,
}

impl Sample {
    /// CPU seconds of all servers together, if all are there.
    pub fn server_cpu(&self) -> Option<f64> {
        self.servers.iter().map(|used| used.map(|used| used.cpu_seconds)).sum::<Option<f64>>()
    }

    /// Memory of all servers together, if there are any and all are there.
    pub fn server_memory(&self) -> Option<u64> {
        let bytes = self.servers.iter().map(|used| used.map(|used| used.memory_bytes)).sum::<Option<u64>>();
        bytes.filter(|bytes| *bytes > 0)
    }
}

/// CPU between two samples: 100 is a whole core. Nothing where nothing is looked at.
pub fn percent(before: &Sample, after: &Sample, cpu: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let used = cpu(after)? - cpu(before)?;
    let time = (after.at - before.at).as_secs_f64();
    (time > 0.0 && (used > 0.0 || !after.servers.is_empty())).then(|| (100.0 * used / time).max(0.0))
}
