//! One field line of challenges (RFC 9110 §11.6.1).

use super::super::mount::{self, Mount};
use super::super::path::split_query;
use super::super::reference;
use crate::mcp;

/// The line with each `resource_metadata` (RFC 9728 §5.1) that names the server's own metadata naming what clients find
/// it by; `None` where there is nothing to change.
pub(super) fn rewrite(line: &[u8], mount: &Mount, public_origin: &str) -> Option<Vec<u8>> {
    let mut rewritten = Vec::new();
    let mut from = 0;
    for parameter in
        mcp::challenge_parameters(line).filter(|parameter| parameter.is_named("resource_metadata"))
    {
        let named = std::str::from_utf8(&parameter.means).ok();
        let Some(public) = named.and_then(|url| published(url, mount, public_origin)) else { continue };
        rewritten.extend_from_slice(line.get(from..parameter.place.start)?);
        rewritten.push(b'"');
        for byte in public.bytes() {
            if matches!(byte, b'"' | b'\\') {
                rewritten.push(b'\\');
            }
            rewritten.push(byte);
        }
        rewritten.push(b'"');
        from = parameter.place.end;
    }
    if from == 0 {
        return None;
    }
    rewritten.extend_from_slice(line.get(from..)?);
    Some(rewritten)
}

/// The URL by which clients find the metadata that the server finds at `url`.
fn published(url: &str, mount: &Mount, public_origin: &str) -> Option<String> {
    let rest = reference::on_origin(url, mount, public_origin).filter(|_| !public_origin.is_empty())?;
    let path = split_query(rest).0;
    mount::resource_metadata(path)?;
    // A server that is told the public name may know its public path, too.
    if url.starts_with(public_origin) && mount.is_public_metadata(path) {
        return None;
    }
    let public = format!("{public_origin}{}", mount.to_public(rest));
    (public != url).then_some(public)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Server, Url};

    fn mount(path: Option<&str>) -> Mount {
        let url = Url { tls: true, host: "api.example.com".to_owned(), port: None, path: "/mcp".to_owned() };
        Mount::new(&Server { path: path.map(str::to_owned), ..Server::new("github", url) })
    }

    fn rewritten(line: &str) -> String {
        let rewritten = rewrite(line.as_bytes(), &mount(Some("/github")), "https://public:8443");
        rewritten.map_or_else(|| line.to_owned(), |line| String::from_utf8(line).unwrap())
    }

    const OWN: &str = "https://api.example.com/.well-known/oauth-protected-resource/mcp";
    const PUBLIC: &str = "https://public:8443/.well-known/oauth-protected-resource/github";

    #[test]
    fn the_servers_own_metadata_is_found_here() {
        for line in [
            r#"Bearer resource_metadata="{}""#,
            r#"Bearer realm="a, resource_metadata=\"x\"", Resource_Metadata = "{}" , scope="a b""#,
            r#"Negotiate YWJj/+==, Bearer resource_metadata="{}",error=x, DPoP algs="ES256", resource_metadata="{}""#,
        ] {
            assert_eq!(rewritten(&line.replace("{}", OWN)), line.replace("{}", PUBLIC), "{line}");
        }
        assert_eq!(
            rewritten(
                r#"Bearer resource_metadata="https:\/\/API.example.com:443/.well-known/oauth-protected-resource/mcp/x?y""#
            ),
            format!(r#"Bearer resource_metadata="{PUBLIC}/x?y""#)
        );
        assert_eq!(
            rewritten(
                r#"Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource""#
            ),
            r#"Bearer resource_metadata="https://public:8443/github/_origin/.well-known/oauth-protected-resource""#
        );
    }

    #[test]
    fn a_whole_origin_keeps_its_paths() {
        let line = format!(r#"Bearer resource_metadata="{OWN}""#);
        let rewritten = rewrite(line.as_bytes(), &mount(None), "http://localhost:8080").unwrap();
        assert_eq!(rewritten, line.replace("https://api.example.com", "http://localhost:8080").into_bytes());
    }

    #[test]
    fn what_names_anything_else_is_left_alone() {
        for line in [
            String::new(),
            "Bearer".to_owned(),
            format!(r#"Bearer realm="{OWN}""#),
            format!("Bearer resource_metadata={OWN}"),
            format!(r#"Bearer resource_metadata="{OWN}"#),
            format!(r#"Bearer realm="a\", resource_metadata=\"{OWN}\"""#),
            format!(r#"Bearer "resource_metadata"="{OWN}""#),
            format!(r#"Bearer resource_metadata="{PUBLIC}""#),
            r#"Bearer resource_metadata="https://elsewhere/.well-known/oauth-protected-resource/mcp""#
                .to_owned(),
            r#"Bearer resource_metadata="https://api.example.com/metadata.json""#.to_owned(),
            r#"Bearer resource_metadata="/.well-known/oauth-protected-resource/mcp""#.to_owned(),
        ] {
            assert_eq!(rewritten(&line), line);
        }
        assert_eq!(
            rewrite(format!(r#"Bearer resource_metadata="{OWN}""#).as_bytes(), &mount(None), ""),
            None
        );
    }

    #[test]
    fn a_server_that_sees_our_host_names_its_metadata_by_it() {
        let url = Url { tls: false, host: "up".to_owned(), port: None, path: "/mcp".to_owned() };
        let server =
            Server { path: Some("/github".to_owned()), preserve_host: true, ..Server::new("github", url) };
        let rewritten = |url: &str| {
            let line = format!(r#"Bearer resource_metadata="{url}""#);
            rewrite(line.as_bytes(), &Mount::new(&server), "https://public:8443")
        };
        let expected = format!(r#"Bearer resource_metadata="{PUBLIC}""#).into_bytes();
        let own = "https://public:8443/.well-known/oauth-protected-resource/mcp";
        assert_eq!(rewritten(own), Some(expected));
        assert_eq!(rewritten(PUBLIC), None);
    }
}
