//! Points in time as the database keeps them: milliseconds since 1970 (UTC).
//! Used wherever the store writes or reads a time. It must never fail: a clock before 1970 is taken for 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// This moment.
pub(super) fn now() -> i64 {
    millis(SystemTime::now())
}

/// A time as it is stored.
pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A stored time.
pub(super) fn from_millis(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}
