//! Ids of JSON-RPC, which progress tokens and subscription ids are too.

use super::text::Text;

/// An id as JSON-RPC compares them: `"1"` is not `1`, but `1.0` is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    /// `null`, or a shape that is no id at all (a boolean, an array, an object).
    Null,
    /// An integer, however it was written (`1`, `1.0`, `1e0`).
    Number(i64),
    /// A string.
    Text(Text),
    /// Any other number, as written: a fraction, or an integer too big to be told apart from its neighbours.
    Decimal(Text),
}

impl Id {
    /// The id that the number written as `digits` is. `digits` must be a JSON number.
    pub(super) fn number(digits: Text) -> Self {
        match integer(digits.as_str()) {
            Some(number) if !digits.is_cut() => Self::Number(number),
            _ => Self::Decimal(digits),
        }
    }

    /// The number, if it is an integer.
    pub fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Null | Self::Text(_) | Self::Decimal(_) => None,
        }
    }
}

/// Integers above this are not exact where numbers are doubles, so only those written as integers count.
const EXACT_MAX: f64 = 9_007_199_254_740_991.0;

#[expect(clippy::cast_possible_truncation, reason = "within EXACT_MAX and without a fraction")]
fn integer(digits: &str) -> Option<i64> {
    if let Ok(number) = digits.parse() {
        return Some(number);
    }
    if !digits.contains(['.', 'e', 'E']) {
        return None;
    }
    let number: f64 = digits.parse().ok()?;
    (number.fract() == 0.0 && number.abs() <= EXACT_MAX).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(digits: &str) -> Id {
        Id::number(Text::new(digits))
    }

    #[test]
    fn a_number_is_what_it_means_not_how_it_is_written() {
        for digits in ["1", "1.0", "1e0", "10E-1", "1.000"] {
            assert_eq!(number(digits), Id::Number(1), "{digits}");
        }
        assert_eq!(number("-0"), Id::Number(0));
        assert_eq!(number("-0.0"), Id::Number(0));
        assert_eq!(number("9223372036854775807"), Id::Number(i64::MAX));
        assert_eq!(number("-9223372036854775808"), Id::Number(i64::MIN));
    }

    #[test]
    fn numbers_that_are_no_integers_are_told_apart_by_their_writing() {
        for digits in ["1.5", "9223372036854775808", "1e400", "1e300", "-1e-7"] {
            assert_eq!(number(digits), Id::Decimal(Text::new(digits)), "{digits}");
        }
        assert_ne!(number("1.5"), number("1.50"));
        assert_ne!(number("1"), Id::Text(Text::new("1")));
        assert_ne!(number("1.5"), Id::Text(Text::new("1.5")));
    }

    #[test]
    fn a_number_of_a_thousand_digits_is_none() {
        assert!(matches!(number(&format!("1.{}", "0".repeat(1000))), Id::Decimal(_)));
    }
}
