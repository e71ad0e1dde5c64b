//! What deploy/supabase.sql lets Supabase's roles see, under the privileges that Supabase gives them.

use std::time::{Duration, SystemTime};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use triproom::room::principal::PrincipalId;
use triproom::room::role::Role;
use triproom::store::directory::{Member, MemberWrite, RoomSettings};
use triproom::store::{Folded, Store};

use crate::database::TestDatabase;
use crate::house::{append, durable, open, room};

const SUPABASE: &str = include_str!("../../deploy/supabase.sql");
const PATIENCE: Duration = Duration::from_secs(10);
/// Every table that somebody may read, ordered.
const READABLE: [&str; 7] = ["events", "latest", "log", "members", "rooms", "rosters", "snapshots"];

/// A database as Supabase makes it: with its roles, which may do everything with every new table.
async fn supabase() -> TestDatabase {
    let database = TestDatabase::create_local().await;
    let roles = "DO $$ BEGIN CREATE ROLE anon; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
                 DO $$ BEGIN CREATE ROLE authenticated; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
                 GRANT USAGE ON SCHEMA public TO anon, authenticated;
                 ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated;
                 ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated;
                 ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated;";
    sqlx::raw_sql(roles).execute(&mut database.connect().await).await.unwrap();
    database
}

/// Asks as Supabase's API does for the holder of a token, and gives the first column as text.
async fn ask(connection: &mut PgConnection, role: &str, claims: &str, query: &str) -> Result<Vec<String>, String> {
    let mut transaction = connection.begin().await.unwrap();
    sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
        .bind(claims)
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query(AssertSqlSafe(format!("SET LOCAL ROLE {role}"))).execute(&mut *transaction).await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(query.to_owned())).fetch_all(&mut *transaction).await;
    transaction.rollback().await.unwrap();
    match rows {
        Ok(rows) => Ok(rows.iter().map(|row| row.get(0)).collect()),
        Err(error) => Err(error.as_database_error().unwrap().code().unwrap().into_owned()),
    }
}

fn claims(sub: &str) -> String {
    json!({ "sub": sub, "role": "authenticated", "aud": "authenticated" }).to_string()
}

fn member(role: Role) -> Member {
    Member { role, name: None, added_by: None, added_at: SystemTime::now() }
}

async fn make(store: &Store, name: &str, owner: &str) {
    let owner = PrincipalId::parse(owner).unwrap();
    let owner = Some((owner, member(Role::Owner)));
    store.directory().create_room(&room(name), RoomSettings::default(), owner, None).await.unwrap();
    let mut log = store.log(&room(name));
    append(&mut log, name);
    durable(&mut log).await;
}

/// Ada's Lisbon with Carol and an agent in it, and Bob's Porto, which is folded.
async fn rooms(database: &TestDatabase) -> Store {
    let store = open(database, PATIENCE).await;
    make(&store, "lisbon", "ada").await;
    make(&store, "porto", "bob").await;
    for who in ["carol", "agent:planner"] {
        let who = PrincipalId::parse(who).unwrap();
        let added = store.directory().add_member(&room("lisbon"), &who, &member(Role::Viewer), 10).await.unwrap();
        assert_eq!(added, MemberWrite::Done);
    }
    let fold = |stored: triproom::store::StoredRoom| {
        let folded = stored.rows.iter().map(|row| row.sequence).collect();
        Ok::<_, std::convert::Infallible>(Folded { snapshot: stored.rows[0].data.clone(), folded })
    };
    store.compact(&room("porto"), fold).await.unwrap();
    store.directory().secret("tickets").await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn members_read_their_rooms_and_nobody_writes() {
    let database = supabase().await;
    let store = rooms(&database).await;
    let mut api = database.connect().await;
    let all = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";
    let tables: Vec<String> = sqlx::query_scalar(all).fetch_all(&mut api).await.unwrap();
    // Before anybody ran the file the tables are closed already.
    for table in &tables {
        let everything = format!("SELECT to_jsonb(t)::text FROM {table} AS t");
        assert_eq!(ask(&mut api, "anon", "", &everything).await, Ok(vec![]), "{table}");
        assert_eq!(ask(&mut api, "authenticated", &claims("ada"), &everything).await, Ok(vec![]), "{table}");
    }
    for _ in 0..2 {
        sqlx::raw_sql(SUPABASE).execute(&mut api).await.unwrap();
    }
    let names = "SELECT name FROM rooms ORDER BY 1";
    let who = "SELECT principal FROM members ORDER BY 1";
    let kept = "SELECT convert_from(data, 'UTF8') FROM log UNION ALL SELECT 'a snapshot' FROM snapshots ORDER BY 1";
    for (sub, rooms, members, data) in [
        ("ada", vec!["lisbon"], vec!["ada", "agent:planner", "carol"], vec!["lisbon"]),
        ("carol", vec!["lisbon"], vec!["ada", "agent:planner", "carol"], vec!["lisbon"]),
        ("bob", vec!["porto"], vec!["bob"], vec!["a snapshot"]),
        ("dave", vec![], vec![], vec![]),
        ("agent:planner", vec![], vec![], vec![]),
    ] {
        for (query, expected) in [(names, rooms), (who, members), (kept, data)] {
            let seen = ask(&mut api, "authenticated", &claims(sub), query).await.unwrap();
            assert_eq!(seen, expected, "{sub}: {query}");
        }
    }
    for claims in ["", "{}", r#"{"sub": null}"#] {
        assert_eq!(ask(&mut api, "authenticated", claims, names).await, Ok(vec![]), "{claims:?}");
    }
    let denied = || Err("42501".to_owned());
    for table in &tables {
        let everything = format!("SELECT to_jsonb(t)::text FROM {table} AS t");
        assert_eq!(ask(&mut api, "anon", &claims("ada"), &everything).await, denied(), "{table}");
        let read = ask(&mut api, "authenticated", &claims("ada"), &everything).await;
        assert_eq!(read.is_ok(), READABLE.contains(&table.as_str()), "{table}");
        for write in [format!("DELETE FROM {table}"), format!("INSERT INTO {table} DEFAULT VALUES")] {
            assert_eq!(ask(&mut api, "authenticated", &claims("ada"), &write).await, denied(), "{write}");
        }
    }
    for write in ["UPDATE members SET role = 'owner'", "SELECT nextval('log_blocks')::text"] {
        assert_eq!(ask(&mut api, "authenticated", &claims("carol"), write).await, denied(), "{write}");
    }
    assert_eq!(ask(&mut api, "anon", &claims("ada"), "SELECT triproom_my_rooms()").await, denied());
    // For the server nothing has changed, and what it changes is seen at once.
    let carol = PrincipalId::parse("carol").unwrap();
    assert_eq!(store.directory().remove_member(&room("lisbon"), &carol).await.unwrap(), MemberWrite::Done);
    assert_eq!(ask(&mut api, "authenticated", &claims("carol"), kept).await, Ok(vec![]));
    let mut log = store.log(&room("lisbon"));
    append(&mut log, "more");
    durable(&mut log).await;
    assert_eq!(store.load(&room("lisbon")).await.unwrap().rows.len(), 2);
    store.close().await.unwrap();
}
