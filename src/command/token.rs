//! `triproom token`: signs tokens for development, as the product's login would, and room tickets, as the server would.
//! Whoever can run it has the secret already; it must never print that.

use std::io::Write;
use std::time::{Duration, SystemTime};

use clap::Args;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::CommandError;
use crate::access::options::Secret;
use crate::access::ticket::{Behind, Tickets};
use crate::config::access::{secret, ticket_time};
use crate::config::place::StorePlace;
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::room::principal::{Principal, PrincipalId};
use crate::room::role::Role;
use crate::store::directory::Directory;

/// What the token says.
#[derive(Debug, Clone, Args)]
pub struct TokenCommand {
    /// Whose it is
    #[arg(long, value_parser = PrincipalId::user, value_name = "PERSON")]
    sub: PrincipalId,
    /// What others read
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The most that it allows; with --room, what it allows there. A word that is no role, such as `service_role`, is passed on
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// The one room that it is for
    #[arg(long, value_name = "ROOM")]
    room: Option<String>,
    /// How long it holds
    #[arg(long, default_value = "1h", value_parser = ticket_time, value_name = "TIME")]
    ttl: Duration,
    /// Secret that the server checks tokens with
    #[arg(long, env = "TRIPROOM_JWT_SECRET", hide_env_values = true, value_parser = secret, value_name = "SECRET")]
    jwt_secret: Option<Secret>,
    /// Audience (aud) that the server wants
    #[arg(long, env = "TRIPROOM_JWT_AUDIENCE", value_name = "NAME")]
    jwt_audience: Option<String>,
    /// Issuer (iss) that the server wants
    #[arg(long, env = "TRIPROOM_JWT_ISSUER", value_name = "NAME")]
    jwt_issuer: Option<String>,
    /// Sign a room ticket with the secret of the data folder instead; needs --room
    #[arg(long)]
    ticket: bool,
    #[command(flatten)]
    store: StorePlace,
}

/// Signs it and writes it to `out`.
pub async fn run(command: TokenCommand, out: &mut impl Write) -> Result<(), CommandError> {
    let room = command.room.as_deref().map(|name| RoomId::parse(name, ROOM_NAME_CEILING)).transpose();
    let room = room.map_err(|_| CommandError::Options("--room: a name is neither empty nor longer than 4 KiB"))?;
    let until = SystemTime::now() + command.ttl;
    let token = if command.ticket { ticket(command, room, until).await? } else { jwt(&command, room.as_ref(), until)? };
    Ok(writeln!(out, "{token}")?)
}

async fn ticket(command: TokenCommand, room: Option<RoomId>, until: SystemTime) -> Result<String, CommandError> {
    let room = room.ok_or(CommandError::Options("--ticket needs --room"))?;
    let role = command.role.as_deref().unwrap_or("editor").parse::<Role>();
    let role =
        role.map_err(|_| CommandError::Options("--role: a ticket's is viewer, commenter, editor, admin or owner"))?;
    let holder = Principal::new(command.sub, command.name.as_deref());
    let directory = Directory::open(command.store.place()?).await?;
    let tickets = Tickets::open(&directory).await;
    directory.close().await;
    Ok(tickets?.sign(&holder, (&room, None), role, until, &Behind::Other("command")).token)
}

fn jwt(command: &TokenCommand, room: Option<&RoomId>, until: SystemTime) -> Result<String, CommandError> {
    let secret = command.jwt_secret.as_ref();
    let secret = secret.ok_or(CommandError::Options("give --jwt-secret (or TRIPROOM_JWT_SECRET), or --ticket"))?;
    if room.is_some() && command.role.as_deref().is_none_or(|role| role.parse::<Role>().is_err()) {
        return Err(CommandError::Options("--room needs --role: viewer, commenter, editor, admin or owner"));
    }
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(command.sub.as_str()));
    claims.insert("iat".to_owned(), json!(seconds(SystemTime::now())));
    claims.insert("exp".to_owned(), json!(seconds(until)));
    let mut say = |claim: &str, value: Option<&str>| {
        claims.extend(value.map(|value| (claim.to_owned(), Value::from(value))));
    };
    say("name", command.name.as_deref());
    say("role", command.role.as_deref());
    say("room", room.map(RoomId::as_str));
    say("aud", command.jwt_audience.as_deref());
    say("iss", command.jwt_issuer.as_deref());
    let signed = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.bytes()));
    Ok(signed.expect("texts and numbers are JSON, and any secret signs"))
}
