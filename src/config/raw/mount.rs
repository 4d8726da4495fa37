//! Where clients find a server here: the path prefix of a mount.

use super::url::check_path_bytes;
use super::written::Written;
use crate::config::error::Fault;

/// `/a` or `/a/b`: a prefix without a trailing slash, taken byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct MountPath(pub(in crate::config) String);

impl Written for MountPath {
    const EXPECTED: &'static str = "a path such as \"/github\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Fault::new("a `path` begins with `/`", format!("write \"/{text}\"")));
        };
        if rest.is_empty() {
            return Err(Fault::new(
                "`/` is no prefix",
                "leave `path` out: a server without `path` and `host` gets every path that no other takes",
            ));
        }
        if let Some(trimmed) = text.strip_suffix('/') {
            let hint = format!("write \"{}\"; it covers what lies below", trimmed.trim_end_matches('/'));
            return Err(Fault::new("a `path` ends without a slash", hint));
        }
        if rest.contains(['?', '#']) {
            return Err(Fault::new(
                "a `path` holds no query and no fragment",
                "leave out what follows the path",
            ));
        }
        check_path_bytes(text)?;
        rest.split('/').try_for_each(check_segment)?;
        if rest.split('/').next() == Some(".well-known") {
            return Err(Fault::new(
                "`/.well-known` belongs to the metadata of all mounts",
                "choose another prefix; the OAuth metadata of a mount is found by itself",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_segment(segment: &str) -> Result<(), Fault> {
    let decoded = segment.replace("%2e", ".").replace("%2E", ".");
    if segment.is_empty() {
        return Err(Fault::new("an empty segment (`//`) in a `path`", "write single slashes"));
    }
    if matches!(decoded.as_str(), "." | "..") {
        return Err(Fault::new(
            "a dot segment in a `path`",
            "write the path without it; clients resolve dot segments before they send",
        ));
    }
    if segment == "_origin" {
        return Err(Fault::new(
            "`_origin` is where a mount publishes what its server names outside `url`",
            "choose another name for this segment",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_taken_as_written() {
        for text in ["/a", "/a/b.c/d", "/A%2Fb", "/a/.well-known", "/...", "/_origins"] {
            assert_eq!(MountPath::from_text(text), Ok(MountPath(text.to_owned())));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "a",
            "/",
            "//",
            "/a/",
            "/a//b",
            "/a?b",
            "/a#b",
            "/a b",
            "/ü",
            "/a/../b",
            "/.",
            "/%2e%2E/a",
            "/a/_origin/b",
            "/.well-known",
            "/.well-known/x",
            "/%",
            "/a\\b",
        ] {
            assert!(MountPath::from_text(text).is_err(), "{text}");
        }
    }
}
