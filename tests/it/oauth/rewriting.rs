//! Challenges and the metadata of the protected resource name this proxy (`server.rewrite_oauth`); nothing else changes.

use http::{HeaderMap, Request, Response, StatusCode, Version, request};
use sightglass::config::{Config, Url};

use crate::support::client::{collect, next};
use crate::support::guarded::{Guarded, call};
use crate::support::{Client, Sent, Upstream, VERSIONS, empty, fed, full, proxy, within};

/// A proxy before one server at `/mcp`.
struct Path {
    upstream: Upstream,
    guarded: Guarded,
    version: Version,
}

/// What a client read, and what the server was asked for it.
struct Read {
    asked: request::Parts,
    status: StatusCode,
    fields: HeaderMap,
    body: String,
}

/// How servers are mounted: by a prefix, or with every path.
const MOUNTS: [Option<&str>; 2] = [Some("/github"), None];

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl Path {
    async fn new(mount: Option<&str>, version: Version) -> Self {
        Self::with(mount, version, |_| {}).await
    }

    async fn with(mount: Option<&str>, version: Version, change: impl FnOnce(&mut Config)) -> Self {
        let upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        let server = &mut config.servers[0];
        server.rewrite_oauth = true;
        server.path = mount.map(str::to_owned);
        "/mcp".clone_into(&mut server.url.path);
        change(&mut config);
        Self { upstream, guarded: Guarded::start(config), version }
    }

    async fn exchange(&mut self, request: Request<Sent>, answer: Response<Sent>) -> Read {
        let mut client = Client::connect(self.guarded.proxy.address, self.version).await;
        let sent = tokio::spawn(client.start(request));
        let mut call = self.upstream.call().await;
        call.read().await;
        let asked = call.head.clone();
        call.answer(answer);
        let response = within(sent).await.unwrap().unwrap();
        let (status, fields) = (response.status(), response.headers().clone());
        let body = String::from_utf8(collect(response).await.to_vec()).unwrap();
        Read { asked, status, fields, body }
    }

    /// What the server calls itself.
    fn own(&self) -> String {
        format!("http://{}", self.upstream.address)
    }

    /// What clients call the proxy.
    fn public(&self) -> String {
        format!("http://{}", self.guarded.proxy.address)
    }

    /// Asserts what was counted as left alone.
    fn left(&self, body: &str, reason: &str, times: u32) {
        let page = self.guarded.observed.scrape();
        page.metric("mcp_proxy_not_rewritten_total").label("body", body).label("reason", reason).is(times);
    }
}

/// The path by which clients find the mount.
fn dialled(mount: Option<&str>) -> &str {
    mount.unwrap_or("/mcp")
}

fn get(path: &str) -> Request<Sent> {
    Request::get(path).header("accept-encoding", "gzip, br").body(empty()).unwrap()
}

fn post(path: &str) -> Request<Sent> {
    let mut request = call();
    *request.uri_mut() = path.parse().unwrap();
    request
}

fn json(fields: &[(&str, &str)], body: impl Into<String>) -> Response<Sent> {
    let mut response = Response::builder().header("content-type", "application/json");
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(full(body.into())).unwrap()
}

