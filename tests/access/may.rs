//! The table of every kind of principal × role × action, and what the table cannot show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use triproom::access::may::{makes_on_entry, owner_of_new, role_of_key};
use triproom::access::{Action, Credential, Decision, Denial, Grant, Identity, Standing, may, role_in, writes_in};
use triproom::room::id::RoomId;
use triproom::room::principal::{Principal, PrincipalId, PrincipalKind};
use triproom::room::role::{Role, Writes};
use triproom::store::directory::{KeyId, KeyRecord, KeyScope, Member, RoomScope, RoomSettings, Roster, Visibility};

fn room(name: &str) -> RoomId {
    RoomId::parse(name, 100).unwrap()
}

fn id(name: &str) -> PrincipalId {
    PrincipalId::parse(name).unwrap()
}

fn identity(who: &str, grant: Grant, credential: Credential) -> Identity {
    Identity {
        principal: Arc::new(Principal::new(id(who), None)),
        grant,
        credential,
        expires_at: None,
        signed_at: None,
        room_made_at: None,
    }
}

fn roster(members: &[(&str, Role)], visibility: Visibility, editors_may_invite: bool) -> Roster {
    let added_at = SystemTime::UNIX_EPOCH;
    let row = |role| Member { role, name: None, added_by: None, added_at };
    Roster {
        settings: RoomSettings { visibility, editors_may_invite, home_region: None },
        members: members.iter().map(|(who, role)| (id(who), row(*role))).collect::<BTreeMap<_, _>>(),
        created_at: added_at,
    }
}

fn ticket(role: Role, issuer: Option<&str>) -> Grant {
    Grant::Room { room: room("trip"), role, issuer: issuer.map(id) }
}

fn key(rooms: &[&str], role: Role) -> (Grant, Credential) {
    let rooms = RoomScope::Only(rooms.iter().map(|name| room(name)).collect());
    (Grant::Rooms { rooms, role }, Credential::Key(KeyId::parse("k1").unwrap()))
}

fn keys_ticket() -> Credential {
    Credential::KeysTicket(KeyId::parse("k1").unwrap())
}

/// One kind of principal: the caller, the caller's own row in the roster beside the owners `olga` and `otto`, and the
/// role that a given role comes to.
struct Kind {
    name: &'static str,
    caller: fn(Role) -> Identity,
    row: fn(Role) -> Option<Role>,
    comes_to: fn(Role) -> Option<Role>,
    is_guest: bool,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "anybody, with authentication off",
        caller: |role| identity("ada", Grant::Everywhere(role), Credential::Open),
        row: |_| None,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "somebody without a name, with authentication off",
        caller: |role| identity("guest:anonymous", Grant::Everywhere(role), Credential::Open),
        row: |_| None,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "the product's backend",
        caller: |role| identity("service", Grant::Everywhere(role), Credential::Token),
        row: |_| None,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "a member",
        caller: |_| identity("ada", Grant::Member { cap: Role::Owner }, Credential::Token),
        row: Some,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "an owner whose token is capped",
        caller: |role| identity("ada", Grant::Member { cap: role }, Credential::Token),
        row: |_| Some(Role::Owner),
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "a stranger, whatever their token says",
        caller: |role| identity("eve", Grant::Member { cap: role }, Credential::Token),
        row: |_| None,
        comes_to: |_| None,
        is_guest: false,
    },
    Kind {
        name: "a token for this room",
        caller: |role| identity("ada", ticket(role, None), Credential::Token),
        row: |_| None,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "an agent's key",
        caller: |role| {
            let (grant, credential) = key(&["other", "trip"], role);
            identity("agent:planner", grant, credential)
        },
        row: |_| None,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "an agent's key, lowered by the agent's place in the room",
        caller: |_| {
            let (grant, credential) = key(&["trip"], Role::Owner);
            identity("agent:planner", grant, credential)
        },
        row: Some,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "the ticket of an agent's key",
        caller: |role| identity("agent:planner", ticket(role, None), keys_ticket()),
        row: |_| None,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "the ticket of an agent's key, lowered by the agent's place in the room",
        caller: |_| identity("agent:planner", ticket(Role::Owner, None), keys_ticket()),
        row: Some,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "a guest by the link of an agent",
        caller: |role| identity("guest:1", ticket(role, None), keys_ticket()),
        row: |_| None,
        comes_to: Some,
        is_guest: true,
    },
    Kind {
        name: "an agent's key for other rooms",
        caller: |role| {
            let (grant, credential) = key(&["other"], role);
            identity("agent:planner", grant, credential)
        },
        row: |_| None,
        comes_to: |_| None,
        is_guest: false,
    },
    Kind {
        name: "an owner's own ticket",
        caller: |role| identity("ada", ticket(role, Some("ada")), Credential::Ticket),
        row: |_| Some(Role::Owner),
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "an owner's ticket whose holder is less by now",
        caller: |_| identity("ada", ticket(Role::Owner, Some("ada")), Credential::Ticket),
        row: Some,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "a ticket whose holder is no member any more",
        caller: |role| identity("ada", ticket(role, Some("ada")), Credential::Ticket),
        row: |_| None,
        comes_to: |_| None,
        is_guest: false,
    },
    Kind {
        name: "a ticket that the backend gave",
        caller: |role| identity("ada", ticket(role, None), Credential::Ticket),
        row: |_| None,
        comes_to: Some,
        is_guest: false,
    },
    Kind {
        name: "a guest by an owner's link",
        caller: |role| identity("guest:1", ticket(role, Some("olga")), Credential::Ticket),
        row: |_| None,
        comes_to: |role| Some(role.min(Role::Editor)),
        is_guest: true,
    },
    Kind {
        name: "a guest by the link of somebody who is no member any more",
        caller: |role| identity("guest:1", ticket(role, Some("eve")), Credential::Ticket),
        row: |_| None,
        comes_to: |_| None,
        is_guest: true,
    },
];

