//! What we change is what was meant to change, and nothing else: at any chunking, for any bytes.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{StatusCode, Version};
use http_body::Body;
use proptest::collection::vec;
use proptest::prelude::*;
use sightglass::config::{Config, Server, Url};
use sightglass::guard::host::HostGuard;
use sightglass::rewrite::endpoint::EndpointBody;
use sightglass::rewrite::mount::{Mount, Mounts};
use sightglass::rewrite::{forwarded, hop, location, reply};

use crate::support::pieces::{Pieces, read_at_once};

fn server(public: &str, path: &str) -> Server {
    let url = Url { tls: false, host: "up.example".to_owned(), port: None, path: path.to_owned() };
    Server { path: Some(public.to_owned()), ..Server::new("s", url) }
}

/// What a client reads of `stream` when it comes in pieces that end at `cuts`.
fn through_the_proxy(stream: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mount = Arc::new(Mount::new(&server("/s", "/sse")));
    let mut body = EndpointBody::new(Pieces::of(stream, cuts, false), mount, "/sse", "http://public");
    let read = read_at_once(&mut body);
    assert!(body.is_end_stream());
    read
}

/// Lines of event streams and their ends, so that random sequences meet every rule of the syntax.
fn stream(with_endpoints: bool) -> impl Strategy<Value = Vec<u8>> {
    let name = if with_endpoints { "event: endpoint" } else { "event: message" };
    let long = format!("data: /{}", "x".repeat(9_000));
    let lines = [
        name,
        name,
        name,
        "data: /messages/?id=1",
        "data: /messages/?id=1",
        "data:http://up.example/m",
        "data: ?id=2",
        "data: {\"a\":1}",
        "data",
        "data:",
        "data: ",
        "id: 7",
        ": ping",
        "event:",
        "event",
        "event: x",
        "x",
        "",
        "\u{feff}data: /m",
        "data: é",
        long.as_str(),
    ]
    .map(|line| line.as_bytes().to_vec())
    .to_vec();
    let line = prop_oneof![30 => proptest::sample::select(lines), 1 => vec(any::<u8>(), 1..4)];
    let end = proptest::sample::select(vec!["\n", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\r\r", ""]);
    vec((line, end), 0..20).prop_map(|lines| {
        lines.iter().flat_map(|(line, end)| [line.as_slice(), end.as_bytes()].concat()).collect()
    })
}

fn path() -> impl Strategy<Value = String> {
    let segment = proptest::sample::select(vec![
        "",
        "mcp",
        "sse",
        "s",
        "a",
        "_origin",
        "messages",
        ".well-known",
        "oauth-protected-resource",
        "%20",
        "..a",
        "mcpx",
        "openid-configuration",
        "é",
    ]);
    (vec(segment, 1..6), proptest::option::of("[a-z=/.?%]{0,8}")).prop_map(|(segments, query)| {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("/{}{query}", segments.join("/"))
    })
}

proptest! {
    #[test]
    fn any_split_of_a_stream_gives_the_same_bytes(
        stream in stream(true),
        cuts in vec(any::<usize>(), 0..20),
    ) {
        let each: Vec<usize> = (0..stream.len()).collect();
        let whole = through_the_proxy(&stream, &[]);
        prop_assert_eq!(&through_the_proxy(&stream, &cuts), &whole);
        if stream.len() < 2_000 {
            prop_assert_eq!(&through_the_proxy(&stream, &each), &whole);
        }
    }

    #[test]
    fn a_stream_without_an_endpoint_passes_byte_for_byte(
        stream in stream(false),
        cuts in vec(any::<usize>(), 0..20),
    ) {
        prop_assert_eq!(through_the_proxy(&stream, &cuts), stream);
    }

    #[test]
    fn an_endpoint_is_rewritten_wherever_it_is_cut(cuts in vec(any::<usize>(), 0..20), line_end in "\r|\n|\r\n") {
        let stream = "data: {}||event: endpoint|data: /messages/?id=1||data: {}||".replace('|', &line_end);
        let expected = stream.replace("/messages/", "/s/_origin/messages/");
        prop_assert_eq!(through_the_proxy(stream.as_bytes(), &cuts), expected.as_bytes());
    }

    #[test]
    fn a_public_name_leads_back_to_what_it_names(
        path in path(),
        base in proptest::sample::select(vec!["/", "/mcp", "/mcp/", "/mcp/sse"]),
        public in proptest::sample::select(vec!["/", "/s", "/mcp", "/s/mcp"]),
        alone in any::<bool>(),
    ) {
        let mut servers = vec![server(public, base)];
        if !alone {
            servers.push(Server { host: Some("other".to_owned()), ..server("/other", "/") });
        }
        let mounts = Mounts::new(&Config { servers, ..Config::default() });
        let name = mounts.server(0).unwrap().to_public(&path);
        let back = mounts.route(None, &name).map(|routed| routed.upstream.path_and_query);
        prop_assert_eq!(back, Ok(path), "published as {}", name);
    }

    #[test]
    fn a_prefix_never_leads_outside_its_url(path in "/s[/.%2eEfF5cC;a]{0,24}") {
        let mount = Mount::new(&server("/s", "/mcp"));
        if let Ok(upstream) = mount.to_upstream(&path) {
            let decoded = upstream.path_and_query.to_ascii_lowercase().replace("%2e", ".");
            let segments = decoded.replace("%2f", "/").replace("%5c", "/");
            let mut names = segments.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
            prop_assert!(upstream.path_and_query.starts_with("/mcp"));
            prop_assert!(!names.any(|name| name == "." || name == ".."));
        }
    }

    #[test]
    fn nothing_panics(text in ".{0,64}", bytes in vec(any::<u8>(), 0..64), upgrade in any::<bool>()) {
        let mount = Mount::new(&server("/s", "/mcp"));
        let config = Config { servers: vec![server("/s", "/mcp")], ..Config::default() };
        let _ = Mounts::new(&config).route(Some(&text), &text);
        let _ = mount.to_upstream(&mount.to_public(&text));
        let _ = reply::reply(StatusCode::BAD_GATEWAY, "limit", &text, reply::Said::Held(&bytes), None);
        let value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("x"));
        let _ = HostGuard::new(&Config::default()).check([text.as_str()], [&value]);
        let mut fields = HeaderMap::new();
        for name in ["connection", "te", "location", "forwarded", "x-forwarded-host", "x-forwarded-for"] {
            fields.append(HeaderName::from_static(name), value.clone());
        }
        let _ = hop::wants_upgrade(&fields);
        let mut fields = hop::request_fields(fields, upgrade);
        let address = "::1".parse().unwrap();
        let host = Some(text.clone());
        let client = forwarded::Client { address, tls: upgrade, version: Version::HTTP_11, trusted: true, host };
        let origin = forwarded::public_origin(&client, &fields, None);
        forwarded::add(&mut fields, &client);
        fields.insert(LOCATION, value);
        let _ = location::rewrite(fields, &mount, &text, &origin);
    }
}
