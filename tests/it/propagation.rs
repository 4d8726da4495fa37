//! A request's trace goes on through the proxy: both carriers name a span of ours, under the client's.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use serde_json::Value;
use sightglass::cli::telemetry::Telemetry;
use sightglass::config::{Config, HttpVersion, InjectMeta, Otlp, Tracing};
use sightglass::export::Console;
use sightglass::mcp::trace::Context;
use sightglass::observe::{Event, Export, Observer, Route, Target};

use crate::support::client::{collect, next};
use crate::support::observed::Observed;
use crate::support::{
    Client, Proxy, Raw, RawServer, Sent, Upstream, VERSIONS, empty, fed, full, proxy, within,
};

const THEIRS: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const OTHER: &str = "00-1bf7651916cd43dd8448eb211c80319c-11f067aa0ba902b7-00";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A client, a proxy that puts the context into both carriers, a server.
struct Path {
    client: Client,
    upstream: Upstream,
    proxy: Proxy,
}

/// What the server got.
#[derive(Debug)]
struct Arrived {
    headers: HeaderMap,
    body: Bytes,
}

impl Path {
    async fn open(version: Version) -> Self {
        Self::with(version, |_config| {}).await
    }

    async fn with(version: Version, change: impl Fn(&mut Config)) -> Self {
        let upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.tracing = Tracing { inject_meta: InjectMeta::Always, ..Tracing::default() };
        change(&mut config);
        let observer = Observed::with(&config).observer;
        let proxy = Proxy::observed(config, observer);
        let client = Client::connect(proxy.address, version).await;
        Self { client, upstream, proxy }
    }

    /// What arrives of a POST of JSON.
    async fn post(&mut self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Arrived {
        self.post_to("/mcp", headers, full(body), Response::new(empty())).await
    }

    async fn post_to(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: Sent,
        answer: Response<Sent>,
    ) -> Arrived {
        let mut request = Request::post(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body).unwrap(), answer).await
    }

    async fn send(&mut self, request: Request<Sent>, answer: Response<Sent>) -> Arrived {
        let sent = tokio::spawn(self.client.start(request));
        let mut call = self.upstream.call().await;
        let body = call.read().await;
        let headers = call.head.headers.clone();
        call.answer(answer);
        collect(within(sent).await.unwrap().unwrap()).await;
        if let Some(length) = headers.get("content-length") {
            assert_eq!(length.to_str().unwrap(), body.len().to_string());
        }
        Arrived { headers, body }
    }
}

impl Arrived {
    fn lines(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|line| line.to_str().unwrap()).collect()
    }

    /// The only `traceparent`.
    fn header(&self) -> &str {
        let lines = self.lines("traceparent");
        assert_eq!(lines.len(), 1, "{self:?}");
        lines[0]
    }

    fn meta(&self, key: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        Some(body.pointer("/params/_meta")?.get(key)?.as_str().unwrap().to_owned())
    }

    /// The span that both carriers name, which is none of the client's.
    fn span(&self) -> Context {
        assert_eq!(self.meta("traceparent").as_deref(), Some(self.header()));
        self.span_of_header()
    }

    fn span_of_header(&self) -> Context {
        let context = context(self.header());
        assert!(![THEIRS, OTHER].map(|known| self::context(known).span).contains(&context.span));
        context
    }

    /// The only `traceparent`, with the span's id left out.
    fn trace_and_flags(&self) -> String {
        let span = self.span();
        span.traceparent().replace(&span.span.to_string(), "SPAN")
    }

    fn is_untouched(&self, body: &str) -> bool {
        self.body == body && ["traceparent", "tracestate"].iter().all(|name| self.lines(name).is_empty())
    }
}

fn context(text: &str) -> Context {
    Context::parse(text).unwrap()
}

