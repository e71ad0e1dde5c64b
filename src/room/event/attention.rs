//! What somebody in a room looks at and does there. Programs say it, browsers show it in their presence states under the same
//! names, and everybody who listens is told the latest. It must never hold what the server knows better: who it is, and when.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Fault;

/// The most bytes of a focus.
pub const FOCUS_MAX: usize = 1_024;
/// The most bytes of a cursor, as JSON.
pub const CURSOR_MAX: usize = 4_096;

/// What a program says of whom it speaks for. It replaces what was said before, and counts for 30 s.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// A JSON pointer to what is looked at: at most 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/items/fado/title")]
    pub focus: Option<String>,
    /// Where in it, in a form of the program's own: at most 4 KiB of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub cursor: Option<Value>,
    /// Whether something is being written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typing: Option<bool>,
    /// Whether anything is being done at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

/// What everybody is told of somebody; `from` says of whom. The latest counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PresenceChanged {
    /// What they look at.
    #[schema(example = "/items/fado/title")]
    pub focus: Option<String>,
    /// Where in it, of those who are here by a JSON socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub cursor: Option<Value>,
    /// Whether they write there.
    pub typing: bool,
    /// Whether they do anything; not when they have just gone.
    pub active: bool,
    /// The colour that they are drawn in, if they said one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "#1971c2")]
    pub color: Option<String>,
    /// Where their picture is, if they said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<String>,
    /// When they were heard of last: RFC 3339.
    #[schema(example = "2026-05-01T09:30:00.123Z")]
    pub last_seen: String,
}

/// The longest colour and address of a picture that are passed on.
const SHOWN_MAX: usize = 1_024;

/// A presence state, as far as it is told to those who have no document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    attention: Attention,
    color: Option<String>,
    avatar: Option<String>,
}

impl Attention {
    /// Whether it may be said; if not, what is wrong.
    pub fn check(&self) -> Result<(), Fault> {
        let wrong = |field, expected: String| {
            Fault::new("invalid_message", "The presence cannot be taken.").at(field).expected(expected)
        };
        if let Some(focus) = self.focus.as_ref().filter(|focus| !is_focus(focus)) {
            let received: String = focus.chars().take(100).collect();
            return Err(wrong("/focus", format!("a JSON pointer of at most {FOCUS_MAX} bytes")).received(received));
        }
        let length = self.cursor.as_ref().map_or(0, |cursor| cursor.to_string().len());
        if length > CURSOR_MAX {
            return Err(wrong("/cursor", format!("at most {CURSOR_MAX} bytes of JSON")).received(length.to_string()));
        }
        Ok(())
    }
}

impl Shown {
    /// What a browser's state says, whatever else it holds. A cursor is a matter of its editor.
    pub fn of_client(state: &[u8]) -> Self {
        let state: Value = serde_json::from_slice(state).unwrap_or_default();
        let text = |value: &Value| value.as_str().filter(|text| text.len() <= SHOWN_MAX).map(str::to_owned);
        let user = &state["user"];
        let attention = Attention {
            focus: text(&state["focus"]).filter(|focus| is_focus(focus)),
            cursor: None,
            typing: state["typing"].as_bool(),
            active: state["active"].as_bool(),
        };
        Self { attention, color: text(&user["color"]), avatar: text(&user["avatar"]) }
    }

    /// What a program's state says.
    pub fn of_program(attention: Attention, color: String) -> Self {
        Self { attention, color: Some(color), avatar: None }
    }

    /// Of somebody who is gone.
    pub fn gone() -> Self {
        Self { attention: Attention { active: Some(false), ..Attention::default() }, ..Self::default() }
    }

    /// Whether it says nothing.
    pub fn is_idle(&self) -> bool {
        self.attention == Attention::default()
    }

    /// As it is told.
    pub fn told(self, last_seen: String) -> PresenceChanged {
        let Self { attention: Attention { focus, cursor, typing, active }, color, avatar } = self;
        let (typing, active) = (typing.unwrap_or(false), active.unwrap_or(true));
        PresenceChanged { focus, cursor, typing, active, color, avatar, last_seen }
    }
}

fn is_focus(text: &str) -> bool {
    text.len() <= FOCUS_MAX && (text.is_empty() || text.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_as_far_as_it_makes_sense() {
        let state = br##"{"focus":"/items/a","typing":true,"cursor":{"anchor":1},"user":{"color":"#fff","avatar":7}}"##;
        let told = Shown::of_client(state).told("now".to_owned());
        assert_eq!((told.focus.as_deref(), told.typing, told.active), (Some("/items/a"), true, true));
        assert_eq!((told.cursor, told.color.as_deref(), told.avatar), (None, Some("#fff"), None));
        for odd in [&b"7"[..], b"null", b"[", br#"{"focus":"items","typing":"yes","user":[]}"#] {
            assert_eq!(Shown::of_client(odd), Shown::default());
        }
        assert!(!Shown::gone().told(String::new()).active);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let of = |json: &str| serde_json::from_str::<Attention>(json).expect(json).check();
        assert_eq!(of(r#"{"focus":"/items","cursor":{"at":3},"typing":true}"#), Ok(()));
        assert_eq!(of(r#"{"focus":"items"}"#).unwrap_err().content().field.as_deref(), Some("/focus"));
        let long = format!(r#"{{"cursor":"{}"}}"#, "x".repeat(CURSOR_MAX));
        assert_eq!(of(&long).unwrap_err().content().field.as_deref(), Some("/cursor"));
    }
}
