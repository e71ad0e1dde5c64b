//! Hand-made updates of a commenter who means no good, one of each kind, and some that only look like it.

use triproom::room::change::{Outcome, Refusal};
use triproom::room::document::Document;
use triproom::room::update::CheckedUpdate;
use triproom::room::verdict::{Holder, Verdict};
use triproom::wire::lib0::Malformed;

use super::crafted::{At, Crafted, Id, Of};
use super::trip::*;

/// A client of which nobody has heard.
const NEW: u64 = 30;
const OTHER_NEW: u64 = 31;

fn by(id: Id) -> Crafted {
    Crafted::default().by(id)
}

fn new() -> Crafted {
    by((NEW, 0))
}

/// Judges an update on a fresh document, and applies it to a copy when it is inside: then nothing elsewhere may change.
/// The judged document must not change at all.
#[track_caller]
fn judged(crafted: &Crafted) -> Verdict {
    judged_on(&mut trip(), crafted)
}

#[track_caller]
fn judged_on(document: &mut Document, crafted: &Crafted) -> Verdict {
    let before = document.difference(&[]);
    let verdict = judge(document, &crafted.update());
    assert_eq!(document.difference(&[]), before, "judging leaves no trace");
    if verdict == Verdict::Inside {
        let mut copy = copy(document);
        apply(&mut copy, crafted.update());
        assert_eq!(says(&copy.difference(&[])).0, says(&before).0, "inside means that nothing elsewhere changes");
    }
    verdict
}

#[test]
fn what_an_honest_commenter_writes_is_inside() {
    let mut document = trip();
    for (crafted, comments) in [
        (new().block(At::Key(COMMENTS, "c2"), Of::Map).block(At::KeyIn((NEW, 0), "text"), Of::Value("ciao")), "ciao"),
        (by(COMMENTER_END).block(At::Left((COMMENTER, 3)), Of::Text("!")), "hi!"),
        (by((COMMENTER, 5)).block(At::Between((COMMENTER, 2), (COMMENTER, 3)), Of::Mark("bold", "true")), "hi!"),
        (by((COMMENTER, 6)).block(At::Left(COMMENT), Of::Value("overwritten")), "overwritten"),
        (Crafted::default().delete((COMMENTER, 6), 1).delete((NEW, 1), 1), ""),
        (by((COMMENTER, 7)).block(At::Root(COMMENTS), Of::Value("in the root's list")).delete((COMMENTER, 7), 1), ""),
    ] {
        assert_eq!(judged_on(&mut document, &crafted), Verdict::Inside);
        assert_eq!(apply(&mut document, crafted.update()), Outcome::Applied);
        assert!(says(&document.difference(&[])).1.contains(comments));
    }
}

#[test]
fn a_neighbour_elsewhere_is_outside_whatever_the_other_neighbour_is() {
    let (inside, outside) = ((COMMENTER, 2), (EDITOR, NOTES));
    for at in [
        At::Left(outside),
        At::Right(outside),
        At::Between(outside, (EDITOR, NOTES + 1)),
        At::Between(inside, outside),
        At::Between(outside, inside),
        // A key of a map: the title, and an item that is replaced.
        At::Left(TITLE),
        At::Left(ITEM),
    ] {
        assert_eq!(judged(&new().block(at, Of::Text("x"))), Verdict::Outside, "{at:?}");
        assert_eq!(judged(&new().block(at, Of::Deleted(1))), Verdict::Outside, "{at:?}");
        assert_eq!(judged(&new().block(at, Of::Mark("bold", "true"))), Verdict::Outside, "{at:?}");
    }
}

#[test]
fn a_parent_is_inside_only_when_it_is_below_that_very_root() {
    for at in [
        At::In(ITEM_NOTES),
        At::KeyIn(ITEM, COMMENTS),
        At::Key("trip", COMMENTS),
        At::Root("notes"),
        At::Root(""),
        At::Root("Comments"),
        At::Root("comments "),
        At::Root("comments\0"),
        At::Root("\u{feff}comments"),
        At::Key("comment", "s"),
        At::Key("undeclared", "x"),
    ] {
        assert_eq!(judged(&new().block(at, Of::Value("x"))), Verdict::Outside, "{at:?}");
    }
    for at in [At::In(COMMENT_TEXT), At::KeyIn(COMMENT, "trip"), At::Key(COMMENTS, "trip"), At::Root(COMMENTS)] {
        assert_eq!(judged(&new().block(at, Of::Value("x"))), Verdict::Inside, "{at:?}");
    }
}

