//! Asks a y-sweet server where a document is: the document is made, then a token for it is had.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde::Deserialize;

use super::socket::ConnectError;
use super::stream;
use crate::load::target::{Address, Target};

/// The most that an answer may have.
const ANSWER_MAX: usize = 64 * 1024;

#[derive(Deserialize)]
struct ClientToken {
    url: String,
    #[serde(rename = "docId")]
    document: String,
    token: Option<String>,
}

/// The address of the document's socket for one client.
pub(super) async fn locate(target: &Target, room: &str, client: usize) -> Result<Address, ConnectError> {
    // Whoever comes first makes it; the others are told that it is there.
    let new = serde_json::json!({ "docId": room }).to_string();
    post(&target.beside(client, "/doc/new"), new).await?;
    let answer = post(&target.address(room, client), "{}".to_owned()).await?;
    let token: ClientToken = serde_json::from_slice(&answer).map_err(|_| {
        ConnectError::NoDocument(String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned())
    })?;
    let url = format!("{}/{}", token.url.trim_end_matches('/'), token.document);
    target.told(client, &url, token.token.as_deref()).map_err(|error| ConnectError::NoDocument(error.to_string()))
}

async fn post(address: &Address, body: String) -> Result<Bytes, ConnectError> {
    let stream = stream::open(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request =
        Request::post(&address.path).header(HOST, address.authority()).header(CONTENT_TYPE, "application/json");
    for (name, value) in &address.headers {
        request = request.header(name, value);
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
    let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
    Ok(body.map_err(|error| ConnectError::NoDocument(error.to_string()))?.to_bytes())
}
