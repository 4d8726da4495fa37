//! What is asked and what is answered: the requests of the clients and the answers of the server behind the targets, so
//! that both know every length beforehand.

use std::fmt::Write as _;

/// Ids have ten digits, so that a request and its answer are as long whatever their number.
pub(crate) const ID_DIGITS: usize = 10;
pub(crate) const FIRST_ID: u64 = 1_000_000_000;
const PLACEHOLDER: &str = "0000000000";

/// What of the protocol shows on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Era {
    /// 2025-11-25: `initialize`, then `Mcp-Session-Id` on every request.
    Sessions,
    /// 2026-07-28: no session; method and name stand in headers, version and client in `_meta`.
    Stateless,
}

impl Era {
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Sessions => "2025-11-25",
            Self::Stateless => "2026-07-28",
        }
    }
}

/// How the server answers a call; the tool's name says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// One JSON body of so many bytes.
    Json(usize),
    /// Server-sent events, so many with the last, which is the response; the others are progress.
    Events(usize),
}

impl Answer {
    pub(crate) fn tool(self) -> String {
        match self {
            Self::Json(bytes) => format!("json-{bytes}"),
            Self::Events(count) => format!("sse-{count}"),
        }
    }

    /// The exact length of the body, without framing.
    pub(crate) fn body_bytes(self) -> usize {
        match self {
            Self::Json(bytes) => bytes,
            Self::Events(count) => events(count, PLACEHOLDER).iter().map(String::len).sum(),
        }
    }

    /// The length of the first event; `None` where there are none.
    pub(crate) fn first_event_bytes(self) -> Option<usize> {
        match self {
            Self::Json(_) => None,
            Self::Events(count) => events(count, PLACEHOLDER).first().map(String::len),
        }
    }
}

/// One kind of call.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) era: Era,
    pub(crate) answer: Answer,
    /// Text in the arguments, beside the 300 bytes or so of every request.
    pub(crate) argument_bytes: usize,
    /// At how many connections it is measured unless the command line says so.
    pub(crate) concurrency: &'static [usize],
    /// The same with `--quick`; none = left out there.
    pub(crate) quick: &'static [usize],
}

impl Scenario {
    const fn new(name: &'static str, about: &'static str, era: Era, answer: Answer) -> Self {
        Self { name, about, era, answer, argument_bytes: 0, concurrency: &[32], quick: &[] }
    }

    const fn asking(self, argument_bytes: usize) -> Self {
        Self { argument_bytes, ..self }
    }

    const fn at(self, concurrency: &'static [usize], quick: &'static [usize]) -> Self {
        Self { concurrency, quick, ..self }
    }

    /// Whether a body is large enough that how a proxy buffers it decides.
    pub(crate) fn is_large(&self) -> bool {
        self.answer.body_bytes() >= 16 * 1024
    }
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("json-300", "JSON answer of 300 B, 2026-07-28", Era::Stateless, Answer::Json(300))
        .at(&[1, 8, 32, 128], &[1, 32]),
    Scenario::new(
        "json-300-session",
        "JSON answer of 300 B, 2025-11-25 in a session",
        Era::Sessions,
        Answer::Json(300),
    ),
    Scenario::new("ask-16k", "request of 16 KiB, JSON answer of 300 B", Era::Stateless, Answer::Json(300))
        .asking(16 * 1024),
    Scenario::new("json-16k", "JSON answer of 16 KiB", Era::Stateless, Answer::Json(16 * 1024)),
    Scenario::new("json-300k", "JSON answer of 300 kB", Era::Stateless, Answer::Json(300_000)).at(&[8], &[]),
    Scenario::new("json-1m", "JSON answer of 1 MiB", Era::Stateless, Answer::Json(1024 * 1024))
        .at(&[8], &[8]),
    Scenario::new("sse-1", "event stream of 1 event, 2026-07-28", Era::Stateless, Answer::Events(1)),
    Scenario::new("sse-10", "event stream of 10 events, 2026-07-28", Era::Stateless, Answer::Events(10))
        .at(&[1, 32], &[32]),
    Scenario::new(
        "sse-10-session",
        "event stream of 10 events, 2025-11-25 in a session",
        Era::Sessions,
        Answer::Events(10),
    ),
    Scenario::new("sse-1000", "event stream of 1,000 events", Era::Stateless, Answer::Events(1000))
        .at(&[8], &[]),
];