/// `CALL` with these members in `params._meta`.
fn call_with(meta: &str) -> String {
    CALL.replace(r#""name":"a""#, &format!(r#""name":"a","_meta":{{{meta}}}"#))
}

fn meta_of(parent: &str) -> String {
    format!(r#""traceparent":"{parent}""#)
}

#[tokio::test]
async fn a_request_without_a_context_begins_a_trace() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let first = path.post(&[], CALL).await;
        let second = path.post(&[], CALL).await;
        assert_ne!(first.span().trace, second.span().trace, "{version:?}");
        assert_eq!(first.span().flags.byte(), 3, "sampled, and random");
        assert!(first.lines("tracestate").is_empty() && first.meta("tracestate").is_none());
        let expected = format!(r#""params":{{"_meta":{{"traceparent":"{}"}},"name":"a"}}"#, first.header());
        assert_eq!(first.body, CALL.replace(r#""params":{"name":"a"}"#, &expected), "{version:?}");
    }
}

#[tokio::test]
async fn whatever_calls_itself_json_is_read() {
    let mut path = Path::open(Version::HTTP_11).await;
    for media in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.mcp+json"] {
        let arrived = path.post(&[("content-type", media)], CALL).await;
        assert_eq!(arrived.meta("traceparent").as_deref(), Some(arrived.header()), "{media}");
    }
    assert!(path.post(&[("content-type", "text/json+x")], CALL).await.is_untouched(CALL));
}

#[tokio::test]
async fn a_server_of_either_version_gets_the_length_of_what_it_gets() {
    for http in [HttpVersion::One, HttpVersion::Two] {
        for version in VERSIONS {
            let mut path = Path::with(version, |config| config.servers[0].http = http).await;
            let length = CALL.len().to_string();
            let arrived = path.post(&[("content-length", &length)], CALL).await;
            assert_eq!(arrived.lines("content-length"), [arrived.body.len().to_string()]);
            assert!(arrived.body.len() > CALL.len(), "{http:?} {version:?}");
            arrived.span();
        }
    }
}

#[tokio::test]
async fn the_header_alone_is_the_parent_and_keeps_the_lines_of_its_state() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let headers =
            [("traceparent", THEIRS), ("tracestate", "a=1"), ("baggage", "b=2"), ("tracestate", "c=\"\\3")];
        let arrived = path.post(&headers, CALL).await;
        assert_eq!(arrived.trace_and_flags(), THEIRS.replace("00f067aa0ba902b7", "SPAN"), "{version:?}");
        assert_eq!(arrived.lines("tracestate"), ["a=1", "c=\"\\3"]);
        assert_eq!(arrived.meta("tracestate").unwrap(), "a=1,c=\"\\3");
        assert_eq!(arrived.lines("baggage"), ["b=2"]);
    }
}

#[tokio::test]
async fn meta_alone_is_the_parent_and_its_state_goes_into_the_header() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let body = call_with(&format!(r#""tracestate" : "a=\u0031", {} "#, meta_of(THEIRS)));
        let arrived = path.post(&[], body.clone()).await;
        assert_eq!(arrived.span().trace, context(THEIRS).trace, "{version:?}");
        assert_eq!(arrived.lines("tracestate"), ["a=1"]);
        assert_eq!(arrived.body, body.replace(THEIRS, arrived.header()));
    }
}

#[tokio::test]
async fn of_two_contexts_that_differ_meta_is_the_parent() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let headers = [("traceparent", OTHER), ("tracestate", "a=1"), ("tracestate", "b=2"), ("x-a", "1")];
        let arrived = path.post(&headers, call_with(&meta_of(THEIRS))).await;
        assert_eq!(arrived.span().trace, context(THEIRS).trace, "{version:?}");
        assert!(arrived.lines("tracestate").is_empty(), "the other trace's");
        assert_eq!(arrived.lines("x-a"), ["1"]);
        let body = call_with(&format!(r#"{},"tracestate":"c=3""#, meta_of(THEIRS)));
        let arrived = path.post(&headers, body).await;
        assert_eq!(arrived.lines("tracestate"), ["c=3"]);
        assert_eq!(arrived.meta("tracestate").unwrap(), "c=3");
    }
}

#[tokio::test]
async fn of_two_contexts_that_agree_the_state_of_either_is_kept() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let headers = [("traceparent", THEIRS), ("tracestate", "a=1"), ("tracestate", "b=2")];
        let arrived = path.post(&headers, call_with(&meta_of(THEIRS))).await;
        assert_eq!(arrived.span().trace, context(THEIRS).trace, "{version:?}");
        assert_eq!(arrived.lines("tracestate"), ["a=1", "b=2"]);
        assert_eq!(arrived.meta("tracestate").unwrap(), "a=1,b=2");
    }
}

