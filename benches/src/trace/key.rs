//! From a key's text to 64 bits.

use std::hash::{DefaultHasher, Hasher};

/// A whole number stands for itself; anything else is hashed, alike in every run. Only the plain spelling counts as
/// a number (`7`, not `07` or `+7`), so that different texts stay different keys.
pub(super) fn of_text(text: &[u8]) -> u64 {
    let plain = text.len() == 1 || text.first() != Some(&b'0');
    if plain && let Some(number) = number(text) {
        return number;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    hasher.finish()
}

/// Digits only.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(text).ok()?.parse().ok())?
}

/// Digits, perhaps with a minus before them, as 64 bits.
pub(super) fn signed(text: &[u8]) -> Option<u64> {
    match text {
        [b'-', digits @ ..] => {
            let negative = std::str::from_utf8(text).ok()?.parse::<i64>().ok();
            number(digits).and(negative).map(i64::cast_unsigned)
        }
        _ => number(text),
    }
}

/// `0x` and up to 64 bits of hexadecimal digits.
pub(super) fn address(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"0x").or(text.strip_prefix(b"0X"))?;
    let hexadecimal = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    hexadecimal.then(|| u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_spelling_is_a_number() {
        assert_eq!(of_text(b"7"), 7);
        assert_eq!(of_text(b"0"), 0);
        assert_eq!(of_text(b"18446744073709551615"), u64::MAX);
        for other in ["07", "+7", "7.0", "18446744073709551616", "x", "-7"] {
            assert_ne!(of_text(other.as_bytes()), 7, "{other}");
        }
    }

    #[test]
    fn numbers_of_each_kind() {
        assert_eq!(number(b"007"), Some(7));
        assert_eq!(
            (number(b""), number(b"-1"), number(b"18446744073709551616")),
            (None, None, None)
        );
        assert_eq!(
            (signed(b"-1"), signed(b"--1"), signed(b"-")),
            (Some(u64::MAX), None, None)
        );
        assert_eq!(address(b"0x1fffff50"), Some(0x1fff_ff50));
        assert_eq!(address(b"0XFFFFFFFFFFFFFFFF"), Some(u64::MAX));
        assert_eq!(
            (
                address(b"0x"),
                address(b"1f"),
                address(b"0x10000000000000000")
            ),
            (None, None, None)
        );
        assert_eq!(address(b"0x+1"), None);
    }
}
