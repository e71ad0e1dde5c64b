//! Order as text: keys between which there is always room for another one, in the form of the npm package
//! `fractional-indexing`, which the planner page uses. Made by `order`. Pure; it must never believe a key that it did not
//! read with `Rank::parse`, because anybody may have written it.
//!
//! A key is a whole number, whose first letter says how many digits it has, and a fraction that does not end in zero.

use std::cmp::Ordering;

/// A key of more characters is not made: the day is to be ranked anew.
pub(super) const RANK_MAX: usize = 64;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The last whole number there is before all others; no key is just this.
const LEAST: &str = "A00000000000000000000000000";

/// A well-formed key. Keys are in the order of their text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(String);

impl Rank {
    /// Reads a key; nothing when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let whole = whole_digits(*text.as_bytes().first()?)?;
        let has_form = text.len() >= whole && text.bytes().all(|digit| DIGITS.contains(&digit));
        let ends_well = text.len() == whole || !text.ends_with('0');
        (has_form && ends_well && text != LEAST).then(|| Self(text.to_owned()))
    }

    /// A key between two others, of which the outermost have none beyond them. Nothing when the two are not in order, or
    /// what is between them is longer than [`RANK_MAX`].
    pub(super) fn between(before: Option<&Self>, after: Option<&Self>) -> Option<Self> {
        if before.zip(after).is_some_and(|(before, after)| before >= after) {
            return None;
        }
        let rank = match (before, after) {
            (None, None) => "a0".to_owned(),
            (None, Some(after)) => after.preceding()?,
            (Some(before), None) => before.following(None)?,
            (Some(before), Some(after)) if before.whole() == after.whole() => {
                before.whole().to_owned() + &middle(before.fraction(), Some(after.fraction()))
            }
            (Some(before), Some(after)) => before.following(Some(after))?,
        };
        (rank.len() <= RANK_MAX).then_some(Self(rank))
    }

    /// Keys for a new order, the first ones first; they are short.
    pub(super) fn fresh() -> impl Iterator<Item = Self> {
        std::iter::successors(Self::between(None, None), |last| Self::between(Some(last), None))
    }

    /// The same place, a little further on, by what `id` comes to: so that two who put different things into one gap
    /// hardly ever pick the same key. As it is, when there is no room for that.
    pub(super) fn shaken(self, id: &str, after: Option<&Self>) -> Self {
        let chance = crc32fast::hash(id.as_bytes()) as usize;
        let mut shaken = self.0.clone();
        for chance in [chance, chance / DIGITS.len()] {
            // No zero: a key must not end in one.
            shaken.push(char::from(DIGITS[1 + chance % (DIGITS.len() - 1)]));
        }
        let shaken = Self(shaken);
        let has_room = shaken.0.len() <= RANK_MAX && after.is_none_or(|after| shaken < *after);
        if has_room { shaken } else { self }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn whole(&self) -> &str {
        let digits = self.0.bytes().next().and_then(whole_digits);
        &self.0[..digits.expect("a key begins with a whole number")]
    }

    fn fraction(&self) -> &str {
        &self.0[self.whole().len()..]
    }

    fn preceding(&self) -> Option<String> {
        let whole = self.whole();
        if whole == LEAST {
            return Some(whole.to_owned() + &middle("", Some(self.fraction())));
        }
        if self.fraction().is_empty() { stepped(whole, Ordering::Less) } else { Some(whole.to_owned()) }
    }

    /// What follows, up to a key with another whole number.
    fn following(&self, limit: Option<&Self>) -> Option<String> {
        let next = stepped(self.whole(), Ordering::Greater);
        let has_room = |next: &String| limit.is_none_or(|limit| next.as_str() < limit.as_str());
        next.filter(has_room).or_else(|| Some(self.whole().to_owned() + &middle(self.fraction(), None)))
    }
}

/// How many characters a whole number has that begins with this letter.
fn whole_digits(head: u8) -> Option<usize> {
    match head {
        b'a'..=b'z' => Some(usize::from(head - b'a') + 2),
        b'A'..=b'Z' => Some(usize::from(b'Z' - head) + 2),
        _ => None,
    }
}

