//! Promise: who may not ask the operator's listener for something gets nothing of it, and is told what to do.

use std::net::SocketAddr;

use sightglass::config::{Config, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::admin::{ask_as, listen_as};
use crate::support::observed::one_server;
use crate::support::within;

const TOKEN: &str = "a-token-of-32-characters-0123456";

/// A listener there, with the token or without.
fn listen(address: [u8; 4], token: Option<&str>) -> SocketAddr {
    let mut config = one_server();
    config.admin.listen = SocketAddr::from((address, 0));
    config.admin.token = token.map(|token| Secret(token.to_owned()));
    listen_as(config).0
}

async fn status(address: SocketAddr, host: &str, line: &str, fields: &str) -> (u16, String) {
    let (head, body) = ask_as(address, host, line, fields).await;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, head + &String::from_utf8(body).unwrap())
}

const EVERYBODY: [&str; 3] = ["/metrics", "/health", "/health/ready"];
const OTHERS: [&str; 5] = ["/api/calls", "/api/sessions", "/api/config", "/api/debug/sessions/x", "/probe"];

#[tokio::test]
async fn where_a_token_is_set_it_opens_everything_and_nothing_else_does() {
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    for listener in [[127, 0, 0, 1], [0, 0, 0, 0]] {
        let address = listen(listener, Some(TOKEN));
        for path in EVERYBODY {
            let (status, said) = status(address, "sightglass.example", &format!("GET {path}"), "").await;
            assert_eq!(status, 200, "{path}: {said}");
        }
        for path in OTHERS {
            let line = format!("GET {path}");
            for fields in [
                "",
                "authorization: Bearer another-token-of-characters-012345\r\n",
                "authorization: Bearer\r\n",
                &format!("authorization: Basic {TOKEN}\r\n"),
                &format!("cookie: token={TOKEN}\r\n"),
                &bearer.repeat(2),
            ] {
                let (status, said) = status(address, "127.0.0.1", &line, fields).await;
                assert_eq!(status, 401, "{path} with {fields}: {said}");
                assert!(said.contains("\r\nwww-authenticate: bearer realm=\"sightglass\"\r\n"), "{said}");
                assert!(
                    said.contains("send `Authorization: Bearer …` with the value of admin.token"),
                    "{said}"
                );
                assert!(!said.contains(TOKEN), "{said}");
            }
            // A Host of another machine is no sign of rebinding here: a page cannot send the token.
            for host in ["127.0.0.1", "sightglass.example:9464"] {
                let (status, said) = status(address, host, &line, &bearer).await;
                assert!(matches!(status, 200 | 400 | 404 | 405), "{path}: {said}");
            }
        }
        let query = format!("GET /api/sessions?token={TOKEN}");
        assert_eq!(status(address, "127.0.0.1", &query, "").await.0, 401);
    }
}

#[tokio::test]
async fn without_a_token_others_are_told_to_set_one() {
    let address = listen([0, 0, 0, 0], None);
    for path in OTHERS {
        let fields = format!("authorization: Bearer {TOKEN}\r\n");
        let (status, said) = status(address, "127.0.0.1", &format!("GET {path}"), &fields).await;
        assert_eq!(status, 403, "{path}: {said}");
        assert!(said.contains("set admin.token and send it as `Authorization: Bearer …`"), "{said}");
    }
}

#[tokio::test]
async fn without_a_token_a_loopback_listener_answers_to_its_own_names_alone() {
    let address = listen([127, 0, 0, 1], None);
    for path in OTHERS {
        let line = format!("GET {path}");
        let (refused, said) = status(address, "rebound.example", &line, "").await;
        assert_eq!(refused, 403, "{path}: {said}");
        let (answered, said) = status(address, "localhost:1", &line, "").await;
        assert!(matches!(answered, 200 | 400 | 404 | 405), "{path}: {said}");
    }
}

#[tokio::test]
async fn a_web_page_of_somebody_else_changes_nothing_whatever_it_shows() {
    for token in [None, Some(TOKEN)] {
        let address = listen([127, 0, 0, 1], token);
        let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        for method in ["PUT", "POST", "DELETE", "PATCH"] {
            let line = format!("{method} /api/debug/sessions/x");
            for foreign in [
                "sec-fetch-site: cross-site\r\n",
                "sec-fetch-site: same-site\r\n",
                "origin: http://evil.example\r\n",
                "origin: http://127.0.0.1:1\r\n",
                "origin: null\r\n",
            ] {
                let fields = format!("{bearer}{foreign}");
                let (status, said) = status(address, &address.to_string(), &line, &fields).await;
                assert_eq!(status, 403, "{line} {foreign}: {said}");
                assert!(said.contains("a web page of another origin"), "{said}");
            }
        }
        let own = format!("{bearer}origin: http://{address}\r\nsec-fetch-site: same-origin\r\n");
        let line = "PUT /api/debug/sessions/x";
        let (status, said) = status(address, &address.to_string(), line, &own).await;
        assert!(status == 404 && said.contains("no such session"), "{said}");
    }
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_doing_anything_with_it() {
    let bearer = format!("authorization: Bearer {TOKEN}\r\norigin: https://evil.example\r\n");
    let local = listen([127, 0, 0, 1], Some(TOKEN));
    let open = listen([0, 0, 0, 0], None);
    for (address, line, fields, expected) in [
        (local, "GET /metrics", "", 200),
        (local, "GET /health", "", 200),
        (local, "GET /health/ready", "", 200),
        (local, "GET /api/sessions", bearer.as_str(), 200),
        (local, "GET /api/config", &bearer, 200),
        (local, "HEAD /api/config", &bearer, 200),
        (local, "GET /api/sessions?limit=x", &bearer, 400),
        (local, "GET /nothing", &bearer, 404),
        (local, "OPTIONS /api/sessions", &bearer, 405),
        (local, "GET /api/debug/sessions/x", &bearer, 405),
        (local, "GET /api/sessions", "", 401),
        (local, "PUT /api/debug/sessions/x", &bearer, 403),
        (local, "GET /health", "content-length: 65537\r\n", 413),
        (open, "GET /", "", 403),
    ] {
        let (status, said) = status(address, "127.0.0.1", line, fields).await;
        assert_eq!(status, expected, "{line}: {said}");
        for field in [
            "cache-control: no-store",
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(said.contains(&format!("\r\n{field}\r\n")), "{line} lacks {field}: {said}");
        }
        assert!(!said.contains("access-control-"), "{line}: {said}");
    }
}

#[tokio::test]
async fn a_body_without_end_is_answered_and_not_read() {
    let address = listen([127, 0, 0, 1], None);
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "PUT /api/debug/sessions/x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    within(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
    // Who goes on sending finds the connection closed.
    let chunk = [b"8000\r\n".as_slice(), &vec![b'x'; 0x8000], b"\r\n"].concat();
    within(async { while stream.write_all(&chunk).await.is_ok() {} }).await;
}

#[test]
fn the_token_is_in_no_description_of_the_configuration() {
    let mut config: Config = one_server();
    config.admin.token = Some(Secret(TOKEN.to_owned()));
    assert!(!format!("{config:?}").contains(TOKEN));
    let told = sightglass::cli::check::describe(&config);
    assert!(told.contains("asks for admin.token: ***") && !told.contains(TOKEN), "{told}");
}
