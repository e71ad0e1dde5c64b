//! What the texts in a trip's fields stand for: dates, times, currencies. Read here alone, so that `check` and
//! `warnings` take the same texts. It must not guess: what has not the plain form is nothing.

use std::str::FromStr;

use iso_currency::Currency;
use jiff::Timestamp;
use jiff::civil::Date;

/// Reads a date as trips write it. The library reads more forms than ISO 8601's plain one.
pub fn date(text: &str) -> Option<Date> {
    let plain = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if plain { Date::from_str(text).ok() } else { None }
}

/// RFC 3339, with the `[zone]` of RFC 9557 behind it or without: the library reads more forms than these.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_at_checked(10)?;
    date(day)?;
    let clock = rest.strip_prefix(['T', 't'])?.split('[').next()?;
    let shape: String = clock.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    let shape = shape.strip_prefix("00:00:00")?;
    let zone = shape.strip_prefix('.').map_or(shape, |fraction| fraction.trim_start_matches('0'));
    if !matches!(zone, "Z" | "z" | "+00:00" | "-00:00") || shape.starts_with(".Z") {
        return None;
    }
    Timestamp::from_str(text).ok()
}

/// A currency by its code, in capitals.
pub(super) fn currency(code: &str) -> Option<Currency> {
    Currency::from_code(code).filter(|currency| currency.code() == code)
}
