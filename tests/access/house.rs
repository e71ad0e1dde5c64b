//! Access for one test, over a folder of its own.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use triproom::access::{Access, AccessOptions, Identity, Pass, PassChange, Presented, Refused, Token};
use triproom::config::access::AccessConfig;
use triproom::room::id::RoomId;
use triproom::room::principal::PrincipalId;
use triproom::room::role::Role;
use triproom::store::directory::{Directory, Member, RoomSettings};
use triproom::store::{FaultSwitch, Store, StoreConfig};

use super::signer::{Signer, in_an_hour};

/// What no test should ever need.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Where all requests of a test come from, unless it says otherwise.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What `House::new` checks tokens with.
pub const SECRET: &str = "a secret that is at least thirty-two bytes long";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    access: AccessConfig,
}

pub struct House {
    pub access: Access,
    pub directory: Directory,
    pub fault: FaultSwitch,
    pub folder: TempDir,
    pub store: Store,
}

impl House {
    /// With tokens by HS256.
    pub async fn new() -> Self {
        Self::open(&["--jwt-secret", SECRET]).await
    }

    /// With options as on the command line.
    pub async fn open(options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let fault = FaultSwitch::new();
        let mut config = StoreConfig::new(folder.path());
        config.fault = Some(fault.clone());
        let store = Store::open(config).await.unwrap();
        let directory = store.directory();
        let access = Access::open(self::options(options), directory.clone(), None).await.unwrap();
        Self { access, directory, fault, folder, store }
    }

    /// Who a token is of.
    pub async fn identify(&self, token: &str) -> Result<Arc<Identity>, Refused> {
        self.access.identify(&presented(token), None, HERE).await
    }

    /// A person of this name, by a token of the product's login.
    pub async fn person(&self, sub: &str) -> Arc<Identity> {
        self.claims(json!({ "sub": sub, "name": sub.to_uppercase() })).await
    }

    /// The product's own backend.
    pub async fn service(&self) -> Arc<Identity> {
        self.claims(json!({ "role": "service_role" })).await
    }

    /// Whoever these claims name.
    pub async fn claims(&self, claims: Value) -> Arc<Identity> {
        self.identify(&Signer::secret(SECRET).sign(&in_an_hour(claims))).await.unwrap()
    }

    /// A private room of `owner`, who is in it.
    pub async fn room(&self, name: &str, owner: &str) -> Pass {
        let owner = self.person(owner).await;
        self.access.create_room(&owner, room(name), RoomSettings::default(), None).await.unwrap()
    }

    /// Adds a member, and lets them in.
    pub async fn member(&self, by: &Pass, sub: &str, role: Role) -> Pass {
        self.access.add_member(by, id(sub), None, role).await.unwrap();
        self.access.enter(&self.person(sub).await, by.room()).await.unwrap()
    }

    /// A member by the hand of somebody else, another process perhaps: no live pass hears of it.
    pub async fn member_behind(&self, name: &str, sub: &str, role: Role) {
        let member = Member { role, name: None, added_by: None, added_at: std::time::SystemTime::now() };
        self.directory.add_member(&room(name), &id(sub), &member, 1_000).await.unwrap();
    }
}

/// Options as on the command line.
pub fn options(line: &[&str]) -> AccessOptions {
    Line::parse_from(["triproom"].iter().chain(line)).access.options().unwrap()
}

pub fn presented(token: &str) -> Presented {
    Presented { token: Token::new(token), name: None }
}

pub fn room(name: &str) -> RoomId {
    RoomId::parse(name, 1_000).unwrap()
}

pub fn id(name: &str) -> PrincipalId {
    PrincipalId::parse(name).unwrap()
}

/// The next change of a pass.
pub async fn change(pass: &mut Pass) -> PassChange {
    timeout(DEADLINE, pass.changed()).await.expect("the pass changes")
}