#[tokio::test]
async fn a_context_that_is_invalid_restarts_the_trace_and_drops_its_state() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let invalid = [
            vec![("traceparent", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")],
            vec![("traceparent", THEIRS), ("traceparent", THEIRS)],
            vec![("traceparent", "ff-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")],
            vec![],
        ];
        for mut headers in invalid {
            headers.extend([("tracestate", "a=1"), ("x-a", "1"), ("tracestate", "b=2"), ("x-b", "2")]);
            let body = call_with(r#""traceparent":"00-no","tracestate":"c=3""#);
            let arrived = path.post(&headers, body).await;
            assert_ne!(arrived.span().trace, context(THEIRS).trace, "{headers:?}");
            assert!(arrived.lines("tracestate").is_empty(), "{headers:?}");
            assert_eq!(arrived.meta("tracestate").unwrap(), "", "{headers:?}");
            let others = arrived.headers.keys().filter(|name| name.as_str().starts_with("x-"));
            assert_eq!(others.collect::<Vec<_>>(), ["x-a", "x-b"], "{headers:?}");
        }
    }
}

#[tokio::test]
async fn versions_and_flags_are_read_as_far_as_they_are_known() {
    let mut path = Path::open(Version::HTTP_11).await;
    let ids = "0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7";
    for (sent, flags) in [
        (format!("00-{ids}-00"), "00"),
        (format!("00-{ids}-01"), "01"),
        (format!("00-{ids}-03"), "03"),
        (format!("00-{ids}-02"), "02"),
        (format!("00-{ids}-fd"), "01"),
        (format!("cc-{ids}-01"), "01"),
        (format!("cc-{ids}-01-what.comes.later"), "01"),
    ] {
        let expected = format!("00-0af7651916cd43dd8448eb211c80319c-SPAN-{flags}");
        let arrived = path.post(&[("traceparent", &sent)], CALL).await;
        assert_eq!(arrived.trace_and_flags(), expected, "{sent}");
        let arrived = path.post(&[], call_with(&meta_of(&sent))).await;
        assert_eq!(arrived.trace_and_flags(), expected, "{sent} in _meta");
    }
}

const INITIALIZE: &str =
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}"#;

/// Begins a session; what arrived of its handshake.
async fn begin(path: &mut Path, id: &'static str, headers: &[(&str, &str)]) -> Arrived {
    let answer = Response::builder().header("content-type", "application/json").header("mcp-session-id", id);
    path.post_to("/mcp", headers, full(INITIALIZE), answer.body(full(INITIALIZED)).unwrap()).await
}

#[tokio::test]
async fn a_session_goes_on_in_the_trace_of_its_handshake() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        begin(&mut path, "one", &[("traceparent", THEIRS), ("tracestate", "a=1")]).await;
        let arrived = path.post(&[("mcp-session-id", "one")], CALL).await;
        assert_eq!(arrived.span().trace, context(THEIRS).trace, "{version:?}");
        assert_eq!(arrived.lines("tracestate"), ["a=1"]);
        assert_eq!(arrived.meta("tracestate").unwrap(), "a=1");
        let arrived = path.post(&[("mcp-session-id", "one"), ("traceparent", OTHER)], CALL).await;
        assert_eq!(arrived.span().trace, context(OTHER).trace);
        assert!(arrived.lines("tracestate").is_empty());
        let note = path.post(&[("mcp-session-id", "one")], NOTE).await;
        assert_eq!((note.header(), note.meta("traceparent").as_deref()), (THEIRS, Some(THEIRS)));
        assert_eq!(
            (note.lines("tracestate"), note.meta("tracestate").as_deref()),
            (vec!["a=1"], Some("a=1"))
        );
    }
}

#[tokio::test]
async fn a_session_that_began_a_trace_lends_it_to_notifications_alone() {
    let mut path = Path::open(Version::HTTP_11).await;
    let first = begin(&mut path, "two", &[]).await.span();
    let call = path.post(&[("mcp-session-id", "two")], CALL).await;
    assert_ne!(call.span().trace, first.trace);
    let note = path.post(&[("mcp-session-id", "two")], NOTE).await;
    assert_eq!(note.span().trace, first.trace);
    assert_ne!(note.span().span, first.span, "the SERVER span, not the leg to the server");
}

