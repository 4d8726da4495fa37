//! Counts: plain integers, the same in quotes (so that a variable may give one); `"off"` and 0 are none.

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

#[cfg(test)]
mod tests {
    use super::*;

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
