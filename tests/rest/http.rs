//! Somebody who speaks HTTP.

use std::net::SocketAddr;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use serde_json::Value;

use super::house::House;

pub const JSON: &str = "application/json";
pub const PATCH: &str = "application/json-patch+json";
pub const PROBLEM: &str = "application/problem+json";
pub const UPDATE: &str = "application/vnd.yjs.update";

#[derive(Clone)]
pub struct Caller {
    client: Client,
    address: SocketAddr,
    token: Option<String>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Caller {
    /// Without a credential.
    pub fn new(house: &House) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, address: house.address, token: None }
    }

    pub fn with(house: &House, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::new(house) }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
        let mut request =
            self.client.request(method.clone(), format!("http://{}{path}", self.address)).body(body.into());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.bytes().await.unwrap().into() };
        if method != Method::HEAD && path.starts_with("/v1/") && answer.header("content-type") == PROBLEM {
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            // An address or a method that is not there has no description.
            if !matches!(&*code, "not_found" | "method_not_allowed") {
                self.is_described(&method, path, &code).await;
            }
        }
        answer
    }

    /// Fails if the server does not describe that the operation may be answered with this code.
    async fn is_described(&self, method: &Method, path: &str, code: &str) {
        let description = self.client.get(format!("http://{}/openapi.json", self.address)).send().await.unwrap();
        let description: Value = serde_json::from_slice(&description.bytes().await.unwrap()).unwrap();
        let asked: Vec<_> = path.split(['?', '#']).next().unwrap().split('/').collect();
        let fits = |template: &str| {
            let pieces: Vec<_> = template.split('/').collect();
            pieces.len() == asked.len()
                && pieces.iter().zip(&asked).all(|(piece, had)| piece.starts_with('{') || piece == had)
        };
        let paths = description["paths"].as_object().unwrap();
        let (_, operations) = paths.iter().find(|(template, _)| fits(template)).unwrap();
        let method = method.as_str().to_lowercase();
        let responses = operations[&*method]["responses"].as_object().unwrap();
        let examples =
            responses.values().filter_map(|response| response.pointer("/content/application~1problem+json/examples"));
        assert!(
            examples.flat_map(|examples| examples.as_object().unwrap().keys()).any(|known| known == code),
            "{method} {path}: {code} is not described"
        );
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, "").await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, &[(CONTENT_TYPE.as_str(), JSON)], body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, &[(CONTENT_TYPE.as_str(), JSON)], body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await
    }

    /// Patches a room's document.
    pub async fn edit(&self, room: &str, operations: Value) -> Answer {
        let path = format!("/v1/rooms/{room}/document");
        self.send(Method::PATCH, &path, &[(CONTENT_TYPE.as_str(), PATCH)], operations.to_string()).await
    }

    /// Sends a Yjs update.
    pub async fn update(&self, room: &str, update: Vec<u8>) -> Answer {
        let path = format!("/v1/rooms/{room}/document");
        self.send(Method::POST, &path, &[(CONTENT_TYPE.as_str(), UPDATE)], update).await
    }

    /// The document as JSON.
    pub async fn document(&self, room: &str) -> Value {
        self.get(&format!("/v1/rooms/{room}/document")).await.expect(200).json()
    }
}

impl Answer {
    /// The same, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The problem, if it has this code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), PROBLEM);
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str().unwrap()), (status, code), "{problem}");
        assert_eq!(problem["status"], status);
        problem
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
