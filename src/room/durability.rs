//! Who waits for which row of the log to be on disk: authors for the echo of what they wrote or for their count of what
//! is saved, clients for the answer to a probe. Owned by `Room`. It must never let anybody hear of durability before `reached` was called.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::id::ConnectionId;
use super::merge::merged;
use crate::wire::{ServerMessage, SyncStatus};

/// How many rows a room has given to the log since it was opened; a row's own number, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogPosition(pub u64);

/// The most updates that do not go on where one ends and are merged into one echo; merging those is quadratic.
const ECHO_MERGE_MAX: usize = 64;

/// Where several write, an echo goes out with the next turn, which mostly has something to say to its author anyhow, and by
/// itself when that has not come within so long: a write is what costs.
const ECHO_PATIENCE: Duration = Duration::from_millis(200);

/// When those who wait are told that something is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// As soon as it is.
    AtOnce,
    /// With the next turn, or at this time.
    By(Instant),
}

/// All that wait, in the order of the log.
#[derive(Debug, Default)]
pub struct Durability {
    appended: LogPosition,
    durable: LogPosition,
    waiting: VecDeque<(LogPosition, ConnectionId, Wait)>,
    last_author: Option<ConnectionId>,
    /// When somebody wrote who was not the one who had written before.
    turned: Option<Instant>,
}

#[derive(Debug)]
enum Wait {
    /// With the time at which it was written.
    Echo(Bytes, Instant),
    Probe(Bytes),
    /// So many updates.
    Statuses(u32),
}

impl Durability {
    /// One more row goes to the log.
    pub fn append(&mut self) {
        self.appended.0 += 1;
    }

    /// `author` will be sent `update` when all that was appended so far is durable.
    pub fn echo(&mut self, now: Instant, author: ConnectionId, update: Bytes) {
        if self.last_author.replace(author).is_some_and(|last| last != author) {
            self.turned = Some(now);
        }
        self.waiting.push_back((self.appended, author, Wait::Echo(update, now)));
    }

    /// When those who wait are to be told.
    pub fn telling(&self, now: Instant) -> Telling {
        let is_lively = self.turned.is_some_and(|at| now.saturating_duration_since(at) < ECHO_PATIENCE);
        match self.waiting.front() {
            Some((.., Wait::Echo(_, at))) if is_lively && now < *at + ECHO_PATIENCE => {
                let are_echoes = self.waiting.iter().all(|(.., wait)| matches!(wait, Wait::Echo(..)));
                if are_echoes { Telling::By(*at + ECHO_PATIENCE) } else { Telling::AtOnce }
            }
            _ => Telling::AtOnce,
        }
    }

    /// So many updates of `from` are among what was appended so far, or were known: it is told of each when all that
    /// is durable, or now when nothing is under way.
    pub fn statuses(&mut self, from: ConnectionId, count: u32) -> Vec<ServerMessage> {
        if self.is_settled() {
            return statuses(count);
        }
        if let Some((position, connection, Wait::Statuses(waiting))) = self.waiting.back_mut()
            && (*position, *connection) == (self.appended, from)
        {
            *waiting += count;
        } else if count > 0 {
            self.waiting.push_back((self.appended, from, Wait::Statuses(count)));
        }
        Vec::new()
    }

    /// The connection counts anew: what it waited for is in its new count. Says how much that was.
    pub fn forget_statuses(&mut self, connection: ConnectionId) -> u32 {
        let mut forgotten = 0;
        self.waiting.retain(|(_, waiting, wait)| match wait {
            Wait::Statuses(count) if *waiting == connection => {
                forgotten += *count;
                false
            }
            _ => true,
        });
        forgotten
    }

    /// A probe: answered now when nothing is under way, else when all that was appended before it is durable.
    pub fn probe(&mut self, from: ConnectionId, probe: Bytes) -> Option<ServerMessage> {
        if self.is_settled() {
            return Some(ServerMessage::Probe(probe));
        }
        // A newer probe of the same client says all that an older one does.
        let older = self.waiting.iter_mut().rev().take_while(|(position, ..)| *position == self.appended);
        for (_, connection, wait) in older {
            if let (true, Wait::Probe(waiting)) = (*connection == from, wait) {
                *waiting = probe;
                return None;
            }
        }
        self.waiting.push_back((self.appended, from, Wait::Probe(probe)));
        None
    }

    /// The log is on disk up to `position`: what to tell to whom, an echo a connection (or a few, when it wrote much).
    pub fn reached(&mut self, position: LogPosition) -> Vec<(ConnectionId, ServerMessage)> {
        self.durable = self.durable.max(position);
        let mut echoes: Vec<(ConnectionId, Vec<Bytes>)> = Vec::new();
        let mut answers = Vec::new();
        while let Some((at, ..)) = self.waiting.front() {
            if *at > self.durable {
                break;
            }
            let (_, connection, wait) = self.waiting.pop_front().expect("there is a front");
            match wait {
                Wait::Echo(row, _) => match echoes.iter_mut().find(|(author, _)| *author == connection) {
                    Some((_, rows)) => rows.push(row),
                    None => echoes.push((connection, vec![row])),
                },
                Wait::Probe(probe) => answers.push((connection, ServerMessage::Probe(probe))),
                Wait::Statuses(count) => {
                    answers.extend(statuses(count).into_iter().map(|message| (connection, message)));
                }
            }
        }
        let mut messages = Vec::new();
        for (author, rows) in echoes {
            messages.extend(echo(&rows).into_iter().map(|message| (author, message)));
        }
        messages.extend(answers);
        messages
    }