#[tokio::test]
async fn a_challenge_leads_to_the_metadata_here() {
    for version in VERSIONS {
        for mount in MOUNTS {
            let mut path = Path::new(mount, version).await;
            let lines = [
                r#"Basic realm="a, resource_metadata=\"x\"""#.to_owned(),
                r#"Negotiate YWJj/+==, Bearer realm="r" , resource_metadata="{}{WELL_KNOWN}/mcp",scope="a  b""#
                    .replace("{}", &path.own()),
                format!(r#"DPoP resource_metadata="https://elsewhere{WELL_KNOWN}/mcp""#),
            ];
            for status in [401, 403] {
                let mut refusal = Response::builder().status(status).header("x-other", path.own());
                for line in &lines {
                    refusal = refusal.header("www-authenticate", line.replace("{WELL_KNOWN}", WELL_KNOWN));
                }
                let read = path.exchange(post(dialled(mount)), refusal.body(full("no")).unwrap()).await;
                let expected = format!("{}{WELL_KNOWN}{}", path.public(), dialled(mount));
                let told: Vec<_> = read.fields.get_all("www-authenticate").iter().collect();
                assert_eq!(told[0], &lines[0]);
                assert_eq!(
                    told[1].to_str().unwrap(),
                    format!(
                        r#"Negotiate YWJj/+==, Bearer realm="r" , resource_metadata="{expected}",scope="a  b""#
                    )
                );
                assert_eq!(told[2], &lines[2]);
                assert_eq!((read.status.as_u16(), read.body.as_str()), (status, "no"));
                assert_eq!(read.fields["x-other"], path.own());
                // What it leads to is this server's own.
                let led = expected.strip_prefix(&path.public()).unwrap().to_owned();
                let read = path.exchange(get(&led), json(&[], "{}")).await;
                assert_eq!(read.asked.uri.path(), format!("{WELL_KNOWN}/mcp"));
                assert_eq!(read.asked.headers["accept-encoding"], "identity");
            }
        }
    }
}

#[tokio::test]
async fn the_metadata_names_what_is_dialled_and_keeps_every_other_byte() {
    for version in VERSIONS {
        for mount in MOUNTS {
            let mut path = Path::new(mount, version).await;
            let document = |resource: &str, own: &str| {
                format!(
                    "\n{{\"authorization_servers\":[\"{own}\", \"https://login.example.com\"],\n \"resource\" : \
                     \"{resource}\",\"x\":{{\"resource\":\"{own}/mcp\"}},\"n\":1.0e2,\"n\":2,\"d\":\"é\\u00e9\"}}\n"
                )
            };
            let body = document(&format!("{}/mcp", path.own()), &path.own());
            let fields = [
                ("etag", "\"abc\""),
                ("content-md5", "x"),
                ("digest", "x"),
                ("repr-digest", "x"),
                ("accept-ranges", "bytes"),
                ("cache-control", "max-age=60"),
                ("last-modified", "Sat, 28 Nov 2026 00:00:00 GMT"),
            ];
            // Both forms, where one server has the whole proxy.
            for form in [format!("{WELL_KNOWN}{}", dialled(mount)), WELL_KNOWN.to_owned()] {
                let read = path.exchange(get(&form), json(&fields, body.clone())).await;
                let expected = document(&format!("{}{}", path.public(), dialled(mount)), &path.own());
                assert_eq!(read.body, expected);
                assert_eq!(read.fields["content-length"], expected.len().to_string());
                assert_eq!(read.fields["etag"], "W/\"abc\"");
                assert_eq!(read.fields["cache-control"], "max-age=60");
                assert!(read.fields.contains_key("last-modified"));
                for gone in ["content-md5", "digest", "repr-digest", "accept-ranges"] {
                    assert!(!read.fields.contains_key(gone), "{gone}");
                }
                assert_eq!(read.asked.headers["accept-encoding"], "identity");
            }
            // What is right already, or another's, passes as it is, validators and all.
            let other = document("https://elsewhere/mcp", &path.own());
            let form = format!("{WELL_KNOWN}{}", dialled(mount));
            let read = path.exchange(get(&form), json(&fields, other.clone())).await;
            assert_eq!((read.body, read.fields["etag"].to_str().unwrap()), (other, "\"abc\""));
            assert_eq!(read.fields["content-md5"], "x");
        }
    }
}

#[tokio::test]
async fn the_head_of_the_metadata_says_no_length_that_is_not_true() {
    for version in VERSIONS {
        let mut path = Path::new(Some("/github"), version).await;
        let answer =
            Response::builder().header("content-type", "application/json").header("content-length", "77");
        let head = Request::head(format!("{WELL_KNOWN}/github")).body(empty()).unwrap();
        let read = path.exchange(head, answer.header("etag", "\"a\"").body(empty()).unwrap()).await;
        assert_eq!(read.status, 200);
        assert_eq!(read.fields.get("content-length"), None);
        assert_eq!(read.fields["etag"], "W/\"a\"");
    }
}

#[tokio::test]
async fn metadata_that_is_encoded_or_too_long_passes_and_is_counted() {
    for version in VERSIONS {
        let mut path = Path::new(Some("/github"), version).await;
        let form = format!("{WELL_KNOWN}/github");
        let document = format!(r#"{{"resource":"{}/mcp"}}"#, path.own());
        let read =
            path.exchange(get(&form), json(&[("content-encoding", "x-rot13")], document.clone())).await;
        assert_eq!(read.body, document);
        path.left("resource_metadata", "encoded", 1);
        let long = format!("{document}{}", " ".repeat(256 * 1024));
        let read = path.exchange(get(&form), json(&[], long.clone())).await;
        assert_eq!(read.body, long);
        path.left("resource_metadata", "too_long", 1);
        // Of unknown length, in pieces.
        let (feed, body) = fed();
        let sent = document.clone();
        tokio::spawn(async move {
            for byte in sent.into_bytes() {
                feed.data(vec![byte]).await;
            }
        });
        let answer = Response::builder().header("content-type", "application/json").body(body).unwrap();
        let read = path.exchange(get(&form), answer).await;
        assert_eq!(read.body, format!(r#"{{"resource":"{}/github"}}"#, path.public()));
    }
}

#[tokio::test]
async fn metadata_that_breaks_off_breaks_the_clients_answer() {
    for version in VERSIONS {
        let mut path = Path::new(Some("/github"), version).await;
        let mut client = Client::connect(path.guarded.proxy.address, version).await;
        let sent = tokio::spawn(client.start(get(&format!("{WELL_KNOWN}/github"))));
        let (feed, body) = fed();
        path.upstream
            .call()
            .await
            .answer(Response::builder().header("content-type", "application/json").body(body).unwrap());
        feed.data(r#"{"resource":"#).await;
        feed.break_off().await;
        // Before its head or after it.
        let Ok(mut response) = within(sent).await.unwrap() else { continue };
        loop {
            match next(response.body_mut()).await {
                Some(Ok(data)) => assert_eq!(data, r#"{"resource":"#),
                Some(Err(_broken)) => break,
                None => panic!("a broken answer ended cleanly"),
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_a_body_is_held_takes_its_request_with_it() {
    for version in VERSIONS {
        let mut path = Path::new(Some("/github"), version).await;
        for request in [get(&format!("{WELL_KNOWN}/github")), post("/github")] {
            let mut client = Client::connect(path.guarded.proxy.address, version).await;
            let sent = tokio::spawn(client.start(request));
            let (feed, body) = fed();
            let answer = Response::builder().header("content-type", "application/json");
            path.upstream.call().await.answer(answer.header("content-length", "100").body(body).unwrap());
            feed.data("{").await;
            // All of it would come first.
            tokio::task::yield_now().await;
            assert!(!sent.is_finished());
            client.vanish();
            feed.aborted().await;
            sent.abort();
        }
    }
}

/// The result of a tool that asks for more.
fn result(resource_metadata: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":"seven","result":{{"content":[{{"type":"text","text":"\"mcp/www_authenticate\":[\"{resource_metadata}\"]"}}],"isError":true,"_meta":{{"mcp/www_authenticate" : ["Bearer error=\"invalid_token\", resource_metadata=\"{resource_metadata}\"", "Basic"],"n":1.0}}}}}}"#
    )
}

#[tokio::test]
async fn a_challenge_in_a_result_leads_here_in_json_and_in_events() {
    for version in VERSIONS {
        for mount in MOUNTS {
            let mut path = Path::new(mount, version).await;
            let own = result(&format!("{}{WELL_KNOWN}/mcp", path.own()));
            let public = format!("{}{WELL_KNOWN}{}", path.public(), dialled(mount));
            let key = r#""_meta":{"#;
            let (before, after) = own.split_once(key).unwrap();
            let after = after.replace(&format!("{}{WELL_KNOWN}/mcp", path.own()), &public);
            let expected = format!("{before}{key}{after}");
            let mut asked = post(dialled(mount));
            asked.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
            let read = path.exchange(asked, json(&[("content-digest", "x")], own.clone())).await;
            assert_eq!(read.body, expected);
            assert_eq!(read.fields["content-length"], expected.len().to_string());
            assert!(!read.fields.contains_key("content-digest"));
            assert_eq!(read.asked.headers["accept-encoding"], "identity");
            let events = |result: &str| format!("event: message\nid: 1\ndata: {result}\n\ndata: {{}}\n\n");
            let (feed, body) = fed();
            let sent = events(&own);
            tokio::spawn(async move {
                for piece in sent.as_bytes().chunks(7) {
                    feed.data(piece.to_vec()).await;
                }
            });
            let answer = Response::builder().header("content-type", "text/event-stream").body(body).unwrap();
            let read = path.exchange(post(dialled(mount)), answer).await;
            assert_eq!(read.body, events(&expected));
        }
    }
}

#[tokio::test]
async fn a_long_result_of_known_length_passes_and_what_should_have_changed_is_counted() {
    for version in VERSIONS {
        let mut path = Path::new(Some("/github"), version).await;
        let own = result(&format!("{}{WELL_KNOWN}/mcp", path.own())) + &" ".repeat(256 * 1024);
        let read = path.exchange(post("/github"), json(&[], own.clone())).await;
        assert_eq!(read.body, own);
        path.left("result", "too_long", 1);
        let innocent = format!(r#"{{"x":"{}"}}"#, "y".repeat(300 * 1024));
        let read = path.exchange(post("/github"), json(&[("etag", "\"a\"")], innocent.clone())).await;
        assert_eq!(read.body, innocent);
        path.left("result", "too_long", 1);
    }
}

#[tokio::test]
async fn events_pass_at_once() {
    for version in VERSIONS {
        let mut path = Path::new(Some("/github"), version).await;
        let mut client = Client::connect(path.guarded.proxy.address, version).await;
        let sent = tokio::spawn(client.start(post("/github")));
        let feed = path.upstream.call().await.events();
        let mut response = within(sent).await.unwrap().unwrap();
        for event in ["data: {\"a\":1}\n\n", "data: \"mcp/www_", "authenticate\": [", "1]\n\n"] {
            feed.data(event).await;
            assert_eq!(next(response.body_mut()).await.unwrap().unwrap(), event);
        }
        drop(feed);
    }
}

#[tokio::test]
async fn by_default_nothing_changes() {
    let mut path = Path::with(Some("/github"), Version::HTTP_11, |config| {
        config.servers[0].rewrite_oauth = false;
    })
    .await;
    let document = format!(r#"{{"resource":"{}/mcp"}}"#, path.own());
    let challenge = format!(r#"Bearer resource_metadata="{}{WELL_KNOWN}/mcp""#, path.own());
    let fields = [("www-authenticate", challenge.as_str()), ("etag", "\"a\"")];
    let read = path.exchange(get(&format!("{WELL_KNOWN}/github")), json(&fields, document.clone())).await;
    assert_eq!((read.body, read.fields["etag"].to_str().unwrap()), (document, "\"a\""));
    assert_eq!(read.fields["www-authenticate"], challenge);
    assert_eq!(read.asked.headers["accept-encoding"], "gzip, br");
}

#[tokio::test]
async fn what_clients_dial_is_the_public_url_where_there_is_one() {
    let mut path = Path::with(Some("/github"), Version::HTTP_11, |config| {
        let url = Url { tls: true, host: "mcp.example.com".to_owned(), port: None, path: "/".to_owned() };
        config.proxy.public_url = Some(url);
    })
    .await;
    let document = format!(r#"{{"resource":"{}/mcp"}}"#, path.own());
    let read = path.exchange(get(&format!("{WELL_KNOWN}/github")), json(&[], document)).await;
    assert_eq!(read.body, r#"{"resource":"https://mcp.example.com/github"}"#);
}

#[tokio::test]
async fn of_several_servers_each_is_named_by_its_own_mount() {
    let mut path = Path::with(Some("/github"), Version::HTTP_11, |config| {
        let mut other = config.servers[0].clone();
        "other".clone_into(&mut other.name);
        other.path = Some("/other".to_owned());
        config.servers.push(other);
    })
    .await;
    // This server knows the root form alone.
    let own = format!("{}{WELL_KNOWN}", path.own());
    let refusal = Response::builder().status(401);
    let refusal = refusal.header("www-authenticate", format!(r#"Bearer resource_metadata="{own}""#));
    let read = path.exchange(post("/other"), refusal.body(empty()).unwrap()).await;
    let led = format!("/other/_origin{WELL_KNOWN}");
    assert_eq!(
        read.fields["www-authenticate"],
        format!(r#"Bearer resource_metadata="{}{led}""#, path.public())
    );
    let document = format!(r#"{{"resource":"{}/mcp"}}"#, path.own());
    let read = path.exchange(get(&led), json(&[], document)).await;
    assert_eq!(read.asked.uri.path(), WELL_KNOWN);
    assert_eq!(read.body, format!(r#"{{"resource":"{}/other"}}"#, path.public()));
}
