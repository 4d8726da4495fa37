//! References as a stream names them: `endpoint` data against the URL of its stream (RFC 3986 §5.2, WHATWG URL).

/// Resolves a reference against the path of the URL it was found at; gives path and query. An absolute URL gives its
/// own path, whatever its origin. `None` where the reference names nothing that can be asked over HTTP.
pub fn resolve(base: &str, reference: &str) -> Option<String> {
    let reference = reference.trim_matches(|c: char| c <= ' ');
    let reference = reference.split('#').next().unwrap_or_default();
    let of_authority = match after_scheme(reference)? {
        Some(rest) => Some(rest),
        None => reference.strip_prefix("//"),
    };
    Some(match of_authority {
        Some(rest) => normal(rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default()),
        None => join(base, reference),
    })
}

/// The path and query that `local` (no scheme, authority or fragment) means in a document at `base`.
pub fn join(base: &str, local: &str) -> String {
    let base_path = base.split('?').next().unwrap_or_default();
    if local.is_empty() {
        return base.to_owned();
    }
    if local.starts_with('?') {
        return format!("{base_path}{local}");
    }
    if local.starts_with('/') {
        return normal(local);
    }
    let directory = base_path.rfind('/').and_then(|at| base_path.get(..=at)).unwrap_or("/");
    normal(&format!("{directory}{local}"))
}

/// RFC 3986 §5.2.4 on the path of a path and query; an empty path is `/`.
pub fn normal(path_and_query: &str) -> String {
    let (path, query) = path_and_query.split_at(path_and_query.find('?').unwrap_or(path_and_query.len()));
    let mut segments: Vec<&str> = Vec::new();
    let mut at_directory = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        at_directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    if at_directory {
        segments.push("");
    }
    format!("/{}{query}", segments.join("/"))
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