/// A JSON-RPC result without the id that ends it: with ten digits and a brace it is as long as asked.
pub(crate) fn json_answer(bytes: usize) -> String {
    let before = r#"{"result":{"content":[{"type":"text","text":""#;
    let after = r#""}],"isError":false,"resultType":"complete"},"jsonrpc":"2.0","id":"#;
    let text = prose(bytes.saturating_sub(before.len() + after.len() + ID_DIGITS + 1));
    format!("{before}{text}{after}")
}

/// Progress, then the response.
pub(crate) fn events(count: usize, id: &str) -> Vec<String> {
    let mut events: Vec<String> = (1..count)
        .map(|step| {
            format!(
                "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{{\
                 \"progressToken\":{id},\"progress\":{step},\"total\":{count},\"message\":\"row {step}\"}}}}\n\n"
            )
        })
        .collect();
    events.push(format!("event: message\ndata: {}{id}}}\n\n", json_answer(300)));
    events
}

/// Text as tools return it: words, and a line break, escaped, every 64 bytes.
fn prose(bytes: usize) -> String {
    const LINE: &str = "The kitchen answered in time and the table is booked for two.\\n";
    let mut text = LINE.repeat(bytes / LINE.len());
    text.extend(std::iter::repeat_n('x', bytes % LINE.len()));
    text
}

/// A request whose id can be set, in place.
#[derive(Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// Where the id stands: as the id and as the progress token.
    ids: Vec<usize>,
}

impl Request {
    pub(crate) fn call(scenario: &Scenario, era: Era, authority: &str, session: Option<&str>) -> Self {
        let tool = scenario.answer.tool();
        let text = prose(scenario.argument_bytes);
        let stateless = r#","io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"compare","version":"1.0"},"io.modelcontextprotocol/clientCapabilities":{}"#;
        let meta = if era == Era::Stateless { stateless } else { "" };
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{PLACEHOLDER},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"{text}"}},"_meta":{{"progressToken":{PLACEHOLDER}{meta}}}}}}}"#
        );
        let mut fields = String::new();
        if era == Era::Stateless {
            let _ = write!(fields, "Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n");
        }
        Self::post(authority, era, session, &fields, &body)
    }

    pub(crate) fn initialize(authority: &str) -> Vec<u8> {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"compare","version":"1.0"}}}"#;
        Self::post(authority, Era::Sessions, None, "", body).bytes
    }

    pub(crate) fn initialized(authority: &str, session: Option<&str>) -> Vec<u8> {
        let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        Self::post(authority, Era::Sessions, session, "", body).bytes
    }

    /// Opens the stream on which a server of the older era speaks unasked.
    pub(crate) fn listen(authority: &str, session: Option<&str>) -> Vec<u8> {
        let session = session_field(session);
        format!(
            "GET /mcp HTTP/1.1\r\nHost: {authority}\r\nAccept: text/event-stream\r\n\
             MCP-Protocol-Version: 2025-11-25\r\n{session}\r\n"
        )
        .into_bytes()
    }

    /// The bytes with this id, which has ten digits.
    pub(crate) fn numbered(&mut self, mut id: u64) -> &[u8] {
        let mut digits = [b'0'; ID_DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(id % 10).unwrap_or_default();
            id /= 10;
        }
        for at in &self.ids {
            self.bytes[*at..*at + ID_DIGITS].copy_from_slice(&digits);
        }
        &self.bytes
    }

    fn post(authority: &str, era: Era, session: Option<&str>, fields: &str, body: &str) -> Self {
        let (version, session, length) = (era.version(), session_field(session), body.len());
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {version}\r\n{session}{fields}\
             Content-Length: {length}\r\n\r\n"
        );
        let ids = body.match_indices(PLACEHOLDER).map(|(at, _)| head.len() + at).collect();
        Self { bytes: format!("{head}{body}").into_bytes(), ids }
    }
}

fn session_field(session: Option<&str>) -> String {
    session.map(|session| format!("Mcp-Session-Id: {session}\r\n")).unwrap_or_default()
}
