//! Tokens of the product's login.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use triproom::access::{BadToken, Grant, Refused};
use triproom::room::role::Role;

use super::house::{House, SECRET};
use super::signer::{RSA_PUBLIC, Signer, assemble, in_an_hour, key_set, now};

fn ada() -> Value {
    in_an_hour(json!({ "sub": "ada", "name": "Ada" }))
}

/// With the public keys in a file; it is read once, at the start.
async fn with_keys(more: &[&str]) -> House {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key_set(&[]).to_string()).unwrap();
    House::open(&[&["--jwks", file.path().to_str().unwrap()], more].concat()).await
}

async fn refused(house: &House, token: &str) -> BadToken {
    match house.identify(token).await {
        Err(Refused::BadToken(bad)) => bad,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_algorithm_is_verified_by_its_key() {
    let house = with_keys(&["--jwt-secret", SECRET]).await;
    for signer in [Signer::secret(SECRET), Signer::rsa(), Signer::rsa_next(), Signer::ec(), Signer::ed()] {
        let who = house.identify(&signer.sign(&ada())).await.unwrap();
        assert_eq!((who.principal.id.as_str(), who.principal.name.as_deref()), ("ada", Some("Ada")));
        assert_eq!(who.grant, Grant::Member { cap: Role::Owner });
    }
}

#[tokio::test]
async fn a_token_need_not_name_its_key() {
    let house = with_keys(&[]).await;
    for signer in [Signer::rsa(), Signer::rsa_next(), Signer::ec(), Signer::ed()] {
        house.identify(&signer.with(|header| header.kid = None).sign(&ada())).await.unwrap();
    }
}

#[tokio::test]
async fn the_key_chooses_the_algorithm_and_not_the_token() {
    let both = with_keys(&["--jwt-secret", SECRET]).await;
    let keys_only = with_keys(&[]).await;
    let secret_only = House::new().await;

    // A public key is no secret, in whatever form it is taken for one.
    let set = key_set(&["rsa"]);
    let modulus = set["keys"][0]["n"].as_str().unwrap().to_owned();
    for secret in [RSA_PUBLIC, RSA_PUBLIC.trim_ascii_end(), modulus.as_bytes(), set.to_string().as_bytes()] {
        let forged = Signer::secret(secret).with(|header| header.kid = Some("rsa".to_owned())).sign(&ada());
        assert_eq!(refused(&keys_only, &forged).await, BadToken::Algorithm);
        assert_eq!(refused(&both, &forged).await, BadToken::Signature);
    }
    // No algorithm is none at all.
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = assemble(&json!({ "alg": none, "typ": "JWT", "kid": "rsa" }), &ada(), b"");
        assert_eq!(refused(&both, &unsigned).await, BadToken::Malformed, "{none}");
    }
    // A good signature, but by a stronger or another algorithm than was agreed on.
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS512] {
        let other = Signer::rsa().with(|header| header.alg = algorithm).sign(&ada());
        assert_eq!(refused(&both, &other).await, BadToken::Algorithm, "{algorithm:?}");
    }
    let other = Signer::secret(SECRET).with(|header| header.alg = Algorithm::HS512).sign(&ada());
    assert_eq!(refused(&both, &other).await, BadToken::Algorithm);
    // Keys of one kind under the name of another.
    for (signer, name) in [(Signer::rsa(), "ec"), (Signer::ec(), "rsa"), (Signer::ed(), "ec")] {
        let misnamed = signer.with(|header| header.kid = Some(name.to_owned())).sign(&ada());
        assert_eq!(refused(&both, &misnamed).await, BadToken::UnknownKey, "{name}");
    }
    let misnamed = Signer::rsa_next().with(|header| header.kid = Some("rsa".to_owned())).sign(&ada());
    assert_eq!(refused(&both, &misnamed).await, BadToken::Signature);
    // What the token brings along itself is not looked at.
    let self_made = Signer::secret("mine").with(|header| header.jku = Some("https://evil.example/jwks".to_owned()));
    assert_eq!(refused(&both, &self_made.sign(&ada())).await, BadToken::Signature);
    assert_eq!(refused(&secret_only, &Signer::rsa().sign(&ada())).await, BadToken::Algorithm);
}

