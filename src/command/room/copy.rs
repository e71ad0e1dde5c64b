//! `triproom room copy`: all rooms of one store into another one, each compared with what it came from after it was written.
//! Run again it goes on where it was stopped, and brings over what was written since. It must never write to where it copies
//! from, and never over a room that holds something else, unless told to.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use clap::Args;

use crate::command::CommandError;
use crate::config::at_least_a_second;
use crate::config::place::{StoreUrl, store_url};
use crate::room::fold::UnusableSnapshot;
use crate::room::id::RoomId;
use crate::room::portrait::{Relation, Stored, relation};
use crate::store::StoreError;
use crate::store::transfer::{Line, LineStanding, SHARED_TABLES, Side, Table, Target, WholeRoom};

/// Rooms that are listed at once.
const PAGE_ROOMS: usize = 500;
/// Lines of a table that are copied at once; an answer may be long.
const PAGE_LINES: u16 = 64;
/// One room at a time is read.
const CONNECTIONS: u32 = 2;
/// How often it says how far it is.
const PROGRESS: Duration = Duration::from_secs(1);

/// From where to where.
#[derive(Debug, Clone, Args)]
pub struct Copy {
    /// The store to copy from, which a server may be using: `sqlite://FOLDER`, or the address of a Postgres database
    #[arg(long, env = "TRIPROOM_COPY_FROM", hide_env_values = true, value_parser = store_url, value_name = "URL")]
    from: StoreUrl,
    /// The store to copy to, which no server may be using; made if it is not there
    #[arg(long, env = "TRIPROOM_COPY_TO", hide_env_values = true, value_parser = store_url, value_name = "URL")]
    to: StoreUrl,
    /// Replace rooms, keys and other lines that hold something else there
    #[arg(long)]
    overwrite: bool,
    /// How long a database may take to answer before that counts as a failure
    #[arg(long, env = "TRIPROOM_DATABASE_TIMEOUT", default_value = "10s", value_parser = at_least_a_second, value_name = "TIME")]
    database_timeout: Duration,
}

/// What to do about what holds something else at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conflict {
    Refuse,
    Overwrite,
}

/// What became of rooms, or of lines.
#[derive(Debug, Default)]
struct Tally {
    copied: u64,
    caught_up: u64,
    overwritten: u64,
    equal: u64,
    /// They hold something else at the target.
    refused: u64,
    /// They could not be read, or came out differently.
    failed: u64,
    /// Rows that are damaged where they came from.
    left_behind: u64,
}

/// How what is at the target stands to where it is to come from.
enum Standing {
    Missing,
    Equal,
    Earlier,
    Apart(String),
}

/// A copy under way.
struct Copying<'a, N> {
    source: Side,
    target: Target,
    conflict: Conflict,
    notes: &'a mut N,
    rooms: Tally,
    lines: Tally,
    said: Instant,
}

