//! What header fields are made of: tokens and quoted strings (RFC 9110, section 5.6), read from left to right.

use std::borrow::Cow;

/// A field's value, or what is left of it.
#[derive(Debug)]
pub(super) struct Field<'a> {
    rest: &'a [u8],
}

impl<'a> Field<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }

    /// How many bytes of the value are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether the value ends here, or one of these bytes stands here.
    pub(super) fn is_before(&self, ends: &[u8]) -> bool {
        self.rest.first().is_none_or(|byte| ends.contains(byte))
    }

    /// The token that stands here; empty where none does.
    pub(super) fn token(&mut self) -> &'a [u8] {
        self.pass_while(is_token_byte)
    }

    /// Passes spaces and tabs.
    pub(super) fn pass_blanks(&mut self) {
        self.pass_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Whether this byte stands here, blanks before it aside; it and the blanks after it are passed then.
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        self.pass_blanks();
        let Some(rest) = self.rest.strip_prefix(&[byte]) else { return false };
        self.rest = rest;
        self.pass_blanks();
        true
    }

    /// The token or the quoted string that stands here, the latter as it is meant. `None` where neither does, or the
    /// string does not end.
    pub(super) fn value(&mut self) -> Option<Cow<'a, [u8]>> {
        if self.rest.first() == Some(&b'"') {
            return self.quoted();
        }
        let token = self.token();
        (!token.is_empty()).then_some(Cow::Borrowed(token))
    }

    /// Passes a whole quoted string, or one byte of anything else.
    pub(super) fn pass_one(&mut self) {
        if self.rest.first() == Some(&b'"') {
            self.quoted();
        } else {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
    }

    /// Passes all up to one of these bytes, or to the end; quoted strings are passed whole.
    pub(super) fn pass_up_to(&mut self, ends: &[u8]) {
        while !self.is_before(ends) {
            self.pass_one();
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let inside = self.rest.get(1..)?;
        let Some(end) = end_of_quoted(inside) else {
            self.rest = b"";
            return None;
        };
        let (inside, rest) = inside.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(unescaped(inside))
    }

    fn pass_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().take_while(|byte| belongs(**byte)).count();
        let (passed, rest) = self.rest.split_at(length);
        self.rest = rest;
        passed
    }
}

/// RFC 9110, section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Where the closing quote stands.
fn end_of_quoted(inside: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    inside.iter().position(|byte| {
        let is_end = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        is_end
    })
}

fn unescaped(inside: &[u8]) -> Cow<'_, [u8]> {
    if !inside.contains(&b'\\') {
        return Cow::Borrowed(inside);
    }
    let mut is_escaped = false;
    let meant = inside.iter().copied().filter(|byte| {
        is_escaped = *byte == b'\\' && !is_escaped;
        !is_escaped
    });
    Cow::Owned(meant.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> (Option<String>, &str) {
        let mut field = Field::new(text.as_bytes());
        let value = field.value().map(|value| String::from_utf8(value.into_owned()).unwrap());
        (value, std::str::from_utf8(field.rest).unwrap())
    }

    #[test]
    fn a_value_is_a_token_or_what_a_quoted_string_means() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(value("hit, x"), (some("hit"), ", x"));
        assert_eq!(value(r#""a, \"b\" \\c";x"#), (some(r#"a, "b" \c"#), ";x"));
        assert_eq!(value(r#""""#), (some(""), ""));
        assert_eq!(value(r#""\\\\"x"#), (some(r"\\"), "x"));
        assert_eq!(value(r#""open \""#), (None, ""));
        assert_eq!(value("=x"), (None, "=x"));
        assert_eq!(value(""), (None, ""));
    }

    #[test]
    fn what_is_passed_does_not_end_inside_a_quoted_string() {
        let mut field = Field::new(br#"a "b,;\"," c;d"#);
        field.pass_up_to(b",;");
        assert_eq!(field.rest, b";d");
        field.pass_up_to(b",");
        assert!(field.is_empty());
    }
}
