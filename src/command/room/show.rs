//! `triproom room show` and `triproom room export`: what a store has of one room. They must never write.

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Export, Found, OneRoom};
use crate::command::CommandError;
use crate::command::table::{day, write_table};
use crate::room::document::Document;
use crate::room::fold::{self, Opened};
use crate::room::principal::PrincipalId;
use crate::room::region::Region;
use crate::room::view::ViewLimits;
use crate::store::directory::Roster;

/// The operator's own memory is the limit.
const WITHOUT_LIMIT: ViewLimits = ViewLimits { values: usize::MAX, bytes: usize::MAX };

/// Which room, and how.
#[derive(Debug, Clone, Args)]
pub struct Show {
    #[command(flatten)]
    room: OneRoom,
    /// All of it as JSON, the document too
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(show: Show, out: &mut impl Write) -> Result<(), CommandError> {
    let found = show.room.find().await?;
    let opened = open(&found)?;
    if show.json {
        return Ok(writeln!(out, "{}", as_json(&show.room, &found, &opened))?);
    }
    let Found { roster, size, stored, rows } = &found;
    let document = &opened.document;
    let mut line = |name: &str, text: String| writeln!(out, "{name:12} {text}");
    line("room", show.room.room.for_log().to_string())?;
    if let Some(Roster { settings, created_at, .. }) = roster {
        line("made", day(*created_at))?;
        line("visibility", settings.visibility.to_string())?;
        if let Some(region) = &settings.home_region {
            line("home region", region.to_string())?;
        }
        line("invitations", if settings.editors_may_invite { "by editors, too" } else { "by admins" }.to_owned())?;
    }
    if let Some(size) = size {
        line("written", day(size.written_at))?;
        line("snapshot", format!("{} bytes, compressed", size.snapshot_bytes))?;
        line("events", format!("{} kept", size.events))?;
    }
    let waiting = document.orphans().count();
    let row_bytes: usize = rows.iter().map(bytes::Bytes::len).sum();
    line("rows", format!("{} of {row_bytes} bytes", rows.len()))?;
    line("", format!("{waiting} wait for others, {} unusable, {} damaged", opened.unusable.len(), stored.damaged))?;
    line("document", format!("{} bytes, version {}", document.difference(&[]).len(), document.version()))?;
    let clocks = document.sorted_clocks().into_iter().map(|(client, clock)| format!("{client}:{clock}"));
    line("state vector", clocks.collect::<Vec<_>>().join(" "))?;
    let Some(roster) = roster else { return Ok(line("members", "nobody made this room; it has none".to_owned())?) };
    line("members", roster.members.len().to_string())?;
    let header = ["  MEMBER", "ROLE", "ADDED", "BY", "NAME"].map(str::to_owned);
    let members = roster.members.iter().map(|(who, member)| {
        let by = member.added_by.as_ref().map_or("-", PrincipalId::as_str).to_owned();
        let name = member.name.as_deref().unwrap_or("-").escape_debug().to_string();
        [format!("  {}", who.as_str().escape_debug()), member.role.to_string(), day(member.added_at), by, name]
    });
    Ok(write_table(out, &std::iter::once(header).chain(members).collect::<Vec<_>>())?)
}

pub(super) async fn export(export: Export, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CommandError> {
    let Export { of, json } = export;
    let found = of.find().await?;
    let Opened { document, unusable } = open(&found)?;
    if json {
        out.write_all(&document.view(&WITHOUT_LIMIT)?.json)?;
        writeln!(out)?;
    } else {
        out.write_all(&document.difference(&[]))?;
    }
    out.flush()?;
    let left = document.orphans().count() + unusable.len() + found.stored.damaged;
    if left > 0 {
        writeln!(notes, "{left} rows are not in it: they wait for others, or cannot be used (`triproom room show`).")?;
    }
    Ok(())
}

fn open(found: &Found) -> Result<Opened, CommandError> {
    Ok(fold::open(found.stored.snapshot.as_ref(), &found.rows, usize::MAX)?)
}

fn as_json(room: &OneRoom, found: &Found, opened: &Opened) -> Value {
    let Found { roster, size, stored, rows } = found;
    let document = &opened.document;
    let row_bytes: usize = rows.iter().map(bytes::Bytes::len).sum();
    let mut json = json!({
        "room": room.room.as_str(),
        "rows": rows.len(),
        "row_bytes": row_bytes,
        "waiting_rows": document.orphans().count(),
        "unusable_rows": opened.unusable.len(),
        "damaged_rows": stored.damaged,
        "written_at": size.as_ref().map(|size| day(size.written_at)),
        "snapshot_bytes": size.as_ref().map_or(0, |size| size.snapshot_bytes),
        "events": size.as_ref().map_or(0, |size| size.events),
        "document_bytes": document.difference(&[]).len(),
        "version": document.version().to_string(),
        "state_vector": state_vector(document),
        "document": null,
        "members": null,
    });
    match document.view(&WITHOUT_LIMIT) {
        Ok(view) => json["document"] = serde_json::from_slice(&view.json).expect("a view is JSON"),
        Err(error) => json["document_error"] = error.to_string().into(),
    }
    if let Some(roster) = roster {
        json["made_at"] = day(roster.created_at).into();
        json["visibility"] = roster.settings.visibility.as_str().into();
        json["editors_may_invite"] = roster.settings.editors_may_invite.into();
        json["home_region"] = roster.settings.home_region.as_ref().map(Region::as_str).into();
        let members = roster.members.iter().map(|(who, member)| {
            json!({
                "principal": who.as_str(),
                "role": member.role.as_str(),
                "name": member.name,
                "added_by": member.added_by.as_ref().map(PrincipalId::as_str),
                "added_at": day(member.added_at),
            })
        });
        json["members"] = members.collect();
    }
    json
}

/// A client's number is no JSON number that everybody can read: it is written as a key.
fn state_vector(document: &Document) -> Map<String, Value> {
    document.sorted_clocks().into_iter().map(|(client, clock)| (client.to_string(), clock.into())).collect()
}
