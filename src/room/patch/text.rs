//! What changed in a text, as few and small edits, so that what others type elsewhere in it stays. Pure.

use std::ops::Range;

use super::list::replacements;

/// Texts of more words (or else lines) than this between their first and last difference are replaced there as a
/// whole: finding out what moved costs the product of the lengths.
const TOKENS_MAX: usize = 2_000;

/// One place of a text that changes. Places are counted in UTF-16 units, as JavaScript does, in the old text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit<'n> {
    pub(super) at: u32,
    pub(super) delete: u32,
    pub(super) insert: &'n str,
}

/// What to do to `old` to get `new`: at most `most` edits (one is always allowed), in order, that do not overlap.
pub(super) fn edits<'n>(old: &str, new: &'n str, most: usize) -> Vec<Edit<'n>> {
    let whole = trimmed(old, new, 0..old.len(), 0..new.len());
    if whole.0.is_empty() && whole.1.is_empty() {
        return Vec::new();
    }
    let mut places = vec![whole.clone()];
    if most > 1 && !whole.0.is_empty() && !whole.1.is_empty() {
        let (before, after) = (&old[whole.0.clone()], &new[whole.1.clone()]);
        let tokens = [words, lines].into_iter().map(|cut| (cut(before), cut(after)));
        if let Some((before, after)) =
            tokens.into_iter().find(|(before, after)| before.len() + after.len() <= TOKENS_MAX)
        {
            let found = replacements(&before, &after).into_iter().map(|(from, to)| {
                trimmed(old, new, bytes(&before, from, whole.0.start), bytes(&after, to, whole.1.start))
            });
            let found: Vec<_> = found.collect();
            if found.len() <= most {
                places = found;
            }
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

/// The bytes of some tokens that stand one behind the other from `start` on.
fn bytes(tokens: &[&str], range: Range<usize>, start: usize) -> Range<usize> {
    let length = |tokens: &[&str]| tokens.iter().map(|token| token.len()).sum::<usize>();
    let from = start + length(&tokens[..range.start]);
    from..from + length(&tokens[range])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(edits("same", "same", 9), []);
        assert_eq!(edits("colour", "color", 9), one(4, 1, ""));
        assert_eq!(edits("", "new", 9), one(0, 0, "new"));
        assert_eq!(edits("🏝 beach", "🏝 sandy beach", 9), one(3, 0, "sandy "));
        assert_eq!(edits("🏝", "🏖", 9), one(0, 2, "🏖"));
        let far = edits("Meet at noon in the hall.\nBring water.", "Meet at ten in the hall.\nBring bread.", 9);
        assert_eq!(far.len(), 2, "{far:?}");
        assert_eq!(edits("Meet at noon. Bring water.", "Meet at ten. Bring bread.", 1).len(), 1);
    }

    #[test]
    fn long_texts_end() {
        let text = |word: &str| format!("{word} 🏝\n").repeat(300_000);
        assert_eq!(edits(&text("a"), &text("b"), 9).len(), 1);
        assert_eq!(words("ab  c,d\n\n"), ["ab", "  ", "c", ",", "d", "\n", "\n"]);
    }

    proptest! {
        #[test]
        fn the_edits_lead_to_the_new_text(old in "[ab 🏝é\n.]{0,40}", new in "[ab 🏝é\n.]{0,40}", most in 1usize..6) {
            let edits = edits(&old, &new, most);
            prop_assert!(edits.len() <= most);
            prop_assert_eq!(edited(&old, &edits), new);
        }
    }
}
