//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use serde_json::Value;

use super::house::House;
use super::http::Caller;
use super::people::JWT;

async fn described(options: &[&str]) -> Value {
    let house = House::open(options).await;
    let answer = Caller::new(&house).get("/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    let again = Caller::new(&house).get_with("/openapi.json", &[("if-none-match", answer.header("etag"))]).await;
    assert_eq!(again.status, 304);
    house.stop().await.0.unwrap();
    answer.json()
}

fn operations(description: &Value) -> impl Iterator<Item = &Value> {
    let paths = description["paths"].as_object().unwrap().values();
    paths.flat_map(|path| ["get", "post", "patch", "put", "delete"].into_iter().filter_map(|method| path.get(method)))
}

#[tokio::test]
async fn every_operation_is_described_with_its_errors_and_needs_a_credential_where_there_are_any() {
    let open = described(&[]).await;
    let closed = described(&JWT).await;
    assert_eq!(open["openapi"], "3.1.0");
    assert_eq!(operations(&closed).count(), 18);
    for operation in operations(&closed) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(operation["summary"].is_string() && operation["description"].is_string(), "{name}");
        for status in ["401", "403", "404", "429", "503"] {
            let is_list = matches!(name, "listRooms" | "createRoom");
            let described = operation["responses"].get(status).is_some();
            assert!(described || (status == "404" && is_list), "{name} does not describe {status}");
        }
    }
    let schemes: BTreeSet<_> = closed["components"]["securitySchemes"].as_object().unwrap().keys().collect();
    assert_eq!(schemes.len(), 3);
    assert_eq!(closed["security"].as_array().unwrap().len(), 3);
    assert!(open.get("security").is_none() && open["components"].get("securitySchemes").is_none());
}

/// Every `$ref` leads somewhere, and every schema is led to or stands for itself.
#[tokio::test]
async fn every_reference_leads_somewhere() {
    let description = described(&JWT).await;
    let mut references = BTreeSet::new();
    collect(&description, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.insert(reference.clone());
            }
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_is_in_the_binary_and_may_load_nothing_from_elsewhere() {
    let house = House::open(&[]).await;
    let ada = Caller::new(&house);
    assert_eq!(ada.get("/docs").await.expect(308).header("location"), "/docs/");
    let page = ada.get("/docs/").await.expect(200);
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
    for file in text.split(['"', '\'']).filter(|piece| is_script_or_style(piece)) {
        let path = format!("/docs/{}", file.trim_start_matches("./"));
        let file = ada.get(&path).await.expect(200);
        assert!(!file.body.is_empty());
        ada.get_with(&path, &[("if-none-match", file.header("etag"))]).await.expect(304);
    }
    let start = ada.get("/docs/swagger-initializer.js").await.expect(200);
    assert!(String::from_utf8(start.body).unwrap().contains("/openapi.json"));
    ada.get("/docs/nothing.js").await.problem(404, "not_found");
    assert!(!text.contains("http://") && !text.contains("https://"));
    house.stop().await.0.unwrap();
}

fn is_script_or_style(name: &str) -> bool {
    matches!(std::path::Path::new(name).extension().and_then(std::ffi::OsStr::to_str), Some("js" | "css"))
}
