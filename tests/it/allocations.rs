//! What a call allocates, what that depends on, and what is held while something lasts. Counted on the thread that does
//! it, so other tests, and threads that format and send, do not matter.
//!
//! # Why
//! A limit is what was counted when it was set: who needs more raises it, and sees that he does. `allocation-counter`
//! counts each thread by itself; `dhat`, `stats_alloc` and `cap` count the process, in which other tests run.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use allocation_counter::{AllocationInfo, measure};
use sightglass::cli::telemetry::Telemetry;
use sightglass::config::{Config, Otlp};
use sightglass::export::{Console, Started};
use sightglass::mcp::place::{Posted, Tracestate};
use sightglass::mcp::trace::{Context, Flags, SpanId, TraceId};
use sightglass::mcp::{EventReader, Scanner};
use sightglass::observe::Observer;
use sightglass::shutdown::Shutdown;
use sightglass::wire;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::support::canned::{Canned, INSIGHT, place, progress, servers};
use crate::support::observed::Observed;
use crate::support::proxy;

const TIMES: u64 = 1_000;

/// Allocations of a call that the observer sees and tells Prometheus of.
const CALL_METRICS: u64 = 21;
/// The same for a call of which callers, sessions by a key, custom metrics and prices have something.
const CALL_INSIGHT: u64 = 14;
/// The same where the log and the exporter of spans are told, too, and a tenth of the calls is sampled.
const CALL_EVERYTHING: u64 = 23;
/// Allocations of an event of a stream.
const EVENT: u64 = 3;
/// What a span adds that is not sampled: its place is told to the log.
const UNSAMPLED_SPAN: u64 = 0;
/// Allocations of a call on its whole way through the proxy.
const PROXIED_UNSEEN: u64 = 40;
/// The same where it is observed and told to Prometheus.
const PROXIED_METRICS: u64 = 60;

/// Bytes held for one session.
const SESSION_BYTES: u64 = 600;
/// Bytes held for the series of one tool that was called.
const TOOL_BYTES: u64 = 2_700;
/// Bytes held for one server that was called.
const SERVER_BYTES: u64 = 18_000;
/// Bytes held for a call that waits for its answer.
const OPEN_CALL_BYTES: u64 = 1_950;
/// Bytes held for an event stream that waits for events.
const STREAM_BYTES: u64 = 4_400;
/// Bytes held for a connection that waits for a request.
const CONNECTION_BYTES: u64 = 48;

/// What each of so many costs, once everything has been done before; rounded up.
fn each(times: u64, mut act: impl FnMut()) -> u64 {
    (0..100).for_each(|_| act());
    allocations(|| (0..times).for_each(|_| act())).count_total.div_ceil(times)
}

fn allocations(act: impl FnOnce()) -> AllocationInfo {
    measure(act)
}

/// Bytes that are held for each of so many things that `make` makes; what it keeps is kept.
fn held<T>(many: usize, mut make: impl FnMut(usize) -> T) -> u64 {
    let mut kept = Vec::with_capacity(many);
    let held = allocations(|| kept.extend((0..many).map(&mut make))).bytes_current;
    drop(kept);
    u64::try_from(held).unwrap().div_ceil(many as u64)
}

#[track_caller]
fn at_most(what: &str, count: u64, limit: u64) {
    assert!(count <= limit, "{what}: {count}, more than {limit}");
    println!("{what}: {count} of {limit}");
}

/// All that can be told, as `serve` sets it up; the collector cannot be reached.
struct Everything {
    observer: Observer,
    _telemetry: Telemetry,
    exports: Option<Started>,
    runtime: Runtime,
}

impl Drop for Everything {
    fn drop(&mut self) {
        if let Some(exports) = self.exports.take() {
            self.runtime.block_on(exports.stop(Instant::now()));
        }
    }
}