#[tokio::test]
async fn a_session_over_http_and_sse_goes_on_in_the_trace_of_its_handshake() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let stream = tokio::spawn(path.client.start(Request::get("/sse").body(empty()).unwrap()));
        let events = path.upstream.call().await.events();
        events.data("event: endpoint\ndata: /messages?session_id=1\n\n").await;
        let mut stream = within(stream).await.unwrap().unwrap().into_body();
        next(&mut stream).await.unwrap().unwrap();
        // HTTP/1.1 carries one exchange at a time.
        let mut other = Client::connect(path.proxy.address, version).await;
        std::mem::swap(&mut path.client, &mut other);
        let accepted = || Response::builder().status(202).body(empty()).unwrap();
        let endpoint = "/messages?session_id=1";
        path.post_to(endpoint, &[("traceparent", THEIRS)], full(INITIALIZE), accepted()).await;
        events.data(format!("data: {INITIALIZED}\n\n")).await;
        next(&mut stream).await.unwrap().unwrap();
        let arrived = path.post_to(endpoint, &[], full(CALL), accepted()).await;
        assert_eq!(arrived.span().trace, context(THEIRS).trace, "{version:?}");
    }
}

#[tokio::test]
async fn a_notification_names_its_parents_span_in_both_carriers() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let unusual = THEIRS.replacen("00", "cc", 1);
        let headers = [("traceparent", unusual.as_str()), ("tracestate", "a=1"), ("tracestate", "b=2")];
        let arrived = path.post(&headers, NOTE).await;
        assert_eq!(arrived.header(), unusual, "{version:?}");
        assert_eq!(arrived.lines("tracestate"), ["a=1", "b=2"]);
        assert_eq!(arrived.meta("traceparent").unwrap(), THEIRS);
        assert_eq!(arrived.meta("tracestate").unwrap(), "a=1,b=2");

        let body = NOTE.replace('}', &format!(r#","params":{{"_meta":{{{}}}}}}}"#, meta_of(THEIRS)));
        let arrived = path.post(&[("traceparent", OTHER), ("tracestate", "a=1")], body.clone()).await;
        assert_eq!((arrived.header(), &*arrived.body), (THEIRS, body.as_bytes()));
        assert!(arrived.lines("tracestate").is_empty());

        assert!(path.post(&[], NOTE).await.is_untouched(NOTE), "{version:?}");
        let arrived = path.post(&[("traceparent", "00-no"), ("tracestate", "a=1")], NOTE).await;
        assert_eq!(
            (arrived.header(), arrived.lines("tracestate"), &*arrived.body),
            ("00-no", vec!["a=1"], NOTE.as_bytes())
        );
    }
}

#[tokio::test]
async fn a_batch_gets_the_header_alone() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let batch = format!("[{},{NOTE}]", call_with(&meta_of(OTHER)));
        let arrived = path.post(&[("traceparent", THEIRS)], batch.clone()).await;
        assert_eq!(arrived.span_of_header().trace, context(THEIRS).trace, "{version:?}");
        assert_eq!(arrived.body, batch);
    }
}

#[tokio::test]
async fn what_is_no_request_passes_as_it_is() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{}}}"#;
        for body in [answer, r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, r#"{"client_name":"x"}"#, ""] {
            assert!(path.post(&[], body).await.is_untouched(body), "{version:?} {body}");
        }
        let arrived = path.post(&[("traceparent", "odd"), ("tracestate", "a=1")], answer).await;
        assert_eq!((arrived.header(), arrived.lines("tracestate")), ("odd", vec!["a=1"]));
        assert!(path.post(&[("content-type", "text/plain")], CALL).await.is_untouched(CALL), "{version:?}");
        for method in [Method::GET, Method::DELETE, Method::OPTIONS, Method::PUT] {
            let request = Request::builder().method(&method).uri("/mcp");
            let request = request.header("content-type", "application/json").body(empty()).unwrap();
            assert!(path.send(request, Response::new(empty())).await.is_untouched(""), "{method}");
        }
    }
}

#[tokio::test]
async fn metadata_is_asked_for_without_a_trace() {
    let mut path =
        Path::with(Version::HTTP_11, |config| config.servers[0].path = Some("/s".to_owned())).await;
    let well_known = "/.well-known/oauth-protected-resource/s";
    let arrived = path.post_to(well_known, &[], full(CALL), Response::new(empty())).await;
    assert!(arrived.is_untouched(CALL));
}