#[test]
fn a_way_outside_over_own_blocks_is_found() {
    let start = new().block(At::Key(COMMENTS, "c2"), Of::TextType).block(At::In((NEW, 0)), Of::Text("x"));
    assert_eq!(judged(&start), Verdict::Inside);
    let out = start.block(At::Between((NEW, 1), (EDITOR, NOTES)), Of::Text("x"));
    assert_eq!(judged(&out), Verdict::Outside);
    assert_eq!(judged(&out.block(At::Root(COMMENTS), Of::Text("back again"))), Verdict::Outside);
    // Over another client of the same update, which may stand before or behind.
    for outside in [At::Left((EDITOR, NOTES)), At::Root(COMMENTS)] {
        let first = |crafted: Crafted| crafted.by((OTHER_NEW, 0)).block(outside, Of::Map);
        let second = |crafted: Crafted| crafted.by((NEW, 0)).block(At::KeyIn((OTHER_NEW, 0), "k"), Of::Value("x"));
        let expected = if matches!(outside, At::Root(_)) { Verdict::Inside } else { Verdict::Outside };
        assert_eq!(judged(&second(first(Crafted::default()))), expected);
        assert_eq!(judged(&first(second(Crafted::default()))), expected);
    }
}

#[test]
fn blocks_that_build_on_each_other_are_unknown() {
    let circle = new()
        .block(At::KeyIn((OTHER_NEW, 0), "k"), Of::Map)
        .by((OTHER_NEW, 0))
        .block(At::KeyIn((NEW, 0), "k"), Of::Map);
    assert_eq!(judged(&circle), Verdict::Unknown);
    // No block is its own ancestor, but each client's first waits for the other's second.
    let crossed = new()
        .block(At::Left((OTHER_NEW, 1)), Of::Text("x"))
        .block(At::Root(COMMENTS), Of::Text("x"))
        .by((OTHER_NEW, 0))
        .block(At::Left((NEW, 1)), Of::Text("x"))
        .block(At::Root(COMMENTS), Of::Text("x"));
    assert_eq!(judged(&crossed), Verdict::Unknown);
    // The same in an order that works.
    let woven = new()
        .block(At::Root(COMMENTS), Of::Text("x"))
        .block(At::Left((OTHER_NEW, 1)), Of::Text("x"))
        .by((OTHER_NEW, 0))
        .block(At::Left((NEW, 0)), Of::Text("x"))
        .block(At::Root(COMMENTS), Of::Text("x"));
    assert_eq!(judged(&woven), Verdict::Inside);
}

#[test]
fn what_builds_on_something_missing_is_unknown() {
    for crafted in [
        new().block(At::Left((99, 0)), Of::Text("x")),
        new().block(At::Right(COMMENTER_END), Of::Text("x")),
        new().block(At::In((EDITOR, 1 << 30)), Of::Text("x")),
        by((NEW, 1)).block(At::Root(COMMENTS), Of::Text("x")),
        new().skip(1).block(At::Root(COMMENTS), Of::Text("x")),
        by((NEW, 1)).collected(1),
        new().block(At::Root(COMMENTS), Of::Text("x")).skip(1).block(At::Root(COMMENTS), Of::Text("x")),
    ] {
        assert_eq!(judged(&crafted), Verdict::Unknown, "{crafted:?}");
    }
    // A placeholder for what is known, or behind everything, hides nothing.
    let skips = by((COMMENTER, 0)).skip(4).block(At::Root(COMMENTS), Of::Text("x")).skip(9);
    assert_eq!(judged(&skips), Verdict::Inside);
}

#[test]
fn a_delete_elsewhere_is_outside() {
    let delete = |id, length| Crafted::default().delete(id, length);
    for crafted in [
        delete(TITLE, 1),
        delete((EDITOR, NOTES + 3), 1),
        delete((EDITOR, ITEM_LETTERS), 3),
        delete((EDITOR, 0), 0x7fff_fffe),
        delete((COMMENTER, 2), 2).delete((EDITOR, ITEM_LETTERS), 1),
        delete((EDITOR, ITEM_LETTERS), 1).delete((COMMENTER, 2), 2),
        new().block(At::Root(COMMENTS), Of::Text("x")).delete((NEW, 0), 1).delete(ITEM, 1),
    ] {
        assert_eq!(judged(&crafted), Verdict::Outside, "{crafted:?}");
    }
    assert_eq!(judged(&delete(COMMENT, 4)), Verdict::Inside);
    assert_eq!(judged(&delete((COMMENTER, 3), 1).delete((COMMENTER, 0), 2).delete((COMMENTER, 0), 4)), Verdict::Inside);
}

