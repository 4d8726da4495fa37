//! References as a stream names them: `endpoint` data against the URL of its stream (RFC 3986 §5.2, WHATWG URL).

/// Resolves a reference against the path of the URL it was found at; gives path and query. An absolute URL gives its
/// own path, whatever its origin. `None` where the reference names nothing that can be asked over HTTP.
pub fn resolve(base: &str, reference: &str) -> Option<String> {
    let reference = reference.trim_matches(|c: char| c <= ' ');
    let reference = reference.split('#').next().unwrap_or_default();
    let base_path = base.split('?').next().unwrap_or_default();
    if let Some(rest) = after_scheme(reference)? {
        return Some(path_of_authority(rest));
    }
    if let Some(rest) = reference.strip_prefix("//") {
        return Some(path_of_authority(rest));
    }
    if reference.is_empty() {
        return Some(base.to_owned());
    }
    if reference.starts_with('?') {
        return Some(format!("{base_path}{reference}"));
    }
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        let directory = base_path.rsplit_once('/').map_or("", |(directory, _)| directory);
        format!("{directory}/{path}")
    };
    let path = without_dots(&joined);
    Some(match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    })
}

/// What follows `http://` or `https://`; `None` for another scheme, `Some(None)` for none.
#[expect(clippy::option_option, reason = "three answers: not ours, relative, absolute")]
fn after_scheme(reference: &str) -> Option<Option<&str>> {
    let Some((scheme, rest)) = reference.split_once(':') else { return Some(None) };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !is_scheme {
        return Some(None);
    }
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if web { rest.strip_prefix("//").map(Some) } else { None }
}

fn path_of_authority(rest: &str) -> String {
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let path = rest.get(at..).unwrap_or_default();
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// Removes dot segments (RFC 3986 §5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn references_resolve_as_clients_resolve_them() {
        let base = "/mcp/sse?x=1";
        for (reference, expected) in [
            ("/messages/?session_id=1", "/messages/?session_id=1"),
            ("message?sessionId=1", "/mcp/message?sessionId=1"),
            ("./message", "/mcp/message"),
            ("../message", "/message"),
            ("..", "/"),
            ("?s=1", "/mcp/sse?s=1"),
            ("", "/mcp/sse?x=1"),
            ("http://other:1/m?s=1#f", "/m?s=1"),
            ("https://other", "/"),
            ("//other/m", "/m"),
            ("/a/../b", "/b"),
            ("  /spaces\n", "/spaces"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Some(expected), "{reference}");
        }
        assert_eq!(resolve(base, "mailto:a@b"), None);
    }
}
