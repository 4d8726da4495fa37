//! The syntax of paths and authorities, as far as mounts need it.

/// What follows `prefix` in `path`: empty, or beginning with `/`. `None` when it is not under it. The empty prefix has
/// every path under it, `/` being itself.
pub(super) fn under<'a>(prefix: &str, path: &'a str) -> Option<&'a str> {
    match path.strip_prefix(prefix)? {
        "/" if prefix.is_empty() => Some(""),
        rest if rest.is_empty() || rest.starts_with('/') => Some(rest),
        _ => None,
    }
}

/// The path, and the query with its `?` (empty when there is none).
pub(super) fn split_query(path_and_query: &str) -> (&str, &str) {
    let at = path_and_query.find('?').unwrap_or(path_and_query.len());
    path_and_query.split_at(at)
}

/// Name and port of `host[:port]`; an IPv6 address stands in brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) if port.is_empty() => (name, None),
            Err(_) => (authority, None),
        },
        Some(_) | None => (authority, None),
    }
}

/// Whether a server could read a segment of `path` as `.` or `..`: also encoded (`%2e`), with parameters (`..;x`), cut
/// off by an encoded NUL, `?` or `#`, and between encoded slashes or backslashes, plain or encoded.
pub(super) fn has_dot_segment(path: &str) -> bool {
    let mut segment = Segment::default();
    let mut bytes = path.as_bytes();
    while let Some((byte, rest)) = next_decoded(bytes) {
        bytes = rest;
        match byte {
            b'/' | b'\\' => {
                if segment.is_dots() {
                    return true;
                }
                segment = Segment::default();
            }
            b';' | b'?' | b'#' | 0 => segment.ended = true,
            b'.' if !segment.ended => segment.dots += 1,
            _ if !segment.ended => segment.other = true,
            _ => {}
        }
    }
    segment.is_dots()
}

/// What of a path's segment was seen.
#[derive(Default)]
struct Segment {
    dots: usize,
    other: bool,
    /// Its parameters have begun, or what a server may cut off.
    ended: bool,
}

impl Segment {
    fn is_dots(&self) -> bool {
        !self.other && matches!(self.dots, 1 | 2)
    }
}

/// The first byte, percent-decoded, and what follows.
fn next_decoded(bytes: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'%', high, low, rest @ ..] = bytes
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return Some((high << 4 | low, rest));
    }
    bytes.split_first().map(|(byte, rest)| (*byte, rest))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        assert_eq!(under("/a", "/a"), Some(""));
        assert_eq!(under("/a", "/a/b"), Some("/b"));
        assert_eq!(under("/a", "/ab"), None);
        assert_eq!(under("", "/"), Some(""));
        assert_eq!(under("", "/a"), Some("/a"));
        assert_eq!(under("", "*"), None);
    }

    #[test]
    fn a_port_is_what_follows_the_last_colon_outside_brackets() {
        assert_eq!(split_port("h:80"), ("h", Some(80)));
        assert_eq!(split_port("h:"), ("h", None));
        assert_eq!(split_port("[::1]"), ("[::1]", None));
        assert_eq!(split_port("[::1]:80"), ("[::1]", Some(80)));
        assert_eq!(split_port("h:x"), ("h:x", None));
    }

    #[test]
    fn names_with_dots_are_no_dot_segments() {
        for path in ["/.a", "/...", "/a.", "/..a", "/;..", "/%2e%2e%2e", "/%2", "/%zz..", "", "/a;/b"] {
            assert!(!has_dot_segment(path), "{path}");
        }
    }
}