#[tokio::test]
async fn a_header_that_asks_for_more_than_is_understood() {
    let house = House::new().await;
    let critical = Signer::secret(SECRET).with(|header| header.crit = Some(vec!["b64".to_owned()]));
    assert_eq!(refused(&house, &critical.sign(&ada())).await, BadToken::Malformed);
}

#[tokio::test]
async fn the_time_of_a_token() {
    let house = House::open(&["--jwt-secret", SECRET, "--jwt-leeway", "30s"]).await;
    let sign = |claims: Value| Signer::secret(SECRET).sign(&claims);
    assert_eq!(house.identify(&sign(json!({ "sub": "ada", "exp": now() - 60 }))).await, Err(Refused::Expired));
    let just_over = house.identify(&sign(json!({ "sub": "ada", "exp": now() - 5 }))).await.unwrap();
    assert!(just_over.expires_at.unwrap() > std::time::SystemTime::now());
    assert_eq!(refused(&house, &sign(json!({ "sub": "ada" }))).await, BadToken::Claims);
    let early = json!({ "sub": "ada", "exp": now() + 3_600, "nbf": now() + 300 });
    assert_eq!(refused(&house, &sign(early)).await, BadToken::NotYet);
    house.identify(&sign(json!({ "sub": "ada", "exp": now() + 3_600, "nbf": now() + 5 }))).await.unwrap();
    // Only who can sign learns that a token has expired.
    let forged = Signer::secret("another").sign(&json!({ "sub": "ada", "exp": now() - 60 }));
    assert_eq!(refused(&house, &forged).await, BadToken::Signature);
}

#[tokio::test]
async fn audience_and_issuer_when_they_are_asked_for() {
    let line = ["--jwt-secret", SECRET, "--jwt-audience", "trips,staff", "--jwt-issuer", "https://login.example.com"];
    let house = House::open(&line).await;
    let check = async |aud: Value, iss: Value| {
        let claims = json!({ "sub": "ada", "exp": now() + 3_600, "aud": aud, "iss": iss });
        house.identify(&Signer::secret(SECRET).sign(&claims)).await.map(drop)
    };
    let (login, evil) = (json!("https://login.example.com"), json!("https://evil.example"));
    assert_eq!(check(json!("trips"), login.clone()).await, Ok(()));
    assert_eq!(check(json!(["other", "staff"]), login.clone()).await, Ok(()));
    assert_eq!(check(json!("other"), login.clone()).await, Err(BadToken::Audience.into()));
    assert_eq!(check(Value::Null, login).await, Err(BadToken::Audience.into()));
    assert_eq!(check(json!("trips"), evil).await, Err(BadToken::Issuer.into()));
    assert_eq!(check(json!("trips"), Value::Null).await, Err(BadToken::Issuer.into()));
}

#[tokio::test]
async fn what_is_no_token() {
    let house = House::new().await;
    for token in ["ada", "a.b.c", "..", "trk", "eyJhbGciOiJIUzI1NiJ9.e30", "\u{1f511}.\u{1f511}.\u{1f511}"] {
        assert_eq!(refused(&house, token).await, BadToken::Malformed, "{token}");
    }
    assert_eq!(refused(&house, &"x".repeat(5_000)).await, BadToken::TooLong);
    assert_eq!(house.identify(" ").await, Err(Refused::NoToken));
    assert_eq!(refused(&house, &Signer::secret("wrong").sign(&ada())).await, BadToken::Signature);
    assert_eq!(refused(&house, &Signer::secret(SECRET).sign(&in_an_hour(json!({})))).await, BadToken::Claims);
}
