//! What it costs to observe one exchange, apart from carrying it and from telling what was seen.
//!
//! `cargo bench --bench observe` prints nanoseconds; `benches/observe.sh` prints instructions and allocations, which do
//! not depend on the machine's mood. It runs this program under valgrind as `observe <case> <times>`.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, request, response};
use sightglass::config::{self, Config, Secret, Tracing};
use sightglass::observe::{Connection, End, Event, Export, LastRead, Observer, OwnTime, Route, Target};
use sightglass::rewrite::trace::Propagation;

const CASES: [&str; 5] = ["call", "call-session", "call-traced", "sse-10", "sse-1000"];

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [case, times] = &*arguments {
        let case = Case::new(case);
        for _ in 0..times.parse().unwrap_or(1_u32) {
            case.run();
        }
        return;
    }
    if std::env::args().any(|argument| argument == "--bench") {
        for name in CASES {
            println!("{name:14}{:>10} ns", nanoseconds(&Case::new(name)));
        }
    }
}

/// The least of several rounds.
fn nanoseconds(case: &Case) -> u128 {
    const TIMES: u32 = 2000;
    let round = || {
        let start = Instant::now();
        (0..TIMES).for_each(|_| case.run());
        (start.elapsed() / TIMES).as_nanos()
    };
    (0..20).map(|_| round()).min().unwrap_or_default()
}

/// An exchange that is shown again and again.
struct Case {
    connection: Connection,
    request: request::Parts,
    asked: Bytes,
    response: response::Parts,
    frames: Vec<Bytes>,
    server: Arc<dyn LastRead>,
    propagation: Option<Propagation>,
}

impl Case {
    fn new(name: &str) -> Self {
        let mut config = Config::default();
        config.logs.calls = false;
        config.logs.salt = Some(Secret("bench".to_owned()));
        config.servers = config::upstreams(&["http://127.0.0.1:1/mcp".to_owned()]).unwrap_or_default();
        let observer = Observer::new(&config, Arc::new(Counting::default()));
        let is_traced = name == "call-traced";
        let mut case = Self {
            connection: observer.connection(),
            request: request(),
            asked: Bytes::from_static(INITIALIZE),
            response: response("application/json"),
            frames: vec![Bytes::from_static(INITIALIZED)],
            server: Arc::new(Server(Instant::now())),
            propagation: is_traced.then(|| Propagation::new(&Tracing::default())).flatten(),
        };
        if name == "call-session" {
            let session = HeaderValue::from_static(SESSION);
            case.response.headers.insert("mcp-session-id", session.clone());
            case.run();
            case.request.headers.insert("mcp-session-id", session);
        }
        case.request.headers.insert("mcp-protocol-version", HeaderValue::from_static("2025-06-18"));
        case.asked = call();
        let events = name.strip_prefix("sse-").and_then(|events| events.parse().ok());
        (case.response, case.frames) = match events {
            Some(events) => (response("text/event-stream"), stream(events)),
            None => (response("application/json"), vec![answer()]),
        };
        case
    }

    fn run(&self) {
        let target = Target { server: Some(0), route: Route::Mount, upstream_path: "/mcp" };
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        let exchange = self.connection.exchange(target, black_box(&self.request), peer);
        if let Some(mut watch) = exchange.request() {
            watch.frame(black_box(&self.asked));
            watch.end(End::Complete);
        }
        if let Some(propagation) = &self.propagation {
            let handshake = exchange.handshake();
            let placed =
                propagation.place(&self.request.headers, Some(&self.asked), handshake.as_deref(), || {
                    fastrand::u64(..)
                });
            if let Some(trace) = placed.and_then(|placed| placed.trace) {
                exchange.traced(trace);
            }
        }
        exchange.forwarded();
        let stopwatch = exchange.stopwatch();
        let own_time = OwnTime { request: Duration::from_micros(20), server: Arc::clone(&self.server) };
        if let Some(mut watch) = exchange.answered(black_box(&self.response), Some(own_time)) {
            self.frames.iter().for_each(|frame| watch.frame(black_box(frame)));
            watch.end(End::Complete);
        }
        if let Some(stopwatch) = stopwatch {
            stopwatch.stop(Duration::from_micros(50));
        }
    }
}

/// A destination that costs next to nothing.
#[derive(Default)]
struct Counting(AtomicU64);

impl Export for Counting {
    fn event(&self, event: &Event<'_>) {
        black_box(event);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Server(Instant);

impl LastRead for Server {
    fn last_read(&self) -> Option<Instant> {
        Some(self.0)
    }
}

const SESSION: &str = "3f2c0b9a-9f3e-4c1b-8c41-7a3f9c1d2e5b";
const INITIALIZE: &[u8] = br#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &[u8] = br#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}"#;

fn request() -> request::Parts {
    let request = Request::post("/mcp")
        .header("host", "127.0.0.1:8080")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("content-length", "300")
        .header("user-agent", "bench/1.0");
    request.body(()).unwrap_or_default().into_parts().0
}

fn response(media: &str) -> response::Parts {
    Response::builder().header("content-type", media).body(()).unwrap_or_default().into_parts().0
}

/// About 300 bytes.
fn call() -> Bytes {
    let text = "The quick brown fox jumps over the lazy dog, says why not, and goes home again.".repeat(2);
    Bytes::from(format!(
        r#"{{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}","n":12}},"_meta":{{"progressToken":42}}}}}}"#
    ))
}

/// About 300 bytes.
fn answer() -> Bytes {
    let text = "The quick brown fox jumps over the lazy dog, says why not, and goes home again.".repeat(2);
    Bytes::from(format!(
        r#"{{"result":{{"content":[{{"type":"text","text":"{text}, once more, with feeling"}}],"isError":false}},"jsonrpc":"2.0","id":42}}"#
    ))
}

/// Progress, event by event as they come, and then the answer.
fn stream(events: usize) -> Vec<Bytes> {
    let event = |number| {
        format!(
            "event: message\r\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{\"progressToken\":42,\"progress\":{number},\"total\":1000,\"message\":\"still at it\"}}}}\r\n\r\n"
        )
    };
    let answer = format!("event: message\r\ndata: {}\r\n\r\n", String::from_utf8_lossy(&answer()));
    (1..events).map(event).chain([answer]).map(Bytes::from).collect()
}
