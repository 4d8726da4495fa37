//! Counts: plain integers, the same in quotes (so that a variable may give one); `"off"` and 0 are none. Shares: from 0
//! to 1. Numbers of any size, as long as they have one.

use super::written::Written;
use crate::config::error::Fault;

/// A count, or `None` for "off".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Count(pub(in crate::config) Option<usize>);

/// What is larger is a slip; tables of this many entries fit in no memory.
const LARGEST: i64 = 1 << 40;

impl Written for Count {
    const EXPECTED: &'static str = "a whole number, or \"off\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        match text {
            "off" => Ok(Self(None)),
            _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self::from_integer(text.parse().unwrap_or(i64::MAX))
            }
            _ => Err(Fault::new(format!("expected {}", Self::EXPECTED), "write digits alone: 10000")),
        }
    }

    fn from_integer(value: i64) -> Result<Self, Fault> {
        if value < 0 {
            return Err(Fault::new("a count is not negative", "0 or \"off\" means no limit"));
        }
        match usize::try_from(value) {
            Ok(0) => Ok(Self(None)),
            Ok(count) if value <= LARGEST => Ok(Self(Some(count))),
            _ => Err(Fault::new("a count larger than anything fits", "write \"off\" for no limit")),
        }
    }
}

/// A share, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::config) struct Ratio(pub(in crate::config) f64);

impl Written for Ratio {
    const EXPECTED: &'static str = "a number from 0 to 1";

    fn from_text(text: &str) -> Result<Self, Fault> {
        // Whatever else Rust reads as a number (`inf`, `NaN`, `1e-1`) is no share or nobody's way to write one.
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = text.parse().ok().filter(|_| plain);
        number.map_or_else(|| Err(no_share("write digits and a point alone: 0.25")), share)
    }

    fn from_integer(value: i64) -> Result<Self, Fault> {
        match value {
            0 => Ok(Self(0.0)),
            1 => Ok(Self(1.0)),
            _ => Err(no_share(PERCENT)),
        }
    }

    fn from_float(value: f64) -> Option<Result<Self, Fault>> {
        Some(share(value))
    }
}

const PERCENT: &str = "it is a share, not a percentage: 0.1 is one in ten";

fn share(value: f64) -> Result<Ratio, Fault> {
    if (0.0..=1.0).contains(&value) { Ok(Ratio(value)) } else { Err(no_share(PERCENT)) }
}

fn no_share(hint: &str) -> Fault {
    Fault::new(format!("expected {}", Ratio::EXPECTED), hint)
}

/// A number that is neither infinite nor none at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::config) struct Finite(pub(in crate::config) f64);

impl Written for Finite {
    const EXPECTED: &'static str = "a number";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = text.parse().ok().filter(|_| plain);
        number.map_or_else(|| Err(no_number()), finite)
    }

    fn from_integer(value: i64) -> Result<Self, Fault> {
        Self::from_text(&value.to_string())
    }

    fn from_float(value: f64) -> Option<Result<Self, Fault>> {
        Some(finite(value))
    }
}

fn finite(value: f64) -> Result<Finite, Fault> {
    if value.is_finite() { Ok(Finite(value)) } else { Err(no_number()) }
}

fn no_number() -> Fault {
    Fault::new(format!("expected {}", Finite::EXPECTED), "write digits and a point alone: 0.005")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_between_0_and_1() {
        for (text, share) in [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1.0", 1.0), (".5", 0.5)] {
            assert_eq!(Ratio::from_text(text), Ok(Ratio(share)), "{text}");
        }
        for text in ["", "-0.1", "1.1", "10%", "1e-1", "NaN", "inf", "1,0", "1.0.0", " 1"] {
            assert!(Ratio::from_text(text).is_err(), "{text}");
        }
        assert_eq!(Ratio::from_integer(1), Ok(Ratio(1.0)));
        assert!(Ratio::from_integer(2).is_err() && Ratio::from_integer(-1).is_err());
        for value in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(Ratio::from_float(value).is_some_and(|read| read.is_err()), "{value}");
        }
    }

    #[test]
    fn numbers_have_a_size() {
        for (text, number) in [("0", 0.0), ("-2", -2.0), ("0.005", 0.005), ("1000000", 1e6)] {
            assert_eq!(Finite::from_text(text), Ok(Finite(number)), "{text}");
        }
        assert_eq!(Finite::from_integer(-3), Ok(Finite(-3.0)));
        assert_eq!(Finite::from_float(1e-3), Some(Ok(Finite(0.001))));
        for text in ["", "-", "--1", "+1", "1e3", "NaN", "inf", "$1", "1,5", "1.0.0", &"9".repeat(400)] {
            assert!(Finite::from_text(text).is_err(), "{text}");
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Finite::from_float(value).is_some_and(|read| read.is_err()), "{value}");
        }
    }

    #[test]
    fn digits_and_off() {
        assert_eq!(Count::from_integer(3), Ok(Count(Some(3))));
        assert_eq!(Count::from_text("3"), Ok(Count(Some(3))));
        assert_eq!(Count::from_text("off"), Ok(Count(None)));
        assert_eq!(Count::from_integer(0), Ok(Count(None)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "-1", "1e3", "1_000", "99999999999999999999", "none"] {
            assert!(Count::from_text(text).is_err(), "{text}");
        }
        assert!(Count::from_integer(-1).is_err());
        assert!(Count::from_integer(i64::MAX).is_err());
    }
}
