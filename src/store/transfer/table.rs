//! The directory's tables, and those of events, as they are copied: line by line, without a look at what the lines mean. Pure.
//! Every column of every table is named here; a test holds this against the databases.

use std::fmt;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A room that anything was written for: its name here, its number in the table.
    Room,
    Text,
    Integer,
    Flag,
    Bytes,
}

/// A table whose lines are copied as they are.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// So many columns in front are its primary key.
    pub(super) key: usize,
    /// A column that is empty until it is set once, for good.
    set_once: Option<usize>,
    /// A table whose line of the same key goes when one of this table comes.
    pub(super) settles: Option<&'static str>,
    /// Where the lines are that are copied.
    pub(super) from: &'static str,
}

/// What stands in one column of one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Null,
    Text(String),
    Integer(i64),
    Flag(bool),
    Bytes(Vec<u8>),
}

/// One line of a table. Shows nothing but its key: others may be secrets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub(super) values: Vec<Value>,
    key: usize,
}

/// How a line at one place stands to the line of the same key at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStanding {
    /// It is the same.
    Equal,
    /// It is not there, or is what the other one was earlier.
    Earlier,
    /// It says something else.
    Apart,
}

use Kind::{Bytes, Flag, Integer, Room, Text};

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)], key: usize) -> Table {
    Table { name, columns, key, set_once: None, settles: None, from: name }
}

/// What belongs to one room. The first column is its name.
pub static ROOM_TABLES: [Table; 3] = [
    table(
        "rosters",
        &[
            ("room", Text),
            ("visibility", Text),
            ("editors_may_invite", Flag),
            ("created_at", Integer),
            ("home_region", Text),
        ],
        1,
    ),
    table(
        "members",
        &[
            ("room", Text),
            ("principal", Text),
            ("role", Text),
            ("name", Text),
            ("added_by", Text),
            ("added_at", Integer),
        ],
        2,
    ),
    table(
        "creations",
        &[("room", Text), ("principal", Text), ("key", Text), ("fingerprint", Bytes), ("made_at", Integer)],
        3,
    ),
];

/// What is kept of a room beside its document. All of it is read as of one moment, and checks itself wherever it lies.
pub static KEPT_TABLES: [Table; 3] = [
    Table {
        from: "(SELECT rooms.name AS room, seq, at, kind, events.id, origin, checksum, body
                FROM events JOIN rooms ON rooms.id = events.room) AS events",
        ..table(
            "events",
            &[
                ("room", Room),
                ("seq", Integer),
                ("at", Integer),
                ("kind", Text),
                ("id", Bytes),
                ("origin", Bytes),
                ("checksum", Integer),
                ("body", Bytes),
            ],
            2,
        )
    },
    Table {
        from: "(SELECT rooms.name AS room, last
                FROM event_counters JOIN rooms ON rooms.id = event_counters.room) AS event_counters",
        ..table("event_counters", &[("room", Room), ("last", Integer)], 1)
    },
    Table {
        from: "(SELECT rooms.name AS room, kind, key, at, body
                FROM latest JOIN rooms ON rooms.id = latest.room) AS latest",
        ..table("latest", &[("room", Room), ("kind", Text), ("key", Text), ("at", Integer), ("body", Bytes)], 3)
    },
];

/// What belongs to no room.
pub static SHARED_TABLES: [Table; 3] = [
    Table {
        set_once: Some(8),
        ..table(
            "api_keys",
            &[
                ("id", Text),
                ("hash", Bytes),
                ("agent", Text),
                ("rooms", Text),
                ("role", Text),
                ("scopes", Text),
                ("on_behalf_of", Text),
                ("created_at", Integer),
                ("revoked_at", Integer),
            ],
            1,
        )
    },
    Table {
        // By which nodes of this database know each other, and no others.
        from: "(SELECT * FROM secrets WHERE name <> 'nodes') AS secrets",
        ..table("secrets", &[("name", Text), ("secret", Bytes)], 1)
    },
    Table {
        settles: Some("creations"),
        ..table(
            "answers",
            &[
                ("principal", Text),
                ("key", Text),
                ("fingerprint", Bytes),
                ("status", Integer),
                ("body", Bytes),
                ("answered_at", Integer),
            ],
            2,
        )
    },
];

impl Table {
    /// Its columns.
    pub fn column_names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }

    /// The same, by commas.
    pub(super) fn list(&self) -> String {
        self.column_names().collect::<Vec<_>>().join(", ")
    }

    pub(super) fn line(&self, values: Vec<Value>) -> Line {
        Line { values, key: self.key }
    }

    /// How `there`, the line of the same key, stands to `here`.
    pub fn standing(&self, there: Option<&Line>, here: &Line) -> LineStanding {
        let Some(there) = there else { return LineStanding::Earlier };
        if there == here {
            return LineStanding::Equal;
        }
        let mut then = there.clone();
        if let Some(column) = self.set_once
            && there.values[column] == Value::Null
        {
            then.values[column] = here.values[column].clone();
        }
        if then == *here { LineStanding::Earlier } else { LineStanding::Apart }
    }
}

impl Line {
    pub(super) fn key(&self) -> &[Value] {
        &self.values[..self.key]
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Value| match value {
            Value::Text(text) => text.escape_debug().to_string(),
            other => format!("{other:?}"),
        };
        f.write_str(&self.key().iter().map(text).collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The lines of one room in one table, in an order that does not depend on a database's idea of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lines {
    pub(super) table: &'static Table,
    pub(super) lines: Vec<Line>,
}

impl Lines {
    pub(super) fn new(table: &'static Table, mut lines: Vec<Line>) -> Self {
        lines.sort_unstable();
        Self { table, lines }
    }

    /// About how many bytes they take.
    pub(super) fn bytes(&self) -> usize {
        self.lines.iter().flat_map(|line| &line.values).map(Value::bytes).sum()
    }
}

impl Value {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Null | Self::Integer(_) | Self::Flag(_) => 8,
        }
    }
}
