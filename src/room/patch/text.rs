//! What changed in a text, as few and small edits, so that what others type elsewhere in it stays. Pure.

use std::ops::Range;

use super::list::{Effort, replacements};

/// One place of a text that changes. Places are counted in UTF-16 units, as JavaScript does, in the old text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit<'n> {
    pub(super) at: u32,
    pub(super) delete: u32,
    pub(super) insert: &'n str,
}

/// What to do to `old` to get `new`, in order, and nothing that overlaps. Words are compared, or lines where there are
/// too many words; where there are too many lines, all between the first and the last difference is replaced.
pub(super) fn edits<'n>(old: &str, new: &'n str, effort: &mut Effort) -> Vec<Edit<'n>> {
    let whole = trimmed(old, new, 0..old.len(), 0..new.len());
    if whole.0.is_empty() && whole.1.is_empty() {
        return Vec::new();
    }
    let mut places = vec![whole.clone()];
    if effort.places > 1 && !whole.0.is_empty() && !whole.1.is_empty() {
        let (before, after) = (&old[whole.0.clone()], &new[whole.1.clone()]);
        let mut tokens = [words, lines].into_iter().map(|cut| (cut(before), cut(after)));
        if let Some((before, after)) = tokens.find(|(before, after)| effort.spend(before.len() + after.len())) {
            let (old_at, new_at) = (bounds(&before, whole.0.start), bounds(&after, whole.1.start));
            let found = replacements(&before, &after, effort.places).into_iter();
            let in_bytes = |at: &[usize], range: Range<usize>| at[range.start]..at[range.end];
            places =
                found.map(|(from, to)| trimmed(old, new, in_bytes(&old_at, from), in_bytes(&new_at, to))).collect();
        }
    }
    let (mut at, mut done) = (0, 0);
    places
        .into_iter()
        .map(|(from, to)| {
            at += units(&old[done..from.start]);
            let edit = Edit { at, delete: units(&old[from.clone()]), insert: &new[to] };
            at += edit.delete;
            done = from.end;
            edit
        })
        .collect()
}

/// The length of a text as JavaScript counts it.
pub(super) fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

/// Two ranges of bytes without the characters that both begin and end with.
fn trimmed(old: &str, new: &str, from: Range<usize>, to: Range<usize>) -> (Range<usize>, Range<usize>) {
    let (before, after) = (&old[from.clone()], &new[to.clone()]);
    let same = before.chars().zip(after.chars()).take_while(|(old, new)| old == new);
    let prefix: usize = same.map(|(letter, _)| letter.len_utf8()).sum();
    let same = before[prefix..].chars().rev().zip(after[prefix..].chars().rev()).take_while(|(old, new)| old == new);
    let suffix: usize = same.map(|(letter, _)| letter.len_utf8()).sum();
    (from.start + prefix..from.end - suffix, to.start + prefix..to.end - suffix)
}

/// Cuts a text into words, the blanks between them, and single signs.
fn words(text: &str) -> Vec<&str> {
    let kind = |letter: char| match letter {
        letter if letter.is_alphanumeric() => 0,
        letter if letter.is_whitespace() && letter != '\n' => 1,
        _ => 2,
    };
    let (mut tokens, mut start, mut before) = (Vec::new(), 0, 2);
    for (at, letter) in text.char_indices() {
        let this = kind(letter);
        if at > 0 && (this != before || this == 2) {
            tokens.push(&text[start..at]);
            start = at;
        }
        before = this;
    }
    if start < text.len() {
        tokens.push(&text[start..]);
    }
    tokens
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Where each of some tokens begins that stand one behind the other from `start` on, and where the last ends.
fn bounds(tokens: &[&str], start: usize) -> Vec<usize> {
    let ends = tokens.iter().scan(start, |end, token| {
        *end += token.len();
        Some(*end)
    });
    std::iter::once(start).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn effort(places: usize) -> Effort {
        Effort { places, compared: 100_000 }
    }

    fn edited(old: &str, edits: &[Edit<'_>]) -> String {
        let mut text: Vec<u16> = old.encode_utf16().collect();
        for edit in edits.iter().rev() {
            let range = edit.at as usize..(edit.at + edit.delete) as usize;
            text.splice(range, edit.insert.encode_utf16());
        }
        String::from_utf16(&text).expect("no pair is cut")
    }

    #[test]
    fn only_what_changed_is_edited() {
        let one = |at, delete, insert| vec![Edit { at, delete, insert }];
        assert_eq!(edits("same", "same", &mut effort(9)), []);
        assert_eq!(edits("colour", "color", &mut effort(9)), one(4, 1, ""));
        assert_eq!(edits("", "new", &mut effort(9)), one(0, 0, "new"));
        assert_eq!(edits("🏝 beach", "🏝 sandy beach", &mut effort(9)), one(3, 0, "sandy "));
        assert_eq!(edits("🏝", "🏖", &mut effort(9)), one(0, 2, "🏖"));
        let far =
            edits("Meet at noon in the hall.\nBring water.", "Meet at ten in the hall.\nBring bread.", &mut effort(9));
        assert_eq!(far.len(), 2, "{far:?}");
        assert_eq!(edits("Meet at noon. Bring water.", "Meet at ten. Bring bread.", &mut effort(1)).len(), 1);
    }

    #[test]
    fn long_texts_change_where_they_changed() {
        let text: String = (0..9_000).map(|at| format!("word{} ", at % 500)).collect();
        let changed = text.replacen("word1 ", "first ", 1) + "last";
        let edits = edits(&text, &changed, &mut effort(9));
        assert_eq!(edits.len(), 2, "{edits:?}");
        assert!(edits.iter().map(|edit| edit.delete as usize + edit.insert.len()).sum::<usize>() < 20);
    }

    #[test]
    fn long_texts_end() {
        let text = |word: &str| format!("{word} 🏝\n").repeat(300_000);
        assert_eq!(edits(&text("a"), &text("b"), &mut effort(9)).len(), 1);
        assert_eq!(words("ab  c,d\n\n"), ["ab", "  ", "c", ",", "d", "\n", "\n"]);
    }

    proptest! {
        #[test]
        fn the_edits_lead_to_the_new_text(old in "[ab 🏝é\n.]{0,40}", new in "[ab 🏝é\n.]{0,40}", most in 1usize..6) {
            let edits = edits(&old, &new, &mut effort(most));
            prop_assert!(edits.len() <= most);
            prop_assert_eq!(edited(&old, &edits), new);
        }
    }
}
