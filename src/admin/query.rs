//! What a query says.

/// The value of a parameter, of one that is said twice the last; `None` = it is not there.
pub(super) fn told(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next_back()
}

/// What an escaped value means; what is no escape stands for itself.
pub(super) fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(meant) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(meant);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_escapes_is_read() {
        for (written, meant) in
            [("github", "github"), ("a%20b+c", "a b c"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz")]
        {
            assert_eq!(decoded(written), meant, "{written}");
        }
    }

    #[test]
    fn the_last_of_two_holds() {
        assert_eq!(told("a=1&b=2&a=%333", "a").as_deref(), Some("33"));
        assert_eq!(told("a&aa=1", "a"), None);
    }
}
