//! The metadata that the proxy publishes for a server whose tokens it judges (RFC 9728).

use http::{Request, Version};
use serde_json::{Value, json};

use super::issuer::{Issuer, Protected};
use super::keys::ED25519;
use crate::support::client::collect;
use crate::support::{Upstream, VERSIONS, empty};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

async fn protected(upstream: &Upstream, mount: Option<&str>, scopes: &[&str]) -> Protected {
    let issuer = Issuer::with(json!([ED25519.jwk("a")])).await;
    Protected::before(upstream.address, issuer, |config| {
        let server = &mut config.servers[0];
        server.path = mount.map(str::to_owned);
        "/mcp".clone_into(&mut server.url.path);
        server.auth.as_mut().unwrap().scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    })
}

#[tokio::test]
async fn both_forms_describe_what_is_dialled() {
    let mut upstream = Upstream::start().await;
    for version in VERSIONS {
        for (mount, dialled) in [(Some("/test"), "/test"), (None, "/mcp"), (Some("/"), "/")] {
            let protected = protected(&upstream, mount, &["read"]).await;
            let public = format!("http://{}", protected.guarded.proxy.address);
            for (form, place) in [
                (WELL_KNOWN.to_owned(), dialled),
                (format!("{WELL_KNOWN}{}", dialled.trim_end_matches('/')), dialled),
                (format!("{WELL_KNOWN}/test/x?y=z"), "/test/x"),
            ] {
                let response =
                    protected.guarded.send(version, Request::get(&form).body(empty()).unwrap()).await;
                assert_eq!(response.status(), 200, "{form}");
                assert_eq!(response.headers()["content-type"], "application/json");
                assert_eq!(response.headers()["access-control-allow-origin"], "*");
                let told: Value = serde_json::from_slice(&collect(response).await).unwrap();
                let expected = json!({
                    "resource": format!("{public}{place}"),
                    "authorization_servers": [protected.issuer.name()],
                    "scopes_supported": ["read"],
                    "bearer_methods_supported": ["header"],
                });
                assert_eq!(told, expected, "{mount:?} {form}");
                let head = protected.guarded.send(version, Request::head(&form).body(empty()).unwrap()).await;
                assert_eq!(head.headers()["content-length"], expected.to_string().len().to_string());
                assert_eq!(collect(head).await, "");
            }
            let page = protected.guarded.observed.scrape();
            page.metric("mcp_http_requests_total").label("status_code", "200").is(6);
            page.metric("mcp_authentication_attempts_total").is(0);
        }
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn a_page_in_a_browser_may_read_it_and_nobody_may_write_it() {
    let mut upstream = Upstream::start().await;
    let protected = protected(&upstream, Some("/test"), &[]).await;
    let form = format!("{WELL_KNOWN}/test");
    let preflight = Request::options(&form)
        .header("origin", "http://localhost:6274")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "mcp-protocol-version");
    let response = protected.guarded.send(Version::HTTP_11, preflight.body(empty()).unwrap()).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["access-control-allow-headers"], "*");
    assert_eq!(response.headers()["access-control-allow-methods"], "GET, HEAD, OPTIONS");
    let response =
        protected.guarded.send(Version::HTTP_11, Request::post(&form).body(empty()).unwrap()).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (405, &"GET, HEAD, OPTIONS".parse().unwrap())
    );
    let response = protected.guarded.send(Version::HTTP_11, Request::get(&form).body(empty()).unwrap()).await;
    let told: Value = serde_json::from_slice(&collect(response).await).unwrap();
    assert_eq!(told.get("scopes_supported"), None);
    assert!(upstream.is_untouched());
}
