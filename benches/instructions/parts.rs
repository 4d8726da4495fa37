//! What is counted, by name. A part prepares what it needs, then does the same thing so many times.

use std::hint::black_box;

use sightglass::mcp::place::{Posted, Tracestate};
use sightglass::mcp::trace::{Context, Flags, SpanId, TraceId};
use sightglass::mcp::{EventReader, Scanner};
use sightglass::rewrite::mount::Mounts;

use crate::bodies;
use crate::canned::{Canned, progress, servers};
use crate::observed::{self, Telling, everything, metrics};

/// Something that is done again and again.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// How often it is done: seldom and often.
    pub(super) times: [u64; 2],
    pub(super) run: fn(u64),
}

impl Part {
    /// Whether it has a limit of its own. What is compared with another part is counted too seldom for that: making an
    /// observer costs 470 million instructions, give or take one in a hundred.
    pub(super) fn is_limited(&self) -> bool {
        !GROWTH.iter().any(|growth| growth.few == self.name || growth.many == self.name)
    }
}

/// What is done among many, beside the same among few.
pub(super) struct Growth {
    pub(super) few: &'static str,
    pub(super) many: &'static str,
    /// The factor that is still allowed.
    pub(super) times: u64,
    pub(super) why: &'static str,
}

const FRAME: usize = 16 * 1024;

pub(super) const PARTS: &[Part] = &[
    Part { name: "parse_500B", times: [2, 102], run: |times| parse("500B", FRAME, times) },
    Part { name: "parse_10KB_text", times: [2, 52], run: |times| parse("10KB-text", FRAME, times) },
    Part { name: "parse_10KB_objects", times: [2, 22], run: |times| parse("10KB-objects", FRAME, times) },
    Part { name: "parse_1MB_text", times: [1, 5], run: |times| parse("1MB-text", FRAME, times) },
    Part { name: "parse_1MB_objects", times: [1, 3], run: |times| parse("1MB-objects", FRAME, times) },
    Part { name: "parse_1MB_in_64B", times: [1, 3], run: |times| parse("1MB-objects", 64, times) },
    Part { name: "parse_10MB_in_64B", times: [1, 2], run: |times| parse("10MB-objects", 64, times) },
    Part { name: "read_1000_events", times: [1, 11], run: |times| read_events(&stream(1000), FRAME, times) },
    Part {
        name: "read_1KB_event_by_byte",
        times: [1, 21],
        run: |times| read_events(&event(1 << 10), 1, times),
    },
    Part {
        name: "read_64KB_event_by_byte",
        times: [1, 3],
        run: |times| read_events(&event(64 << 10), 1, times),
    },
    Part { name: "splice_meta_1KB", times: [10, 1010], run: splice },
    Part {
        name: "call_metrics",
        times: [500, 12_500],
        run: |times| calls(&mut metrics(servers(1, 0)), times),
    },
    Part { name: "call_everything", times: [1000, 9000], run: |times| calls(&mut everything(), times) },
    Part {
        name: "call_1KB_metrics",
        times: [500, 12_500],
        run: |times| keyed(&metrics(servers(1, 0)), times),
    },
    Part {
        name: "call_1KB_insight",
        times: [500, 12_500],
        run: |times| keyed(&metrics(observed::insight()), times),
    },
    Part {
        name: "event_metrics",
        times: [1000, 41_000],
        run: |times| events(&metrics(servers(1, 0)), times),
    },
    Part { name: "event_everything", times: [1000, 41_000], run: |times| events(&everything(), times) },
    Part { name: "render_50_servers_50_tools", times: [1, 3], run: render },
    Part { name: "call_among_10_sessions", times: [100, 1_600], run: |times| among_sessions(10, times) },
    Part {
        name: "call_among_10000_sessions",
        times: [100, 1_600],
        run: |times| among_sessions(10_000, times),
    },
    Part { name: "call_among_10_tools", times: [100, 1_600], run: |times| among_tools(10, times) },
    Part { name: "call_among_10000_tools", times: [100, 1_600], run: |times| among_tools(10_000, times) },
    Part { name: "call_among_10_servers", times: [100, 1_600], run: |times| among_servers(10, times) },
    Part { name: "call_among_1000_servers", times: [100, 1_600], run: |times| among_servers(1_000, times) },
    Part { name: "call_among_10_open_calls", times: [100, 1_600], run: |times| among_calls(10, times) },
    Part {
        name: "call_among_10000_open_calls",
        times: [100, 1_600],
        run: |times| among_calls(10_000, times),
    },
    Part { name: "call_with_10_fields", times: [100, 1_600], run: |times| with_fields(10, times) },
    Part { name: "call_with_100_fields", times: [100, 1_600], run: |times| with_fields(100, times) },
    Part { name: "batch_of_10", times: [10, 110], run: |times| batch(10, times) },
    Part { name: "batch_of_1000", times: [1, 5], run: |times| batch(1_000, times) },
    // Often, as what begins the process differs by more than a few ticks cost.
    Part { name: "tick_among_10000_sessions", times: [1, 5_001], run: tick },
    Part { name: "route_among_10_servers", times: [100, 1100], run: |times| route(10, times) },
    Part { name: "route_among_1000_servers", times: [10, 110], run: |times| route(1_000, times) },
];

