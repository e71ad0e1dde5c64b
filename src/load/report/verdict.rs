//! What a report says first: whether the run is to be believed, and what went wrong in it.

use maud::{Markup, html};

use crate::load::record::{Record, Tally, Verdict};
use crate::load::verdict::Outcome;
use crate::load::words::{count, many, milliseconds};

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Good,
    Doubtful,
    Bad,
}

impl Grade {
    fn of(outcome: Outcome) -> Self {
        match outcome.exit_code() {
            0 => Self::Good,
            2 => Self::Bad,
            _ => Self::Doubtful,
        }
    }

    fn bad_if(bad: bool) -> Self {
        if bad { Self::Bad } else { Self::Good }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Doubtful => "doubtful",
            Self::Bad => "bad",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Doubtful => "!",
            Self::Bad => "✕",
        }
    }
}

/// The outcome in one word, in its colour.
pub(super) fn pill(verdict: &Verdict) -> Markup {
    let grade = Grade::of(verdict.outcome());
    html! { span class={ "pill " (grade.class()) } { (grade.sign()) " " (verdict.outcome().word()) } }
}

/// The outcome in a sentence, and what it follows from.
pub(super) fn banner(record: &Record) -> Markup {
    let verdict = &record.verdict;
    let grade = Grade::of(verdict.outcome());
    html! {
        section class={ "card verdict " (grade.class()) } {
            p.outcome { span.sign { (grade.sign()) } (verdict.sentence()) }
            ul.checks {
                @for (grade, text) in checks(verdict) {
                    li class=(grade.class()) { span.sign { (grade.sign()) } (text) }
                }
            }
            @if !verdict.notes.is_empty() {
                ul.notes { @for note in &verdict.notes { li { (note) } } }
            }
        }
    }
}

fn converged(tally: &Tally) -> Grade {
    if tally.rooms_diverged == 0 && tally.rooms_unchecked > 0 {
        Grade::Doubtful
    } else {
        Grade::bad_if(tally.rooms_diverged > 0)
    }
}

fn checks(verdict: &Verdict) -> Vec<(Grade, String)> {
    let tally = &verdict.tally;
    let generator = &verdict.generator;
    let mut checks = vec![
        (Grade::bad_if(tally.lost > 0 || tally.statuses_lost > 0), format!("Lost: {}", tally.lost_of())),
        (converged(tally), format!("Converged: {}", tally.converged_of())),
        (
            Grade::bad_if(tally.doubled > 0 || tally.out_of_order > 0),
            format!("Doubled: {}, out of order: {}", count(tally.doubled), count(tally.out_of_order)),
        ),
        (Grade::bad_if(tally.corrupt > 0), format!("Corrupt: {}", many(tally.corrupt, "message", "messages"))),
        (
            Grade::bad_if(tally.refused > 0 || tally.closed_early > 0),
            format!(
                "Connections: {}, {} refused, {} ended by the server",
                count(tally.connections),
                count(tally.refused),
                count(tally.closed_early)
            ),
        ),
        (
            if generator.saturated || generator.cpu_percent.is_none() { Grade::Doubtful } else { Grade::Good },
            format!(
                "Load tester {}: {}, {}",
                if generator.saturated { "did not keep up" } else { generator.word() },
                generator.lateness(),
                generator.busy()
            ),
        ),
    ];
    checks.extend(verdict.bound.map(|bound| {
        let was = bound
            .p99_ms
            .map_or_else(|| "too little came to tell".to_owned(), |p99| format!("was {}", milliseconds(p99)));
        let grade = if bound.missed() { Grade::Doubtful } else { Grade::Good };
        (grade, format!("p99 asked for: below {}; {was}", milliseconds(bound.p99_below_ms)))
    }));
    checks
}
