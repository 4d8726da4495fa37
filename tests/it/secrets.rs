//! Promise: no secret that traffic or the configuration carries is told anywhere: not in lines, spans, metrics, nor on a
//! page, whatever place of a message it stands in, with payloads logged.
//!
//! What stands beside each secret is a mark that nobody hides: where it is found, the secret was told of as well, and
//! hidden. Two things go back to who sent them, as they must: a JSON-RPC error has the id of its request, and the
//! server gets all that the client said.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use prost::Message;
use regex::bytes::Regex;
use serde_json::{Value, json};
use sightglass::cli::check::describe;
use sightglass::cli::serve::{self, Running};
use sightglass::cli::telemetry::Telemetry;
use sightglass::config::{Capture, Config, LogFile, LogLevel, Otlp, OtlpProtocol, Secret};
use sightglass::export::Console;

use crate::support::client::collect;
use crate::support::collector::{Collector, Got};
use crate::support::logged::{LONG, Tape};
use crate::support::mixed::{self, Nowhere};
use crate::support::secrets::secrets;
use crate::support::{Client, Sent, Upstream, empty, full};

/// Nothing tells these but the name of what holds them, or the place where they stand.
const BARE: &[&str] = &[
    "Velvet-Argument-Lamp",
    "Velvet-Result-Lamp",
    "Velvet-Data-Lamp",
    "Velvet-Message-Lamp",
    "Velvet-Meta-Lamp",
    "Velvet-Session-Lamp",
    "Velvet-Task-Lamp",
    "Velvet-Round-Lamp",
    "Velvet-Progress-Lamp",
    "Velvet-Bearer-Lamp",
    "Velvet-Cookie-Lamp",
    "Velvet-User-Lamp",
    "Velvet-Query-Lamp",
    "Velvet-Fragment-Lamp",
    "Velvet-Route-Lamp",
    "velvet-host-lamp",
    "Velvet-Origin-Lamp",
    "Velvet-Event-Lamp",
    "Velvet-Status-Lamp",
    "Velvet-Salt-Lamp",
    "Velvet-Upstream-Lamp",
    "Velvet-Collector-Lamp",
];