#[tokio::test]
async fn a_body_that_somebody_vouches_for_is_not_changed() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        for header in [
            ("content-digest", "sha-256=:x:"),
            ("repr-digest", "sha-256=:x:"),
            ("digest", "sha-256=x"),
            ("content-md5", "x"),
            ("signature", "a=:x:"),
            ("signature-input", "a=()"),
            ("x-amz-content-sha256", "x"),
            ("authorization", "AWS4-HMAC-SHA256 Credential=x"),
            ("content-encoding", "gzip"),
        ] {
            let body = call_with(&meta_of(THEIRS));
            let arrived = path.post(&[header, ("traceparent", THEIRS)], body.clone()).await;
            assert_eq!(arrived.span_of_header().trace, context(THEIRS).trace, "{header:?}");
            assert_eq!(arrived.body, body, "{header:?}");
        }
        let arrived =
            path.post(&[("content-encoding", "identity"), ("authorization", "Bearer x")], CALL).await;
        arrived.span();
    }
}

#[tokio::test]
async fn a_body_with_trailers_is_not_changed() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let (feed, body) = fed();
        tokio::spawn(async move {
            feed.data(CALL).await;
            feed.trailers(HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())])).await;
        });
        let headers = [("trailer", "x-sum")];
        let arrived = path.post_to("/mcp", &headers, body, Response::new(empty())).await;
        arrived.span_of_header();
        assert_eq!(arrived.body, CALL, "{version:?}");
    }
}

