//! W3C Baggage (<https://www.w3.org/TR/baggage/>): what a caller lets travel with its requests.

use std::borrow::Cow;

/// The value of the member of this key, without its properties and percent-decoded; what is then no UTF-8 reads as
/// U+FFFD. Of members that have the same key the last holds, as it does in OpenTelemetry.
pub fn baggage<'a>(value: &'a str, key: &str) -> Option<Cow<'a, str>> {
    let members = value.rsplit(',').filter_map(|member| member.split_once('='));
    let (_, value) = members.into_iter().find(|(name, _)| name.trim_matches(BLANK) == key)?;
    Some(percent_decoded(value.split(';').next()?.trim_matches(BLANK)))
}

const BLANK: [char; 2] = [' ', '\t'];

/// A `%` without two digits after it stands for itself.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let encoded = (byte == b'%').then(|| encoded_byte(after)).flatten();
        decoded.push(encoded.unwrap_or(byte));
        rest = after.get(if encoded.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The byte whose two hexadecimal digits these bytes begin with.
fn encoded_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits.first_chunk()?.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_found_by_its_key() {
        let value = "userId=alice,serverNode = DF%2028 ;p=1;q, isProduction=false,empty=,a=b=c";
        for (key, expected) in [
            ("userId", Some("alice")),
            ("serverNode", Some("DF 28")),
            ("isProduction", Some("false")),
            ("empty", Some("")),
            ("a", Some("b=c")),
            ("userid", None),
            ("p", None),
            ("q", None),
            ("", None),
        ] {
            assert_eq!(baggage(value, key).as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn a_value_is_percent_decoded_and_always_text() {
        for (value, expected) in [
            ("k=%C3%a9", "é"),
            ("k=%ff", "\u{FFFD}"),
            ("k=100%", "100%"),
            ("k=%zz%4", "%zz%4"),
            ("k=%+1", "%+1"),
            ("k=a%2Cb%3B%25", "a,b;%"),
            ("k=é", "é"),
        ] {
            assert_eq!(baggage(value, "k").as_deref(), Some(expected), "{value}");
        }
        assert!(matches!(baggage("k=plain", "k"), Some(Cow::Borrowed("plain"))));
    }

    #[test]
    fn the_last_of_two_holds() {
        assert_eq!(baggage("k=1,other=2,k=3", "k").as_deref(), Some("3"));
        assert_eq!(baggage("", "k"), None);
        assert_eq!(baggage("k", "k"), None);
    }
}
