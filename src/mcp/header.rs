//! Values of `Mcp-Name` and `Mcp-Param-*`.

use std::borrow::Cow;

use super::base64;

/// The value that a header carries: what is between `=?base64?` and `?=` decoded, anything else as it is
/// (2026-07-28, Streamable HTTP, "Value encoding"). `None` where it is neither: bytes that are not printable ASCII,
/// bad base64, or base64 of what is not UTF-8.
pub fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    if let Some(encoded) = value.strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?=")) {
        return String::from_utf8(base64::standard(encoded)?).ok().map(Cow::Owned);
    }
    let plain = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if plain { std::str::from_utf8(value).ok().map(Cow::Borrowed) } else { None }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn plain_values_are_themselves() {
        for value in ["get_weather", "file:///a b", "", "=?base64?", "?="] {
            assert_eq!(decode(value.as_bytes()).as_deref(), Some(value));
        }
    }

    #[test]
    fn encoded_values_are_decoded() {
        for (value, meant) in [
            ("=?base64??=", ""),
            ("=?base64?Zg==?=", "f"),
            ("=?base64?Zm8=?=", "fo"),
            ("=?base64?Zm9v?=", "foo"),
            ("=?base64?Zm9vYmE=?=", "fooba"),
            ("=?base64?Zg?=", "f"),
            ("=?base64?w6nDqQ==?=", "éé"),
            ("=?base64?PT9iYXNlNjQ/eD89?=", "=?base64?x?="),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), Some(meant), "{value}");
        }
    }

    #[test]
    fn what_is_neither_is_nothing() {
        let bad: [&[u8]; 8] = [
            b"caf\xC3\xA9",
            b"a\nb",
            b"a\x7F",
            b"=?base64?Z?=",
            b"=?base64?Zg=?=",
            b"=?base64?Z===?=",
            b"=?base64?Z!==?=",
            b"=?base64?/w==?=",
        ];
        for value in bad {
            assert_eq!(decode(value), None, "{value:?}");
        }
    }
}