/// An action and the least role that may. `guests` says whether guests may at all.
fn actions<'a>(own: &'a PrincipalId, other: &'a PrincipalId) -> Vec<(&'static str, Action<'a>, Result<Role, Denial>)> {
    use Action::{ChangeMember, Invite, IssueTicket, RemoveMember, Share};
    use Role::{Admin, Commenter, Editor, Owner, Viewer};
    let change = |from, to| ChangeMember { who: other, from, to };
    let mut all = vec![
        ("read", Action::Read, Ok(Viewer)),
        ("announce", Action::Announce, Ok(Viewer)),
        ("see members", Action::SeeMembers, Ok(Viewer)),
        ("comment", Action::Comment, Ok(Commenter)),
        ("chat", Action::Chat, Ok(Commenter)),
        ("write", Action::Write, Ok(Editor)),
        ("configure", Action::Configure, Ok(Admin)),
        ("delete the room", Action::DeleteRoom, Ok(Owner)),
        ("invite a viewer", Invite(Viewer), Ok(Admin)),
        ("invite a commenter", Invite(Commenter), Ok(Admin)),
        ("invite an editor", Invite(Editor), Ok(Admin)),
        ("invite an admin", Invite(Admin), Ok(Owner)),
        ("invite an owner", Invite(Owner), Ok(Owner)),
        ("share with viewers", Share(Viewer), Ok(Admin)),
        ("share with commenters", Share(Commenter), Ok(Admin)),
        ("share with editors", Share(Editor), Ok(Admin)),
        ("share with admins", Share(Admin), Err(Denial::LinksOnly)),
        ("share with owners", Share(Owner), Err(Denial::LinksOnly)),
        ("raise a viewer to editor", change(Viewer, Editor), Ok(Admin)),
        ("lower an editor to viewer", change(Editor, Viewer), Ok(Admin)),
        ("raise an editor to admin", change(Editor, Admin), Ok(Owner)),
        ("lower an admin to editor", change(Admin, Editor), Ok(Owner)),
        ("raise an admin to owner", change(Admin, Owner), Ok(Owner)),
        ("lower an owner to viewer", change(Owner, Viewer), Ok(Owner)),
        ("change the own role", ChangeMember { who: own, from: Viewer, to: Owner }, Err(Denial::OwnRole)),
        ("remove a viewer", RemoveMember { who: other, role: Viewer }, Ok(Admin)),
        ("remove an editor", RemoveMember { who: other, role: Editor }, Ok(Admin)),
        ("remove an admin", RemoveMember { who: other, role: Admin }, Ok(Owner)),
        ("remove an owner", RemoveMember { who: other, role: Owner }, Ok(Owner)),
        ("leave", RemoveMember { who: own, role: Viewer }, Ok(Viewer)),
    ];
    all.extend(Role::ALL.map(|role| ("get a ticket", IssueTicket(role), Ok(role))));
    all
}

