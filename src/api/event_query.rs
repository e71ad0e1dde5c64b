//! Which events of a room are asked for, read from the query and from `Last-Event-ID`. Used by `events`.

use std::num::NonZeroU16;
use std::time::Duration;

use axum::http::HeaderMap;

use super::code::Code;
use super::problem::Problem;
use super::query::{PAGE_DEFAULT, PAGE_MAX, Query, shortened};
use crate::room::kept::{EventKind, EventSeq};
use crate::store::{EventQuery, EventSpan};

/// The longest that a request waits for something to happen.
pub const WAIT_MAX: Duration = Duration::from_mins(1);
/// The most types that one may ask for.
const TYPES_MAX: usize = 16;
/// Where a client of server-sent events goes on by itself.
const LAST_EVENT_ID: &str = "last-event-id";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsWanted {
    /// Where they begin or end.
    pub span: EventSpan,
    /// Of these types; empty: of all.
    pub kinds: Vec<EventKind>,
    /// How long to wait when there are none.
    pub wait: Duration,
    limit: NonZeroU16,
    last: Option<EventSeq>,
}

impl EventsWanted {
    /// Takes it out of a query.
    pub fn take(query: &mut Query, headers: &HeaderMap) -> Result<Self, Problem> {
        let after = number(query, "after")?;
        let before = number(query, "before")?;
        let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
        let last = last.map(|id| id.parse().map_or(EventSeq::MAX, EventSeq));
        let span = match (after, before) {
            (Some(_), Some(_)) => {
                let problem = Problem::new(Code::BadQuery, "Events go on after one, or end before one, and not both.");
                return Err(problem.at("before"));
            }
            (Some(after), None) => EventSpan::After(after),
            (None, Some(before)) => EventSpan::Before(before),
            (None, None) => EventSpan::Before(EventSeq::MAX),
        };
        let most = u64::try_from(PAGE_MAX).expect("a page is short");
        let limit = whole(query, "limit", 1..=most)?.map_or(PAGE_DEFAULT, |limit| usize::try_from(limit).unwrap_or(1));
        let limit = u16::try_from(limit).ok().and_then(NonZeroU16::new).expect("it was bounded");
        let wait = Duration::from_secs(whole(query, "wait", 0..=WAIT_MAX.as_secs())?.unwrap_or(0));
        Ok(Self { span, kinds: kinds(query)?, wait, limit, last })
    }

    /// The most events of one answer.
    pub fn limit(&self) -> usize {
        self.limit.get().into()
    }

    /// What the log is asked for.
    pub fn query(&self) -> EventQuery {
        EventQuery { span: self.span, kinds: self.kinds.clone(), origin: None, limit: self.limit }
    }

    /// Behind which event a stream goes on; nothing: with what comes.
    pub fn resume(&self) -> Option<EventSeq> {
        // What the client says by itself when it comes back is newer than the address that it was given.
        self.last.or(match self.span {
            EventSpan::After(after) => Some(after),
            EventSpan::Before(_) => None,
        })
    }

    /// Whether events of this type are wanted.
    pub fn wants(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted.as_str() == kind)
    }
}

fn number(query: &mut Query, name: &'static str) -> Result<Option<EventSeq>, Problem> {
    Ok(whole(query, name, 0..=EventSeq::MAX.0)?.map(EventSeq))
}

fn whole(query: &mut Query, name: &'static str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
    let Some(text) = query.take(name)? else { return Ok(None) };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => Err(Problem::new(Code::BadQuery, format!("The query parameter {name} is wrong."))
            .at(name)
            .expected(format!("a whole number from {} to {}", range.start(), range.end()), Some(shortened(&text)))),
    }
}

fn kinds(query: &mut Query) -> Result<Vec<EventKind>, Problem> {
    let Some(text) = query.take("type")? else { return Ok(Vec::new()) };
    let kinds: Result<Vec<_>, _> = text.split(',').map(EventKind::parse).collect();
    let kinds = kinds.ok().filter(|kinds| kinds.len() <= TYPES_MAX && kinds.iter().all(is_type));
    kinds.ok_or_else(|| {
        Problem::new(Code::BadQuery, "The query parameter type is wrong.")
            .at("type")
            .expected(format!("at most {TYPES_MAX} types of events with commas between them"), Some(shortened(&text)))
    })
}

/// Whether it has the form of an event's type: words with dots between them.
fn is_type(kind: &EventKind) -> bool {
    let name = kind.as_str();
    name.len() <= 100
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '.')
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn wanted(text: &str, last: Option<&'static str>) -> Result<EventsWanted, Problem> {
        let mut headers = HeaderMap::new();
        if let Some(last) = last {
            headers.insert(LAST_EVENT_ID, HeaderValue::from_static(last));
        }
        EventsWanted::take(&mut Query::of(&format!("/?{text}").parse().expect("an address")), &headers)
    }

    #[test]
    fn what_is_wanted_is_read_or_refused() {
        assert_eq!(wanted("", None).expect("fine").span, EventSpan::Before(EventSeq::MAX));
        let some = wanted("after=3&type=chat.message,agent.task&wait=20&limit=7", None).expect("fine");
        assert_eq!(
            (some.span, some.wait, some.limit.get()),
            (EventSpan::After(EventSeq(3)), Duration::from_secs(20), 7)
        );
        assert!(some.wants("agent.task") && !some.wants("agent.command"));
        for text in [
            "after=x",
            "before=-1",
            "after=1&before=2",
            "limit=0",
            "wait=61",
            "type=",
            "type=0.5",
            "type=_x",
            "type=a,,b",
        ] {
            assert_eq!(wanted(text, None).expect_err(text).code(), Code::BadQuery);
        }
    }

    #[test]
    fn a_stream_goes_on_where_its_client_says() {
        assert_eq!(wanted("after=3", Some("7")).expect("fine").resume(), Some(EventSeq(7)));
        assert_eq!(wanted("after=3", None).expect("fine").resume(), Some(EventSeq(3)));
        assert_eq!(wanted("", None).expect("fine").resume(), None);
        assert_eq!(wanted("", Some("odd")).expect("fine").resume(), Some(EventSeq::MAX));
    }
}