#[test]
fn a_delete_of_what_is_yet_to_come_is_unknown() {
    let delete = |id, length| Crafted::default().delete(id, length);
    for crafted in [
        delete(EDITOR_END, 100),
        delete((COMMENTER, 3), 2),
        delete((99, 0), 1),
        new().block(At::Root(COMMENTS), Of::Text("x")).delete((NEW, 0), 2),
    ] {
        assert_eq!(judged(&crafted), Verdict::Unknown, "{crafted:?}");
    }
}

#[test]
fn of_a_client_that_is_deleted_from_twice_npm_yjs_would_take_what_the_library_does_not() {
    let twice = Crafted::default().delete(TITLE, 1).delete((COMMENTER, 3), 1).delete((EDITOR, NOTES), 1);
    assert_eq!(CheckedUpdate::parse(twice.bytes()).map(drop), Err(Malformed::EmptyOrRepeated));
}

#[test]
fn what_is_deleted_already_is_no_news() {
    let mut document = trip();
    let gone = Crafted::default().delete((EDITOR, NOTES + 2), 3).delete(ITEM, 1);
    assert_eq!(judge(&mut document, &gone.update()), Verdict::Outside);
    apply(&mut document, gone.update());
    // The item's notes and letters were deleted with it.
    let whole = Crafted::default().delete((EDITOR, NOTES + 2), 3).delete(ITEM, 5).delete((COMMENTER, 3), 1);
    for document in [&mut copy(&document), &mut document] {
        assert_eq!(judged_on(document, &gone), Verdict::Inside);
        assert!(document.brings_nothing(&gone.update()));
        assert_eq!(judged_on(document, &whole), Verdict::Inside);
        assert!(!document.brings_nothing(&whole.update()), "a letter of the comment");
        let more = Crafted::default().delete((EDITOR, NOTES + 2), 4);
        assert_eq!(judged_on(document, &more), Verdict::Outside);
        assert!(!document.brings_nothing(&more.update()));
    }
}

#[test]
fn what_two_wrote_at_once_and_one_lost_is_deleted_for_all() {
    let mut document = trip();
    // Two titles at once: one of them is deleted in every document, and no update ever says so.
    for client in [11, 12] {
        apply(&mut document, by((client, 0)).block(At::Left(TITLE), Of::Value("Oslo")).update());
    }
    let vague = |client| Crafted::default().delete((client, 0), 1);
    for document in [&mut copy(&document), &mut document] {
        let verdicts = [11, 12].map(|client| judged_on(document, &vague(client)));
        assert_eq!(verdicts, [Verdict::Inside, Verdict::Outside]);
    }
    // Kept while it happens.
    for client in [13, 14] {
        apply(&mut document, by((client, 0)).block(At::Left((12, 0)), Of::Value("Bergen")).update());
    }
    let verdicts = [12, 13, 14].map(|client| judged_on(&mut document, &vague(client)));
    assert_eq!(verdicts, [Verdict::Inside, Verdict::Inside, Verdict::Outside]);
}

#[test]
fn beside_what_was_collected_there_is_nothing() {
    let mut document = trip();
    let delete = Crafted::default().delete(ITEM, 1);
    let collected = (EDITOR, ITEM_LETTERS);
    for knows_before in [false, true] {
        if knows_before {
            judge(&mut document, &delete.update());
        }
        let mut later = copy(&document);
        if knows_before {
            judge(&mut later, &delete.update());
        }
        apply(&mut later, delete.update());
        let verdict = if knows_before { Verdict::Outside } else { Verdict::Inside };
        for at in [At::Left(collected), At::Right(collected), At::In(ITEM_NOTES), At::KeyIn(ITEM_NOTES, "x")] {
            assert_eq!(judged_on(&mut later, &new().block(at, Of::Text("x"))), verdict, "{at:?}");
        }
        // The library would look at the other neighbour, and npm yjs would drop it.
        for at in [
            At::Between(collected, (COMMENTER, 2)),
            At::Between((COMMENTER, 2), collected),
            At::Between(collected, (EDITOR, NOTES)),
            At::Between((EDITOR, NOTES), collected),
            // What was deleted by itself still has its place.
            At::Left(ITEM),
            At::In(ITEM),
        ] {
            assert_eq!(judged_on(&mut later, &new().block(at, Of::Text("x"))), Verdict::Outside, "{at:?}");
        }
    }
}

