//! Exchanges made ready before anything is counted, and shown to the observer as the path shows them: what is counted is
//! the observer and whom it tells. `benches/instructions` drives them, too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, request, response};
use sightglass::config::{Config, Server, Url};
use sightglass::mcp::trace::{Carriers, Ids, Sampler, Trace, decide};
use sightglass::observe::{Connection, End, Exchange, LastRead, OwnTime, Route, Target, Watch};

/// One exchange: heads and bodies as they stand in memory when the observer sees them.
pub(crate) struct Canned {
    request: request::Parts,
    asked: Bytes,
    response: response::Parts,
    answered: Bytes,
    own_time: OwnTime,
}

/// The connection to the server; its last bytes came when this was made.
struct Answering(Instant);

impl LastRead for Answering {
    fn last_read(&self) -> Option<Instant> {
        Some(self.0)
    }
}

impl Canned {
    /// 300 bytes of `tools/call` for `echo`, answered by 300 bytes of JSON.
    pub(crate) fn call() -> Self {
        Self::of_tool("echo")
    }

    /// The same for another tool.
    pub(crate) fn of_tool(name: &str) -> Self {
        let asked = padded(300, |text| {
            let arguments = format!(r#"{{"text":"{text}"}}"#);
            format!(
                r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
            )
        });
        let answered = padded(300, |text| {
            format!(
                r#"{{"result":{{"content":[{{"type":"text","text":"{text}"}}],"isError":false}},"jsonrpc":"2.0","id":7}}"#
            )
        });
        Self::of(&[], asked, &[("content-type", "application/json")], answered)
    }

    /// 1 KiB of `tools/call` in a conversation, by a caller who is known, answered by as much.
    pub(crate) fn keyed() -> Self {
        let asked = padded(1000, |text| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"message":"{text}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","openai/session":"a-conversation"}}}}}}"#
            )
        });
        let answered = padded(1000, |text| {
            format!(
                r#"{{"result":{{"content":[{{"type":"text","text":"{text}"}}],"structuredContent":{{"amount":42}}}},"jsonrpc":"2.0","id":1}}"#
            )
        });
        let fields =
            [("mcp-method", "tools/call"), ("mcp-name", "echo"), ("x-user", "ada"), ("x-plan", "pro")];
        let mut keyed = Self::of(&fields, asked, &[("content-type", "application/json")], answered);
        insert(&mut keyed.request.headers, "mcp-protocol-version", "2026-07-28");
        keyed
    }

    /// A batch of so many pings, and its answer.
    pub(crate) fn batch(many: usize) -> Self {
        let each = |text: &dyn Fn(usize) -> String| {
            let all: Vec<String> = (0..many).map(text).collect();
            format!("[{}]", all.join(","))
        };
        let asked = each(&|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#));
        let answered = each(&|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
        Self::of(&[], asked, &[("content-type", "application/json")], answered)
    }

    /// `initialize`, whose answer begins the session `id`.
    pub(crate) fn beginning(id: &str) -> Self {
        let asked = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"c","version":"1"}}}"#;
        let answered = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#;
        let begun = [("content-type", "application/json"), ("mcp-session-id", id)];
        Self::of(&[], asked.to_owned(), &begun, answered.to_owned())
    }

    /// A call whose answer is a stream of events that has not begun.
    pub(crate) fn streamed() -> Self {
        let Self { asked, .. } = Self::call();
        let asked = String::from_utf8_lossy(&asked).into_owned();
        Self::of(&[], asked, &[("content-type", "text/event-stream")], String::new())
    }

    /// The same exchange with more fields in the head of its request.
    pub(crate) fn with_fields(mut self, fields: &[(String, String)]) -> Self {
        for (name, value) in fields {
            let (name, value) = (name.parse::<http::HeaderName>(), value.parse());
            if let (Ok(name), Ok(value)) = (name, value) {
                self.request.headers.insert(name, value);
            }
        }
        self
    }

    /// The same exchange in the session `id`.
    pub(crate) fn in_session(self, id: &str) -> Self {
        self.with_fields(&[("mcp-session-id".to_owned(), id.to_owned())])
    }

    fn of(
        fields: &[(&'static str, &str)],
        asked: String,
        answer: &[(&'static str, &str)],
        answered: String,
    ) -> Self {
        let mut request = Request::post("/mcp").body(()).unwrap_or_default().into_parts().0;
        let usual = [
            ("host", "localhost:9000"),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("user-agent", "python-httpx/0.28.1"),
            ("mcp-protocol-version", "2025-11-25"),
        ];
        for (name, value) in usual.iter().chain(fields) {
            insert(&mut request.headers, name, value);
        }
        let mut response = Response::new(()).into_parts().0;
        for (name, value) in answer {
            insert(&mut response.headers, name, value);
        }
        let own_time =
            OwnTime { request: Duration::from_micros(20), server: Arc::new(Answering(Instant::now())) };
        Self { request, asked: Bytes::from(asked), response, answered: Bytes::from(answered), own_time }
    }

    /// Shows all of it.
    pub(crate) fn pass(&self, connection: &Connection, server: usize, trace: Option<Trace>) {
        let exchange = self.ask(connection, server, trace);
        let stopwatch = exchange.stopwatch();
        if let Some(mut watch) = exchange.answered(&self.response, Some(self.own_time.clone())) {
            watch.frame(&self.answered);
            watch.end(End::Complete);
        }
        if let Some(stopwatch) = stopwatch {
            stopwatch.stop(Duration::from_micros(40));
        }
    }

    /// Shows the request, which stays without an answer.
    pub(crate) fn ask(&self, connection: &Connection, server: usize, trace: Option<Trace>) -> Exchange {
        let target = Target { server: Some(server), route: Route::Mount, upstream_path: "/mcp" };
        let peer = SocketAddr::from(([127, 0, 0, 1], 50_000));
        let exchange = connection.exchange(target, &self.request, peer);
        if let Some(mut watch) = exchange.request() {
            watch.frame(&self.asked);
            watch.end(End::Complete);
        }
        if let Some(trace) = trace {
            exchange.traced(trace);
        }
        exchange.forwarded();
        exchange
    }

    /// Shows the request and the head of its answer.
    pub(crate) fn open(&self, connection: &Connection, server: usize) -> Option<Watch> {
        self.ask(connection, server, None).answered(&self.response, Some(self.own_time.clone()))
    }
}

fn insert(fields: &mut http::HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        fields.insert(name, value);
    }
}

/// What `text` makes of as many letters as give it this length.
fn padded(bytes: usize, text: impl Fn(&str) -> String) -> String {
    let empty = text("").len();
    text(&"x".repeat(bytes.saturating_sub(empty)))
}

/// One notification as a server writes it into a stream: 160 bytes.
pub(crate) fn progress() -> Bytes {
    let event = r#"{"method":"notifications/progress","params":{"progress":17,"progressToken":1,"message":"seventeen of a hundred are done"},"jsonrpc":"2.0"}"#;
    Bytes::from(format!("event: message\ndata: {event}\n\n"))
}

/// What a configuration can ask for beside the servers, all of which [`Canned::keyed`] has something of.
pub(crate) const INSIGHT: &str =
    concat!(include_str!("insight.toml"), "[[server]]\nname = \"s0\"\nurl = \"http://127.0.0.1:1/mcp\"\n");

/// So many servers `s0`, `s1`, …, each at a path of its own, with so many tools `t0`, `t1`, … known from the start.
pub(crate) fn servers(servers: usize, tools: usize) -> Config {
    let server = |number: usize| {
        let url = Url { tls: false, host: "127.0.0.1".to_owned(), port: Some(1), path: "/mcp".to_owned() };
        Server {
            path: Some(format!("/s{number}")),
            tools: (0..tools).map(|tool| format!("t{tool}")).collect(),
            ..Server::new(format!("s{number}"), url)
        }
    };
    Config { servers: (0..servers).map(server).collect(), ..Config::default() }
}

/// A place in a trace that begins here; the ids count up from `seed`.
pub(crate) fn place(ratio: f64, mut seed: u64) -> Trace {
    // An odd factor spreads what the sampler looks at, the ids' last bits, over their whole range.
    let next = move || {
        seed = seed.wrapping_add(1);
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    decide(Carriers::default(), Sampler { ratio, parent_based: true }, Ids::random(next))
}