#[test]
fn every_kind_of_principal_in_every_role_with_every_action() {
    let other = id("olga");
    for kind in KINDS {
        for role in Role::ALL {
            let who = (kind.caller)(role);
            let mut members = vec![("olga", Role::Owner), ("otto", Role::Owner)];
            members.extend((kind.row)(role).map(|row| (who.principal.id.as_str(), row)));
            let roster = roster(&members, Visibility::Private, false);
            let place = Standing { room: &room("trip"), roster: Some(&roster) };
            let has = (kind.comes_to)(role);
            assert_eq!(role_in(&who, &place), has, "{}, {role}", kind.name);
            for (name, action, needs) in actions(&who.principal.id, &other) {
                let lets_in = matches!(action, Action::Invite(_) | Action::Share(_));
                let expected = match (has, needs) {
                    (None, _) => Decision::Denied(Denial::NoSuchRoom),
                    (Some(_), _) if kind.is_guest && lets_in => Decision::Denied(Denial::LinksOnly),
                    // An agent that was lowered would have its key's role again.
                    (Some(_), _) if who.principal.id.kind() == PrincipalKind::Agent && name == "leave" => {
                        Decision::Denied(Denial::OwnRole)
                    }
                    (Some(_), Err(denial)) => Decision::Denied(denial),
                    (Some(has), Ok(needs)) if has < needs => Decision::Denied(Denial::Forbidden { needs }),
                    (Some(_), Ok(_)) => Decision::Allowed,
                };
                assert_eq!(may(&who, action, &place), expected, "{}, {role}: {name}", kind.name);
            }
        }
    }
}

#[test]
fn what_a_role_writes() {
    let writes = [Writes::Nothing, Writes::Comments, Writes::Everything, Writes::Everything, Writes::Everything];
    for (role, writes) in Role::ALL.into_iter().zip(writes) {
        let roster = roster(&[("ada", role)], Visibility::Private, false);
        let who = identity("ada", Grant::Member { cap: Role::Owner }, Credential::Token);
        assert_eq!(writes_in(&who, &Standing { room: &room("trip"), roster: Some(&roster) }), writes);
        let stranger = identity("eve", Grant::Member { cap: Role::Owner }, Credential::Token);
        assert_eq!(writes_in(&stranger, &Standing { room: &room("trip"), roster: Some(&roster) }), Writes::Nothing);
    }
}

#[test]
fn editors_invite_where_the_room_allows_it() {
    let roster = roster(&[("olga", Role::Owner), ("ada", Role::Editor)], Visibility::Private, true);
    let place = Standing { room: &room("trip"), roster: Some(&roster) };
    let ada = identity("ada", Grant::Member { cap: Role::Owner }, Credential::Token);
    for role in Role::ALL {
        let expected = match role {
            Role::Viewer | Role::Commenter => Decision::Allowed,
            Role::Editor => Decision::Denied(Denial::Forbidden { needs: Role::Admin }),
            Role::Admin | Role::Owner => Decision::Denied(Denial::Forbidden { needs: Role::Owner }),
        };
        assert_eq!(may(&ada, Action::Invite(role), &place), expected, "{role}");
    }
    let guest = identity("guest:1", ticket(Role::Editor, Some("olga")), Credential::Ticket);
    assert_eq!(may(&guest, Action::Invite(Role::Viewer), &place), Decision::Denied(Denial::LinksOnly));
}