/// Marks, and where each must be found: in lines, in spans.
const MARKS: &[(&str, bool, bool)] = &[
    ("mark-argument", true, false),
    ("mark-result", true, false),
    ("mark-structured", true, false),
    ("mark-message", true, true),
    ("mark-failure", true, true),
    ("mark-tool", true, true),
    ("mark-client", true, true),
    ("mark-version", true, true),
    ("mark-resource", false, true),
    ("mark-prompt", false, true),
    ("mark-id", true, true),
    ("mark-asked", true, true),
    ("mark-agent", false, true),
    ("mark-correlation", true, true),
    ("mark-state", false, true),
    ("mark-method", true, true),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_wherever_it_stands() {
    let mut bench = Bench::start().await;
    let all = secrets();
    for (_, text) in &all {
        bench.carry(text).await;
    }
    bench.carry_bare().await;
    bench.refuse_bare().await;
    let told = bench.told().await;
    let every = all.iter().map(|(secret, _)| secret.as_str()).chain(BARE.iter().copied());
    let written: Vec<String> = every.flat_map(forms).map(|form| regex::escape(&form)).collect();
    let any = Regex::new(&written.join("|")).expect("a pattern");
    let mut leaks = BTreeMap::new();
    for (place, said) in &told {
        for found in any.find_iter(said) {
            leaks.entry((*place, found.as_bytes())).or_insert_with(|| around(said, found.start()));
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), shown(&leaks));
    let found = |place: &str, mark: &str| {
        let (_, said) = told.iter().find(|(name, _)| *name == place).expect("such a place");
        assert!(String::from_utf8_lossy(said).contains(mark), "{mark} is not told {place}");
    };
    for (mark, in_lines, in_spans) in MARKS {
        for place in ["on the console", "in the file", "in log records"].into_iter().filter(|_| *in_lines) {
            found(place, mark);
        }
        if *in_spans {
            found("in spans", mark);
        }
    }
    for place in ["in metrics", "on the page", "on the OpenMetrics page"] {
        found(place, "harmless");
    }
    found("by the proxy itself", "no_route");
    found("by check", "authorization");
}

/// The proxy with every destination on, between a client and a server that the test plays itself.
struct Bench {
    upstream: Upstream,
    running: Running,
    telemetry: Telemetry,
    collector: Collector,
    tape: Tape,
    file: PathBuf,
    described: String,
    /// What the proxy answered in the server's place.
    own: Vec<u8>,
    _gone: Nowhere,
}

impl Bench {
    async fn start() -> Self {
        let (collector, tape, gone) = (Collector::start().await, Tape::default(), Nowhere::new());
        let upstream = Upstream::start().await;
        let file = std::env::temp_dir().join(format!("sightglass-{}-secrets.log", std::process::id()));
        let _ = fs::remove_file(&file);
        let config = config(upstream.address, &gone, collector.address, file.clone());
        let console = Console { out: Box::new(tape.clone()), pretty: false, color: false };
        let telemetry = Telemetry::start(&config, Some(console)).expect("a log");
        let described = describe(&config);
        let running = serve::start_told(config, &telemetry).await.expect("a proxy");
        let own = Vec::new();
        Self { upstream, running, telemetry, collector, tape, file, described, own, _gone: gone }
    }

    async fn client(&self) -> Client {
        Client::connect(self.running.data[0], http::Version::HTTP_11).await
    }

    /// One request, and what the server says to it.
    async fn pass(&mut self, request: Request<Sent>, response: Response<Sent>) {
        let path = request.uri().clone();
        let mut client = self.client().await;
        let mut sent = std::pin::pin!(client.start(request));
        let mut call = tokio::select! {
            answer = &mut sent => panic!("{path} never came to the server: {answer:?}"),
            call = self.upstream.call() => call,
        };
        call.read().await;
        call.answer(response);
        collect(sent.await.expect("an answer")).await;
    }

    /// A message posted to the server, and the JSON that comes back.
    async fn ask(&mut self, message: &Value, answer: &Value) {
        self.pass(post("/stub", message), of("application/json", answer.to_string())).await;
    }

    /// A request that the proxy itself answers.
    async fn refused(&mut self, request: Request<Sent>) {
        let answer = self.client().await.send(request).await;
        assert!(answer.headers().contains_key("x-sightglass-error"), "{answer:?}");
        self.own.extend(format!("{:?}", answer.headers()).into_bytes());
        self.own.extend(collect(answer).await);
    }

    /// Puts `text`, which tells itself that it is a secret, everywhere.
    async fn carry(&mut self, text: &str) {
        let beside = |mark: &str| format!("mark-{mark} {text}");
        let nested = json!({ "found": [beside("argument")] }).to_string();
        let arguments = json!({ "plain": beside("argument"), "nested": nested, "list": [text] });
        let content = json!([{ "type": "text", "text": beside("result") }]);
        let structured = json!({ "found": beside("structured"), "also": [text] });
        self.ask(
            &call("harmless", &arguments),
            &result(json!({ "content": content, "structuredContent": structured })),
        )
        .await;
        self.ask(&call(&beside("tool"), &json!({})), &result(json!({ "content": [] }))).await;
        self.ask(&call(&format!("two\nlines\n{text}"), &json!({})), &result(json!({ "content": [] }))).await;
        let fault = json!({ "code": -32603, "message": beside("message"), "data": { "found": text } });
        let failed = json!({ "jsonrpc": "2.0", "id": 1, "error": fault });
        self.ask(&call("harmless", &json!({})), &failed).await;
        let failure = json!([{ "type": "text", "text": beside("failure") }]);
        self.ask(&call("harmless", &json!({})), &result(json!({ "content": failure, "isError": true })))
            .await;
        self.carry_names(text).await;
        self.carry_heads(text).await;
        self.carry_events(text).await;
        self.carry_long(text).await;
        self.carry_to_nobody(text).await;
    }

    async fn carry_names(&mut self, text: &str) {
        let beside = |mark: &str| format!("mark-{mark} {text}");
        let encoded = percent(text);
        let who = json!({ "name": beside("client"), "version": beside("version") });
        let asked = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": who });
        let answered =
            json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": { "name": text } });
        self.ask(&message(json!(1), "initialize", &asked), &result(answered)).await;
        for uri in [
            format!("https://user:{encoded}@host/mark-resource"),
            format!("https://host/mark-resource?q={encoded}"),
            format!("https://host/mark-resource/{encoded}"),
            format!("test://host/mark-resource/{text}"),
        ] {
            let read = json!({ "uri": uri });
            self.ask(&message(json!(1), "resources/read", &read), &result(json!({ "contents": [] }))).await;
        }
        let prompt = json!({ "name": beside("prompt"), "arguments": { "found": text } });
        self.ask(&message(json!(1), "prompts/get", &prompt), &result(json!({ "messages": [] }))).await;
        let id = json!(beside("id"));
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": {} });
        self.ask(&message(id.clone(), "ping", &json!({})), &answer).await;
        if let Ok(number) = text.parse::<i64>() {
            let fault = json!({ "code": number, "message": "no" });
            let answer = json!({ "jsonrpc": "2.0", "id": number, "error": fault });
            self.ask(&message(json!(number), "ping", &json!({})), &answer).await;
        }
        let method = format!("vendor/{}", beside("method"));
        self.ask(&message(json!(1), &method, &json!({})), &result(json!({}))).await;
        let listed = json!({ "tools": [{ "name": text, "description": text }, { "name": "harmless" }] });
        self.ask(&message(json!(1), "tools/list", &json!({})), &result(listed)).await;
    }

    /// In the head of a request, and of its answer.
    async fn carry_heads(&mut self, text: &str) {
        let line = text.replace('\n', " ");
        let mut request = post("/stub", &call("harmless", &json!({ "_": 1 })));
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (name, value) in [
            ("user-agent", format!("mark-agent {line}")),
            ("x-request-id", format!("mark-correlation {line}")),
            ("traceparent", trace.to_owned()),
            ("tracestate", format!("beside=mark-state,vendor={line}")),
            ("mcp-session-id", line.clone()),
            ("mcp-name", line.clone()),
            ("baggage", line.clone()),
        ] {
            request.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a value"));
        }
        let mut response = of("application/json", result(json!({})).to_string());
        response.headers_mut().insert("x-said", HeaderValue::from_str(&line).expect("a value"));
        self.pass(request, response).await;
        let path = format!("/stub/{}?q={}", percent(text), percent(text));
        let response = Response::builder().status(500).header("content-type", "text/plain");
        self.pass(post(&path, &call("harmless", &json!({}))), response.body(full(line)).unwrap()).await;
    }

    /// On an event stream.
    async fn carry_events(&mut self, text: &str) {
        let progress = json!({ "progressToken": text, "progress": 1, "message": text });
        let said = [
            message(Value::Null, "notifications/progress", &progress),
            message(Value::Null, "notifications/message", &json!({ "level": "info", "data": text })),
            message(json!(format!("mark-asked {text}")), "elicitation/create", &json!({ "message": text })),
            result(json!({ "content": [{ "type": "text", "text": text }] })),
        ];
        let line = text.replace('\n', " ");
        let events: Vec<String> =
            said.iter().map(|event| format!("id: {line}\n: {line}\ndata: {event}\n\n")).collect();
        let events = events.concat();
        let events = format!("event: {line}\ndata: {line}\n\n{events}");
        let mut asked = call("harmless", &json!({}));
        asked["params"]["_meta"] = json!({ "progressToken": text, "com.example/found": text, text: 1 });
        self.pass(post("/stub", &asked), of("text/event-stream", events)).await;
    }

    /// Where what is kept of a text ends in it.
    async fn carry_long(&mut self, text: &str) {
        let kept = 512;
        for less in [5, 12, 20, text.len().saturating_sub(1)] {
            let filling =
                "so ".repeat(kept).chars().take(kept - less.min(text.len()) - 1).collect::<String>();
            let long = format!("{filling} {text} and so on");
            let fault = json!({ "code": -32603, "message": long });
            let failed = json!({ "jsonrpc": "2.0", "id": 1, "error": fault });
            self.ask(&call(&long, &json!({})), &failed).await;
        }
    }

    /// Where the proxy itself answers.
    async fn carry_to_nobody(&mut self, text: &str) {
        let (encoded, line) = (percent(text), text.replace('\n', " "));
        let asked = call(text, &json!({ "found": text }));
        self.refused(post(&format!("/nowhere/{encoded}?q={encoded}"), &asked)).await;
        self.refused(post(&format!("/gone/{encoded}?q={encoded}"), &asked)).await;
        self.refused(post(&format!("/stub/../{encoded}"), &asked)).await;
        for name in ["host", "origin"] {
            let mut request = post("/stub", &asked);
            request.headers_mut().insert(name, HeaderValue::from_str(&line).expect("a value"));
            self.refused(request).await;
        }
    }

    /// What only its place makes a secret.
    async fn carry_bare(&mut self) {
        let bare = |place: &str| format!("Velvet-{place}-Lamp");
        let headers = [("content-type", "application/json"), ("mcp-session-id", &bare("Session"))];
        let answer = json!({ "protocolVersion": "2025-06-18", "capabilities": {} });
        let mut began = of("application/json", result(answer).to_string());
        for (name, value) in headers {
            began.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let asked =
            json!({ "protocolVersion": "2025-06-18", "clientInfo": { "name": "harmless", "version": "1" } });
        self.pass(post("/stub", &message(json!(1), "initialize", &asked)), began).await;
        let secret = bare("Argument");
        let nested = json!({ "client_secret": secret }).to_string();
        let arguments = json!({
            "password": secret, "deep": [{ "api-key": { "a": [secret] } }], "nested": nested,
            "env": [{ "name": "DB_PASSWORD", "value": secret }],
        });
        let secret = bare("Result");
        let text = json!({ "accessToken": secret }).to_string();
        let structured = json!({ "credentials": [secret], "requestState": bare("Round") });
        let answer =
            json!({ "content": [{ "type": "text", "text": text }], "structuredContent": structured });
        let mut asked = call("harmless", &arguments);
        asked["params"]["_meta"] = json!({ "token": bare("Meta"), "progressToken": bare("Progress") });
        let mut request = Self::in_session(&asked);
        for (name, value) in [
            ("authorization", format!("Bearer {}", bare("Bearer"))),
            ("cookie", format!("a=b; sid={}", bare("Cookie"))),
        ] {
            request.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
        }
        self.pass(request, of("application/json", result(answer).to_string())).await;
        self.carry_bare_errors().await;
        self.carry_bare_tasks().await;
    }

    fn in_session(message: &Value) -> Request<Sent> {
        let mut request = post("/stub?access_token=Velvet-Query-Lamp", message);
        request.headers_mut().insert("mcp-session-id", HeaderValue::from_static("Velvet-Session-Lamp"));
        request
    }

    async fn carry_bare_errors(&mut self) {
        let uri = "https://me:Velvet-User-Lamp@host/a?token=Velvet-Query-Lamp#Velvet-Fragment-Lamp";
        let said = "login failed: password=Velvet-Message-Lamp in session Velvet-Session-Lamp";
        let fault = json!({ "code": -32603, "message": said, "data": { "found": "Velvet-Data-Lamp" } });
        let failed = json!({ "jsonrpc": "2.0", "id": 1, "error": fault }).to_string();
        let request = Self::in_session(&message(json!(1), "resources/read", &json!({ "uri": uri })));
        self.pass(request, of("application/json", failed)).await;
        let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"data\":\"Velvet-Event-Lamp\"}}\n\n";
        let request = Self::in_session(&call("harmless", &json!({})));
        self.pass(request, of("text/event-stream", format!("id: Velvet-Event-Lamp\n{event}"))).await;
        let request = Self::in_session(&call("harmless", &json!({})));
        let response = Response::builder().status(500).body(full("Velvet-Status-Lamp")).unwrap();
        self.pass(request, response).await;
    }

    async fn carry_bare_tasks(&mut self) {
        let task = "Velvet-Task-Lamp";
        let made = result(json!({ "task": { "taskId": task, "status": "working" } }));
        self.pass(Self::in_session(&call("harmless", &json!({}))), of("application/json", made.to_string()))
            .await;
        let state = "Velvet-Round-Lamp";
        let interim = json!({ "resultType": "input_required", "requestState": state, "inputRequests": {} });
        self.ask(&call("harmless", &json!({})), &result(interim)).await;
        let mut again = call("harmless", &json!({}));
        again["params"]["requestState"] = json!(state);
        self.ask(&again, &result(json!({ "content": [] }))).await;
        let fault = json!({ "code": -32602, "message": format!("Task {task} not found") });
        let asked = message(json!(1), "tasks/get", &json!({ "taskId": task }));
        self.ask(&asked, &json!({ "jsonrpc": "2.0", "id": 1, "error": fault })).await;
        let over = result(json!({ "taskId": task, "status": "failed", "statusMessage": "no" }));
        self.ask(&asked, &over).await;
    }

    async fn refuse_bare(&mut self) {
        let asked = call("harmless", &json!({ "password": "Velvet-Argument-Lamp" }));
        self.refused(post("/nowhere/Velvet-Route-Lamp?token=Velvet-Query-Lamp", &asked)).await;
        let mut request = post("/stub", &asked);
        request.headers_mut().insert("host", HeaderValue::from_static("velvet-host-lamp.example"));
        self.refused(request).await;
        let mut request = post("/stub", &asked);
        request.headers_mut().insert("origin", HeaderValue::from_static("https://Velvet-Origin-Lamp"));
        self.refused(request).await;
    }

    /// Ends everything; gives all that was told, and where.
    async fn told(mut self) -> Vec<(&'static str, Vec<u8>)> {
        // Nobody answers what the server asked.
        self.tape.wait_for("mark-asked");
        self.ask(
            &message(json!("the-last"), "ping", &json!({})),
            &json!({ "jsonrpc": "2.0", "id": "the-last", "result": {} }),
        )
        .await;
        self.tape.wait_for("the-last");
        let page = admin(self.running.admin, "GET /metrics", "text/plain").await;
        let open =
            admin(self.running.admin, "GET /metrics", "application/openmetrics-text;version=1.0.0").await;
        let mut pages = admin(self.running.admin, "GET /health", "*/*").await;
        for session in BARE.iter().copied().chain(["x?for=Velvet-Query-Lamp"]) {
            pages.extend(
                admin(self.running.admin, &format!("PUT /api/debug/sessions/{session}"), "*/*").await,
            );
        }
        self.running.stop().await;
        self.telemetry.stop(LONG);
        let file = fs::read(&self.file).expect("the file");
        let _ = fs::remove_file(&self.file);
        let (spans, metrics, records) = exported(&self.collector.got());
        vec![
            ("on the console", self.tape.text().into_bytes()),
            ("in the file", file),
            ("in spans", spans),
            ("in metrics", metrics),
            ("in log records", records),
            ("on the page", page),
            ("on the OpenMetrics page", open),
            ("on the operator's pages", pages),
            ("by the proxy itself", self.own),
            ("by check", self.described.into_bytes()),
        ]
    }
}

/// Everything is told everywhere.
fn config(upstream: SocketAddr, gone: &Nowhere, collector: SocketAddr, file: PathBuf) -> Config {
    let mut config = mixed::config(upstream, gone);
    let secret = |place: &str| Secret(format!("Velvet-{place}-Lamp"));
    config.servers[0].headers = vec![("authorization".to_owned(), secret("Upstream"))];
    config.logs.level = LogLevel::Debug;
    config.logs.capture = Capture { arguments: true, results: true, max_bytes: 4096 };
    config.logs.file = Some(LogFile { path: file, max_size: 1 << 30, max_files: 1, compress: false });
    config.logs.salt = Some(secret("Salt"));
    config.metrics.semconv = true;
    config.tracing.otlp = Some(Otlp {
        protocol: OtlpProtocol::HttpProtobuf,
        traces: Some(format!("http://{collector}/v1/traces")),
        metrics: Some(format!("http://{collector}/v1/metrics")),
        logs: Some(format!("http://{collector}/v1/logs")),
        headers: vec![("authorization".to_owned(), secret("Collector"))],
        gzip: true,
        timeout: Duration::from_secs(10),
        tls: sightglass::config::ServerTls::default(),
    });
    config
}

fn message(id: Value, method: &str, params: &Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !id.is_null() {
        message["id"] = id;
    }
    message
}

fn call(tool: &str, arguments: &Value) -> Value {
    message(json!(1), "tools/call", &json!({ "name": tool, "arguments": arguments }))
}

fn result(result: Value) -> Value {
    let mut answer = json!({ "jsonrpc": "2.0", "id": 1 });
    answer["result"] = result;
    answer
}

fn post(path: &str, message: &Value) -> Request<Sent> {
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.header("accept", "application/json, text/event-stream");
    request.body(full(message.to_string())).expect("a request")
}

fn of(media_type: &str, body: String) -> Response<Sent> {
    Response::builder().header("content-type", media_type).body(full(body)).expect("a response")
}

async fn admin(address: SocketAddr, line: &str, accept: &str) -> Vec<u8> {
    let (method, path) = line.split_once(' ').expect("a request line");
    let request = Request::builder().method(method).uri(path).header("accept", accept);
    let mut client = Client::connect(address, http::Version::HTTP_11).await;
    let answer = client.send(request.body(empty()).expect("a request")).await;
    let mut said = format!("{:?}", answer.headers()).into_bytes();
    said.extend(collect(answer).await);
    said
}

/// Spans, metrics and log records as they came.
fn exported(got: &Got) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let spans = got.traces.iter().flat_map(Message::encode_to_vec).collect();
    let metrics = got.metrics.iter().flat_map(Message::encode_to_vec).collect();
    (spans, metrics, got.logs.iter().flat_map(Message::encode_to_vec).collect())
}

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A secret as it stands, and as it is written in JSON, in a URL, in base64.
fn forms(secret: &str) -> Vec<String> {
    let quoted = Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        quoted.trim_matches('"').to_owned(),
        percent(secret),
        secret.replace(' ', "%20"),
    ];
    // Whatever stands before it: three ways of falling into groups of three.
    forms.extend((0..3).map(|skipped| base64(secret.as_bytes().get(skipped..).unwrap_or_default())));
    forms.dedup();
    forms
}

/// The whole groups of three bytes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
    };
    bytes.chunks_exact(3).flat_map(group).collect()
}

/// What stands there, for whoever has to find out why.
fn around(said: &[u8], at: usize) -> String {
    let beside = at.saturating_sub(300)..(at + 200).min(said.len());
    String::from_utf8_lossy(&said[beside]).into_owned()
}

fn shown(leaks: &BTreeMap<(&str, &[u8]), String>) -> String {
    let shown = |((place, form), around): (&(&str, &[u8]), &String)| {
        format!("{} {place}: {around}\n\n", String::from_utf8_lossy(form))
    };
    leaks.iter().map(shown).collect()
}
