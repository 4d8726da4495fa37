//! What a recording holds, worked out from its bodies with a JSON parser: the counters that the page must show.
//!
//! It knows where each body ends and parses it whole, so it shares no code with the observer; the rules are those of
//! `telemetry.md` §2 and §3 and `protocol.md` §1.1 and §5.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::compared::Counts;
use super::events::{Event, events};
use super::message::{Kind, kind_of, member, outcome, parse, version_label};
use crate::support::recording::{Exchange, Recording, Side, What};

const CLAIM: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT: &str = "io.modelcontextprotocol/clientInfo";

/// What the page must show once a recording is over.
pub(super) fn expected(recording: &Recording) -> Counts {
    let mut story = Story::new(recording);
    for step in &recording.steps {
        story.now = step.at;
        match &step.what {
            What::Connected { connection } => {
                story.connections.insert(*connection, ("http", step.at));
            }
            What::Head { exchange, side } => story.head(*exchange, *side),
            What::Data { exchange, side, data } => story.data(*exchange, *side, data),
            What::End { exchange, side: Side::Server } => story.over(*exchange, None),
            What::End { side: Side::Client, .. } => {}
            What::Cut { exchange, by } => story.over(*exchange, Some(*by)),
            What::Closed { connection, by } => story.closed(*connection, *by),
        }
    }
    assert!(story.asked.is_empty(), "{}: the server's questions are answered", recording.name);
    story.counts
}