impl Everything {
    fn start(traces: bool) -> Self {
        let mut config = servers(1, 0);
        let otlp = || Otlp { traces: Some("http://127.0.0.1:1/v1/traces".to_owned()), ..Otlp::default() };
        config.tracing.otlp = traces.then(otlp);
        let console = Console { out: Box::new(io::sink()), pretty: false, color: false };
        let telemetry = Telemetry::start(&config, Some(console)).unwrap();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (observer, exports) = {
            let _entered = runtime.enter();
            telemetry.observer(&config).unwrap()
        };
        Self { observer, _telemetry: telemetry, exports, runtime }
    }

    /// What a call costs of which this share is sampled.
    fn call(&self, ratio: Option<f64>) -> u64 {
        let (connection, canned, mut number) = (self.observer.connection(), Canned::call(), 0);
        each(TIMES, || {
            number += 4;
            canned.pass(&connection, 0, ratio.map(|ratio| place(ratio, number)));
        })
    }
}

#[test]
fn a_call_told_to_metrics_allocates_at_most_so_often() {
    let observed = Observed::with(&servers(1, 0));
    let (connection, canned) = (observed.observer.connection(), Canned::call());
    at_most("a call", each(TIMES, || canned.pass(&connection, 0, None)), CALL_METRICS);
}

#[test]
fn a_call_that_rules_are_about_allocates_at_most_so_often() {
    let observed = Observed::with(&sightglass::config::parse(INSIGHT, "insight.toml", &|_| None).unwrap());
    let (connection, canned) = (observed.observer.connection(), Canned::keyed());
    at_most("a call", each(TIMES, || canned.pass(&connection, 0, None)), CALL_INSIGHT);
    observed.scrape().metric("mcp_amount_sum").label("tier", "pro").is(42 * 1_100);
}

#[test]
fn a_call_told_to_everybody_allocates_at_most_so_often() {
    at_most("a call", Everything::start(true).call(Some(0.1)), CALL_EVERYTHING);
}

#[test]
fn a_span_that_is_not_sampled_allocates_at_most_so_often() {
    let without = Everything::start(false).call(None);
    let with = Everything::start(true).call(Some(0.0));
    at_most("a span that is not sampled", with.saturating_sub(without), UNSAMPLED_SPAN);
}

#[test]
fn an_event_of_a_stream_allocates_at_most_so_often() {
    let everything = Everything::start(true);
    for observer in [&Observed::with(&servers(1, 0)).observer, &everything.observer] {
        let connection = observer.connection();
        let (event, mut watch) = (progress(), Canned::streamed().open(&connection, 0).unwrap());
        at_most("an event", each(TIMES, || watch.frame(&event)), EVENT);
    }
}

#[test]
fn splicing_a_trace_context_allocates_at_most_twice() {
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1},"name":"echo"}}"#;
    let context = Context { trace: TraceId([7; 16]), span: SpanId([9; 8]), flags: Flags::new_root(true) };
    let splice = || {
        black_box(Posted::read(body).spliced(&context, Tracestate::Set(None)));
    };
    at_most("a splice", each(TIMES, splice), 2);
}

#[test]
fn a_call_through_the_proxy_allocates_at_most_so_often() {
    at_most("an unseen call", proxied(|_| Observer::off()), PROXIED_UNSEEN);
    let seen = proxied(|config| Observed::with(config).observer);
    at_most("a call told to metrics", seen, PROXIED_METRICS);
}

/// What each call on a kept connection allocates on the proxy's thread.
fn proxied(observer: impl Fn(&Config) -> Observer) -> u64 {
    let upstream = stub();
    let [few, many] = [50, 50 + TIMES].map(|calls| {
        let mut config = proxy::config(upstream);
        config.proxy.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        serve(&config, observer(&config), calls).count_total
    });
    (many - few).div_ceil(TIMES)
}