#[test]
fn a_comment_below_a_deleted_comment_is_nobodys_business() {
    let mut document = trip();
    let delete = Crafted::default().delete(COMMENT, 1);
    judge(&mut document, &delete.update());
    let answers = [
        new().block(At::Left((COMMENTER, 3)), Of::Text("?")),
        new().block(At::KeyIn(COMMENT, "by"), Of::Value("x")),
        new().block(At::In(COMMENT_TEXT), Of::Text("x")),
        by((COMMENTER, 3)).block(At::Left((COMMENTER, 2)), Of::Text("i, there")),
    ];
    for document in [&mut document, &mut trip()] {
        apply(document, delete.update());
        for answer in &answers {
            assert_eq!(judged_on(document, answer), Verdict::Inside, "{answer:?}");
        }
    }
}

#[test]
fn the_rest_of_a_block_stands_behind_its_beginning_whatever_it_says() {
    let (mut inside, mut outside) = (trip(), trip());
    for at in [At::Root(COMMENTS), At::Root("notes"), At::Left((COMMENTER, 1)), At::Left(TITLE), At::Key("trip", "x")] {
        let longer = by((EDITOR, ITEM_LETTERS + 1)).block(at, Of::Text("bcdef"));
        assert_eq!(outside.only_touches(&longer.update(), COMMENTS, |_| Holder::Writer), Verdict::Outside, "{at:?}");
        let longer = by((COMMENTER, 2)).block(at, Of::Text("hi, there"));
        assert_eq!(judged_on(&mut inside, &longer), Verdict::Inside, "{at:?}");
    }
    apply(&mut inside, by((COMMENTER, 2)).block(At::Root("notes"), Of::Text("no, there")).update());
    assert!(says(&inside.difference(&[])).1.contains("hi, there"), "what is known stays as it is");
    let right = by((COMMENTER, 3)).block(At::Right((EDITOR, NOTES)), Of::Text("i!"));
    assert_eq!(judged(&right), Verdict::Outside);
    assert_eq!(judged(&by((COMMENTER, 3)).collected(5)), Verdict::Inside);
}

#[test]
fn known_blocks_are_no_news() {
    let known = by((EDITOR, 0))
        .block(At::Key("trip", "title"), Of::Value("Paris"))
        .block(At::Root("notes"), Of::Text("an outrage!"));
    assert_eq!(judged(&known), Verdict::Inside);
    assert!(trip().brings_nothing(&known.update()));
    let more = known.clone().by((NEW, 0)).block(At::Key(COMMENTS, "c2"), Of::Value("x"));
    assert_eq!(judged(&more), Verdict::Inside);
    assert!(!trip().brings_nothing(&more.update()));
    let lie = by((EDITOR, 0)).block(At::Left((99, 0)), Of::Value("Paris"));
    assert_eq!(judged(&lie), Verdict::Inside);
    assert!(trip().brings_nothing(&Crafted::default().update()));
    assert!(!trip().brings_nothing(&by(EDITOR_END).collected(1).update()));
    assert!(!trip().brings_nothing(&Crafted::default().delete(EDITOR_END, 1).update()));
}

#[test]
fn known_blocks_that_are_shown_otherwise_deceive_nobody_who_joins() {
    let mut document = trip();
    let honest = says(&document.full_state().1);
    let forged = by((EDITOR, 0)).block(At::Key("trip", "title"), Of::Value("Paris"));
    let forged = forged.by((NEW, 0)).block(At::Key(COMMENTS, "c2"), Of::Value("x"));
    assert_eq!(judge(&mut document, &forged.update()), Verdict::Inside);
    let mut change = document.change();
    assert_eq!(change.apply(forged.update(), 1), Ok(Outcome::Applied));
    let told = change.finish().expect("the library bears it").update.expect("a comment is new");
    // Who joins is sent what is new before what is old.
    let (first, full) = document.full_state();
    let mut joiner = Document::new(1 << 20);
    for update in [first.expect("something is new"), full] {
        apply(&mut joiner, CheckedUpdate::parse_stored(update).expect("valid"));
    }
    assert_eq!(says(&joiner.difference(&[])).0, honest.0);
    assert_eq!(told, new().block(At::Key(COMMENTS, "c2"), Of::Value("x")).bytes());
}