fn value(digit: u8) -> usize {
    DIGITS.iter().position(|known| *known == digit).expect("a key has digits only")
}

/// The whole number after or before another; nothing beyond the last and the first.
fn stepped(whole: &str, direction: Ordering) -> Option<String> {
    let is_up = direction == Ordering::Greater;
    let (first, last) = if is_up { (b'0', b'z') } else { (b'z', b'0') };
    let mut digits = whole.as_bytes().to_vec();
    for digit in digits[1..].iter_mut().rev() {
        if *digit == last {
            *digit = first;
            continue;
        }
        let at = value(*digit);
        *digit = DIGITS[if is_up { at + 1 } else { at - 1 }];
        return String::from_utf8(digits).ok();
    }
    let head = match (digits[0], is_up) {
        (b'z', true) | (b'A', false) => return None,
        (b'Z', true) => b'a',
        (b'a', false) => b'Z',
        (head, true) => head + 1,
        (head, false) => head - 1,
    };
    digits[0] = head;
    digits.resize(whole_digits(head)?, first);
    String::from_utf8(digits).ok()
}

/// A fraction between two, the upper of which may be the next whole number.
fn middle(below: &str, above: Option<&str>) -> String {
    let (below, mut above) = (below.as_bytes(), above.map(str::as_bytes));
    let mut digits = String::new();
    for at in 0.. {
        let low = below.get(at).map_or(0, |digit| value(*digit));
        let high = above.and_then(|above| above.get(at)).map_or(DIGITS.len(), |digit| value(*digit));
        if high > low + 1 {
            digits.push(char::from(DIGITS[(low + high).div_ceil(2)]));
            break;
        }
        if high > low && above.is_some_and(|above| above.len() > at + 1) {
            digits.push(char::from(DIGITS[high]));
            break;
        }
        digits.push(char::from(DIGITS[low]));
        if high > low {
            above = None;
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn rank(text: &str) -> Rank {
        Rank::parse(text).unwrap_or_else(|| panic!("{text} is a key"))
    }

    fn key(text: &str) -> Option<Rank> {
        (!text.is_empty()).then(|| rank(text))
    }

    /// What `generateKeyBetween` of the npm package, version 4.0.0, gives for these; an empty text is null.
    #[test]
    fn keys_are_those_of_the_npm_package() {
        for (before, after, expected) in [
            ("", "", "a0"),
            ("", "a0", "Zz"),
            ("a0", "", "a1"),
            ("a0", "a1", "a0V"),
            ("a0V", "a1", "a0l"),
            ("Zz", "a0", "ZzV"),
            ("Zz", "a1", "a0"),
            ("", "Y00", "Xzzz"),
            ("bzz", "", "c000"),
            ("a0", "a0V", "a0G"),
            ("a0", "a0G", "a08"),
            ("b125", "b129", "b127"),
            ("a0", "a1V", "a1"),
            ("Zz", "a01", "a0"),
            ("az", "", "b00"),
            ("", "Zz", "Zy"),
            ("", "Z0", "Yzz"),
            ("Yzz", "Z0", "YzzV"),
            ("Yzz", "", "Z0"),
            ("", "A000000000000000000000000001", "A000000000000000000000000000V"),
            ("zzzzzzzzzzzzzzzzzzzzzzzzzzy", "", "zzzzzzzzzzzzzzzzzzzzzzzzzzz"),
            ("zzzzzzzzzzzzzzzzzzzzzzzzzzz", "", "zzzzzzzzzzzzzzzzzzzzzzzzzzzV"),
            ("a0zz", "a1", "a0zzV"),
            ("a0001", "a0002", "a0001V"),
            ("a4", "a5V", "a5"),
            ("a49", "a5", "a4a"),
        ] {
            let made = Rank::between(key(before).as_ref(), key(after).as_ref());
            assert_eq!(made.as_ref().map(Rank::as_str), Some(expected), "between {before:?} and {after:?}");
        }
        let fresh: Vec<String> = Rank::fresh().take(64).map(|rank| rank.0).collect();
        assert_eq!([&fresh[0], &fresh[10], &fresh[61], &fresh[62], &fresh[63]], ["a0", "aA", "az", "b00", "b01"]);
    }

    /// 401 keys that come about by inserting here and there, as the npm package makes them.
    #[test]
    fn many_keys_are_those_of_the_npm_package() {
        let mut keys = vec![rank("a0")];
        for at in 0..400 {
            let place = (at * 7_919) % (keys.len() + 1);
            let before = place.checked_sub(1).map(|before| &keys[before]);
            let made = Rank::between(before, keys.get(place)).expect("they stay short");
            keys.insert(place, made);
        }
        assert!(keys.is_sorted());
        let keys: Vec<&str> = keys.iter().map(Rank::as_str).collect();
        let digest: String = Sha256::digest(keys.join(" ")).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "58aeb79020860ef4b33eac5c09d7fcce52106f38b039f7a10793aa8ad9def95d");
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in ["", "0", "a", "b0", "a00", "a0V0", "a-", "a0 ", "5", "é", "a🏝", "\u{1f3dd}", LEAST, "zz"] {
            assert_eq!(Rank::parse(text), None, "{text:?}");
        }
        for text in ["a0", "Zz", "b00", "a0V", "A000000000000000000000000001", "A00000000000000000000000000V"] {
            assert_eq!(rank(text).as_str(), text);
        }
    }

    #[test]
    fn where_no_key_fits_none_is_made() {
        let (low, high) = (rank("a0"), rank("a1"));
        assert_eq!(Rank::between(Some(&high), Some(&low)), None);
        assert_eq!(Rank::between(Some(&low), Some(&low)), None);
        let long = rank(&format!("a0{}1", "0".repeat(RANK_MAX)));
        assert_eq!(Rank::between(Some(&low), Some(&long)), None);
        let mut last = high;
        let inserted = (0..1_000).take_while(|_| match Rank::between(Some(&low), Some(&last)) {
            Some(rank) => {
                last = rank;
                true
            }
            None => false,
        });
        assert!(inserted.count() > 300, "there is room for many at one place");
    }

    #[test]
    fn things_in_one_gap_get_keys_of_their_own() {
        let (low, high) = (rank("a0"), rank("a1"));
        let made = |id| Rank::between(Some(&low), Some(&high)).expect("there is room").shaken(id, Some(&high));
        assert_ne!(made("one"), made("two"));
        assert_eq!(made("one"), made("one"));
        // The next key is the first one's first digits, so there is no room.
        let next = rank("a0V1");
        assert!(rank("a0V").shaken("one", Some(&next)) < next);
    }

    proptest! {
        #[test]
        fn a_key_is_between_its_neighbours_and_a_key(places in prop::collection::vec(any::<prop::sample::Index>(), 1..200)) {
            let mut keys: Vec<Rank> = Vec::new();
            for (at, place) in places.iter().enumerate() {
                let place = place.index(keys.len() + 1);
                let (before, after) = (place.checked_sub(1).map(|before| &keys[before]), keys.get(place));
                let Some(made) = Rank::between(before, after) else { continue };
                let made = made.shaken(&at.to_string(), after);
                prop_assert!(before.is_none_or(|before| *before < made), "{before:?} {made:?}");
                prop_assert!(after.is_none_or(|after| made < *after), "{made:?} {after:?}");
                prop_assert_eq!(Rank::parse(&made.0), Some(made.clone()));
                prop_assert!(made.0.len() <= RANK_MAX);
                keys.insert(place, made);
            }
        }

        #[test]
        fn strange_keys_do_no_harm(before in "[AZaz0V]{0,40}|\\PC{0,9}", after in "[AZaz0V]{0,40}|\\PC{0,9}") {
            let (before, after) = (Rank::parse(&before), Rank::parse(&after));
            if let Some(made) = Rank::between(before.as_ref(), after.as_ref()) {
                prop_assert!(before.is_none_or(|before| before < made));
                prop_assert!(after.is_none_or(|after| made < after));
                prop_assert_eq!(Rank::parse(&made.0), Some(made));
            }
        }
    }
}
