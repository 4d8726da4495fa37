//! The parts of `benches/compare` that only compute: a benchmark is trusted for its arithmetic.

#[path = "../../benches/compare/http.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod http;
#[path = "../../benches/compare/plot.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod plot;
#[path = "../../benches/compare/samples.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod samples;
#[path = "../../benches/compare/scenario.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod scenario;
#[path = "../../benches/compare/statistics.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod statistics;

use http::{Malformed, Reader, Tail};
use plot::{Bar, Panel, svg};
use samples::{Cell, Mode, Sample, Samples};
use scenario::{Answer, Era, FIRST_ID, Request, SCENARIOS, events, json_answer};
use statistics::{Spread, paired, quantile};

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
    6\r\ndata: \r\nA;note=1\r\n0123456789\r\n0\r\nDigest: none\r\n\r\n";
const COUNTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length:  11 \r\nMcp-Session-Id: abc\r\n\r\n{\"id\":1234}";

/// The body of each message of a connection whose bytes come in pieces of this size.
fn bodies(bytes: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let (mut reader, mut all, mut body) = (Reader::default(), Vec::new(), Vec::new());
    for mut rest in bytes.chunks(piece) {
        while let Some(taken) = reader.feed(rest, |part| body.extend_from_slice(part)).unwrap() {
            assert_eq!(reader.status(), 200);
            assert_eq!(reader.body_bytes(), body.len());
            all.push(std::mem::take(&mut body));
            rest = &rest[taken..];
        }
    }
    assert!(body.is_empty());
    all
}

#[test]
fn messages_are_read_however_they_are_split() {
    let connection = [CHUNKED, COUNTED, CHUNKED].concat();
    let expected: [&[u8]; 3] = [b"data: 0123456789", b"{\"id\":1234}", b"data: 0123456789"];
    for piece in 1..=connection.len() {
        assert_eq!(bodies(&connection, piece), expected, "in pieces of {piece}");
    }
}

#[test]
fn a_message_is_not_complete_before_its_last_byte() {
    for message in [CHUNKED, COUNTED] {
        let last = message.len() - 1;
        let mut reader = Reader::default();
        assert_eq!(reader.feed(&message[..last], |_| ()), Ok(None));
        assert_eq!(reader.feed(&message[last..], |_| ()), Ok(Some(1)));
    }
}

#[test]
fn fields_are_found_in_any_case() {
    let mut reader = Reader::default();
    reader.feed(COUNTED, |_| ()).unwrap();
    assert_eq!(reader.field("mcp-session-id"), Some(&b"abc"[..]));
    assert_eq!(reader.field("content-length"), Some(&b"11"[..]));
    assert_eq!(reader.field("mcp-session"), None);
}

#[test]
fn answers_without_an_end_and_chunks_that_are_none_are_errors() {
    let read = |bytes: &[u8]| Reader::default().feed(bytes, |_| ());
    assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\n"), Err(Malformed::NoLength));
    assert_eq!(read(b"HTTP/1.1 202 Accepted\r\n\r\n"), Ok(Some(25)));
    assert_eq!(read(b"GET /mcp HTTP/1.1\r\n\r\n"), Ok(Some(21)));
    assert_eq!(read(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), Err(Malformed::Length));
    let chunk = |chunk: &str| {
        let message = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
        Reader::default().feed(message.as_bytes(), |_| ())
    };
    assert_eq!(chunk("zz\r\n"), Err(Malformed::Chunk));
    assert_eq!(chunk("1\r\nab"), Err(Malformed::Chunk));
    assert_eq!(chunk("ffffffffffffffffff\r\n"), Err(Malformed::Chunk));
}

#[test]
fn the_tail_is_the_end_of_all_parts() {
    let mut tail = Tail::default();
    for part in ["something long before", "\"id\":12", "34", "}\n\n"] {
        tail.push(part.as_bytes());
    }
    assert!(tail.ends_with(b"1234}"));
    assert!(!tail.ends_with(b"1235}"));
}

#[test]
fn answers_are_as_long_as_the_clients_expect() {
    for bytes in [300, 16 * 1024, 300_000, 1024 * 1024] {
        let body = format!("{}{FIRST_ID}}}", json_answer(bytes));
        assert_eq!(body.len(), bytes);
        let parsed: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(parsed["id"], FIRST_ID);
    }
    let stream = events(10, "1000000007").concat();
    assert_eq!(stream.len(), Answer::Events(10).body_bytes());
    assert_eq!(stream.matches("event: message\ndata: ").count(), 10);
    assert!(stream.ends_with("\"id\":1000000007}\n\n"));
}

#[test]
fn requests_are_correct_in_both_eras() {
    for scenario in SCENARIOS {
        let session = (scenario.era == Era::Sessions).then_some("abc");
        let mut request = Request::call(scenario, scenario.era, "127.0.0.1:80", session);
        let mut body = Vec::new();
        let bytes = request.numbered(FIRST_ID + 7).to_vec();
        let mut reader = Reader::default();
        let taken = reader.feed(&bytes, |part| body.extend_from_slice(part));
        assert_eq!(taken, Ok(Some(bytes.len())), "{}", scenario.name);
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["id"], FIRST_ID + 7);
        assert_eq!(body["params"]["_meta"]["progressToken"], FIRST_ID + 7);
        assert_eq!(reader.field("mcp-protocol-version"), Some(scenario.era.version().as_bytes()));
        let stateless = scenario.era == Era::Stateless;
        assert_eq!(reader.field("mcp-session-id").is_some(), !stateless);
        assert_eq!(reader.field("mcp-name").is_some(), stateless);
        let version = &body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        assert_eq!(version.is_string(), stateless);
    }
}

