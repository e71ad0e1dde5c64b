//! An amount of money, as decimal text and as a number that is exact. Read by `check` and `warnings`. It knows no
//! currency: whoever adds amounts sees to it that they are of one.

use std::fmt;
use std::iter::Sum;

/// The most digits before the point.
pub(super) const WHOLE_DIGITS: usize = 15;
/// The most digits after the point.
pub(super) const FRACTION_DIGITS: usize = 4;

/// How many of the last digit make one.
const UNITS: u128 = 10_000;

/// An amount in ten-thousandths. It is written without a fraction when it is whole, and with at least two digits of it
/// otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Amount(i128);

impl Amount {
    /// Nothing.
    pub(super) const ZERO: Self = Self(0);

    /// Reads `"1250.00"`. There is no other form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let digits = |part: &str, most: usize| {
            !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, WHOLE_DIGITS) || !fraction.is_none_or(|fraction| digits(fraction, FRACTION_DIGITS)) {
            return None;
        }
        let units: i128 = format!("{whole}{:0<FRACTION_DIGITS$}", fraction.unwrap_or_default()).parse().ok()?;
        Some(Self(if unsigned.len() < text.len() { -units } else { units }))
    }

    /// How much more this is.
    pub(super) fn beyond(self, limit: Self) -> Self {
        Self(self.0.saturating_sub(limit.0))
    }

    /// An even share, rounded towards zero.
    pub(super) fn share(self, among: u32) -> Self {
        Self(self.0 / i128::from(among.max(1)))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0, |sum, amount| sum.saturating_add(amount.0)))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let units = self.0.unsigned_abs();
        let (whole, fraction) = (units / UNITS, units % UNITS);
        write!(f, "{sign}{whole}")?;
        if fraction == 0 {
            return Ok(());
        }
        let digits = format!("{fraction:0>FRACTION_DIGITS$}");
        write!(f, ".{:0<2}", digits.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (text, shown) in [
            ("0", "0"),
            ("-0", "0"),
            ("1250.00", "1250"),
            ("-3.5", "-3.50"),
            ("0.0001", "0.0001"),
            ("007.10", "7.10"),
            ("999999999999999.9999", "999999999999999.9999"),
        ] {
            assert_eq!(Amount::parse(text).expect(text).to_string(), shown);
        }
        let sum: Amount = ["0.1", "0.2", "-0.30"].into_iter().filter_map(Amount::parse).sum();
        assert_eq!(sum, Amount::parse("0").expect("an amount"));
        assert_eq!([Amount(i128::MAX), Amount(5)].into_iter().sum::<Amount>(), Amount(i128::MAX));
        assert_eq!(Amount::parse("100").expect("an amount").share(3).to_string(), "33.3333");
    }
}
