//! `triproom migrate`: brings the tables of a store up to date, whether a server runs on it or not.

use std::io::Write;

use clap::Args;

use super::CommandError;
use crate::config::place::StorePlace;
use crate::store::migrate;

/// Which tables.
#[derive(Debug, Clone, Args)]
pub struct MigrateCommand {
    #[command(flatten)]
    store: StorePlace,
}

/// Does it. What was applied goes to `out`, a line each; how it ended to `notes`.
pub async fn run(command: MigrateCommand, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CommandError> {
    let applied = migrate(&command.store.place()?).await?;
    for migration in &applied {
        writeln!(out, "{} {}", migration.version, migration.name)?;
    }
    let how = if applied.is_empty() { "were up to date already" } else { "are up to date now" };
    Ok(writeln!(notes, "The tables {how}.")?)
}
