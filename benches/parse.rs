//! What reading a body costs, over the sizes of the dependencies page, beside copying it and beside `serde_json`.
//!
//! `cargo bench --bench parse` prints nanoseconds, which depend on the machine and on its mood;
//! `benches/parse.sh` prints instructions, which do not. It runs this program under valgrind as
//! `parse <method> <body> <times>`.

mod bodies;

use std::hint::black_box;
use std::time::Instant;

use serde::de::IgnoredAny;
use sightglass::mcp::Scanner;

const BODIES: [&str; 5] = ["500B", "10KB-text", "10KB-objects", "1MB-text", "1MB-objects"];
const METHODS: [&str; 5] = ["memcpy", "scanner", "scanner-16KiB", "serde-ignored", "serde-value"];
const FRAME: usize = 16 * 1024;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let [method, body, times] = &*arguments {
        let body = bodies::build(body);
        let method = reader(method);
        for _ in 0..times.parse().unwrap_or(1_u32) {
            method(black_box(&body));
        }
        return;
    }
    if std::env::args().any(|argument| argument == "--bench") {
        print_nanoseconds();
    }
}

fn print_nanoseconds() {
    println!("{:16}{}", "ns", BODIES.map(|body| format!("{body:>14}")).concat());
    for method in METHODS {
        let costs = BODIES.map(|body| format!("{:>14}", nanoseconds(reader(method), &bodies::build(body))));
        println!("{method:16}{}", costs.concat());
    }
}

/// The least of several rounds, each of about 2 MB.
fn nanoseconds(method: fn(&[u8]), body: &[u8]) -> u128 {
    let times = u32::try_from(2_000_000 / body.len()).unwrap_or(1).max(1);
    let round = || {
        let start = Instant::now();
        for _ in 0..times {
            method(black_box(body));
        }
        (start.elapsed() / times).as_nanos()
    };
    (0..20).map(|_| round()).min().unwrap_or_default()
}

fn reader(method: &str) -> fn(&[u8]) {
    match method {
        "memcpy" => |body| drop(black_box(body.to_vec())),
        "scanner" => |body| scan(body, body.len()),
        "scanner-16KiB" => |body| scan(body, FRAME),
        "serde-value" => |body| drop(black_box(serde_json::from_slice::<serde_json::Value>(body))),
        _ => |body| drop(black_box(serde_json::from_slice::<IgnoredAny>(body))),
    }
}

fn scan(body: &[u8], frame: usize) {
    let mut scanner = Scanner::new();
    for frame in body.chunks(frame) {
        scanner.feed(frame, &mut |message| drop(black_box(message)));
    }
    black_box(scanner.finish());
}
