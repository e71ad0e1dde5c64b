//! The product's own word on who somebody is.

use std::fmt;

/// What was asked of the webhook, to ask it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Question(());

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question(…)")
    }
}
