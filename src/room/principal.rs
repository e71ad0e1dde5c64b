//! Who acts: a person or an agent, by a name that is one text everywhere (store, REST, logs, tickets).
//! Made where somebody is identified (`access`) or named (`api`, `store`); used by every layer.
//! It must never hold a secret.

use std::fmt;
use std::sync::Arc;

/// The most bytes of a principal's id.
pub const PRINCIPAL_ID_MAX: usize = 255;
/// The most bytes of a principal's display name.
pub const PRINCIPAL_NAME_MAX: usize = 200;

/// What agents' ids begin with. Nobody else's id may.
const AGENT: &str = "agent:";
/// What the ids of those begin with who came by a shared link.
const GUEST: &str = "guest:";

/// A principal's id: the `sub` of a token for people, `agent:` and the agent's name for agents, `guest:` and a random
/// text for those who came by a shared link. Compared byte by byte. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalId(Arc<str>);

/// Why a text is no principal's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalIdError {
    /// There is nothing in it.
    #[error("the principal's id is empty")]
    Empty,
    /// It has more than [`PRINCIPAL_ID_MAX`] bytes.
    #[error("the principal's id is longer than {PRINCIPAL_ID_MAX} bytes")]
    TooLong,
    /// It holds a control character.
    #[error("the principal's id holds a control character")]
    Control,
    /// A person's id begins like an agent's or a guest's.
    #[error("a person's id must not begin with {AGENT} or {GUEST}")]
    Reserved,
}

/// The kinds of principals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A program that acts for people.
    Agent,
}

impl PrincipalKind {
    /// The kind's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Agent => "agent",
        }
    }
}

impl PrincipalId {
    /// An id as it is written everywhere, whatever kind it is of.
    pub fn parse(id: &str) -> Result<Self, PrincipalIdError> {
        if id.is_empty() || id == AGENT || id == GUEST {
            return Err(PrincipalIdError::Empty);
        }
        if id.len() > PRINCIPAL_ID_MAX {
            return Err(PrincipalIdError::TooLong);
        }
        if id.chars().any(char::is_control) {
            return Err(PrincipalIdError::Control);
        }
        Ok(Self(id.into()))
    }

    /// A person's id, as an issuer of tokens gives it.
    pub fn user(sub: &str) -> Result<Self, PrincipalIdError> {
        if sub.starts_with(AGENT) || sub.starts_with(GUEST) {
            return Err(PrincipalIdError::Reserved);
        }
        Self::parse(sub)
    }

    /// An agent's id, from its name.
    pub fn agent(name: &str) -> Result<Self, PrincipalIdError> {
        Self::parse(&format!("{AGENT}{name}"))
    }

    /// The id of somebody who came by a shared link.
    pub fn guest(tag: &str) -> Result<Self, PrincipalIdError> {
        Self::parse(&format!("{GUEST}{tag}"))
    }

    /// What kind of principal this is the id of.
    pub fn kind(&self) -> PrincipalKind {
        if self.0.starts_with(AGENT) { PrincipalKind::Agent } else { PrincipalKind::User }
    }

    /// Whether it is the id of somebody who came by a shared link.
    pub fn is_guest(&self) -> bool {
        self.0.starts_with(GUEST)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Who acts, with what others are shown of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who it is.
    pub id: PrincipalId,
    /// What others read, at most [`PRINCIPAL_NAME_MAX`] bytes; nothing when nobody said.
    pub name: Option<Arc<str>>,
    /// The person that an agent acts for.
    pub on_behalf_of: Option<PrincipalId>,
}

impl Principal {
    /// A principal that acts for itself. A name that is too long is cut.
    pub fn new(id: PrincipalId, name: Option<&str>) -> Self {
        let name = name.map(str::trim).filter(|name| !name.is_empty()).map(cut);
        Self { id, name, on_behalf_of: None }
    }
}

fn cut(name: &str) -> Arc<str> {
    name[..name.floor_char_boundary(PRINCIPAL_NAME_MAX)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_taken_for_an_agent_or_a_guest() {
        assert_eq!(PrincipalId::user("agent:planner"), Err(PrincipalIdError::Reserved));
        assert_eq!(PrincipalId::user("guest:1"), Err(PrincipalIdError::Reserved));
        assert_eq!(PrincipalId::agent("planner").expect("an id").kind(), PrincipalKind::Agent);
        assert_eq!(PrincipalId::user("ada").expect("an id").kind(), PrincipalKind::User);
    }

    #[test]
    fn odd_ids() {
        assert_eq!(PrincipalId::parse(""), Err(PrincipalIdError::Empty));
        assert_eq!(PrincipalId::agent(""), Err(PrincipalIdError::Empty));
        assert_eq!(PrincipalId::parse("a\nb"), Err(PrincipalIdError::Control));
        assert_eq!(PrincipalId::parse(&"é".repeat(128)), Err(PrincipalIdError::TooLong));
        assert_eq!(PrincipalId::parse("ada@example.org").expect("an id").as_str(), "ada@example.org");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let id = PrincipalId::user("ada").expect("an id");
        let name = Principal::new(id, Some(&"é".repeat(200))).name.expect("a name");
        assert_eq!(&*name, "é".repeat(100));
    }
}
