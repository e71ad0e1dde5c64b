//! Bringing the tables of a place up to date, and whether opening it may do so. The engines' `schema` has the migrations.
//! It must never open a store: a server may be using the place.

use super::error::StoreError;
use super::place::Place;
use super::{postgres, sqlite};

/// What opening does with tables that are not those of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrations {
    /// Makes them, or brings them up to date.
    #[default]
    Apply,
    /// Leaves them as they are and fails.
    Check,
}

/// A migration that was applied just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// Its number; they rise.
    pub version: i64,
    /// What it is about, in a word or two.
    pub name: String,
}

/// Brings the tables in this place up to date, in one transaction, and says by what. Where there is nothing, they are made.
pub async fn migrate(place: &Place) -> Result<Vec<Migrated>, StoreError> {
    match place {
        Place::Folder(folder) => sqlite::migrate(folder).await,
        Place::Postgres(options) => postgres::migrate(options).await,
    }
}
