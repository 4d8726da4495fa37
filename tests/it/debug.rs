//! Promise: payloads are kept exactly where somebody asks for them: by configuration, or for one session and a while;
//! and a failed tool's own words are told.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sightglass::admin::Admin;
use sightglass::cli::serve;
use sightglass::cli::telemetry::Telemetry;
use sightglass::config::{Capture, Config, LogLevel};
use sightglass::export::{Console, Prometheus, Recent};
use sightglass::observe::{Captured, End, Event, Export};
use sightglass::probe::Watch;
use sightglass::shutdown::Shutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::collect;
use crate::support::logged::{LONG, Tape};
use crate::support::mixed::{self, Nowhere};
use crate::support::observed::{Answering, Observed, one_server};
use crate::support::{Client, Upstream, full};

/// What was told of each call that ended.
#[derive(Default)]
struct Told(Mutex<Vec<Call>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    arguments: Option<String>,
    result: Option<String>,
    message: Option<String>,
    session: Option<String>,
}

impl Export for Told {
    fn event(&self, event: &Event<'_>) {
        if let Event::CallEnded { call, ending } = event {
            self.0.lock().unwrap().push(Call {
                arguments: ending.arguments.as_ref().map(said),
                result: ending.result.as_ref().map(said),
                message: ending.message.as_ref().map(|message| message.as_str().to_owned()),
                session: call.session.as_ref().map(|session| session.id.clone()),
            });
        }
    }
}

fn said(captured: &Captured) -> String {
    let text = String::from_utf8(captured.bytes.to_vec()).unwrap();
    if captured.cut { text + "…" } else { text }
}

impl Told {
    /// The last call that ended.
    fn last(&self) -> Call {
        self.0.lock().unwrap().last().unwrap().clone()
    }

    fn last_payloads(&self) -> (Option<String>, Option<String>) {
        let Call { arguments, result, .. } = self.last();
        (arguments, result)
    }
}

fn observed(config: &Config) -> (Observed, Arc<Told>) {
    let told = Arc::new(Told::default());
    (Observed::telling(config, Arc::clone(&told) as _), told)
}

/// Everything is asked for.
fn asking() -> Config {
    let mut config = one_server();
    config.logs.level = LogLevel::Debug;
    config.logs.capture = Capture { arguments: true, results: true, max_bytes: 4096 };
    config
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments": {"a" : [1,"}"]} }}"#;
const ARGUMENTS: &str = r#"{"a" : [1,"}"]}"#;
const ANSWER: &str =
    r#"{"result":{"content":[{"type":"text","text":"hi"}], "isError": false} ,"jsonrpc":"2.0","id":1}"#;
const RESULT: &str = r#"{"content":[{"type":"text","text":"hi"}], "isError": false}"#;

fn both() -> (Option<String>, Option<String>) {
    (Some(ARGUMENTS.to_owned()), Some(RESULT.to_owned()))
}

const NOTHING: (Option<String>, Option<String>) = (None, None);

#[test]
fn nothing_is_kept_where_nobody_asks() {
    let quiet = |change: fn(&mut Config)| {
        let mut config = asking();
        change(&mut config);
        config
    };
    for config in [
        one_server(),
        quiet(|config| config.logs.level = LogLevel::Info),
        quiet(|config| config.logs.calls = false),
        quiet(|config| config.logs.capture = Capture::default()),
    ] {
        let (observed, told) = observed(&config);
        observed.post(&[], CALL).json(200, ANSWER);
        assert_eq!(told.last_payloads(), NOTHING);
    }
}