#[test]
fn nobody_writes_under_the_client_id_of_another() {
    let comment = |id| by(id).block(At::Key(COMMENTS, "c2"), Of::Value("x"));
    let verdict = |crafted: &Crafted, holder| trip().only_touches(&crafted.update(), COMMENTS, |_| holder);
    for crafted in
        [comment(EDITOR_END), by(EDITOR_END).collected(1), by(EDITOR_END).block(At::Root(COMMENTS), Of::Deleted(9))]
    {
        assert_eq!(verdict(&crafted, Holder::Other), Verdict::Forged);
        assert_eq!(verdict(&crafted, Holder::Nobody), Verdict::Forged, "it has written elsewhere");
        // An editor of old who may only comment now.
        assert_eq!(verdict(&crafted, Holder::Writer), Verdict::Inside);
    }
    for crafted in [comment((NEW, 0)), new().collected(7), comment(COMMENTER_END)] {
        assert_eq!(verdict(&crafted, Holder::Other), Verdict::Forged);
        assert_eq!(verdict(&crafted, Holder::Nobody), Verdict::Inside);
    }
    let both = comment((NEW, 0)).by(EDITOR_END).collected(1);
    assert_eq!(judged(&both), Verdict::Forged);
    // What is known of others is no writing.
    let known = by((EDITOR, 0)).block(At::Key("trip", "title"), Of::Value("Rome"));
    assert_eq!(verdict(&known, Holder::Other), Verdict::Inside);
}

#[test]
fn a_client_of_whom_nothing_is_left_is_not_to_be_taken_for_free() {
    let mut document = trip();
    let gone = by((11, 0)).block(At::In(ITEM_NOTES), Of::Text("x"));
    apply(&mut document, gone.update());
    apply(&mut document, Crafted::default().delete(ITEM, 1).update());
    let comment = by((11, 1)).block(At::Root(COMMENTS), Of::Text("x"));
    assert_eq!(judge(&mut document, &comment.update()), Verdict::Forged);
}

#[test]
fn a_parent_that_can_hold_nothing_harms_nobody() {
    let crafted = new().block(At::In((COMMENTER, 2)), Of::Text("x"));
    let mut document = trip();
    assert_eq!(judge(&mut document, &crafted.update()), Verdict::Inside);
    let before = says(&document.difference(&[]));
    assert_eq!(apply(&mut document, crafted.update()), Outcome::Refused(Refusal::Impossible));
    assert_eq!(says(&document.difference(&[])), before);
    assert_eq!(judge(&mut document, &new().block(At::Root(COMMENTS), Of::Text("x")).update()), Verdict::Inside);
}

#[test]
fn in_the_middle_of_a_change_what_was_applied_counts() {
    let mut document = trip();
    let mut change = document.change();
    let holder = |_| Holder::Nobody;
    for clock in 4..20 {
        let letter = by((COMMENTER, clock)).block(At::Left((COMMENTER, clock - 1)), Of::Text("!"));
        assert_eq!(change.only_touches(&letter.update(), COMMENTS, holder), Verdict::Inside);
        assert_eq!(change.apply(letter.update(), 1), Ok(Outcome::Applied));
    }
    // Of this the first block is taken, and the rest waits.
    let torn = by((40, 0)).block(At::Root("notes"), Of::Text("x")).skip(1).block(At::Root("notes"), Of::Text("x"));
    assert_eq!(change.apply(torn.update(), 1), Ok(Outcome::Orphaned));
    let letter = |at| by((41, 0)).block(At::Left(at), Of::Text("!"));
    assert_eq!(change.only_touches(&letter((40, 0)).update(), COMMENTS, holder), Verdict::Outside);
    assert_eq!(change.only_touches(&letter((COMMENTER, 19)).update(), COMMENTS, holder), Verdict::Inside);
    change.finish().expect("the library bears it");
    // What it waited for comes, and both are known.
    apply(&mut document, by((40, 1)).block(At::Root("notes"), Of::Text("x")).update());
    assert_eq!(judged_on(&mut document, &letter((40, 2))), Verdict::Outside);
    assert_eq!(judged_on(&mut copy(&document), &letter((40, 2))), Verdict::Outside);
}

#[test]
fn hostile_sizes_cost_what_their_bytes_do() {
    let mut document = trip();
    judge(&mut document, &Crafted::default().update());
    // A hundred thousand times everything that the first client ever wrote or will write.
    let mut wide = Crafted::default();
    for _ in 0..100_000 {
        wide = wide.delete((COMMENTER, 0), 4);
    }
    assert_eq!(judge(&mut document, &wide.update()), Verdict::Inside);
    // A chain through a hundred thousand clients, in the order that is worst to follow.
    let mut chain = Crafted::default();
    for client in 1_000..101_000 {
        chain = chain.by((client, 0)).block(At::KeyIn((client + 1, 0), "k"), Of::Map);
    }
    let chain = chain.by((101_000, 0)).block(At::Root(COMMENTS), Of::Text("x"));
    let start = std::time::Instant::now();
    let raw = chain.bytes();
    let update = CheckedUpdate::parse(raw).expect("well-formed");
    assert_eq!(judge(&mut document, &update), Verdict::Inside);
    println!("{:?}", start.elapsed());
}