/// Runs the proxy on this thread, and a client that asks so often on another.
fn serve(config: &Config, observer: Observer, calls: u64) -> AllocationInfo {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let shutdown = Shutdown::new(config.proxy.shutdown_grace);
    let proxy = wire::Proxy::bind(config, observer, shutdown.clone()).unwrap();
    let address = proxy.addresses()[0];
    let client = thread::spawn(move || {
        ask(address, calls);
        shutdown.start();
    });
    let info = allocations(|| runtime.block_on(proxy.run()));
    client.join().unwrap();
    info
}

const ASKED: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#;
const ANSWERED: &str = r#"{"result":{"content":[{"type":"text","text":"done"}]},"jsonrpc":"2.0","id":7}"#;

fn ask(address: SocketAddr, calls: u64) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = ASKED.len();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{ASKED}"
    );
    for _ in 0..calls {
        stream.write_all(request.as_bytes()).unwrap();
        read_until(&mut stream, ANSWERED).expect("an answer");
    }
}

/// A server that answers whatever ends like the question.
fn stub() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let length = ANSWERED.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{ANSWERED}"
                );
                while read_until(&mut stream, ASKED).is_some() {
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    address
}

/// Reads until what came ends so; `None` = the other side has closed.
fn read_until(stream: &mut TcpStream, end: &str) -> Option<()> {
    let (mut buffer, mut filled) = ([0; 4096], 0);
    while !buffer[..filled].ends_with(end.as_bytes()) {
        let read = stream.read(&mut buffer[filled..]).ok().filter(|read| *read > 0)?;
        filled += read;
    }
    Some(())
}