pub(super) const GROWTH: &[Growth] = &[
    Growth {
        few: "parse_1MB_in_64B",
        many: "parse_10MB_in_64B",
        times: 11,
        why: "a byte costs the same wherever it stands",
    },
    Growth {
        few: "read_1KB_event_by_byte",
        many: "read_64KB_event_by_byte",
        times: 70,
        why: "what was read is not read again",
    },
    Growth {
        few: "call_among_10_sessions",
        many: "call_among_10000_sessions",
        times: 2,
        why: "sessions are looked up",
    },
    Growth {
        few: "call_among_10_tools",
        many: "call_among_10000_tools",
        times: 2,
        why: "series are looked up",
    },
    Growth {
        few: "call_among_10_servers",
        many: "call_among_1000_servers",
        times: 2,
        why: "servers are looked up",
    },
    Growth {
        few: "call_among_10_open_calls",
        many: "call_among_10000_open_calls",
        times: 2,
        why: "calls are looked up",
    },
    Growth {
        few: "call_with_10_fields",
        many: "call_with_100_fields",
        times: 2,
        why: "fields are looked up",
    },
    Growth {
        few: "batch_of_10",
        many: "batch_of_1000",
        times: 150,
        why: "a message costs the same in any batch",
    },
    Growth {
        few: "route_among_10_servers",
        many: "route_among_1000_servers",
        times: 2,
        why: "mounts are looked up",
    },
];

fn parse(body: &str, frame: usize, times: u64) {
    let body = bodies::build(body);
    for _ in 0..times {
        let mut scanner = Scanner::new();
        for frame in body.chunks(frame) {
            scanner.feed(black_box(frame), &mut |message| drop(black_box(message)));
        }
        black_box(scanner.finish());
    }
}

fn read_events(stream: &[u8], frame: usize, times: u64) {
    for _ in 0..times {
        let mut reader = EventReader::new();
        for frame in stream.chunks(frame) {
            reader.feed(black_box(frame), &mut |item| drop(black_box(item)));
        }
        black_box(reader.finish());
    }
}

fn stream(events: usize) -> Vec<u8> {
    progress().repeat(events)
}

fn event(bytes: usize) -> Vec<u8> {
    let text = "x".repeat(bytes);
    let message =
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#);
    format!("event: message\ndata: {message}\n\n").into_bytes()
}

fn splice(times: u64) {
    let text = "x".repeat(850);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{{"progressToken":1}},"name":"echo","arguments":{{"text":"{text}"}}}}}}"#
    );
    let context = Context { trace: TraceId([7; 16]), span: SpanId([9; 8]), flags: Flags::new_root(true) };
    for _ in 0..times {
        let posted = Posted::read(black_box(body.as_bytes()));
        black_box(posted.spliced(&context, Tracestate::Set(None)));
    }
}

