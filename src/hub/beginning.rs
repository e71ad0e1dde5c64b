//! One moment from which the hub counts, for all rooms and connections: none of them has to keep its own.

use std::sync::LazyLock;
use std::time::Instant;

/// When something was first counted; what was before counts as that.
pub(super) static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
