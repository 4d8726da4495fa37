//! The faults, by who makes them.

/// One fault.
pub(super) struct Case {
    /// Who makes it.
    pub(super) about: &'static str,
    pub(super) name: &'static str,
    pub(super) server: Server,
    pub(super) client: Client,
    pub(super) counted: Counted,
    /// The call is answered all the same.
    pub(super) is_ok: bool,
}

/// What the server does on its next connection.
#[derive(Clone, Copy)]
pub(super) enum Server {
    /// Nothing: no connection may come.
    Unasked,
    /// Reads the request, says this, then…
    Answers(&'static str, Then),
    /// Says this before it reads anything, then…
    Begins(&'static str, Then),
}

#[derive(Clone, Copy)]
pub(super) enum Then {
    Closes,
    /// The connection is reset.
    Resets,
    /// Says nothing more; the proxy has to end it.
    Stalls,
    /// Says this for as long as it is read.
    Repeats(&'static str),
}

/// What the client does.
#[derive(Clone, Copy)]
pub(super) enum Client {
    /// Calls a tool at this mount and reads the answer.
    Calls(&'static str),
    /// The same, and leaves once the server has the request.
    Leaves,
    /// The same, and leaves once the answer has begun.
    LeavesAmid,
    /// Says these bytes and reads what comes.
    Says(&'static str),
    /// Says these bytes, and nothing more.
    Stops(&'static str),
    /// Frames of HTTP/2.
    Floods(Flood),
}

#[derive(Clone, Copy)]
pub(super) enum Flood {
    Resets,
    Continuations,
    Settings,
    Pings,
}

/// Where it is counted.
#[derive(Clone, Copy)]
pub(super) enum Counted {
    /// As a call.
    Outcome,
    /// As a request that never became a call.
    Refusal,
    /// As a connection.
    Disconnect,
}

use Client::{Calls, Floods, Leaves, LeavesAmid, Says, Stops};
use Server::{Answers, Begins, Unasked};
use Then::{Closes, Repeats, Resets, Stalls};

const fn of_server(name: &'static str, server: Server) -> Case {
    let about = "the server, or the way to it";
    Case { about, name, server, client: Calls("faulty"), counted: Counted::Outcome, is_ok: false }
}

const fn at(mount: &'static str, name: &'static str, server: Server) -> Case {
    Case { client: Calls(mount), ..of_server(name, server) }
}

const fn fine(name: &'static str, server: Server) -> Case {
    Case { is_ok: true, ..of_server(name, server) }
}

const fn of_client(name: &'static str, server: Server, client: Client, counted: Counted) -> Case {
    Case { about: "the client", name, server, client, counted, is_ok: false }
}

const SMUGGLED: &str = "bytes that two readers would read differently";

const fn smuggled(name: &'static str, bytes: &'static str) -> Case {
    Case {
        about: SMUGGLED,
        name,
        server: Unasked,
        client: Says(bytes),
        counted: Counted::Refusal,
        is_ok: false,
    }
}

const fn flood(name: &'static str, flood: Flood) -> Case {
    let about = "floods of HTTP/2 frames";
    Case { about, name, server: Unasked, client: Floods(flood), counted: Counted::Disconnect, is_ok: false }
}

const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 52\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"jsonrpc\":\"2.0\"";
const EVENT: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: message\ndata: {\"jsonrpc\":\"2.0\",";
const CHUNKED_EVENT: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n8\r\ndata: {}\r\n";
const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";

pub(super) const CASES: &[Case] = &[
    at("nobody", "nobody listens", Unasked),
    at("noname", "its name does not resolve", Unasked),
    at(
        "untrusted",
        "it speaks no TLS where TLS is asked for",
        Begins("HTTP/1.1 400 Bad Request\r\n\r\n", Closes),
    ),
    of_server("closes before its head", Answers("", Closes)),
    of_server("is killed before its head (reset)", Answers("", Resets)),
    of_server("closes amid its head", Answers("HTTP/1.1 200 OK\r\ncontent-ty", Closes)),
    of_server("speaks another protocol", Begins("SSH-2.0-OpenSSH_9.6\r\n\r\n", Closes)),
    of_server("says garbage", Answers("\u{1}\u{2}\u{3} 9z\r\n\r\n", Closes)),
    of_server(
        "says two lengths",
        Answers("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", Closes),
    ),
    of_server(
        "sends a head without end",
        Answers("HTTP/1.1 200 OK\r\n", Repeats("x-more: 0123456789012345678901234567890123456789\r\n")),
    ),
    of_server(
        "sends interim answers without end",
        Answers("", Repeats("HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n")),
    ),
    of_server(
        "switches protocols unasked",
        Answers("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", Closes),
    ),
    at("late", "does not answer within `head_timeout`", Answers("", Stalls)),
    of_server("closes amid a body of known length", Answers(JSON, Closes)),
    of_server("is killed amid a body of known length (reset)", Answers(JSON, Resets)),
    of_server("closes amid a chunk", Answers(CHUNKED, Closes)),
    of_server(
        "sends a chunk that is none",
        Answers("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Closes),
    ),
    of_server("closes amid an event of a stream without chunks, which is its end", Answers(EVENT, Closes)),
    of_server("closes amid an event of a stream in chunks", Answers(CHUNKED_EVENT, Closes)),
    of_server("is killed amid an event (reset)", Answers(EVENT, Resets)),
    at("late", "stops amid an answer, until `call_timeout`", Answers(JSON, Stalls)),
    at("late", "stops amid an event, until `call_timeout`", Answers(EVENT, Stalls)),
    of_server(
        "answers what is no JSON",
        Answers("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\nnope", Closes),
    ),
    of_server(
        "answers another id",
        Answers(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}",
            Closes,
        ),
    ),
    of_server(
        "answers 500 with a page",
        Answers("HTTP/1.1 500 No\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\noops", Closes),
    ),
    of_server(
        "answers 401",
        Answers("HTTP/1.1 401 No\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\n\r\n", Closes),
    ),
    fine(
        "says more than its length",
        Answers(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}HTTP/1.1 200 OK\r\n\r\n",
            Closes,
        ),
    ),
    fine("answers and resets", Answers(WHOLE, Resets)),
    of_client("leaves before the answer", Answers("", Stalls), Leaves, Counted::Outcome),
    of_client("leaves amid the answer", Answers(JSON, Stalls), LeavesAmid, Counted::Outcome),
    of_client("leaves amid an event", Answers(EVENT, Stalls), LeavesAmid, Counted::Outcome),
    of_client("says nothing, until `first_byte_timeout`", Unasked, Stops(""), Counted::Disconnect),
    of_client(
        "stops amid its head, until `header_timeout`",
        Unasked,
        Stops("POST /faulty HTTP/1.1\r\nhost: loc"),
        Counted::Refusal,
    ),
    of_client("says garbage", Unasked, Says("\u{16}\u{3}\u{1} hello\r\n\r\n"), Counted::Refusal),
    of_client("sends a head past `header_bytes`", Unasked, Says(HUGE_HEAD), Counted::Refusal),
    of_client(
        "names no mount",
        Unasked,
        Says("GET /elsewhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
        Counted::Refusal,
    ),
    of_client(
        "names a foreign host",
        Unasked,
        Says("GET /faulty HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"),
        Counted::Refusal,
    ),
    of_client(
        "is a foreign page",
        Unasked,
        Says(
            "GET /faulty HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\nconnection: close\r\n\r\n",
        ),
        Counted::Refusal,
    ),
    of_client(
        "climbs out of its mount",
        Unasked,
        Says("GET /faulty/%2e%2e/x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
        Counted::Refusal,
    ),
    Case {
        about: SMUGGLED,
        is_ok: true,
        ..of_client(
            "a length beside chunks: the chunks decide, one goes on, and the connection ends",
            Answers(WHOLE, Closes),
            Says(BOTH_LENGTHS),
            Counted::Outcome,
        )
    },
    smuggled(
        "two lengths",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6\r\ncontent-length: 5\r\n\r\nabcdef",
    ),
    smuggled(
        "a list of lengths",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ncontent-length: 6, 5\r\n\r\nabcdef",
    ),
    smuggled(
        "a signed length",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ncontent-length: +6\r\n\r\nabcdef",
    ),
    smuggled(
        "a coding that is not `chunked`",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    smuggled(
        "`chunked` twice",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    ),
    smuggled(
        "`chunked` with a control character",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
    ),
    smuggled(
        "a space before the colon",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    smuggled(
        "a folded line",
        "POST /faulty HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ),
    smuggled("a bare carriage return", "GET /faulty HTTP/1.1\r\nhost: localhost\rx: y\r\n\r\n"),
    smuggled("a NUL", "GET /faulty HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n"),
    smuggled(
        "two hosts",
        "GET /faulty HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    ),
    smuggled("no host", "GET /faulty HTTP/1.1\r\nconnection: close\r\n\r\n"),
    smuggled("another version", "GET /faulty HTTP/3.0\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    flood("20,000 streams, each reset at once (rapid reset)", Flood::Resets),
    flood("a head of continuations without end", Flood::Continuations),
    flood("20,000 settings", Flood::Settings),
    flood("20,000 pings", Flood::Pings),
];

/// The call, and something behind it that must not be taken for another.
const BOTH_LENGTHS: &str = "POST /faulty HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n\
    44\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}\r\n0\r\n\r\nG";

const HUGE_HEAD: &str = "HUGE";