fn calls(telling: &mut Telling, times: u64) {
    let (canned, connection) = (Canned::call(), telling.observer.connection());
    for _ in 0..times {
        let place = telling.place();
        canned.pass(&connection, 0, place);
    }
}

/// What callers, sessions by a key, custom metrics and prices have something of, where somebody asks for them.
fn keyed(telling: &Telling, times: u64) {
    let (canned, connection) = (Canned::keyed(), telling.observer.connection());
    (0..times).for_each(|_| canned.pass(&connection, 0, None));
    // What waits to be done belongs to it.
    black_box(telling.page());
}

fn events(telling: &Telling, times: u64) {
    let connection = telling.observer.connection();
    let event = progress();
    let Some(mut watch) = Canned::streamed().open(&connection, 0) else { return };
    for _ in 0..times {
        watch.frame(black_box(&event));
    }
}

fn render(times: u64) {
    let telling = metrics(servers(50, 50));
    let connection = telling.observer.connection();
    for tool in 0..50 {
        let canned = Canned::of_tool(&format!("t{tool}"));
        (0..50).for_each(|server| canned.pass(&connection, server, None));
    }
    // The first one folds what was recorded.
    black_box(telling.page());
    for _ in 0..times {
        black_box(telling.page());
    }
}

fn among_sessions(sessions: usize, times: u64) {
    let telling = metrics(servers(1, 0));
    let connection = telling.observer.connection();
    (0..sessions).for_each(|number| Canned::beginning(&name(number)).pass(&connection, 0, None));
    let canned = Canned::call().in_session(&name(sessions / 2));
    (0..times).for_each(|_| canned.pass(&connection, 0, None));
}

fn name(number: usize) -> String {
    format!("5f2c7d1e-{number:08}-4b7e-9d3a-1c2b3a4d5e6f")
}

fn among_tools(tools: usize, times: u64) {
    let mut config = servers(1, tools);
    config.limits.max_label_values = tools.max(config.limits.max_label_values);
    let telling = metrics(config);
    let connection = telling.observer.connection();
    (0..tools).for_each(|tool| Canned::of_tool(&format!("t{tool}")).pass(&connection, 0, None));
    let canned = Canned::of_tool(&format!("t{}", tools / 2));
    (0..times).for_each(|_| canned.pass(&connection, 0, None));
}

fn among_servers(many: usize, times: u64) {
    let telling = metrics(servers(many, 0));
    let (canned, connection) = (Canned::call(), telling.observer.connection());
    (0..many).for_each(|server| canned.pass(&connection, server, None));
    (0..times).for_each(|_| canned.pass(&connection, many / 2, None));
}

fn among_calls(calls: usize, times: u64) {
    let telling = metrics(servers(1, 0));
    let (canned, connection) = (Canned::call(), telling.observer.connection());
    let open: Vec<_> = (0..calls).map(|_| canned.ask(&connection, 0, None)).collect();
    (0..times).for_each(|_| canned.pass(&connection, 0, None));
    drop(open);
}

fn with_fields(fields: usize, times: u64) {
    let field = |number| (format!("x-field-{number}"), "what it says".to_owned());
    let fields: Vec<_> = (0..fields).map(field).collect();
    let telling = metrics(servers(1, 0));
    let (canned, connection) = (Canned::call().with_fields(&fields), telling.observer.connection());
    (0..times).for_each(|_| canned.pass(&connection, 0, None));
}

fn batch(messages: usize, times: u64) {
    let telling = metrics(servers(1, 0));
    let (canned, connection) = (Canned::batch(messages), telling.observer.connection());
    (0..times).for_each(|_| canned.pass(&connection, 0, None));
}

fn tick(times: u64) {
    let telling = metrics(servers(1, 0));
    let connection = telling.observer.connection();
    (0..10_000).for_each(|number| Canned::beginning(&name(number)).pass(&connection, 0, None));
    (0..times).for_each(|_| telling.observer.tick());
}

fn route(many: usize, times: u64) {
    let mounts = Mounts::new(&servers(many, 0));
    let path = format!("/s{}/mcp", many / 2);
    for _ in 0..times {
        let _ = black_box(mounts.route(Some("localhost:9000"), black_box(&path)));
    }
}
