//! Numbers and names as people read them, in terminals and reports alike.

use std::fmt::Write as _;
use std::time::Duration;

/// `12,345`
pub fn count(number: u64) -> String {
    with_commas(&number.to_string())
}

fn with_commas(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits that count: `0.412`, `4.12`, `41.2`, `412`, `4,120`.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => "–".to_owned(),
        size if size >= 99.95 => {
            let whole = with_commas(&format!("{size:.0}"));
            if value < 0.0 { format!("-{whole}") } else { whole }
        }
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        0.0 => "0".to_owned(),
        _ => format!("{value:.3}"),
    }
}

/// `0.412 ms`, `1.20 s`
pub fn milliseconds(value: f64) -> String {
    if value >= 1000.0 { format!("{} s", number(value / 1000.0)) } else { format!("{} ms", number(value)) }
}

/// `2.13 s`, `30 s`
pub fn seconds(time: Duration) -> String {
    without_zeros(&format!("{} s", number(time.as_secs_f64())))
}

/// `4.12 MB`, in thousands
pub fn bytes(value: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut value = value;
    while value.abs() >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0} B") } else { format!("{} {}", number(value), units[unit]) }
}

/// As an axis says it: `0.500 ms` is `0.5 ms`, `50.0 %` is `50 %`.
pub fn without_zeros(said: &str) -> String {
    let (number, unit) = said.split_at(said.find(' ').unwrap_or(said.len()));
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number}{unit}")
}

/// `1 room`, `2 rooms`
pub fn many(number: u64, one: &str, several: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { several })
}

/// A text of somebody else on one line of a terminal: control characters are shown, not done.
pub fn plain(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        if letter.is_control() || is_bidirectional(letter) {
            let _ = write!(shown, "{}", letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Marks that make a terminal or browser show letters in another order than they are in.
fn is_bidirectional(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let shown = [0.0, 0.412_34, 0.9999, 4.123, 9.999, 41.23, 99.96, 412.3, 4123.0, -1.5].map(number);
        assert_eq!(shown, ["0", "0.412", "1.00", "4.12", "10.0", "41.2", "100", "412", "4,123", "-1.50"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([12.0, 999.6, 1_234_567.0].map(bytes), ["12 B", "1.00 kB", "1.23 MB"]);
        assert_eq!([0.4, 999.0, 1200.0].map(milliseconds), ["0.400 ms", "999 ms", "1.20 s"]);
        let axis = ["0.500 ms", "50.0 %", "100 ms", "5,000", "0 B"].map(without_zeros);
        assert_eq!(axis, ["0.5 ms", "50 %", "100 ms", "5,000", "0 B"]);
    }

    #[test]
    fn a_name_cannot_steer_a_terminal() {
        assert_eq!(plain("a\x1b[2Jb\n\u{202e}"), "a\\u{1b}[2Jb\\u{a}\\u{202e}");
    }
}
