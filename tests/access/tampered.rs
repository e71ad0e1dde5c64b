//! Whatever is done to a token or a ticket, it proves nothing any more.

use proptest::prelude::*;
use serde_json::json;
use triproom::access::{Purpose, Refused, TicketRequest};

use super::house::{House, SECRET};
use super::signer::{Signer, in_an_hour};

/// One way to spoil a text of ASCII.
#[derive(Debug, Clone)]
enum Spoil {
    Replace(usize, char),
    Remove(usize),
    Insert(usize, char),
    Cut(usize),
    Swap(usize, usize),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let at = || 0..10_000_usize;
    let letter = || {
        proptest::sample::select(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=".chars().collect::<Vec<_>>(),
        )
    };
    prop_oneof![
        (at(), letter()).prop_map(|(at, letter)| Spoil::Replace(at, letter)),
        at().prop_map(Spoil::Remove),
        (at(), letter()).prop_map(|(at, letter)| Spoil::Insert(at, letter)),
        at().prop_map(Spoil::Cut),
        (at(), at()).prop_map(|(one, other)| Spoil::Swap(one, other)),
    ]
}

fn spoilt(token: &str, how: &[Spoil]) -> String {
    let mut letters: Vec<char> = token.chars().collect();
    for spoil in how {
        let length = letters.len();
        match *spoil {
            _ if length < 2 => {}
            Spoil::Replace(at, letter) => letters[at % length] = letter,
            Spoil::Remove(at) => drop(letters.remove(at % length)),
            Spoil::Insert(at, letter) => letters.insert(at % (length + 1), letter),
            Spoil::Cut(at) => letters.truncate(at % length),
            Spoil::Swap(one, other) => letters.swap(one % length, other % length),
        }
    }
    letters.into_iter().collect()
}

#[test]
fn a_tampered_token_never_passes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (house, tokens) = runtime.block_on(async {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), super::signer::key_set(&[]).to_string()).unwrap();
        let keys = file.path().to_str().unwrap();
        let house = House::open(&["--jwt-secret", SECRET, "--jwks", keys, "--auth-failures", "1000000"]).await;
        let olga = house.room("trip", "olga").await;
        let wish = TicketRequest { role: None, ttl: None, purpose: Purpose::Own };
        let claims = in_an_hour(json!({ "sub": "ada", "role": "viewer" }));
        let signers = [Signer::secret(SECRET), Signer::rsa(), Signer::ec(), Signer::ed()];
        let mut tokens: Vec<_> = signers.iter().map(|signer| signer.sign(&claims)).collect();
        tokens.push(house.access.issue_ticket(&olga, wish).unwrap().token);
        (house, tokens)
    });
    for token in &tokens {
        runtime.block_on(house.identify(token)).unwrap();
        proptest!(ProptestConfig::with_cases(300), |(how in proptest::collection::vec(spoil(), 1..4))| {
            let spoilt = spoilt(token, &how);
            // White space around a token is none of it; nothing here makes any.
            prop_assume!(spoilt != *token);
            let outcome = runtime.block_on(house.identify(&spoilt));
            prop_assert!(matches!(outcome, Err(Refused::BadToken(_) | Refused::NoToken)), "{spoilt}: {outcome:?}");
        });
    }
}

#[test]
fn parts_of_two_tokens_make_none() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let house = House::open(&["--jwt-secret", SECRET, "--auth-failures", "1000000"]).await;
        let sign = |claims| Signer::secret(SECRET).sign(&in_an_hour(claims));
        let (viewer, owner) = (sign(json!({ "sub": "ada", "role": "viewer" })), sign(json!({ "sub": "olga" })));
        let olga = house.room("trip", "olga").await;
        let wish = TicketRequest { role: None, ttl: None, purpose: Purpose::Own };
        let ticket = house.access.issue_ticket(&olga, wish).unwrap().token;
        let whole = [viewer, owner, ticket];
        let parts: Vec<Vec<&str>> = whole.iter().map(|token| token.split('.').collect()).collect();
        for header in &parts {
            for claims in &parts {
                for signature in &parts {
                    let token = format!("{}.{}.{}", header[0], claims[1], signature[2]);
                    let passes = house.identify(&token).await.is_ok();
                    assert_eq!(passes, whole.contains(&token), "{token}");
                }
            }
        }
    });
}
