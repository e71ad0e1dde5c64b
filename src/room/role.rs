//! The roles of a trip and what a connection may write. Used by every layer; what a role may do is decided in one
//! place, `access::may`.

use std::fmt;
use std::str::FromStr;

/// A role in one room. Each may all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads everything, sends presence.
    Viewer,
    /// And comments.
    Commenter,
    /// And edits the document.
    Editor,
    /// And looks after members below admin, tickets and settings.
    Admin,
    /// And deletes the room, and grants `owner` and `admin`.
    Owner,
}

/// Not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of viewer, commenter, editor, admin, owner")]
pub struct NoRole;

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Commenter, Self::Editor, Self::Admin, Self::Owner];

    /// Its name in JSON, tokens and the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Commenter => "commenter",
            Self::Editor => "editor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl FromStr for Role {
    type Err = NoRole;

    /// Reads a name, and the words that older clients use.
    fn from_str(name: &str) -> Result<Self, NoRole> {
        match name {
            "viewer" | "view" => Ok(Self::Viewer),
            "commenter" => Ok(Self::Commenter),
            "editor" | "edit" => Ok(Self::Editor),
            "admin" | "manage" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            _ => Err(NoRole),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What of a room's document a connection may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Writes {
    /// Nothing.
    Nothing,
    /// What is below the root `comments`.
    Comments,
    /// Everything.
    Everything,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_old_words() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("view".parse(), Ok(Role::Viewer));
        assert_eq!("edit".parse(), Ok(Role::Editor));
        assert_eq!("manage".parse(), Ok(Role::Admin));
        assert_eq!("authenticated".parse::<Role>(), Err(NoRole));
    }

    #[test]
    fn roles_are_in_order() {
        assert!(Role::ALL.is_sorted());
        assert!(Writes::Nothing < Writes::Comments && Writes::Comments < Writes::Everything);
    }
}
