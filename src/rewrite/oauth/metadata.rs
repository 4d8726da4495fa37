//! The metadata of a protected resource (RFC 9728 §2), as its server publishes it.

use super::super::mount::Mount;
use super::super::reference;
use crate::mcp;

/// The document with its `resource` as a client at `public_origin` dials it, every other byte as it was. `None` where it
/// is right as it is, names another resource, or is no such document.
pub fn rewrite(document: &[u8], mount: &Mount, public_origin: &str) -> Option<Vec<u8>> {
    let place = mcp::member(document, "resource")?;
    let written = std::str::from_utf8(document.get(place.clone())?).ok()?;
    let resource = mcp::unquoted_strictly(written)?;
    let rest = reference::on_origin(&resource, mount, public_origin).filter(|_| !public_origin.is_empty())?;
    let public = format!("{public_origin}{}", mount.public_resource(rest)?);
    if public == resource {
        return None;
    }
    Some([document.get(..place.start)?, mcp::quoted(&public).as_bytes(), document.get(place.end..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Server, Url};

    fn published(public: Option<&str>, path: &str, resource: &str) -> String {
        let url = Url { tls: true, host: "api.example.com".to_owned(), port: None, path: path.to_owned() };
        let mount = Mount::new(&Server { path: public.map(str::to_owned), ..Server::new("s", url) });
        let document = format!(
            r#"{{ "authorization_servers":["https://api.example.com"],"resource" : "{resource}", "n":1e2 }}"#
        );
        let rewritten = rewrite(document.as_bytes(), &mount, "https://public:8443");
        let rewritten = rewritten.map_or(document.clone(), |rewritten| String::from_utf8(rewritten).unwrap());
        let (before, after) = document.rsplit_once(resource).unwrap();
        rewritten.strip_prefix(before).unwrap().strip_suffix(after).unwrap().to_owned()
    }

    #[test]
    fn the_resource_is_what_clients_dial() {
        for (public, path, resource, expected) in [
            (Some("/github"), "/mcp", "https://api.example.com/mcp", "https://public:8443/github"),
            (Some("/github"), "/mcp", "https://API.example.com:443/mcp/", "https://public:8443/github/"),
            (Some("/github"), "/mcp", "http://api.example.com/mcp/a?b", "https://public:8443/github/a?b"),
            (Some("/github"), "/mcp", r"https:\/\/api.example.com\/mcp", "https://public:8443/github"),
            (Some("/github"), "/mcp/", "https://api.example.com/mcp", "https://public:8443/github"),
            (Some("/github"), "/v1/mcp", "https://api.example.com/v1", "https://public:8443/github"),
            (Some("/github"), "/mcp", "https://api.example.com", "https://public:8443/github"),
            (Some("/github"), "/mcp", "https://api.example.com/", "https://public:8443/github"),
            (Some("/"), "/mcp", "https://api.example.com/mcp", "https://public:8443/"),
            (None, "/mcp", "https://api.example.com/mcp", "https://public:8443/mcp"),
            (None, "/mcp", "https://api.example.com", "https://public:8443"),
        ] {
            assert_eq!(published(public, path, resource), expected, "{public:?} {path} {resource}");
        }
    }

    #[test]
    fn another_resource_is_left_alone() {
        for resource in [
            "https://elsewhere/mcp",
            "https://api.example.com:8443/mcp",
            "https://api.example.com/mcpx",
            "https://api.example.com/other",
            "https://public:8443/github",
            "api.example.com/mcp",
            "/mcp",
            "urn:x",
        ] {
            assert_eq!(published(Some("/github"), "/mcp", resource), resource);
        }
    }

    #[test]
    fn what_is_no_such_document_passes() {
        let url = Url { tls: true, host: "a".to_owned(), port: None, path: "/mcp".to_owned() };
        let mount = Mount::new(&Server::new("s", url));
        for document in [
            "",
            "{}",
            "[]",
            r#"{"resource":1}"#,
            r#"{"resource":"https://a/mcp","resource":"https://a/mcp"}"#,
            r#"{"x":{"resource":"https://a/mcp"}}"#,
            r#"{"resource":"https://a/mcp"} x"#,
            r#"{"resource":"https://a/mcp""#,
        ] {
            assert_eq!(rewrite(document.as_bytes(), &mount, "https://public"), None, "{document}");
        }
    }
}
