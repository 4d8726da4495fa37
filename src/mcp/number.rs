//! The grammar of a JSON number, byte by byte.

/// Where in a number we are (RFC 8259, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Number {
    /// The number that `byte` begins.
    pub(super) fn begin(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Minus),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Integer),
            _ => None,
        }
    }

    /// Where `byte` leads; `None` where it does not belong to the number.
    pub(super) fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::Sign),
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            _ => None,
        }
    }

    /// Whether the number may end here.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::Exponent)
    }
}

/// So many digits are always an `i64`.
const DIGITS_MAX: usize = 18;

/// The number that these bytes begin with, and how many they are, where it is as most are: a few digits, and what
/// follows them is here, too.
pub(super) fn plain(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut number = 0;
    let mut used = 0;
    while let Some(digit @ b'0'..=b'9') = bytes.get(used).filter(|_| used < DIGITS_MAX) {
        number = number * 10 + i64::from(digit - b'0');
        used += 1;
    }
    let follows = bytes.get(used)?;
    let goes_on = matches!(follows, b'0'..=b'9' | b'.' | b'e' | b'E');
    let begins_badly = used == 0 || (used > 1 && bytes[0] == b'0');
    (!goes_on && !begins_badly).then_some((number, used))
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn a_plain_number_is_a_few_digits_and_nothing_that_belongs_to_them() {
        let plain = |text: &str| super::plain(text.as_bytes());
        for (text, number) in
            [("0,", 0), ("7}", 7), ("42 ", 42), ("999999999999999999]", 999_999_999_999_999_999)]
        {
            assert_eq!(plain(text), Some((number, text.len() - 1)), "{text}");
        }
        for text in ["", "1", "-1,", "01,", "1.5,", "1e5,", "1E5,", "1000000000000000000,", "x", "+1,"] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    fn is_number(text: &str) -> bool {
        let mut bytes = text.bytes();
        let first = bytes.next().and_then(Number::begin);
        bytes
            .try_fold(first, |number, byte| number.map(|number| number.next(byte)))
            .flatten()
            .is_some_and(Number::is_whole)
    }

    #[test]
    fn a_number_is_one_exactly_where_serde_json_says_so() {
        for text in [
            "0", "-0", "1", "-12", "1.5", "0.0", "1e5", "1E+5", "1e-05", "-1.25e3", "", "-", "01", "1.",
            ".5", "+1", "1e", "1e+", "--1", "1.5.5", "0x1", "1e5.5", "Infinity", "1_0",
        ] {
            assert_eq!(is_number(text), serde_json::from_str::<f64>(text).is_ok(), "{text}");
        }
    }
}