    /// The connection is gone. Of what its client counts it may be told all the same, where it is now.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.waiting.retain(|(_, waiting, wait)| *waiting != connection || matches!(wait, Wait::Statuses(_)));
        self.last_author.take_if(|last| *last == connection);
    }

    /// Whether everything that was appended is durable.
    pub fn is_settled(&self) -> bool {
        self.durable >= self.appended
    }

    /// The last row that is durable.
    pub fn reached_so_far(&self) -> LogPosition {
        self.durable
    }

    /// The last row that was appended.
    pub fn appended(&self) -> LogPosition {
        self.appended
    }
}

fn statuses(count: u32) -> Vec<ServerMessage> {
    (0..count).map(|_| ServerMessage::SyncStatus(SyncStatus::Saved)).collect()
}

fn echo(rows: &[Bytes]) -> Vec<ServerMessage> {
    if rows.len() > 1
        && let Some(merged) = merged(rows)
    {
        return vec![ServerMessage::Update(merged)];
    }
    rows.chunks(ECHO_MERGE_MAX)
        .flat_map(|chunk| match chunk {
            [row] => vec![ServerMessage::Update(row.clone())],
            rows => match yrs::merge_updates_v1(rows.iter().map(AsRef::as_ref)) {
                Ok(merged) => vec![ServerMessage::Update(merged.into())],
                Err(_) => rows.iter().map(|row| ServerMessage::Update(row.clone())).collect(),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: ConnectionId = ConnectionId(1);
    const BOB: ConnectionId = ConnectionId(2);

    #[test]
    fn nobody_hears_before_the_disk_has_it() {
        let mut durability = Durability::default();
        assert!(durability.probe(BOB, Bytes::from_static(b"0")).is_some(), "nothing is under way");
        durability.append();
        durability.echo(Instant::now(), ADA, Bytes::from_static(&[0, 0]));
        assert!(durability.probe(BOB, Bytes::from_static(b"1")).is_none());
        assert!(durability.probe(BOB, Bytes::from_static(b"2")).is_none());
        assert!(durability.reached(LogPosition(0)).is_empty());
        assert_eq!(
            durability.reached(LogPosition(1)),
            [
                (ADA, ServerMessage::Update(Bytes::from_static(&[0, 0]))),
                (BOB, ServerMessage::Probe(Bytes::from_static(b"2")))
            ]
        );
        assert!(durability.is_settled());
    }

    #[test]
    fn echoes_wait_for_company_for_a_while_where_several_write() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let echo = || Bytes::from_static(&[0, 0]);
        let mut durability = Durability::default();
        durability.append();
        durability.echo(start, ADA, echo());
        assert_eq!(durability.telling(after(1)), Telling::AtOnce, "nothing else may ever be said");
        durability.append();
        durability.echo(after(10), BOB, echo());
        assert_eq!(durability.telling(after(20)), Telling::By(start + ECHO_PATIENCE), "the first one waits longest");
        durability.reached(LogPosition(1));
        assert_eq!(durability.telling(after(20)), Telling::By(after(10) + ECHO_PATIENCE));
        assert_eq!(durability.telling(after(10) + ECHO_PATIENCE), Telling::AtOnce, "it was said by then");
        durability.probe(ADA, Bytes::from_static(b"1"));
        assert_eq!(durability.telling(after(20)), Telling::AtOnce, "somebody asks");
        durability.reached(LogPosition(2));
        assert_eq!(durability.telling(after(20)), Telling::AtOnce, "nobody waits");
        durability.append();
        durability.echo(after(1_000), BOB, echo());
        assert_eq!(durability.telling(after(1_001)), Telling::AtOnce, "Bob writes alone");
        durability.forget(BOB);
        durability.echo(after(1_010), ADA, echo());
        assert_eq!(durability.telling(after(1_011)), Telling::AtOnce, "and so does Ada when he has gone");
    }

    #[test]
    fn each_update_is_counted_once() {
        let saved = |connection| (connection, ServerMessage::SyncStatus(SyncStatus::Saved));
        let mut durability = Durability::default();
        assert_eq!(durability.statuses(ADA, 2).len(), 2, "nothing is under way");
        durability.append();
        assert!(durability.statuses(ADA, 1).is_empty() && durability.statuses(ADA, 1).is_empty());
        assert!(durability.statuses(BOB, 1).is_empty());
        durability.append();
        assert_eq!(durability.reached(LogPosition(1)), [saved(ADA), saved(ADA), saved(BOB)]);
        assert!(durability.statuses(ADA, 1).is_empty() && durability.statuses(BOB, 1).is_empty());
        assert_eq!(durability.forget_statuses(ADA), 1);
        assert_eq!(durability.reached(LogPosition(2)), [saved(BOB)], "a client that counts anew is not told twice");
    }

    #[test]
    fn those_who_left_are_not_told() {
        let mut durability = Durability::default();
        durability.append();
        durability.echo(Instant::now(), ADA, Bytes::from_static(&[0, 0]));
        durability.probe(ADA, Bytes::from_static(b"1"));
        durability.statuses(BOB, 1);
        durability.forget(ADA);
        durability.forget(BOB);
        let counted = (BOB, ServerMessage::SyncStatus(SyncStatus::Saved));
        assert_eq!(durability.reached(LogPosition(1)), [counted], "wherever it is now");
    }
}