#[test]
fn payloads_are_kept_as_they_were_written() {
    let (observed, told) = observed(&asking());
    observed.post(&[], CALL).json(200, ANSWER);
    assert_eq!(told.last_payloads(), both());
    observed.post(&[], CALL).events().event(ANSWER).end(End::Complete);
    assert_eq!(told.last_payloads(), both());
    for value in ["5", "null", "\"a\\\"b\"", "true", "[]", "{}", "-1.5e3"] {
        let call =
            format!(r#"{{"id":1,"method":"tools/call","params":{{"arguments":{value}}},"jsonrpc":"2.0"}}"#);
        observed.post(&[], &call).json(200, &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{value}}}"#));
        assert_eq!(told.last_payloads(), (Some(value.to_owned()), Some(value.to_owned())));
    }
}

#[test]
fn a_payload_is_the_same_however_it_is_cut_in_frames() {
    let (observed, told) = observed(&asking());
    for piece in [1, 2, 3, 7, 64] {
        let asked = observed.ask("POST", "/mcp", &[]);
        let mut watch = asked.exchange.request().unwrap();
        CALL.as_bytes().chunks(piece).for_each(|frame| watch.frame(&bytes::Bytes::copy_from_slice(frame)));
        watch.end(End::Complete);
        let answer = asked.answer(200, &[("content-type", "application/json")]);
        ANSWER.as_bytes().chunks(piece).fold(answer, Answering::bytes).end(End::Complete);
        assert_eq!(told.last_payloads(), both());
    }
}

#[test]
fn payloads_of_every_encoding_are_kept() {
    let (observed, told) = observed(&asking());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(ANSWER.as_bytes()).unwrap();
    let mut br = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 20);
    br.write_all(ANSWER.as_bytes()).unwrap();
    for (encoding, body) in [
        ("gzip", gzip.finish().unwrap()),
        ("br", br.into_inner()),
        ("zstd", zstd::encode_all(ANSWER.as_bytes(), 3).unwrap()),
    ] {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        observed.post(&[], CALL).answer(200, &headers).bytes(&body).end(End::Complete);
        assert_eq!(told.last_payloads(), both(), "{encoding}");
    }
}

