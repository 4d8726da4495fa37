//! Sizes in bytes: `"64KiB"`, `"1MiB"`, plain integers; `"off"` and 0 are none.

use super::written::Written;
use crate::config::error::Fault;

/// Bytes, or `None` for "off".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Size(pub(in crate::config) Option<u64>);

/// What is larger is a slip, and sums of sizes stay far from overflow.
const LARGEST: u64 = 1 << 50;

impl Written for Size {
    const EXPECTED: &'static str = "a size such as \"64KiB\", \"1MiB\" or 65536 (bytes), or \"off\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text == "off" {
            return Ok(Self(None));
        }
        let unit_at = text.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(unit_at);
        let unit_bytes: u64 = match unit {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(unreadable(unit)),
        };
        if digits.is_empty() {
            return Err(unreadable(unit));
        }
        bounded(digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit_bytes)))
    }

    fn from_integer(value: i64) -> Result<Self, Fault> {
        bounded(Some(u64::try_from(value).ok().ok_or_else(|| unreadable("-"))?))
    }
}

fn bounded(bytes: Option<u64>) -> Result<Size, Fault> {
    match bytes.filter(|bytes| *bytes <= LARGEST) {
        Some(0) => Ok(Size(None)),
        Some(bytes) => Ok(Size(Some(bytes))),
        None => Err(Fault::new("a size larger than 1024 TiB", "write \"off\" for no limit")),
    }
}

fn unreadable(unit: &str) -> Fault {
    let hint = match unit {
        "K" | "k" | "KB" | "kB" | "kb" | "kib" => "write KiB (1024 bytes)",
        "M" | "m" | "MB" | "mb" | "mib" => "write MiB (1024 KiB)",
        "G" | "g" | "GB" | "gb" | "gib" => "write GiB (1024 MiB)",
        _ => "a whole number and one unit without a space: B, KiB, MiB or GiB",
    };
    Fault::new(format!("expected {}", Size::EXPECTED), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_off() {
        for (text, bytes) in [("64KiB", 65_536), ("1MiB", 1_048_576), ("2GiB", 1 << 31), ("7B", 7), ("9", 9)]
        {
            assert_eq!(Size::from_text(text), Ok(Size(Some(bytes))), "{text}");
        }
        for text in ["off", "0", "0KiB"] {
            assert_eq!(Size::from_text(text), Ok(Size(None)), "{text}");
        }
        assert_eq!(Size::from_integer(0), Ok(Size(None)));
        assert_eq!(Size::from_integer(64), Ok(Size(Some(64))));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "KiB", "64KB", "64 KiB", "1.5MiB", "-1", "99999999999GiB"] {
            assert!(Size::from_text(text).is_err(), "{text}");
        }
        assert!(Size::from_integer(-1).is_err());
    }
}