#[test]
fn medians_and_quantiles_are_those_of_the_textbook() {
    let spread = |values: &[f64]| Spread::of(values).map(|spread| (spread.least, spread.median, spread.most));
    assert_eq!(spread(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
    assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), Some((1.0, 2.5, 4.0)));
    assert_eq!(spread(&[]), None);
    assert_eq!(spread(&[1.0, f64::NAN]), None);
    let mut values: Vec<u32> = (1..=1000).rev().collect();
    for (share, expected) in [(0.0, 1), (0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1000)] {
        assert_eq!(quantile(&mut values, share), Some(expected));
    }
    assert_eq!(quantile(&mut [], 0.5), None);
}

#[test]
fn ratios_are_taken_within_a_round() {
    // The second round was twice as fast for both: the ratio does not see it.
    let ratio = paired(&[10.0, 20.0, 11.0], &[20.0, 40.0, 20.0], |this, that| this / that).unwrap();
    assert!((ratio.median - 0.5).abs() < 1e-9);
}

fn sample(target: &'static str, round: usize, calls: usize) -> Sample {
    Sample {
        scenario: "json-300",
        concurrency: 32,
        mode: Mode::Saturation,
        round,
        target,
        calls,
        errors: 0,
        seconds: 2.0,
        p50_us: 10.0,
        p90_us: 20.0,
        p99_us: 30.0,
        max_us: 40.0,
        first_event_p50_us: None,
        first_event_p99_us: None,
        cpu_seconds: (target != "direct").then_some(0.5),
        resident_kib: (target != "direct").then_some(2048),
    }
}

#[test]
fn a_round_is_a_line_of_the_raw_data() {
    let samples = Samples(vec![sample("direct", 0, 4000), sample("nginx", 0, 1000)]);
    insta::assert_snapshot!(samples.csv(), @r"
    scenario,concurrency,mode,offered_per_second,round,target,calls,errors,seconds,per_second,p50_us,p90_us,p99_us,max_us,first_event_p50_us,first_event_p99_us,cpu_seconds,resident_kib
    json-300,32,saturation,,0,direct,4000,0,2.0000,2000.0,10.0,20.0,30.0,40.0,,,,
    json-300,32,saturation,,0,nginx,1000,0,2.0000,500.0,10.0,20.0,30.0,40.0,,,0.50,2048
    ");
}

#[test]
fn a_cell_is_compared_with_itself_alone() {
    let other = Sample { concurrency: 1, ..sample("nginx", 0, 9) };
    let samples = Samples(vec![
        other,
        sample("direct", 0, 4000),
        sample("nginx", 0, 1000),
        sample("nginx", 1, 2000),
        sample("direct", 1, 4000),
    ]);
    let cell = Cell { scenario: "json-300", concurrency: 32, mode: Mode::Saturation };
    let ratio = samples.compared(cell, ("nginx", "direct"), Sample::per_second, |this, that| this / that);
    assert_eq!(ratio, Some(Spread { median: 0.375, least: 0.25, most: 0.5 }));
    let cpu = samples.spread(cell, "nginx", Sample::cpu_per_100k);
    assert_eq!(cpu, Some(Spread { median: 37.5, least: 25.0, most: 50.0 }));
    let at_a_rate = Cell { mode: Mode::Rate(5), ..cell };
    assert_eq!(samples.spread(at_a_rate, "nginx", Sample::per_second), None);
}

#[test]
fn the_plot_is_as_wide_as_its_largest_value() {
    let bar =
        |label, median| Bar { label, spread: Spread { median, least: median / 2.0, most: median * 2.0 } };
    let panel = Panel { title: "a < b".to_owned(), bars: vec![bar("direct", 50.0), bar("nginx", 25.0)] };
    let page = svg("title", &[panel]);
    assert!(page.contains("a &lt; b"));
    // The scale ends at the most that was seen, 100: the median of 50 is half of it.
    assert!(page.contains(r#"width="270.0""#), "{page}");
    assert!(page.contains(r#"width="135.0""#), "{page}");
    assert_eq!(page.matches("<path ").count(), 2);
    assert!(page.ends_with("</svg>\n"));
}
