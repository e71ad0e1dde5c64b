//! A run of an agent: its own name for a piece of its work. What it changed in one can be taken back at once, so the log keeps
//! that under a kind of the run's own.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::kept::EventKind;
use super::principal::PrincipalId;

/// The most characters of a run's name.
pub const RUN_MAX: usize = 100;
/// Bytes of a run's digest.
const DIGEST: usize = 16;

/// A run's name. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunId(Arc<str>);

/// It is no run's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run is named by 1 to {RUN_MAX} characters, and none that controls")]
pub struct NoRun;

/// What an agent did in one of its runs, or in none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRun {
    /// Which agent.
    pub agent: PrincipalId,
    /// In which run; nothing: what it did outside of any.
    pub run: Option<RunId>,
}

impl RunId {
    /// Checks a name.
    pub fn parse(name: &str) -> Result<Self, NoRun> {
        let fits = (1..=RUN_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        fits.then(|| Self(name.into())).ok_or(NoRun)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AgentRun {
    /// Under which kind the log keeps what was changed in it.
    pub fn kind(&self) -> EventKind {
        // No principal and no run holds a NUL.
        let hash = Sha256::new().chain_update(self.agent.as_str()).chain_update([0]);
        let hash = hash.chain_update(self.run.as_ref().map_or("", RunId::as_str)).finalize();
        let digest = hash.iter().take(DIGEST).fold(String::new(), |digest, byte| format!("{digest}{byte:02x}"));
        EventKind::parse(&format!("_run.{digest}")).expect("it is short")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_apart_and_nobody_hears_of_their_kinds() {
        let run = |agent: &str, run: &str| AgentRun {
            agent: PrincipalId::agent(agent).expect("an id"),
            run: RunId::parse(run).ok(),
        };
        let kinds = [run("a", "1"), run("a", "2"), run("b", "1"), run("a", "")].map(|run| run.kind());
        for (at, kind) in kinds.iter().enumerate() {
            assert!(kind.is_internal() && !kinds[..at].contains(kind), "{kind:?}");
        }
        assert_eq!(run("a", "1").kind(), kinds[0]);
    }

    #[test]
    fn odd_names() {
        for odd in ["", "a\nb", &"x".repeat(RUN_MAX + 1)] {
            assert_eq!(RunId::parse(odd), Err(NoRun));
        }
        assert!(RunId::parse(&"é".repeat(RUN_MAX)).is_ok());
    }
}