pub(super) async fn run(copy: Copy, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CommandError> {
    let place = |url: &StoreUrl| url.place(CONNECTIONS, copy.database_timeout);
    let source = Side::open(&place(&copy.from)?).await?;
    let target = Target::open(&place(&copy.to)?).await?;
    let conflict = if copy.overwrite { Conflict::Overwrite } else { Conflict::Refuse };
    let (rooms, lines) = (Tally::default(), Tally::default());
    let mut copying = Copying { source, target, conflict, notes, rooms, lines, said: Instant::now() };
    // Before the rooms: a request that makes a room becomes one that is answered, and is never both.
    for table in &SHARED_TABLES {
        copying.table(table).await?;
    }
    copying.all_rooms().await?;
    let alone = copying.alone_at_target().await?;
    let Copying { source, target, notes, rooms, lines, .. } = copying;
    source.close().await?;
    target.close().await?;
    if alone > 0 {
        writeln!(
            notes,
            "{alone} rooms are at the target alone, maybe deleted since where they came from; they are left there."
        )?;
    }
    writeln!(out, "rooms: {rooms}; keys, secrets and answers: {lines}")?;
    if rooms.is_clean() && lines.is_clean() { Ok(()) } else { Err(CommandError::NotAllCopied) }
}

impl<N: Write> Copying<'_, N> {
    async fn all_rooms(&mut self) -> Result<(), CommandError> {
        let mut after: Option<RoomId> = None;
        loop {
            let page = self.source.rooms(after.as_ref(), PAGE_ROOMS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.room.clone());
            for entry in page {
                self.room(&entry.room).await?;
                self.say_how_far()?;
            }
        }
    }

    /// Copies a room, unless it is there.
    async fn room(&mut self, room: &RoomId) -> Result<(), CommandError> {
        let (here, there) = tokio::join!(self.source.read(room), self.target.side().read(room));
        let whole = match here {
            Ok(Some(whole)) => whole,
            // It was deleted since it was listed.
            Ok(None) => return Ok(()),
            Err(error @ StoreError::DamagedSnapshot { .. }) => return self.failed(room, &error.to_string()),
            Err(error) => return Err(error.into()),
        };
        if whole.stored.damaged > 0 {
            self.rooms.left_behind += whole.stored.damaged as u64;
            let damaged = whole.stored.damaged;
            writeln!(
                self.notes,
                "room {:?}: {damaged} rows are damaged where they come from; they stay behind",
                room.as_str()
            )?;
        }
        let standing = match there {
            Ok(there) => standing(there.as_ref(), &whole),
            Err(StoreError::DamagedSnapshot { .. }) => Ok(Standing::Apart("its snapshot is damaged there".to_owned())),
            Err(error) => return Err(error.into()),
        };
        let Ok(standing) = standing else { return self.failed(room, "its snapshot is no document") };
        let count: fn(&mut Tally) -> &mut u64 = match (standing, self.conflict) {
            (Standing::Equal, _) => {
                self.rooms.equal += 1;
                return Ok(());
            }
            (Standing::Apart(why), Conflict::Refuse) => {
                self.rooms.refused += 1;
                let room = room.as_str();
                writeln!(
                    self.notes,
                    "room {room:?} is another one at the target: {why}; it is left there (--overwrite replaces it)"
                )?;
                return Ok(());
            }
            (Standing::Missing, _) => |tally| &mut tally.copied,
            (Standing::Earlier, _) => |tally| &mut tally.caught_up,
            (Standing::Apart(_), Conflict::Overwrite) => |tally| &mut tally.overwritten,
        };
        self.target.put(&whole).await?;
        if let Some(why) = self.read_back(&whole).await? {
            return self.failed(room, &format!("it reads back differently: {why}"));
        }
        *count(&mut self.rooms) += 1;
        Ok(())
    }

    /// Reads what was put, and says in what it differs.
    async fn read_back(&mut self, whole: &WholeRoom) -> Result<Option<String>, CommandError> {
        let Some(back) = self.target.side().read(&whole.room).await? else {
            return Ok(Some("it is not there".to_owned()));
        };
        if !back.has_lines_of(whole) {
            return Ok(Some("its members or settings".to_owned()));
        }
        if !back.has_kept_of(whole) {
            return Ok(Some("its events or latest values".to_owned()));
        }
        Ok(match relation_of(&back, whole) {
            Ok(Relation::Equal) if back.is_copy_of(whole) => None,
            Ok(Relation::Equal) => Some("the bytes of its rows".to_owned()),
            Ok(Relation::Earlier) => Some("it lacks edits".to_owned()),
            Ok(Relation::Apart(difference)) => Some(difference.to_string()),
            Err(error) => Some(error.to_string()),
        })
    }

    fn failed(&mut self, room: &RoomId, why: &str) -> Result<(), CommandError> {
        self.rooms.failed += 1;
        Ok(writeln!(self.notes, "room {:?} is not copied: {why}", room.as_str())?)
    }

    /// Copies a table that belongs to no room.
    async fn table(&mut self, table: &Table) -> Result<(), CommandError> {
        let mut after: Option<Line> = None;
        loop {
            let page = self.source.lines(table, after.as_ref(), PAGE_LINES).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            self.page(table, page).await?;
        }
    }

    async fn page(&mut self, table: &Table, page: Vec<Line>) -> Result<(), CommandError> {
        let mut put = Vec::new();
        for line in page {
            let there = self.target.side().same_key(table, &line).await?;
            match (table.standing(there.as_ref(), &line), self.conflict) {
                (LineStanding::Equal, _) => self.lines.equal += 1,
                (LineStanding::Apart, Conflict::Refuse) => {
                    self.lines.refused += 1;
                    let table = table.name;
                    writeln!(
                        self.notes,
                        "{table}: {line} is another one at the target; it is left there (--overwrite replaces it)"
                    )?;
                }
                (LineStanding::Earlier, _) if there.is_none() => put.push((line, Standing::Missing)),
                (LineStanding::Earlier, _) => put.push((line, Standing::Earlier)),
                (LineStanding::Apart, Conflict::Overwrite) => put.push((line, Standing::Apart(String::new()))),
            }
        }
        let lines: Vec<Line> = put.iter().map(|(line, _)| line.clone()).collect();
        self.target.put_lines(table, &lines).await?;
        for (line, was) in put {
            if self.target.side().same_key(table, &line).await?.as_ref() != Some(&line) {
                self.lines.failed += 1;
                writeln!(self.notes, "{}: {line} reads back differently", table.name)?;
                continue;
            }
            match was {
                Standing::Missing => self.lines.copied += 1,
                Standing::Apart(_) => self.lines.overwritten += 1,
                Standing::Earlier | Standing::Equal => self.lines.caught_up += 1,
            }
        }
        Ok(())
    }

    /// How many rooms are at the target and not at the source.
    async fn alone_at_target(&mut self) -> Result<usize, CommandError> {
        let (mut alone, mut after): (usize, Option<RoomId>) = (0, None);
        loop {
            let page = self.target.side().rooms(after.as_ref(), PAGE_ROOMS).await?;
            let Some(last) = page.last() else { return Ok(alone) };
            let known = self.names_at_source(after.take(), &last.room).await?;
            alone += page.iter().filter(|entry| !known.contains(&entry.room)).count();
            after = Some(last.room.clone());
        }
    }

    /// The rooms at the source from the one behind `after` up to `last`.
    async fn names_at_source(
        &mut self,
        mut after: Option<RoomId>,
        last: &RoomId,
    ) -> Result<BTreeSet<RoomId>, CommandError> {
        let mut names = BTreeSet::new();
        loop {
            let page = self.source.rooms(after.as_ref(), PAGE_ROOMS).await?;
            after = page.last().map(|entry| entry.room.clone());
            names.extend(page.into_iter().map(|entry| entry.room));
            if after.as_ref().is_none_or(|reached| reached >= last) {
                return Ok(names);
            }
        }
    }

    fn say_how_far(&mut self) -> io::Result<()> {
        if self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            writeln!(self.notes, "so far: {}", self.rooms)?;
        }
        Ok(())
    }
}

