//! Ids that programs make up: UUIDs, hashes, numbers. Many clients send a new one with every request.
//!
//! # Why
//! What was never seen before would have to be looked at for everything that a secret may look like. Of letters up to
//! `f`, digits and single dashes no name, no address and no URL can be made, and hardly any prefix: only a number that
//! belongs to somebody may stand there, and that is looked for here as it is everywhere.

use super::shapes::numbers;

/// Longer ones are looked at like any other text.
const BYTES_MAX: usize = 64;

/// The shortest run of digits that may be somebody's number.
const DIGITS_MIN: usize = 9;

/// In capitals, there are prefixes (`ACCA…`, `AC…`) whose secrets are longer than this, and go on without a dash.
const CAPITAL_GROUP_MAX: usize = 12;

/// A prefix whose secrets may have dashes.
const CAPITAL_PREFIX: &[u8] = b"EAAA";

/// Whether a text is of hexadecimal digits and dashes alone, and holds no secret all the same.
pub(super) fn is_harmless(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() > BYTES_MAX {
        return false;
    }
    let (mut group, mut longest, mut has_capitals) = (0, 0, false);
    let (mut digits, mut most_digits) = (0, 0);
    for byte in bytes {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'f' => digits = 0,
            b'A'..=b'F' => (digits, has_capitals) = (0, true),
            b'-' => {
                group = 0;
                continue;
            }
            _ => return false,
        }
        group += 1;
        longest = longest.max(group);
        most_digits = most_digits.max(digits);
    }
    let may_be_a_token = has_capitals
        && (longest > CAPITAL_GROUP_MAX
            || bytes.windows(CAPITAL_PREFIX.len()).any(|four| four == CAPITAL_PREFIX));
    !may_be_a_token && (most_digits < DIGITS_MIN || !holds_a_number(text))
}

/// Whether a run of digits, with single dashes between them, is somebody's number.
fn holds_a_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut secrets = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let from = at;
        while is_digit(at) || (at > from && bytes.get(at) == Some(&b'-') && is_digit(at + 1)) {
            at += 1;
        }
        if at - from >= DIGITS_MIN {
            numbers(text, from..at, &mut secrets);
        }
        at += 1;
    }
    !secrets.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observe::Redactor;

    fn holds_a_secret(text: &str) -> bool {
        let mut secrets = Vec::new();
        Redactor::new(&[]).find(text, &mut secrets);
        !secrets.is_empty()
    }

    #[test]
    fn ids_are_harmless_and_numbers_that_may_be_somebodys_are_not() {
        for id in [
            "0b2f5d6e-7a41-4a5e-9a86-1f0c2d3e4b5a",
            "0B2F5D6E-7A41-4A5E-9A86-1F0C2D3E4B5A",
            "00000000-0000-0000-0000-000000000000",
            "12345678-1234-4234-8234-123456789012",
            "0af7651916cd43dd8448eb211c80319c",
            "1700000000000",
            "-42",
            "",
        ] {
            assert!(is_harmless(id), "{id}");
            assert!(!holds_a_secret(id), "{id}");
        }
        let others =
            ["4111111111111111", "4111-1111-1111-1111", "123-45-6789", "ACCA0123456789012345", "EAAA-0000"];
        for other in others.into_iter().chain(["a@b", "x", "12 34", &"0".repeat(65)]) {
            assert!(!is_harmless(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_harmless_holds_no_secret(text in "(EAAA|ACCA|AC|4111|3782|[0-9]{1,9}|[0-9a-f]{1,12}|[0-9A-F]{1,12}|-){0,12}") {
            prop_assert!(!is_harmless(&text) || !holds_a_secret(&text), "{}", text);
        }

        #[test]
        fn a_uuid_costs_no_look(high: u64, low: u64) {
            let uuid = format!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48, low & 0xffff_ffff_ffff,
            );
            prop_assert_eq!(is_harmless(&uuid), !holds_a_secret(&uuid), "{}", uuid);
        }
    }
}