#[tokio::test]
async fn a_body_beyond_what_is_held_gets_the_header_alone() {
    for version in VERSIONS {
        for (hold_back, is_spliced) in [(0, false), (CALL.len() - 1, false), (CALL.len(), true)] {
            let mut path = Path::with(version, |config| config.limits.hold_back = hold_back).await;
            let arrived = path.post(&[("traceparent", THEIRS)], CALL).await;
            assert_eq!(arrived.span_of_header().trace, context(THEIRS).trace, "{version:?} {hold_back}");
            assert_eq!(arrived.body != CALL, is_spliced, "{version:?} {hold_back}");
        }
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_changed_where_it_came_whole() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let (feed, body) = fed();
        tokio::spawn(async move {
            for part in CALL.as_bytes().chunks(10) {
                feed.data(Bytes::copy_from_slice(part)).await;
            }
        });
        let arrived = path.post_to("/mcp", &[], body, Response::new(empty())).await;
        assert_eq!(arrived.span().flags.byte(), 3, "{version:?}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_gets_the_header_alone() {
    for version in VERSIONS {
        let mut path = Path::open(version).await;
        let (feed, body) = fed();
        let request = Request::post("/mcp").header("content-type", "application/json").body(body).unwrap();
        let _sent = tokio::spawn(path.client.start(request));
        let (first, rest) = CALL.split_at(20);
        feed.data(first).await;
        let mut call = path.upstream.call().await;
        feed.data(rest).await;
        drop(feed);
        let arrived = Arrived { body: call.read().await, headers: call.head.headers.clone() };
        arrived.span_of_header();
        assert_eq!(arrived.body, CALL, "{version:?}");
    }
}

#[tokio::test]
async fn meta_gets_the_context_when_there_is_an_exporter_or_it_is_asked_for() {
    let otlp = |traces: Option<&str>| Otlp { traces: traces.map(str::to_owned), ..Otlp::default() };
    let somewhere = Some(otlp(Some("http://127.0.0.1:1/v1/traces")));
    for (inject_meta, otlp, expected) in [
        (InjectMeta::Auto, None, false),
        (InjectMeta::Auto, Some(otlp(None)), false),
        (InjectMeta::Auto, somewhere.clone(), true),
        (InjectMeta::Never, somewhere, false),
        (InjectMeta::Always, None, true),
    ] {
        let tracing = Tracing { inject_meta, otlp, ..Tracing::default() };
        let mut path = Path::with(Version::HTTP_11, |config| config.tracing = tracing.clone()).await;
        for body in [CALL, NOTE] {
            let arrived = path.post(&[("traceparent", THEIRS)], body).await;
            assert_eq!(context(arrived.header()).trace, context(THEIRS).trace);
            assert_eq!(arrived.body != body, expected, "{tracing:?}");
        }
        // It is read even so.
        let arrived = path.post(&[("traceparent", OTHER)], call_with(&meta_of(THEIRS))).await;
        assert_eq!(context(arrived.header()).trace, context(THEIRS).trace, "{tracing:?}");
    }
}

#[tokio::test]
async fn b3_is_read_where_it_is_asked_for_and_passes() {
    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";
    for read_b3 in [true, false] {
        let mut path = Path::with(Version::HTTP_11, |config| config.tracing.read_b3 = read_b3).await;
        let single = format!("{TRACE}-{SPAN}-1");
        let short = format!("64fe8b2a57d3eff7-{SPAN}-0");
        let padded = "000000000000000064fe8b2a57d3eff7";
        for (headers, trace, flags) in [
            (vec![("b3", single.as_str())], TRACE, 1),
            (vec![("b3", &short)], padded, 0),
            (vec![("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "0")], TRACE, 0),
            (vec![("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-flags", "1")], TRACE, 1),
            (vec![("traceparent", "00-no"), ("b3", &single)], TRACE, 1),
        ] {
            let arrived = path.post(&headers, CALL).await;
            let span = arrived.span();
            assert_eq!(span.trace.to_string() == trace, read_b3, "{headers:?}");
            assert_eq!(span.flags.byte(), if read_b3 { flags } else { 3 }, "{headers:?}");
            for (name, value) in headers.iter().filter(|(name, _)| *name != "traceparent") {
                assert_eq!(arrived.lines(name), [*value]);
            }
        }
        let arrived = path.post(&[("traceparent", THEIRS), ("b3", &single)], CALL).await;
        assert_eq!(arrived.span().trace, context(THEIRS).trace);
        let arrived = path.post(&[("b3", "0")], CALL).await;
        assert_eq!(arrived.span().flags.is_sampled(), !read_b3, "a decision alone");
        let note = path.post(&[("b3", &single), ("tracestate", "a=1")], NOTE).await;
        let named = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(note.lines("traceparent"), if read_b3 { vec![named.as_str()] } else { vec![] });
        assert_eq!(note.lines("tracestate").is_empty(), read_b3, "it belonged to nobody");
    }
}

/// What arrives at a server of exactly these bytes.
async fn forwarded(tracing: Tracing, request: &str) -> String {
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    config.tracing = tracing;
    let proxy = Proxy::start(config);
    let mut client = Raw::connect(proxy.address).await;
    client.write(request).await;
    let mut server_side = server.accept().await;
    let head = server_side.read_head().await.replace(&server.address.to_string(), "SERVER");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-LENGTH: ")).unwrap();
    let body = server_side.read(length.parse().unwrap()).await;
    head + &String::from_utf8(body).unwrap()
}

/// A request with odd bytes: case, order and white space.
fn raw(fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: SERVER\r\nX-oDD: 1\r\nContent-Type: application/json\r\n{fields}Content-LENGTH: {length}\r\nz: 1\r\nA: 2\r\nz: 3\r\n\r\n{body}"
    )
}

const ODD_BODY: &str = "{ \"method\" : \"x\",\"id\":1.0,\n\"params\":{\"a\" :123456789012345678901234567890,\"a\":1e400, \"\\u00e9\":\"\\ud800\"} , \"z\":-0.0}";

#[tokio::test]
async fn with_tracing_off_every_byte_passes() {
    let fields = "TraceParent: x\r\ntraceState: a=1\r\nb3: 0\r\ntracestate: b=2\r\n";
    for body in [ODD_BODY, &call_with(&meta_of(THEIRS)), NOTE] {
        let request = raw(fields, body);
        let off = Tracing { enabled: false, inject_meta: InjectMeta::Always, ..Tracing::default() };
        // The lines of one name come together.
        let expected = request
            .replace("b3: 0\r\ntracestate: b=2\r\n", "tracestate: b=2\r\nb3: 0\r\n")
            .replace("z: 1\r\nA: 2\r\nz: 3\r\n", "z: 1\r\nz: 3\r\nA: 2\r\n");
        assert_eq!(forwarded(off, &request).await, expected);
    }
}

/// Invariant 1.
#[tokio::test]
async fn with_everything_off_nobody_looks() {
    let mut config = proxy::config(([127, 0, 0, 1], 1).into());
    config.metrics.enabled = false;
    config.logs.calls = false;
    let is_looked_at = |config: &Config| {
        let console = Console { out: Box::new(std::io::sink()), pretty: false, color: false };
        let telemetry = Telemetry::start(config, Some(console)).unwrap();
        let observer = telemetry.observer(config).unwrap().0;
        let head = Request::post("/mcp").header("content-type", "application/json");
        let head = head.body(()).unwrap().into_parts().0;
        let target = Target { server: Some(0), route: Route::Mount, upstream_path: "/mcp" };
        observer.connection().exchange(target, &head, ([127, 0, 0, 1], 1).into()).request().is_some()
    };
    assert!(!is_looked_at(&config));
    let with = |change: fn(&mut Config)| {
        let mut config = config.clone();
        change(&mut config);
        config
    };
    assert!(is_looked_at(&with(|config| config.metrics.enabled = true)));
    assert!(is_looked_at(&with(|config| config.logs.calls = true)));
    assert!(is_looked_at(&with(|config| config.tracing.enabled = true)));
}

#[tokio::test]
async fn with_tracing_on_every_other_byte_passes() {
    let handed_on = |request: &str| request.replace("z: 1\r\nA: 2\r\nz: 3\r\n", "z: 1\r\nz: 3\r\nA: 2\r\n");
    let parent_of = |arrived: &str| {
        let at = arrived.find("00-").unwrap();
        arrived.get(at..at + 55).unwrap().to_owned()
    };
    let request = raw("", ODD_BODY);
    let arrived = forwarded(Tracing::default(), &request).await;
    let parent = parent_of(&arrived);
    let expected = handed_on(&request).replace("A: 2\r\n", &format!("A: 2\r\ntraceparent: {parent}\r\n"));
    assert_eq!(arrived, expected);

    // Where they stood, they stay.
    let request = raw(&format!("TraceParent: {THEIRS}\r\nTraceState: a=1\r\n"), ODD_BODY);
    let arrived = forwarded(Tracing::default(), &request).await;
    assert_eq!(arrived, handed_on(&request).replace(THEIRS, &parent_of(&arrived)));

    let both = Tracing { inject_meta: InjectMeta::Always, ..Tracing::default() };
    let arrived = forwarded(both, &request).await;
    let parent = parent_of(&arrived);
    let meta = format!(r#""_meta":{{"traceparent":"{parent}","tracestate":"a=1"}},"#);
    let body = ODD_BODY.replace("\"params\":{", &format!("\"params\":{{{meta}"));
    let expected = raw(&format!("TraceParent: {parent}\r\nTraceState: a=1\r\n"), &body);
    assert_eq!(arrived, handed_on(&expected));
}

/// Who remembers the place in a trace of each call that ended.
#[derive(Clone, Default)]
struct Ended(Arc<Mutex<Vec<Option<Context>>>>);

impl Export for Ended {
    fn event(&self, event: &Event<'_>) {
        if let Event::CallEnded { call, .. } = event {
            self.0.lock().unwrap().push(call.trace().map(sightglass::mcp::trace::Trace::upstream));
        }
    }
}

#[tokio::test]
async fn the_span_that_is_told_of_is_the_one_that_went_up() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.tracing = Tracing { inject_meta: InjectMeta::Always, ..Tracing::default() };
        config.limits.request_body = Some(200);
        let ended = Ended::default();
        let observer = Observer::new(&config, Arc::new(ended.clone()));
        let proxy = Proxy::observed(config, observer);
        let mut client = Client::connect(proxy.address, version).await;
        let request =
            |body| Request::post("/").header("content-type", "application/json").body(body).unwrap();
        let sent = tokio::spawn(client.start(request(full(CALL))));
        let call = upstream.call().await;
        let header = call.head.headers.get("traceparent").unwrap().to_str().unwrap().to_owned();
        call.answer(Response::new(full("{}")));
        collect(within(sent).await.unwrap().unwrap()).await;
        assert_eq!(*ended.0.lock().unwrap(), [Some(context(&header))], "{version:?}");

        // One that ends before it was held has its place all the same.
        let (feed, body) = fed();
        let sent = tokio::spawn(client.start(request(body)));
        feed.data(CALL).await;
        feed.data("x".repeat(200)).await;
        assert_eq!(within(sent).await.unwrap().unwrap().status(), 413, "{version:?}");
        let ended = ended.0.lock().unwrap();
        assert!(ended.len() == 2 && ended[1].is_some(), "{version:?} {ended:?}");
    }
}
