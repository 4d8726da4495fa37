//! Redirects to the server's origin are mapped back to here (`rewrite.location`).

use http::header::{CONTENT_LOCATION, HeaderMap, HeaderValue, LOCATION};

use super::mount::Mount;
use super::reference;

/// Response fields with `Location` and `Content-Location` as a client at `public_origin` (`scheme://authority`, from
/// [`super::forwarded::public_origin`]; empty when unknown) must read them. `request_path` is the path and query the
/// server was asked for, which relative references build upon.
///
/// What names the server's origin, also with `http` for `https`, names this proxy afterwards; what names the public
/// origin with the server's own paths likewise. Path-absolute references move under the mount; relative ones change
/// only where they would lead elsewhere. All other values, and the order of fields, keep their bytes.
pub fn rewrite(fields: HeaderMap, mount: &Mount, request_path: &str, public_origin: &str) -> HeaderMap {
    let mut fields = fields;
    if !names_a_place(&fields) {
        return fields;
    }
    for (name, value) in &mut fields {
        if *name != LOCATION && *name != CONTENT_LOCATION {
            continue;
        }
        if let Some(public) = public_value(value, mount, request_path, public_origin) {
            *value = public;
        }
    }
    fields
}

/// Whether there is anything to map.
pub fn names_a_place(fields: &HeaderMap) -> bool {
    fields.contains_key(LOCATION) || fields.contains_key(CONTENT_LOCATION)
}

fn public_value(
    value: &HeaderValue,
    mount: &Mount,
    request_path: &str,
    public_origin: &str,
) -> Option<HeaderValue> {
    let reference = std::str::from_utf8(value.as_bytes()).ok()?;
    let mapped = reference::map(reference, mount, request_path, public_origin)?;
    let origin = if mapped.absolute { public_origin } else { "" };
    if origin.is_empty() && mapped.path_and_query.starts_with("//") {
        return None;
    }
    HeaderValue::try_from(format!("{origin}{}{}", mapped.path_and_query, mapped.fragment)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Server, Url};

    fn server(path: &str) -> Server {
        let url = Url { tls: true, host: "api.example.com".to_owned(), port: None, path: path.to_owned() };
        Server { path: Some("/github".to_owned()), ..Server::new("github", url) }
    }

    fn location_at(mount: &Mount, request_path: &str, value: &str) -> String {
        let mut fields = HeaderMap::new();
        fields.insert(LOCATION, HeaderValue::from_str(value).unwrap());
        let fields = rewrite(fields, mount, request_path, "https://public:8443");
        fields.get(LOCATION).unwrap().to_str().unwrap().to_owned()
    }

    fn location(value: &str) -> String {
        location_at(&Mount::new(&server("/mcp")), "/mcp", value)
    }

    #[test]
    fn redirects_to_the_server_lead_here() {
        for (value, expected) in [
            ("https://api.example.com/mcp/", "https://public:8443/github/"),
            ("https://API.example.com:443/mcp?a#b", "https://public:8443/github?a#b"),
            ("//api.example.com/mcp/x", "https://public:8443/github/x"),
            ("/mcp/", "/github/"),
            ("https://api.example.com/login", "https://public:8443/github/_origin/login"),
            ("https://api.example.com", "https://public:8443/github/_origin/"),
        ] {
            assert_eq!(location(value), expected, "{value}");
        }
    }

    #[test]
    fn a_downgraded_scheme_is_mapped_back() {
        assert_eq!(location("http://api.example.com/mcp/"), "https://public:8443/github/");
        assert_eq!(location("http://public:8443/mcp/"), "https://public:8443/github/");
        assert_eq!(location("http://public:8443/github/x"), "https://public:8443/github/x");
    }

    #[test]
    fn other_places_are_left_alone() {
        for value in [
            "https://login.example.com/mcp",
            "https://api.example.com:8443/mcp",
            "https://user@api.example.com/mcp",
            "https://public:8443/github/x",
            "https://public:8443/other",
            "mailto:a@b",
            "https:/mcp",
            "/\\evil",
            "#here",
            "",
        ] {
            assert_eq!(location(value), value, "{value}");
        }
    }

    #[test]
    fn relative_references_change_only_where_they_would_lead_elsewhere() {
        let mount = Mount::new(&server("/v1/mcp"));
        assert_eq!(location_at(&mount, "/v1/mcp/a", "b?x#y"), "b?x#y");
        assert_eq!(location_at(&mount, "/v1/mcp?q", "?x"), "?x");
        assert_eq!(location_at(&mount, "/v1/mcp", "mcp/b"), "/github/b");
        assert_eq!(location_at(&mount, "/v1/mcp/a", "../login"), "/github/_origin/v1/login");
    }

    #[test]
    fn a_server_that_sees_our_host_names_its_own_paths_by_it() {
        let mount = Mount::new(&Server { preserve_host: true, ..server("/mcp") });
        let value = "http://public:8443/login";
        assert_eq!(location_at(&mount, "/mcp", value), "https://public:8443/github/_origin/login");
    }

    #[test]
    fn a_whole_origin_keeps_paths_and_bytes() {
        let mount = Mount::new(&Server { path: None, ..server("/mcp") });
        for value in ["/a/../b", "x", "?q", "//other/x"] {
            assert_eq!(location_at(&mount, "/mcp", value), value);
        }
        assert_eq!(location_at(&mount, "/mcp", "https://api.example.com/x"), "https://public:8443/x");
    }

    #[test]
    fn without_a_public_origin_the_path_alone_is_named() {
        let mut fields = HeaderMap::new();
        fields.insert(CONTENT_LOCATION, HeaderValue::from_static("https://api.example.com/mcp/x"));
        let fields = rewrite(fields, &Mount::new(&server("/mcp")), "/mcp", "");
        assert_eq!(fields.get(CONTENT_LOCATION).unwrap(), "/github/x");
    }
}
