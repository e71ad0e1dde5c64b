//! A file that a message refers to: where it is, and no more. It must never be an address that a browser runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{NAME_MAX, URL_MAX, name, text, wrong};
use crate::room::event::Fault;

/// A file that a message refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Its id where it is kept.
    #[schema(max_length = 200)]
    pub id: String,
    /// What it is called.
    #[schema(max_length = 200)]
    pub name: String,
    /// Where it is.
    /// `https` or `http` alone: people click on it.
    #[schema(
        example = "https://files.example.com/abc",
        max_length = 2000,
        pattern = "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s]+$"
    )]
    pub url: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "application/pdf", max_length = 200)]
    pub content_type: Option<String>,
    /// Its bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Attachment {
    /// Whether it may be said; if not, what is wrong.
    pub(super) fn check(&self) -> Result<(), Fault> {
        name("/id", &self.id)?;
        name("/name", &self.name)?;
        text("/url", Some(&self.url), URL_MAX)?;
        address("/url", &self.url)?;
        text("/content_type", self.content_type.as_deref(), NAME_MAX)
    }
}

/// Whether an address may be shown to be clicked on: programs (`javascript:`), pages of their own (`data:`) and files may not.
fn address(field: &str, value: &str) -> Result<(), Fault> {
    let host = value
        .split_once("://")
        .filter(|(scheme, _)| ["https", "http"].iter().any(|taken| scheme.eq_ignore_ascii_case(taken)));
    let is_plain =
        |text: &str| !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if host.is_some_and(|(_, rest)| is_plain(rest)) {
        return Ok(());
    }
    let fault =
        wrong(field, "an address that begins with https:// or http://", value.chars().take(80).collect::<String>());
    Err(fault.hint("Put the file where it can be fetched from, and say that address."))
}