#[test]
fn a_room_keeps_an_owner() {
    let roster = roster(&[("olga", Role::Owner), ("ada", Role::Admin)], Visibility::Private, false);
    let place = Standing { room: &room("trip"), roster: Some(&roster) };
    let last = Decision::Denied(Denial::LastOwner);
    let olga = identity("olga", Grant::Member { cap: Role::Owner }, Credential::Token);
    let service = identity("service", Grant::Everywhere(Role::Owner), Credential::Token);
    let who = &id("olga");
    assert_eq!(may(&olga, Action::RemoveMember { who, role: Role::Owner }, &place), last);
    assert_eq!(may(&service, Action::RemoveMember { who, role: Role::Owner }, &place), last);
    assert_eq!(may(&service, Action::ChangeMember { who, from: Role::Owner, to: Role::Admin }, &place), last);
    let hand_over = Action::ChangeMember { who: &id("ada"), from: Role::Admin, to: Role::Owner };
    assert_eq!(may(&olga, hand_over, &place), Decision::Allowed);
    // Who may not lower an owner does not learn how many there are.
    let ada = identity("ada", Grant::Member { cap: Role::Owner }, Credential::Token);
    let forbidden = Decision::Denied(Denial::Forbidden { needs: Role::Owner });
    assert_eq!(may(&ada, Action::RemoveMember { who, role: Role::Owner }, &place), forbidden);
}

#[test]
fn a_public_room_is_read_by_whoever_is_identified() {
    let roster = roster(&[("olga", Role::Owner)], Visibility::Public, true);
    let place = Standing { room: &room("trip"), roster: Some(&roster) };
    let passer_by = identity("eve", Grant::Member { cap: Role::Owner }, Credential::Token);
    assert_eq!(role_in(&passer_by, &place), Some(Role::Viewer));
    // A public room does not lower what somebody was given.
    let guest = identity("guest:1", ticket(Role::Editor, Some("olga")), Credential::Ticket);
    assert_eq!(role_in(&guest, &place), Some(Role::Editor));
    let (grant, credential) = key(&["trip"], Role::Editor);
    assert_eq!(role_in(&identity("agent:planner", grant, credential), &place), Some(Role::Editor));
}

#[test]
fn a_link_follows_its_maker() {
    let guest = identity("guest:1", ticket(Role::Editor, Some("ada")), Credential::Ticket);
    for role in Role::ALL {
        let roster = roster(&[("olga", Role::Owner), ("ada", role)], Visibility::Private, false);
        let place = Standing { room: &room("trip"), roster: Some(&roster) };
        assert_eq!(role_in(&guest, &place), Some(role.min(Role::Editor)), "{role}");
    }
}

#[test]
fn nobody_has_a_role_in_a_room_that_was_never_made_unless_the_product_says_that_it_is_there() {
    for kind in KINDS {
        let who = (kind.caller)(Role::Owner);
        let role = role_in(&who, &Standing { room: &room("trip"), roster: None });
        let vouched = match (&who.credential, &who.grant) {
            (Credential::Open, _) => true,
            (Credential::Token | Credential::Webhook(_), Grant::Room { room: only, .. }) => *only == room("trip"),
            _ => false,
        };
        assert_eq!(role, vouched.then_some(Role::Owner), "{}", kind.name);
    }
}

#[test]
fn a_credential_for_one_room_opens_no_other() {
    let roster = roster(&[("ada", Role::Owner), ("olga", Role::Owner)], Visibility::Public, false);
    let elsewhere = Standing { room: &room("other"), roster: Some(&roster) };
    for (who, issuer) in [("ada", Some("ada")), ("ada", None), ("guest:1", Some("olga"))] {
        for credential in [Credential::Ticket, Credential::Token] {
            let who = identity(who, ticket(Role::Owner, issuer), credential);
            assert_eq!(role_in(&who, &elsewhere), None);
            assert_eq!(may(&who, Action::CreateRoom, &elsewhere), Decision::Denied(Denial::OtherRooms));
        }
    }
}

#[test]
fn a_ticket_does_not_open_a_later_room_of_the_same_name() {
    let signed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
    let members = [("ada", Role::Owner), ("olga", Role::Owner)];
    let holders =
        [("ada", Some("ada")), ("ada", None), ("guest:1", Some("olga")), ("guest:1", None), ("agent:planner", None)];
    for ((who, issuer), credential) in
        holders.into_iter().flat_map(|who| [(who, Credential::Ticket), (who, keys_ticket())])
    {
        let mut who = identity(who, ticket(Role::Editor, issuer), credential);
        who.signed_at = Some(signed);
        // Tickets say the second, rooms the millisecond.
        for (made, opens) in
            [(999_000, true), (1_000_000, true), (1_000_999, true), (1_001_000, false), (9_000_000, false)]
        {
            let mut roster = roster(&members, Visibility::Public, false);
            roster.created_at = SystemTime::UNIX_EPOCH + Duration::from_millis(made);
            let role = role_in(&who, &Standing { room: &room("trip"), roster: Some(&roster) });
            assert_eq!(role, opens.then_some(Role::Editor), "{who:?} {made}");
        }
    }
}

