//! Names of places to people: `eu-central`, a data centre, a zone. A node has one (`--region`), and a room may be at home in
//! one. It must never decide anything: what is done with a name is the clients'.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes of a region's name.
pub const REGION_MAX: usize = 64;

/// A region's name. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

/// Not the name of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a region is a name of 1 to {REGION_MAX} bytes without control characters")]
pub struct NoRegion;

impl Region {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = NoRegion;

    fn from_str(name: &str) -> Result<Self, NoRegion> {
        let is_name = !name.is_empty() && name.len() <= REGION_MAX && !name.chars().any(char::is_control);
        if is_name { Ok(Self(name.into())) } else { Err(NoRegion) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_can_be_shown() {
        for name in ["e", "eu-central", "São Paulo 🗺", &"x".repeat(REGION_MAX)] {
            assert_eq!(name.parse::<Region>().map(|region| region.to_string()).as_deref(), Ok(name));
        }
        for name in ["", "\0", "eu\n", "\u{85}", &"x".repeat(REGION_MAX + 1), &"é".repeat(33)] {
            assert_eq!(name.parse::<Region>(), Err(NoRegion), "{name:?}");
        }
    }
}
