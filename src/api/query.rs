//! Query parameters, each named by the handler that knows it: what nobody asked for, or what comes twice, is refused
//! rather than ignored. The caller's credential (`token`, `name`) is taken by `caller.rs` and no handler's business.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;

use super::code::Code;
use super::cursor::{Cursor, List};
use super::problem::Problem;

/// The parameters that `caller.rs` reads.
const CALLER: [&str; 2] = ["token", "name"];
/// Entries of a list that come when nobody says how many.
pub const PAGE_DEFAULT: usize = 50;
/// The most entries of a list that come at once.
pub const PAGE_MAX: usize = 200;

/// A request's query parameters, less those that a handler has taken.
pub struct Query(Vec<(String, String)>);

impl FromIterator<(String, String)> for Query {
    /// What could stand in a query, from wherever it comes.
    fn from_iter<T: IntoIterator<Item = (String, String)>>(parameters: T) -> Self {
        Self(parameters.into_iter().collect())
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the list goes on behind.
    pub after: Option<Cursor>,
    /// At most so many entries.
    pub limit: usize,
}

impl Query {
    /// Everything that stands in a query.
    pub fn of(uri: &Uri) -> Self {
        Self(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut found = self.0.extract_if(.., |(key, _)| key == name);
        let first = found.next().map(|(_, value)| value);
        if found.next().is_some() {
            return Err(Problem::new(Code::BadQuery, format!("The query parameter {name} comes twice.")).at(name));
        }
        Ok(first)
    }

    /// Takes out whether something is so; what nobody says is not.
    pub fn flag<T: From<bool>>(&mut self, name: &'static str) -> Result<T, Problem> {
        match self.take(name)?.as_deref() {
            None | Some("false") => Ok(false.into()),
            Some("true") => Ok(true.into()),
            Some(other) => Err(Problem::new(Code::BadQuery, format!("The query parameter {name} is wrong."))
                .at(name)
                .expected("true or false", Some(shortened(other)))),
        }
    }

    /// Takes out which part of a list is asked for.
    pub fn page(mut self, list: List) -> Result<Page, Problem> {
        let after = self.take("cursor")?.map(|text| Cursor::parse(list, &text)).transpose()?;
        let limit = match self.take("limit")? {
            None => PAGE_DEFAULT,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=PAGE_MAX) => limit,
                _ => {
                    return Err(Problem::new(Code::BadQuery, "The query parameter limit is wrong.")
                        .at("limit")
                        .expected(format!("a whole number from 1 to {PAGE_MAX}"), Some(shortened(&text))));
                }
            },
        };
        self.finish()?;
        Ok(Page { after, limit })
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().find(|(key, _)| !CALLER.contains(&key.as_str())) {
            None => Ok(()),
            Some((key, _)) => {
                Err(Problem::new(Code::BadQuery, "There is no such query parameter here.").at(shortened(&key)))
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}

/// Enough of what came to recognise it by.
pub fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/?{text}").parse().expect("an address"))
    }

    #[test]
    fn a_page_is_read_and_everything_else_is_refused() {
        assert_eq!(query("").page(List::Rooms), Ok(Page { after: None, limit: PAGE_DEFAULT }));
        assert_eq!(query("limit=7&token=x").page(List::Rooms).expect("fine").limit, 7);
        let cursor = Cursor::new(List::Rooms, "a b".to_owned());
        let page = query(&format!("cursor={cursor}")).page(List::Rooms).expect("fine");
        assert_eq!(page.after, Some(cursor));
        for (text, field) in [("limit=0", "limit"), ("limit=1&limit=1", "limit"), ("limit=x", "limit"), ("l=1", "l")] {
            let problem = query(text).page(List::Rooms).expect_err(text);
            assert_eq!((problem.code(), problem.field()), (Code::BadQuery, Some(field)), "{text}");
        }
    }
}