#[test]
fn a_ticket_that_knows_when_its_room_was_made_is_for_no_other_whatever_the_clocks_say() {
    let members = [("ada", Role::Owner)];
    let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    let mut who = identity("ada", ticket(Role::Editor, Some("ada")), Credential::Ticket);
    (who.signed_at, who.room_made_at) = (Some(at(1_000_000)), Some(at(7_000_000)));
    for (made, opens) in [(7_000_000, true), (6_999_999, false), (7_000_001, false), (1_000, false)] {
        let mut roster = roster(&members, Visibility::Private, false);
        roster.created_at = at(made) + Duration::from_micros(900);
        let role = role_in(&who, &Standing { room: &room("trip"), roster: Some(&roster) });
        assert_eq!(role, opens.then_some(Role::Editor), "{made}");
    }
}

#[test]
fn who_may_write_somewhere_may_make_a_room() {
    let here = Standing { room: &room("trip"), roster: None };
    for kind in KINDS {
        for role in Role::ALL {
            let who = (kind.caller)(role);
            let most = match &who.grant {
                Grant::Everywhere(role) | Grant::Member { cap: role } => Some(*role),
                Grant::Rooms { rooms, role } => rooms.includes(here.room).then_some(*role),
                Grant::Room { role, .. } => (!who.credential.is_ticket()).then_some(*role),
            };
            let expected = match most {
                None => Decision::Denied(Denial::OtherRooms),
                Some(most) if most < Role::Editor => Decision::Denied(Denial::Forbidden { needs: Role::Editor }),
                // An agent that may not look after a room, and nobody else who would.
                Some(most) if most < Role::Owner && matches!(who.grant, Grant::Rooms { .. }) => {
                    Decision::Denied(Denial::NoOwner)
                }
                Some(_) => Decision::Allowed,
            };
            assert_eq!(may(&who, Action::CreateRoom, &here), expected, "{}, {role}", kind.name);
            if expected == Decision::Denied(Denial::NoOwner) {
                let mut for_ada = who.clone();
                Arc::make_mut(&mut for_ada.principal).on_behalf_of = Some(id("ada"));
                assert_eq!(may(&for_ada, Action::CreateRoom, &here), Decision::Allowed);
                assert_eq!(owner_of_new(&for_ada), Some(&id("ada")));
            }
            let vouched = matches!(who.grant, Grant::Room { .. }) && expected == Decision::Allowed;
            assert_eq!(makes_on_entry(&who, &here), vouched, "{}, {role}", kind.name);
        }
    }
    let made = roster(&[], Visibility::Private, false);
    let vouched = identity("ada", ticket(Role::Owner, None), Credential::Token);
    assert!(!makes_on_entry(&vouched, &Standing { room: &room("trip"), roster: Some(&made) }));
}

#[test]
fn scopes_cap_a_key() {
    let with = |role, scopes: &[KeyScope]| {
        role_of_key(&KeyRecord {
            id: KeyId::parse("k1").unwrap(),
            agent: id("agent:planner"),
            rooms: RoomScope::All,
            role,
            scopes: scopes.iter().copied().collect::<BTreeSet<_>>(),
            on_behalf_of: None,
            created_at: SystemTime::UNIX_EPOCH,
            revoked_at: None,
        })
    };
    for role in Role::ALL {
        assert_eq!(with(role, &[]), Role::Viewer);
        assert_eq!(with(role, &[KeyScope::Read, KeyScope::Status]), Role::Viewer);
        assert_eq!(with(role, &[KeyScope::Write]), role.min(Role::Editor));
        assert_eq!(with(role, &[KeyScope::Read, KeyScope::Admin]), role);
    }
}
