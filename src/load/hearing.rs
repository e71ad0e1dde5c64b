//! What a client may hold against the connection that it has: news that came twice, or after something newer. On its first one
//! whatever it has counts. Around a return a server may say things by news and by the state, in whatever order: there news are
//! held against the news that came since the document was there. Each client has one; it must never accuse an honest server.

use super::coverage::{Coverage, Piece, Taken};

/// How far a client's connection is.
#[derive(Debug, Default)]
pub enum Hearing {
    /// It is the first one.
    #[default]
    First,
    /// It is another one, and the document is not there yet.
    Returning,
    /// It is there, and these news came since.
    Returned(Coverage),
}

impl Hearing {
    /// The connection is over; another one may come.
    pub fn end(&mut self) {
        *self = Self::Returning;
    }

    /// The document of so many writers is there.
    pub fn has_document(&mut self, writers: usize) {
        if let Self::Returning = self {
            *self = Self::Returned(Coverage::new(writers));
        }
    }

    /// What is held against the connection when a piece of news comes, which changed so much of all that there is.
    pub fn judge(&mut self, piece: &Piece, taken: &Taken) -> Option<Taken> {
        match self {
            Self::First => Some(taken.clone()),
            Self::Returning => None,
            Self::Returned(news) => Some(news.take(piece)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_back_is_told_by_news_what_the_state_said_and_not_twice_by_news() {
        let (mut all, mut hearing) = (Coverage::new(1), Hearing::default());
        let mut hear = |hearing: &mut Hearing, (start, end): (u32, u32)| {
            let piece = Piece { writer: 0, clocks: start..end };
            let taken = all.take(&piece);
            hearing.judge(&piece, &taken).map(|judged| (judged.repeated, judged.is_late))
        };
        assert_eq!(hear(&mut hearing, (0, 16)), Some((0, false)));
        assert_eq!(hear(&mut hearing, (0, 16)), Some((16, false)));
        hearing.end();
        assert_eq!(hear(&mut hearing, (16, 32)), None, "what comes before the state may be in it, too");
        hearing.has_document(1);
        assert_eq!(hear(&mut hearing, (16, 32)), Some((0, false)), "the state may have been read before it");
        assert_eq!(hear(&mut hearing, (48, 64)), Some((0, false)));
        assert_eq!(hear(&mut hearing, (32, 48)), Some((0, true)));
        assert_eq!(hear(&mut hearing, (48, 64)), Some((16, false)));
        hearing.has_document(1);
        assert_eq!(hear(&mut hearing, (16, 32)), Some((16, false)), "another state changes nothing");
    }
}
