//! What the claims of a verified JWT say of its holder. Supabase's tokens are read as they are.
//! Pure: time comes in. It must never be given claims whose signature was not checked.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{BadToken, Credential, Grant, Identity, Refused};
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::room::principal::{Principal, PrincipalId};
use crate::room::role::Role;

/// The word by which Supabase marks the product's own backend.
const SERVICE: &str = "service_role";
/// And those who are not signed in.
const NOBODY: &str = "anon";

/// The claims that matter here, whatever else is among them.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// Whose they are. `leeway` is how long after `exp` the token was still accepted.
    pub(super) fn identity(&self, leeway: Duration, now: SystemTime) -> Result<Identity, Refused> {
        let role = self.text("role");
        let (id, grant) = match role {
            Some(NOBODY) => return Err(BadToken::Anonymous.into()),
            Some(SERVICE) => (PrincipalId::user("service"), Grant::Everywhere(Role::Owner)),
            _ => {
                let sub = self.text("sub").ok_or(BadToken::Claims)?;
                (PrincipalId::user(sub), self.grant(role.and_then(|role| role.parse().ok())))
            }
        };
        let principal = Arc::new(Principal::new(id.map_err(|_| BadToken::Claims)?, self.name()));
        let expires_at = Some(self.end(leeway, now)?);
        Ok(Identity {
            principal,
            grant,
            credential: Credential::Token,
            expires_at,
            signed_at: None,
            room_made_at: None,
        })
    }

    /// A role word caps what members' rows give; together with a room it is a grant for that room. Other words say nothing.
    fn grant(&self, role: Option<Role>) -> Grant {
        let room = self.text("room").and_then(|name| RoomId::parse(name, ROOM_NAME_CEILING).ok());
        match (room, role) {
            (Some(room), Some(role)) => Grant::Room { room, role, issuer: None },
            (_, role) => Grant::Member { cap: role.unwrap_or(Role::Owner) },
        }
    }

    fn name(&self) -> Option<&str> {
        let of_user = |key| self.0.get("user_metadata")?.get(key)?.as_str();
        let names = [self.text("name"), of_user("name"), of_user("full_name"), self.text("email")];
        names.into_iter().flatten().find(|name| !name.trim().is_empty())
    }

    /// `exp`, or the end of the leeway for a token that came in after it.
    fn end(&self, leeway: Duration, now: SystemTime) -> Result<SystemTime, Refused> {
        let exp = self.0.get("exp").and_then(Value::as_f64).ok_or(BadToken::Claims)?;
        let exp = Duration::try_from_secs_f64(exp).map_err(|_| BadToken::Claims)?;
        let exp = SystemTime::UNIX_EPOCH.checked_add(exp).ok_or(BadToken::Claims)?;
        let end = if exp > now { Some(exp) } else { exp.checked_add(leeway).filter(|&end| end > now) };
        end.ok_or(Refused::Expired)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(claims: Value) -> Result<Identity, Refused> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        serde_json::from_value::<Claims>(claims).expect("an object").identity(Duration::from_secs(30), now)
    }

    #[test]
    fn supabases_claims() {
        let claims = json!({
            "aud": "authenticated", "exp": 2_000, "sub": "8f14e45f-ceea-467f-a9f1-d26ac0bb1eb5",
            "email": "ada@example.org", "role": "authenticated", "aal": "aal1", "is_anonymous": false,
            "app_metadata": { "provider": "email", "role": "owner" },
            "user_metadata": { "full_name": "Ada Lovelace", "role": "owner" },
        });
        let ada = identity(claims).expect("accepted");
        assert_eq!(ada.principal.id.as_str(), "8f14e45f-ceea-467f-a9f1-d26ac0bb1eb5");
        assert_eq!(ada.principal.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(ada.grant, Grant::Member { cap: Role::Owner });
        assert_eq!(ada.expires_at, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2_000)));

        let backend = identity(json!({ "role": "service_role", "iss": "supabase", "exp": 2_000 })).expect("accepted");
        assert_eq!(backend.grant, Grant::Everywhere(Role::Owner));
        let anon = identity(json!({ "role": "anon", "sub": "ada", "exp": 2_000 }));
        assert_eq!(anon, Err(BadToken::Anonymous.into()));
    }

    #[test]
    fn a_role_is_a_cap_and_with_a_room_a_grant() {
        let grant = |claims: Value| {
            let mut all = json!({ "sub": "ada", "exp": 2_000 });
            all.as_object_mut().expect("an object").extend(claims.as_object().expect("an object").clone());
            identity(all).expect("accepted").grant
        };
        assert_eq!(grant(json!({ "role": "view" })), Grant::Member { cap: Role::Viewer });
        assert_eq!(grant(json!({ "role": "owner" })), Grant::Member { cap: Role::Owner });
        assert_eq!(grant(json!({ "role": ["owner"], "room": "trip" })), Grant::Member { cap: Role::Owner });
        assert_eq!(grant(json!({ "room": "trip" })), Grant::Member { cap: Role::Owner });
        assert_eq!(grant(json!({ "room": "trip", "role": "guide" })), Grant::Member { cap: Role::Owner });
        let room = RoomId::parse("trip", 100).expect("a name");
        let expected = Grant::Room { room, role: Role::Editor, issuer: None };
        assert_eq!(grant(json!({ "room": "trip", "role": "edit" })), expected);
    }

    #[test]
    fn claims_that_do_not_say_who_or_until_when() {
        for claims in [
            json!({ "exp": 2_000 }),
            json!({ "exp": 2_000, "sub": "" }),
            json!({ "exp": 2_000, "sub": 7 }),
            json!({ "exp": 2_000, "sub": "agent:planner" }),
            json!({ "exp": 2_000, "sub": "guest:1" }),
            json!({ "sub": "ada" }),
            json!({ "sub": "ada", "exp": "2000" }),
            json!({ "sub": "ada", "exp": -5 }),
            json!({ "sub": "ada", "exp": 1e300 }),
        ] {
            assert_eq!(identity(claims.clone()), Err(BadToken::Claims.into()), "{claims}");
        }
    }

    #[test]
    fn a_token_within_the_leeway_ends_with_it() {
        let end = |exp| identity(json!({ "sub": "ada", "exp": exp })).map(|ada| ada.expires_at.expect("an end"));
        let at = |seconds| Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(end(1_001), at(1_001));
        assert_eq!(end(1_000), at(1_030));
        assert_eq!(end(971), at(1_001));
        assert_eq!(end(970), Err(Refused::Expired));
    }
}