#[test]
fn each_call_of_a_batch_has_its_own() {
    let (observed, told) = observed(&asking());
    let call = |id| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"arguments":{{"n":{id}}}}}}}"#
        )
    };
    let answer = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"r":{id}}}}}"#);
    let calls = format!("[{},{}]", call(1), call(2));
    observed.post(&[], &calls).json(200, &format!("[{},{}]", answer(2), answer(1)));
    let told = told.0.lock().unwrap();
    let payloads: Vec<_> =
        told.iter().map(|call| (call.arguments.clone().unwrap(), call.result.clone().unwrap())).collect();
    let expected = [(r#"{"n":2}"#, r#"{"r":2}"#), (r#"{"n":1}"#, r#"{"r":1}"#)];
    assert_eq!(payloads, expected.map(|(arguments, result)| (arguments.to_owned(), result.to_owned())));
}

#[test]
fn a_long_payload_is_kept_up_to_what_redaction_needs() {
    let mut config = asking();
    config.logs.capture.max_bytes = 1024;
    let (observed, told) = observed(&config);
    let long = "x".repeat(100_000);
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"arguments":{{"a":"{long}"}}}}}}"#
    );
    observed.post(&[], &call).json(200, &format!(r#"{{"jsonrpc":"2.0","id":1,"result":["{long}"]}}"#));
    let (arguments, result) = told.last_payloads();
    for kept in [arguments.unwrap(), result.unwrap()] {
        assert_eq!(kept.trim_end_matches('…').len(), 4 * 1024 + 4096);
        assert!(kept.ends_with('…'));
    }
}

#[test]
fn without_memory_for_them_payloads_are_left_out_and_the_rest_is_told() {
    let mut config = asking();
    config.logs.capture.max_bytes = 1 << 20;
    config.limits.observe_bytes = 64 << 10;
    let (observed, told) = observed(&config);
    let large = "x".repeat(100_000);
    let (call, answer) = (CALL.replace("[1", &format!("[\"{large}\"")), ANSWER.replace("hi", &large));
    // In pieces, as a connection brings it.
    let begun = observed.post(&[], &call).answer(200, &[("content-type", "application/json")]);
    answer.as_bytes().chunks(16 << 10).fold(begun, Answering::bytes).end(End::Complete);
    assert_eq!(told.last_payloads(), NOTHING);
    observed.post(&[], CALL).json(200, ANSWER);
    assert_eq!(told.last_payloads(), both());
    let lost = observed.scrape().metric("mcp_proxy_dropped_total").label("what", "event").sum();
    assert!(lost >= 2.0, "{lost}");
    assert_eq!(observed.observer.usage().observe_bytes, 0);
}

/// Begins a session of this name; gives what lines call it.
fn session(observed: &Observed, told: &Told, name: &str) -> String {
    let initialize =
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;
    let answer = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#;
    let headers = [("content-type", "application/json"), ("mcp-session-id", name)];
    observed.post(&[], initialize).answer(200, &headers).text(answer).end(End::Complete);
    call(observed, name);
    told.last().session.unwrap()
}

fn call(observed: &Observed, session: &str) {
    observed.post(&[("mcp-session-id", session)], CALL).json(200, ANSWER);
}

#[tokio::test(start_paused = true)]
async fn a_debugged_session_and_no_other_has_its_payloads_kept_until_its_time_is_over() {
    let (observed, told) = observed(&one_server());
    let one = session(&observed, &told, "one");
    session(&observed, &told, "other");
    assert_eq!(told.last_payloads(), NOTHING);
    assert!(observed.observer.debug_session(&one, Duration::from_secs(600)));
    call(&observed, "one");
    assert_eq!(told.last_payloads(), both());
    call(&observed, "other");
    assert_eq!(told.last_payloads(), NOTHING);
    observed.post(&[], CALL).json(200, ANSWER);
    assert_eq!(told.last_payloads(), NOTHING);
    tokio::time::advance(Duration::from_secs(599)).await;
    call(&observed, "one");
    assert_eq!(told.last_payloads(), both());
    tokio::time::advance(Duration::from_secs(1)).await;
    call(&observed, "one");
    assert_eq!(told.last_payloads(), NOTHING);
}

#[tokio::test(start_paused = true)]
async fn debugging_can_be_ended_early() {
    let (observed, told) = observed(&one_server());
    let one = session(&observed, &told, "one");
    assert!(observed.observer.debug_session(&one, Duration::from_secs(600)));
    assert!(observed.observer.debug_session(&one, Duration::ZERO));
    call(&observed, "one");
    assert_eq!(told.last_payloads(), NOTHING);
    assert!(!observed.observer.debug_session("nobody", Duration::from_secs(600)));
}

#[tokio::test(start_paused = true)]
async fn a_legacy_session_is_debugged_on_the_stream_that_it_opened_before() {
    let (observed, told) = observed(&one_server());
    let stream = observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n");
    observed
        .post_to("/m?s=1", &[], r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}"#)
        .answer(202, &[])
        .end(End::Complete);
    let stream = stream.event(r#"{"jsonrpc":"2.0","id":0,"result":{}}"#);
    let ask = || observed.post_to("/m?s=1", &[], CALL).answer(202, &[]).end(End::Complete);
    ask();
    let stream = stream.event(ANSWER);
    assert_eq!(told.last_payloads(), NOTHING);
    let id = told.last().session.unwrap();
    assert!(observed.observer.debug_session(&id, Duration::from_secs(600)));
    ask();
    let stream = stream.event(ANSWER);
    assert_eq!(told.last_payloads(), both());
    tokio::time::advance(Duration::from_secs(600)).await;
    ask();
    let stream = stream.event(ANSWER);
    assert_eq!(told.last_payloads(), NOTHING);
    stream.end(End::Complete);
}

#[test]
fn a_failed_tool_is_told_in_its_own_words() {
    let (observed, told) = observed(&one_server());
    let fail = |result: &str| {
        observed.post(&[], CALL).json(200, &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
        told.last().message
    };
    let said = Some("no such file".to_owned());
    assert_eq!(fail(r#"{"content":[{"type":"text","text":"no such file"}],"isError":true}"#), said);
    assert_eq!(fail(r#"{"isError":true,"content":[{"text":"no such file"},{"text":"else"}]}"#), said);
    assert_eq!(
        fail(r#"{"isError":true,"content":[{"type":"image","data":"x"},{"text":"no such file"}]}"#),
        said
    );
    assert_eq!(
        fail(r#"{"content":[{"text":"a"}],"content":[{"text":"no such file"}],"isError":true}"#),
        said
    );
    assert_eq!(fail(r#"{"content":[],"isError":true}"#), None);
    assert_eq!(fail(r#"{"content":"no such file","isError":true}"#), None);
    assert_eq!(fail(r#"{"content":[{"text":"fine"}],"isError":false}"#), None);
    let long = "é\\\"".repeat(100_000);
    let begun = fail(&format!(r#"{{"content":[{{"text":"{long}"}}],"isError":true}}"#)).unwrap();
    // As many bytes as are kept of every text, as it was written: with the escapes.
    assert_eq!(begun, "é\"".repeat(512 / 4));
}

/// A listener there that knows one session, and what lines call that.
fn listen(address: [u8; 4]) -> (SocketAddr, Observed, Arc<Told>, String) {
    let mut config = one_server();
    config.admin.listen = SocketAddr::from((address, 0));
    let (observed, told) = observed(&config);
    let one = session(&observed, &told, "one");
    let prometheus = Arc::new(Prometheus::new(&config).unwrap());
    let watch = Watch::new(&config, observed.observer.clone());
    let shutdown = Shutdown::new(Duration::from_secs(30));
    let recent = Arc::new(Recent::new(&config, Arc::clone(prometheus.losses())));
    let admin =
        Admin::bind(&config, (prometheus, recent), observed.observer.clone(), watch, shutdown).unwrap();
    let port = admin.address().unwrap().port();
    tokio::spawn(admin.run(std::future::pending()));
    (SocketAddr::from(([127, 0, 0, 1], port)), observed, told, one)
}

async fn ask(address: SocketAddr, line: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_operator_debugs_a_session_by_the_name_that_lines_give_it() {
    let (address, observed, told, one) = listen([127, 0, 0, 1]);
    let answer = ask(address, &format!("PUT /api/debug/sessions/{one}?for=90s"), "localhost:9464").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with(&format!(r#"{{"for_seconds":90.0,"session":"{one}"}}"#)), "{answer}");
    call(&observed, "one");
    assert_eq!(told.last_payloads(), both());
    let answer = ask(address, &format!("PUT /api/debug/sessions/{one}?for=0s"), "127.0.0.1").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""for_seconds":0.0"#), "{answer}");
    call(&observed, "one");
    assert_eq!(told.last_payloads(), NOTHING);
    let answer = ask(address, &format!("PUT /api/debug/sessions/{one}"), "[::1]").await;
    assert!(answer.contains(r#""for_seconds":600.0"#), "{answer}");
}

#[tokio::test]
async fn what_cannot_be_debugged_is_said() {
    let (address, _observed, _told, one) = listen([127, 0, 0, 1]);
    for (line, host, status, said) in [
        ("PUT /api/debug/sessions/nobody".to_owned(), "localhost", 404, "no such session"),
        (format!("PUT /api/debug/sessions/{one}?for=soon"), "localhost", 400, "a whole number and one unit"),
        (format!("PUT /api/debug/sessions/{one}?for=25h"), "localhost", 400, "at most 24h"),
        (format!("GET /api/debug/sessions/{one}"), "localhost", 405, "only PUT"),
        (format!("PUT /api/debug/sessions/{one}"), "evil.example", 403, "ask for 127.0.0.1"),
    ] {
        let answer = ask(address, &line, host).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(said),
            "{line}: {answer}"
        );
        assert_eq!(answer.to_ascii_lowercase().contains("\r\nallow: put\r\n"), status == 405, "{answer}");
    }
}

#[tokio::test]
async fn where_others_can_connect_there_are_only_numbers_and_health() {
    let (address, _observed, _told, one) = listen([0, 0, 0, 0]);
    for line in [format!("PUT /api/debug/sessions/{one}"), "GET /".to_owned()] {
        let answer = ask(address, &line, "127.0.0.1").await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("set admin.token"), "{answer}");
    }
    for path in ["/metrics", "/health", "/health/ready"] {
        assert!(
            ask(address, &format!("GET {path}"), "example.com").await.starts_with("HTTP/1.1 200"),
            "{path}"
        );
    }
}

/// Keeps every call that ended, as an exporter whose collector hangs.
#[derive(Default)]
struct Keeping(Mutex<Vec<Arc<sightglass::observe::Call>>>);

impl Export for Keeping {
    fn event(&self, event: &Event<'_>) {
        if let Event::CallEnded { call, .. } = event {
            self.0.lock().unwrap().push(Arc::clone(call));
        }
    }
}

#[test]
fn calls_that_wait_to_be_exported_take_nothing_of_the_memory_for_observation() {
    let keeping = Arc::new(Keeping::default());
    let observed = Observed::telling(&asking(), Arc::clone(&keeping) as _);
    observed.post(&[], CALL).json(200, ANSWER);
    assert_eq!(keeping.0.lock().unwrap().len(), 1);
    assert_eq!(observed.observer.usage().observe_bytes, 0);
}

/// One message posted through the proxy in session `one`, and its answer.
async fn pass(proxy: SocketAddr, upstream: &mut Upstream, message: &str, answer: &'static str) {
    let mut client = Client::connect(proxy, http::Version::HTTP_11).await;
    let request = http::Request::post("/stub").header("content-type", "application/json");
    let request = request.header("mcp-session-id", "session-one").body(full(message.to_owned())).unwrap();
    let sent = client.start(request);
    let play = async {
        let mut call = upstream.call().await;
        call.read().await;
        call.answer(
            http::Response::builder()
                .header("content-type", "application/json")
                .header("mcp-session-id", "session-one")
                .body(full(answer))
                .unwrap(),
        );
    };
    let (answer, ()) = tokio::join!(sent, play);
    collect(answer.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_log_of_the_whole_proxy_a_debugged_session_tells_what_it_carries() {
    let (tape, gone, mut upstream) = (Tape::default(), Nowhere::new(), Upstream::start().await);
    let config = mixed::config(upstream.address, &gone);
    let console = Console { out: Box::new(tape.clone()), pretty: false, color: false };
    let telemetry = Telemetry::start(&config, Some(console)).unwrap();
    let running = serve::start_told(config, &telemetry).await.unwrap();
    let proxy = running.data[0];
    let initialize =
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;
    let began = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#;
    pass(proxy, &mut upstream, initialize, began).await;
    pass(proxy, &mut upstream, CALL, ANSWER).await;
    tape.wait_for("tool_invocation");
    assert!(!tape.text().contains("tool_payload"));
    let text = tape.text();
    let (_, named) = text.split_once(r#""session_id":""#).unwrap();
    let name = named.split('"').next().unwrap();
    let answer = ask(running.admin, &format!("PUT /api/debug/sessions/{name}?for=10m"), "localhost").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    pass(proxy, &mut upstream, CALL, ANSWER).await;
    tape.wait_for("tool_payload");
    running.stop().await;
    telemetry.stop(LONG);
    let text = tape.text();
    assert!(text.contains(r#""arguments":"{\"a\" : [1,\"}\"]}""#), "{text}");
    assert!(!text.contains("session-one"), "{text}");
}