#[test]
fn a_body_in_small_pieces_allocates_the_same_whatever_its_size() {
    let [small, large] = [1 << 20, 10 << 20].map(|bytes| {
        let row = r#"{"id":12345,"name":"a customer","tags":["new","gold"],"active":true},"#;
        let rows = row.repeat(bytes / row.len());
        let body = format!(r#"{{"result":{{"rows":[{rows}0]}},"jsonrpc":"2.0","id":1}}"#);
        allocations(|| {
            let mut scanner = Scanner::new();
            for piece in body.as_bytes().chunks(64) {
                scanner.feed(piece, &mut |message| drop(black_box(message)));
            }
        })
    });
    // A key that a piece ends in is put together, wherever that falls.
    let (most, bytes_most) = (small.count_total + 2, small.bytes_total + 64);
    assert!(large.count_total <= most && large.bytes_total <= bytes_most, "{small:?} {large:?}");
}

#[test]
fn an_event_byte_by_byte_allocates_the_same_whatever_its_size() {
    let [small, large] = [1 << 10, 1 << 20].map(|bytes| {
        let text = "x".repeat(bytes);
        let event = format!("data: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"text\":\"{text}\"}}}}\n\n");
        let mut reader = EventReader::new();
        let info = allocations(|| {
            for byte in event.as_bytes().chunks(1) {
                reader.feed(byte, &mut |item| drop(black_box(item)));
            }
        });
        info.bytes_total
    });
    at_most("bytes allocated for an event of 1 MB", large, small);
}

#[test]
fn a_message_allocates_the_same_in_any_batch() {
    let observed = Observed::with(&servers(1, 0));
    let connection = observed.observer.connection();
    let [small, large] = [10, 1_000].map(|many| {
        let canned = Canned::batch(many);
        each(10, || canned.pass(&connection, 0, None)).div_ceil(many as u64)
    });
    at_most("a message in a batch of 1,000", large, small + 1);
}

/// Allocations of a call once `prepare` has made many of something, by how many.
fn among(config: &Config, few_and_many: [usize; 2], prepare: impl Fn(&Observer, usize)) -> [u64; 2] {
    few_and_many.map(|many| {
        let observed = Observed::with(config);
        prepare(&observed.observer, many);
        let (connection, canned) = (observed.observer.connection(), Canned::call().in_session("session-0"));
        each(TIMES, || canned.pass(&connection, 0, None))
    })
}

fn begin(observer: &Observer, sessions: usize) {
    let connection = observer.connection();
    for number in 0..sessions {
        Canned::beginning(&format!("session-{number}")).pass(&connection, 0, None);
    }
}

#[test]
fn a_call_allocates_the_same_among_many_sessions() {
    let [few, many] = among(&servers(1, 0), [10, 10_000], begin);
    at_most("a call among 10,000 sessions", many, few);
}

#[test]
fn a_call_allocates_the_same_among_many_tools() {
    let [few, many] = among(&servers(1, 1_000), [10, 1_000], |observer, tools| {
        let connection = observer.connection();
        (0..tools).for_each(|tool| Canned::of_tool(&format!("t{tool}")).pass(&connection, 0, None));
    });
    at_most("a call among 1,000 tools", many, few);
}

#[test]
fn a_call_allocates_the_same_among_many_servers() {
    let [few, many] = [10, 1_000].map(|many| among(&servers(many, 0), [1, 1], begin)[0]);
    at_most("a call among 1,000 servers", many, few);
}

#[test]
fn a_call_allocates_the_same_however_many_fields_it_has() {
    let observed = Observed::with(&servers(1, 0));
    let connection = observed.observer.connection();
    let [few, many] = [10, 100].map(|fields| {
        let fields: Vec<_> = (0..fields).map(|number| (format!("x-{number}"), "a".to_owned())).collect();
        let canned = Canned::call().with_fields(&fields);
        each(TIMES, || canned.pass(&connection, 0, None))
    });
    at_most("a call with 100 fields", many, few);
}

#[test]
fn a_session_holds_at_most_so_many_bytes() {
    let observed = Observed::with(&servers(1, 0));
    let connection = observed.observer.connection();
    begin(&observed.observer, 10);
    let beginning: Vec<_> =
        (10..10_010).map(|number| Canned::beginning(&format!("session-{number}"))).collect();
    let bytes = held(beginning.len(), |number| beginning[number].pass(&connection, 0, None));
    at_most("bytes for a session", bytes, SESSION_BYTES);
}

#[test]
fn the_series_of_a_tool_hold_at_most_so_many_bytes() {
    const TOOLS: usize = 1_000;
    let observed = Observed::with(&servers(1, TOOLS + 1));
    let connection = observed.observer.connection();
    let calls: Vec<_> = (0..=TOOLS).map(|tool| Canned::of_tool(&format!("t{tool}"))).collect();
    calls[TOOLS].pass(&connection, 0, None);
    let bytes = held(TOOLS, |tool| calls[tool].pass(&connection, 0, None));
    at_most("bytes for the series of a tool", bytes, TOOL_BYTES);
}

#[test]
fn a_server_holds_at_most_so_many_bytes() {
    let [few, many] = [10, 110].map(|many| {
        let mut kept = None;
        let info = allocations(|| {
            let observed = Observed::with(&servers(many, 0));
            let (connection, canned) = (observed.observer.connection(), Canned::call());
            (0..many).for_each(|server| canned.pass(&connection, server, None));
            drop(connection);
            kept = Some(observed);
        });
        info.bytes_current
    });
    at_most("bytes for a server", u64::try_from((many - few) / 100).unwrap(), SERVER_BYTES);
}

#[test]
fn what_waits_holds_at_most_so_many_bytes() {
    let observed = Observed::with(&servers(1, 0));
    let (connection, call, streamed) = (observed.observer.connection(), Canned::call(), Canned::streamed());
    let warm = (call.ask(&connection, 0, None), streamed.open(&connection, 0));
    let open = held(1_000, |_| call.ask(&connection, 0, None));
    let stream = held(1_000, |_| streamed.open(&connection, 0).unwrap());
    let idle = held(1_000, |_| observed.observer.connection());
    drop(warm);
    at_most("bytes for an open call", open, OPEN_CALL_BYTES);
    at_most("bytes for an idle stream", stream, STREAM_BYTES);
    at_most("bytes for an idle connection", idle, CONNECTION_BYTES);
}