struct Story<'a> {
    recording: &'a Recording,
    now: Duration,
    counts: Counts,
    connections: BTreeMap<usize, (&'static str, Duration)>,
    /// When the request's head came, and what has come of the answer.
    exchanges: BTreeMap<usize, (Duration, Vec<u8>)>,
    /// Kind, when it opened, events that were read.
    streams: BTreeMap<usize, (&'static str, Duration, usize)>,
    calls: Vec<Call>,
    tools: BTreeSet<String>,
    /// What servers asked: session, id, method, when.
    asked: Vec<(String, Value, String, Duration)>,
    /// By session id, or by the endpoint of a 2024-11-05 stream.
    sessions: BTreeMap<String, Session>,
    /// The exchange whose stream named it.
    endpoint: Option<(usize, String)>,
}

/// A request of the client that has no answer yet.
struct Call {
    exchange: usize,
    id: Value,
    method: String,
    tool: Option<String>,
    arguments: Option<usize>,
    client: (String, String),
    is_modern: bool,
    /// Its answer comes on the stream of its endpoint.
    is_sse: bool,
    session: Option<String>,
}

struct Session {
    client: String,
    version: String,
    began: Duration,
    tool_calls: u32,
}

impl<'a> Story<'a> {
    fn new(recording: &'a Recording) -> Self {
        Self {
            recording,
            now: Duration::ZERO,
            counts: Counts::new(),
            connections: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            streams: BTreeMap::new(),
            calls: Vec::new(),
            tools: BTreeSet::new(),
            asked: Vec::new(),
            sessions: BTreeMap::new(),
            endpoint: None,
        }
    }

    fn add(&mut self, metric: &'static str, labels: &[&str], by: f64) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        *self.counts.entry((metric, labels)).or_default() += by;
    }

    fn count(&mut self, metric: &'static str, labels: &[&str]) {
        self.add(metric, labels, 1.0);
    }

    fn since(&self, began: Duration) -> f64 {
        self.now.checked_sub(began).unwrap().as_secs_f64()
    }

    fn exchange(&self, number: usize) -> &'a Exchange {
        &self.recording.exchanges[number]
    }

    fn posts_to_endpoint(&self, number: usize) -> bool {
        let exchange = self.exchange(number);
        let named = self.endpoint.as_ref().is_some_and(|(_, endpoint)| endpoint == exchange.path());
        exchange.method() == "POST" && named
    }

    /// The session that an exchange belongs to.
    fn session_of(&self, number: usize) -> Option<String> {
        let exchange = self.exchange(number);
        match &self.endpoint {
            Some((stream, endpoint)) if *stream == number || self.posts_to_endpoint(number) => {
                Some(endpoint.clone())
            }
            _ => exchange.request.header("mcp-session-id").map(str::to_owned),
        }
    }

    fn head(&mut self, number: usize, side: Side) {
        let exchange = self.exchange(number);
        if side == Side::Client {
            self.exchanges.insert(number, (self.now, Vec::new()));
            return;
        }
        if exchange.response.media_type() == "text/event-stream" {
            let listens = self
                .calls
                .iter()
                .any(|call| call.exchange == number && call.method == "subscriptions/listen");
            let kind = match (exchange.method(), listens) {
                ("GET", _) => "get",
                (_, true) => "listen",
                (_, false) => "post",
            };
            if kind == "get" {
                self.carries(exchange.connection, "streamable_http");
            }
            self.streams.insert(number, (kind, self.now, 0));
        }
        if exchange.method() == "DELETE" && exchange.status() == 200 {
            let session = exchange.request.header("mcp-session-id").unwrap();
            self.session_over(session, "deleted");
        }
    }

    fn data(&mut self, number: usize, side: Side, data: &[u8]) {
        let exchange = self.exchange(number);
        let (_, so_far) = self.exchanges.get_mut(&number).unwrap();
        if side == Side::Client {
            // Requests of the recordings are whole before their answers begin.
            so_far.extend_from_slice(data);
            if *so_far == exchange.request.body {
                so_far.clear();
                self.asks(number, std::str::from_utf8(&exchange.request.body).unwrap());
            }
            return;
        }
        so_far.extend_from_slice(data);
        let is_whole = so_far.len() == exchange.response.body.len();
        if let Some(&(_, _, read)) = self.streams.get(&number) {
            let events = events(so_far);
            self.streams.get_mut(&number).unwrap().2 = events.len();
            for event in events.into_iter().skip(read) {
                self.event(number, event);
            }
        } else if is_whole && exchange.response.media_type() == "application/json" {
            self.says(number, std::str::from_utf8(&exchange.response.body).unwrap());
        }
    }

    fn event(&mut self, number: usize, event: Event) {
        match event {
            Event::Comment => self.count("mcp_stream_events_total", &["comment"]),
            Event::Priming => self.count("mcp_stream_events_total", &["priming"]),
            Event::Endpoint(endpoint) => {
                self.streams.get_mut(&number).unwrap().0 = "sse";
                self.connections.get_mut(&self.exchange(number).connection).unwrap().0 = "sse";
                self.endpoint = Some((number, endpoint));
            }
            Event::Message(text) => {
                let kind = match kind_of(&parse(&text)) {
                    Kind::Request(_) => "request",
                    Kind::Notification(_) => "notification",
                    Kind::Answer => "response",
                };
                self.count("mcp_stream_events_total", &[kind]);
                self.says(number, &text);
            }
        }
    }

    /// The client sent a message.
    fn asks(&mut self, number: usize, text: &str) {
        let message = parse(text);
        let transport = if self.posts_to_endpoint(number) { "sse" } else { "streamable_http" };
        self.carries(self.exchange(number).connection, transport);
        match kind_of(&message) {
            Kind::Request(method) => self.request(number, method, &message, text),
            Kind::Notification(method) => {
                self.count("mcp_notifications_total", &[&method, "client_to_server"]);
            }
            Kind::Answer => {
                let session = self.session_of(number).unwrap();
                let asked =
                    |one: &(String, Value, String, Duration)| one.0 == session && one.1 == message["id"];
                let at = self.asked.iter().position(asked).unwrap();
                let (_, _, method, since) = self.asked.remove(at);
                let outcome = outcome(&message).0;
                self.count("mcp_server_requests_total", &[&method, outcome]);
                let seconds = self.since(since);
                self.add("mcp_server_request_duration_seconds_sum", &[&method, outcome], seconds);
            }
        }
    }

    fn request(&mut self, number: usize, method: String, message: &Value, text: &str) {
        let exchange = self.exchange(number);
        let params = &message["params"];
        let claim = params["_meta"][CLAIM].as_str();
        if let Some(claim) = claim {
            self.compare_headers(exchange, message, claim);
        }
        let session = if claim.is_some() { None } else { self.session_of(number) };
        let known = session.as_ref().and_then(|session| self.sessions.get_mut(session));
        let header = exchange.request.header("mcp-protocol-version");
        let (name, version) = match (claim, known) {
            (Some(claim), _) => (params["_meta"][CLIENT]["name"].as_str(), Some(claim.to_owned())),
            _ if method == "initialize" => {
                (params["clientInfo"]["name"].as_str(), params["protocolVersion"].as_str().map(str::to_owned))
            }
            (None, Some(session)) => {
                session.tool_calls += u32::from(method == "tools/call");
                (Some(session.client.as_str()), Some(session.version.clone()))
            }
            (None, None) => (None, header.map(str::to_owned)),
        };
        let client = (name.unwrap_or("none").to_owned(), version_label(version.as_deref()));
        let is_sse = self.posts_to_endpoint(number);
        let era = match (is_sse, claim) {
            (true, _) => "http_sse",
            (false, Some(_)) => "modern",
            (false, None) => "legacy",
        };
        self.count("mcp_clients_total", &[&client.0, &client.1, era]);
        let tool = (method == "tools/call").then(|| params["name"].as_str().unwrap().to_owned());
        let arguments = tool.as_ref().and_then(|_| {
            let params = member(text, "params").unwrap();
            member(params.get(), "arguments").map(|arguments| arguments.get().len())
        });
        let id = message["id"].clone();
        let is_modern = claim.is_some();
        let call = Call { exchange: number, id, method, tool, arguments, client, is_modern, is_sse, session };
        self.calls.push(call);
    }

    fn compare_headers(&mut self, exchange: &Exchange, message: &Value, claim: &str) {
        let params = &message["params"];
        let method = message["method"].as_str().unwrap();
        let target = match method {
            "tools/call" | "prompts/get" => params["name"].as_str(),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => params["uri"].as_str(),
            _ if method.starts_with("tasks/") => params["taskId"].as_str(),
            _ => None,
        };
        let says =
            [("mcp-method", Some(method)), ("mcp-name", target), ("mcp-protocol-version", Some(claim))];
        for (header, body) in says {
            if exchange.request.header(header).is_some_and(|said| Some(said) != body) {
                self.count("mcp_header_mismatch_total", &[header]);
            }
        }
    }

    /// The server sent a message.
    fn says(&mut self, number: usize, text: &str) {
        let message = parse(text);
        match kind_of(&message) {
            Kind::Request(method) => {
                let session = self.session_of(number).unwrap();
                self.asked.push((session, message["id"].clone(), method, self.now));
            }
            Kind::Notification(method) => {
                self.count("mcp_notifications_total", &[&method, "server_to_client"]);
            }
            Kind::Answer => {
                let on_stream = self.endpoint.as_ref().is_some_and(|(stream, _)| *stream == number);
                let belongs = |call: &Call| {
                    let here = if call.is_sse { on_stream } else { call.exchange == number };
                    // An error that names nobody is about the whole exchange.
                    here && (call.id == message["id"] || message["id"].is_null())
                };
                let at = self.calls.iter().position(belongs).unwrap();
                let call = self.calls.remove(at);
                let (outcome, error) = outcome(&message);
                if let (Some(tool), "ok" | "input_required" | "task") = (&call.tool, outcome) {
                    self.tools.insert(tool.clone());
                }
                if call.method == "tools/list" && outcome == "ok" {
                    let tools = message["result"]["tools"].as_array().unwrap();
                    self.tools.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
                }
                if call.method == "initialize" && outcome == "ok" {
                    self.session_begins(&call, &message["result"]);
                }
                let result = member(text, "result").map(|result| result.get().len());
                self.ended(&call, outcome, error.as_deref(), result);
            }
        }
    }

    fn ended(&mut self, call: &Call, outcome: &str, error: Option<&str>, result: Option<usize>) {
        let transport = if call.is_sse { "sse" } else { "streamable_http" };
        self.count("mcp_requests_total", &[&call.method, outcome, transport]);
        let seconds = self.since(self.exchanges[&call.exchange].0);
        if call.method != "subscriptions/listen" {
            self.count("mcp_request_duration_seconds_count", &[&call.method, outcome]);
            self.add("mcp_request_duration_seconds_sum", &[&call.method, outcome], seconds);
        }
        if let Some(error) = error {
            self.count("mcp_errors_total", &[&call.method, error]);
        }
        let Some(tool) = &call.tool else { return };
        let tool = self.tools.get(tool).map_or("_other", String::as_str).to_owned();
        self.count("mcp_tool_invocations_total", &[&tool, outcome]);
        self.add("mcp_tool_duration_seconds_sum", &[&tool, outcome], seconds);
        if let Some(error) = error {
            self.count("mcp_tool_errors_total", &[&tool, error]);
        }
        for (direction, bytes) in [("client_to_server", call.arguments), ("server_to_client", result)] {
            self.add("mcp_payload_size_bytes_sum", &[&tool, direction], number(bytes.unwrap_or(0)));
        }
    }

    fn session_begins(&mut self, call: &Call, result: &Value) {
        let given = self.exchange(call.exchange).response.header("mcp-session-id").map(str::to_owned);
        let Some(id) = call.session.clone().filter(|_| call.is_sse).or(given) else { return };
        let (client, version) = (call.client.0.clone(), version_label(result["protocolVersion"].as_str()));
        self.count("mcp_sessions_total", &[&client, &version]);
        self.sessions.insert(id, Session { client, version, began: self.now, tool_calls: 0 });
    }

    fn session_over(&mut self, id: &str, reason: &str) {
        let session = self.sessions.remove(id).unwrap();
        self.count("mcp_session_duration_seconds_count", &[reason]);
        self.add("mcp_session_duration_seconds_sum", &[reason], self.since(session.began));
        self.add("mcp_session_tool_calls_sum", &[], f64::from(session.tool_calls));
    }

    /// The answer of an exchange is over, or was cut.
    fn over(&mut self, number: usize, cut: Option<Side>) {
        let exchange = self.exchange(number);
        let status = exchange.status();
        let (left, rest) = std::mem::take(&mut self.calls)
            .into_iter()
            .partition(|call| call.exchange == number && !call.is_sse);
        self.calls = rest;
        let left: Vec<Call> = left;
        for call in &left {
            match (cut, status) {
                (Some(Side::Client), _) if call.is_modern => self.ended(call, "cancelled", None, None),
                (None, 300..) => self.ended(call, "http_error", Some(&status.to_string()), None),
                other => panic!("{}: no recording holds {other:?}", self.recording.name),
            }
        }
        let status = status.to_string();
        self.count("mcp_http_requests_total", &[exchange.method(), &status]);
        let sizes = [
            ("mcp_http_request_size_bytes_sum", &exchange.request),
            ("mcp_http_response_size_bytes_sum", &exchange.response),
        ];
        for (metric, message) in sizes {
            self.add(metric, &[exchange.method()], number_of(&message.body));
        }
        if let Some((kind, opened, _)) = self.streams.remove(&number) {
            let reason = match (cut, kind) {
                (Some(Side::Client), _) => "client",
                (Some(Side::Server), _) => "error",
                (None, "post" | "listen") => "complete",
                (None, _) => "upstream",
            };
            self.count("mcp_stream_duration_seconds_count", &[kind, reason]);
            let lasted = self.since(opened);
            self.add("mcp_stream_duration_seconds_sum", &[kind, reason], lasted);
            if kind == "sse" {
                let (_, endpoint) = self.endpoint.take().unwrap();
                self.session_over(&endpoint, "stream_closed");
            }
        }
    }

    fn carries(&mut self, connection: usize, transport: &'static str) {
        let (known, _) = self.connections.get_mut(&connection).unwrap();
        if *known == "http" {
            *known = transport;
        }
    }

    fn closed(&mut self, connection: usize, by: Side) {
        let (transport, since) = self.connections.remove(&connection).unwrap();
        let reason = if by == Side::Client { "client" } else { "server" };
        self.count("mcp_connection_duration_seconds_count", &[transport, reason]);
        let lasted = self.since(since);
        self.add("mcp_connection_duration_seconds_sum", &[transport, reason], lasted);
    }
}

fn number_of(body: &[u8]) -> f64 {
    number(body.len())
}

fn number(length: usize) -> f64 {
    f64::from(u32::try_from(length).unwrap())
}