impl Tally {
    fn is_clean(&self) -> bool {
        self.refused + self.failed + self.left_behind == 0
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} copied, {} brought up to date, {} equal", self.copied, self.caught_up, self.equal)?;
        for (count, what) in [
            (self.overwritten, "overwritten"),
            (self.refused, "refused"),
            (self.failed, "failed"),
            (self.left_behind, "damaged rows left behind"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// How a room at the target stands to the one that is to be copied.
fn standing(there: Option<&WholeRoom>, here: &WholeRoom) -> Result<Standing, UnusableSnapshot> {
    let Some(there) = there else { return Ok(Standing::Missing) };
    if there.stored.damaged > 0 {
        return Ok(Standing::Apart(format!("{} of its rows are damaged there", there.stored.damaged)));
    }
    if there.is_copy_of(here) {
        return Ok(Standing::Equal);
    }
    if !there.may_become(here) {
        return Ok(Standing::Apart("it was made at another time".to_owned()));
    }
    if !there.has_earlier_events_of(here) {
        return Ok(Standing::Apart("its events differ".to_owned()));
    }
    Ok(match relation_of(there, here)? {
        Relation::Apart(difference) => Standing::Apart(format!("{difference} differs")),
        Relation::Equal if there.has_lines_of(here) && there.has_kept_of(here) => Standing::Equal,
        Relation::Equal | Relation::Earlier => Standing::Earlier,
    })
}

fn relation_of(there: &WholeRoom, here: &WholeRoom) -> Result<Relation, UnusableSnapshot> {
    let (their_rows, our_rows) = (there.rows(), here.rows());
    let theirs = Stored { snapshot: there.stored.snapshot.as_ref(), rows: &their_rows };
    relation(theirs, Stored { snapshot: here.stored.snapshot.as_ref(), rows: &our_rows })
}
