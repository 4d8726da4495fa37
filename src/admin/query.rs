//! What a query says.

/// The value of a parameter, of one that is said twice the last; `None` = it is not there.
pub(super) fn told(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next_back()
}

/// What the escaped value of a parameter means, in which `+` is a blank; what is no escape stands for itself.
pub(super) fn decoded(value: &str) -> String {
    unescaped(&value.replace('+', " "))
}

/// The same of a part of a path, in which `+` is itself (RFC 3986, section 2.1).
pub(super) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| byte == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let escaped = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
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
    fn escapes_of_a_path_are_resolved_and_what_is_none_stays() {
        assert_eq!(unescaped("a%2Fb%zz+%4"), "a/b%zz+%4");
    }

    #[test]
    fn the_last_of_two_holds() {
        assert_eq!(told("a=1&b=2&a=%333", "a").as_deref(), Some("33"));
        assert_eq!(told("a&aa=1", "a"), None);
    }
}
