//! `GET /`: the console itself.

use sightglass::config::Secret;

use super::{GOOD, Watched};
use crate::admin::ask_as;
use crate::support::observed::one_server;

const TOKEN: &str = "0123456789abcdef0123";

/// What the page names, and itself.
fn paths(page: &str) -> Vec<String> {
    let named = page.split(['"', '\'']).filter(|text| text.starts_with("/console/"));
    std::iter::once("/".to_owned()).chain(named.map(str::to_owned)).collect()
}

#[tokio::test]
async fn everything_that_the_console_is_comes_from_here_and_nothing_else_may_run_in_it() {
    let watched = Watched::new();
    let (_, page) = ask_as(watched.address, "localhost", "GET /", "").await;
    let page = String::from_utf8(page).unwrap();
    let mut pending = paths(&page);
    let (mut seen, mut all) = (Vec::new(), 0);
    while let Some(path) = pending.pop() {
        if seen.contains(&path) {
            continue;
        }
        let (head, body) = ask_as(watched.address, "localhost", &format!("GET {path}"), "").await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        let media = match path.rsplit_once('.') {
            None => "text/html; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some(_) => "image/svg+xml",
        };
        for field in [
            &format!("content-type: {media}"),
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "cache-control: no-cache",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(&format!("\r\n{field}\r\n")), "{path} lacks {field}: {head}");
        }
        let policy = head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
        let again = format!("if-none-match: {tag}\r\n");
        let (head, nothing) = ask_as(watched.address, "localhost", &format!("GET {path}"), &again).await;
        assert!(head.starts_with("http/1.1 304") && nothing.is_empty(), "{path}: {head}");
        let (head, small) =
            ask_as(watched.address, "localhost", &format!("GET {path}"), "accept-encoding: gzip\r\n").await;
        assert!(head.contains("content-encoding: gzip") && small.len() < body.len(), "{path}");
        let mut same = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*small), &mut same).unwrap();
        assert_eq!(same, body);
        all += body.len();
        let text = String::from_utf8(body).unwrap();
        for foreign in
            ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
        {
            let found = text.replace("http://www.w3.org/2000/svg", "").contains(foreign);
            assert!(!found, "{path} holds {foreign}");
        }
        let imports = text.split(['"', '\'']).filter_map(|text| text.strip_prefix("./"));
        pending.extend(
            imports
                .filter(|name| name.rsplit_once('.').is_some_and(|(_, end)| end == "js"))
                .map(|name| format!("/console/{name}")),
        );
        pending.extend(paths(&text));
        seen.push(path);
    }
    assert!(seen.len() >= 10, "{seen:?}");
    assert!(all < 300 * 1024, "{all} bytes");
    for inline in ["<script>", "<style", " style=", " onclick", "javascript:"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn where_a_token_is_set_the_empty_console_is_for_everybody_and_what_it_shows_is_not() {
    let mut config = one_server();
    config.admin.token = Some(Secret(TOKEN.to_owned()));
    let watched = Watched::with(&config);
    watched.call("echo", GOOD);
    for path in ["/", "/console/main.js"] {
        let (head, _) = ask_as(watched.address, "console.example.com", &format!("GET {path}"), "").await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    }
    let shown = format!("authorization: Bearer {TOKEN}\r\n");
    for path in ["/api/calls", "/api/tools", "/api/history", "/api/console", "/api/events"] {
        let (head, _) = ask_as(watched.address, "localhost", &format!("GET {path}"), "").await;
        assert!(head.starts_with("http/1.1 401"), "{path}: {head}");
        let (head, _) = ask_as(watched.address, "localhost", &format!("HEAD {path}"), &shown).await;
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
    }
}

#[tokio::test]
async fn without_a_token_it_is_for_this_machine_alone() {
    let watched = Watched::new();
    for path in
        ["/", "/console/main.js", "/api/calls", "/api/tools", "/api/history", "/api/console", "/api/events"]
    {
        let (head, _) = ask_as(watched.address, "rebound.example.com", &format!("GET {path}"), "").await;
        assert!(head.starts_with("http/1.1 403"), "{path}: {head}");
    }
    let mut config = one_server();
    config.admin.listen = ([0, 0, 0, 0], 0).into();
    let watched = Watched::with(&config);
    let (head, _) = ask_as(watched.address, "localhost", "GET /", "").await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
}

#[tokio::test]
async fn links_are_told_as_they_are_written() {
    let mut config = one_server();
    config.admin.links = vec![("trace".to_owned(), "https://g.example.com/{trace_id}".to_owned())];
    let told = Watched::with(&config).get("/api/console").await;
    assert_eq!(told["links"]["trace"], "https://g.example.com/{trace_id}");
}
