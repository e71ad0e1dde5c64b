//! `triproom key`: agents' API keys, made, listed and revoked in a data folder, whether a server runs on it or not.
//! A key's text is printed once, when it is made; it must never be printed again, nor its hash.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::CommandError;
use super::table::{day, write_table};
use crate::access::api_key::NewKey;
use crate::access::may::role_of_key;
use crate::config::place::StorePlace;
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::room::principal::{PrincipalId, PrincipalIdError};
use crate::room::role::Role;
use crate::store::directory::{Directory, KeyId, KeyRecord, KeyScope, RoomScope};

/// What to do with keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it, once
    Create(Create),
    /// List all keys, without what they are
    List {
        /// Where.
        #[command(flatten)]
        store: StorePlace,
    },
    /// Take a key back: whoever uses it is out within a second
    Revoke {
        /// The key's id, as `list` shows it
        #[arg(value_parser = KeyId::parse)]
        id: KeyId,
        /// Where.
        #[command(flatten)]
        store: StorePlace,
    },
}

/// What a new key is for.
#[derive(Debug, Clone, Args)]
pub struct Create {
    /// Name of the agent
    #[arg(long, value_parser = agent, value_name = "NAME")]
    agent: PrincipalId,
    /// Rooms that it opens, separated by commas; * for all
    #[arg(long, required = true, value_delimiter = ',', value_name = "ROOM")]
    rooms: Vec<String>,
    /// Role in these rooms: viewer, commenter, editor, admin, owner
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// What it may be used for: room:read, room:write, room:status, room:admin; all that the role may when none is given
    #[arg(long, value_delimiter = ',', value_name = "SCOPE")]
    scope: Vec<KeyScope>,
    /// The person that the agent acts for
    #[arg(long, value_parser = PrincipalId::user, value_name = "PERSON")]
    on_behalf_of: Option<PrincipalId>,
    #[command(flatten)]
    store: StorePlace,
}

/// Does it. The key, or the list, goes to `out`; what happened to `notes`.
pub async fn run(command: KeyCommand, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CommandError> {
    match command {
        KeyCommand::Create(create) => make(create, out, notes).await,
        KeyCommand::List { store } => {
            let directory = Directory::open_read_only(store.place()?).await?;
            let keys = directory.keys().await;
            directory.close().await;
            Ok(list(&keys?, out)?)
        }
        KeyCommand::Revoke { id, store } => {
            // A folder without a database has no keys; looking into it makes none.
            Directory::open_read_only(store.place()?).await?.close().await;
            let directory = Directory::open(store.place()?).await?;
            let revoked = directory.revoke_key(&id).await;
            directory.close().await;
            let key = revoked?.ok_or(CommandError::NoSuchKey(id))?;
            Ok(writeln!(notes, "The key {} of {} opens nothing any more.", key.id, key.agent)?)
        }
    }
}

async fn make(create: Create, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CommandError> {
    let rooms = room_scope(&create.rooms)?;
    let scopes = if create.scope.is_empty() { scopes_for(create.role) } else { create.scope.into_iter().collect() };
    let key = NewKey::random();
    let record = KeyRecord {
        id: key.id,
        agent: create.agent,
        rooms,
        role: create.role,
        scopes,
        on_behalf_of: create.on_behalf_of,
        created_at: SystemTime::now(),
        revoked_at: None,
    };
    let directory = Directory::open(create.store.place()?).await?;
    let kept = directory.add_key(&record, key.hash).await;
    directory.close().await;
    kept?;
    writeln!(out, "{}", key.text)?;
    let (id, agent, role, rooms) = (&record.id, &record.agent, role_of_key(&record), rooms_text(&record.rooms));
    writeln!(notes, "Key {id}: {agent} is {role} in {rooms}. It is shown this once; keep it as a password.")?;
    if role < record.role {
        writeln!(notes, "Its scopes reach no further than {role}; with room:admin it would be {}.", record.role)?;
    }
    Ok(writeln!(notes, "Take it back with: triproom key revoke {id}")?)
}

fn list(keys: &[KeyRecord], out: &mut impl Write) -> Result<(), std::io::Error> {
    let header = ["ID", "AGENT", "ROLE", "ROOMS", "SCOPES", "FOR", "MADE", "REVOKED"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(header).chain(keys.iter().map(row)).collect();
    write_table(out, &rows)
}

fn row(key: &KeyRecord) -> [String; 8] {
    let scopes: Vec<_> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    [
        key.id.to_string(),
        key.agent.to_string(),
        role_of_key(key).to_string(),
        rooms_text(&key.rooms),
        scopes.join(","),
        key.on_behalf_of.as_ref().map_or_else(|| "-".to_owned(), PrincipalId::to_string),
        day(key.created_at),
        key.revoked_at.map_or_else(|| "-".to_owned(), day),
    ]
}

/// Room names hold anything; what a terminal would obey is written out.
fn rooms_text(rooms: &RoomScope) -> String {
    match rooms {
        RoomScope::All => "*".to_owned(),
        RoomScope::Only(rooms) => {
            rooms.iter().map(|room| room.as_str().escape_debug().to_string()).collect::<Vec<_>>().join(",")
        }
    }
}

fn agent(name: &str) -> Result<PrincipalId, PrincipalIdError> {
    PrincipalId::agent(name.strip_prefix("agent:").unwrap_or(name))
}

fn room_scope(names: &[String]) -> Result<RoomScope, CommandError> {
    if names.iter().any(|name| name == "*") {
        return if names.len() == 1 {
            Ok(RoomScope::All)
        } else {
            Err(CommandError::Options("--rooms: * is for all rooms; name no others beside it"))
        };
    }
    let rooms: Result<BTreeSet<_>, _> = names.iter().map(|name| RoomId::parse(name, ROOM_NAME_CEILING)).collect();
    rooms
        .map(RoomScope::Only)
        .map_err(|_| CommandError::Options("--rooms: a room's name is neither empty nor longer than 4 KiB"))
}

/// All that a role can be used for.
fn scopes_for(role: Role) -> BTreeSet<KeyScope> {
    let needs = |scope: &KeyScope| match scope {
        KeyScope::Read | KeyScope::Status => Role::Viewer,
        KeyScope::Write => Role::Commenter,
        KeyScope::Admin => Role::Admin,
    };
    KeyScope::ALL.into_iter().filter(|scope| needs(scope) <= role).collect()
}
