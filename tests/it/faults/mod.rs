//! Faults of servers, clients and the network, each against the program as it runs, one after the other: what the client
//! is told, how the call is counted, and that nothing is left behind. `docs/reliability.md` holds what this run sees; with
//! `UPDATE_DOCS=1` the run writes it.
//!
//! # Why one process
//! What leaks, leaks from one case into the next: descriptors are counted and calls looked for at the very end.

mod cases;
mod connects;
mod flood;
mod play;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use self::cases::{CASES, Case, Counted};
use self::play::Stage;
use crate::support::scrape::Scrape;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");

/// The table stands between these lines.
const MARKS: [&str; 2] = ["<!-- faults: written by the run -->\n", "<!-- end of faults -->\n"];

/// No case needs more memory, in bytes; a build without optimization.
const PEAK: u64 = 100 << 20;

/// Nor does a flood of connections, of which `max_connections` are open at once at most.
const PEAK_OF_FLOOD: u64 = 200 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told_and_counted_under_its_right_name_and_leaves_nothing_behind() {
    let stage = Stage::open().await;
    // Whatever is opened once is open from here on.
    stage.call("healthy").await;
    let before = stage.program.open_files();
    let mut table = String::from("| fault | the client sees | counted as |\n|---|---|---|\n");
    let mut about = "";
    for case in CASES {
        if case.about != about {
            about = case.about;
            let _ = writeln!(table, "| **{about}** | | |");
        }
        let page = stage.page_without_clients().await;
        let sees = stage.play(case).await;
        let counted = counted(&stage, case, &page).await;
        let _ = writeln!(table, "| {} | {sees} | {counted} |", case.name);
        assert_eq!(stage.call("healthy").await, "200, whole", "after {}", case.name);
    }
    stage.until_nothing_is_left(before).await;
    let peak = stage.program.peak();
    assert!(peak < PEAK, "{peak} bytes were resident");
    compare(&table);
    stage.end().await;
}

/// More connections than there are descriptors: those that come first are served, the others wait, and when there is room
/// again all is as before.
#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_who_is_served_stays_served_and_the_others_wait() {
    let stage = Stage::open_with(Some(40)).await;
    assert_eq!(stage.call("healthy").await, "200, whole");
    let mut first = stage.connect().await;
    assert_eq!(first.call("healthy").await, "200, whole");
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(stage.connect().await);
    }
    // Its connection to the server is there already.
    assert_eq!(first.call("healthy").await, "200, whole");
    drop(crowd);
    assert_eq!(stage.call("healthy").await, "200, whole");
    stage.end().await;
}

/// Connections that come and go as fast as they can leave nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_connections_that_come_and_go_leave_nothing_behind() {
    let stage = Stage::open().await;
    stage.call("healthy").await;
    let before = stage.program.open_files();
    for round in 0..50 {
        let mut crowd = Vec::new();
        for _ in 0..100 {
            crowd.push(stage.connect().await);
        }
        if round % 10 == 0 {
            assert_eq!(crowd[0].call("healthy").await, "200, whole");
        }
    }
    assert_eq!(stage.call("healthy").await, "200, whole");
    stage.until_nothing_is_left(before).await;
    stage.end().await;
}

/// As fast as they can: who is served stays served, who comes is served, and nothing is left behind. Ten thousand of them
/// here; `FLOOD_SECONDS=10 cargo test flood -- --nocapture` makes ten thousand a second for so long and says how it goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_costs_nobody_a_call() {
    let seconds = std::env::var("FLOOD_SECONDS").ok().and_then(|text| text.parse::<u32>().ok());
    let connections = connects::RATE * seconds.unwrap_or(1);
    let stage = Stage::open().await;
    stage.call("healthy").await;
    let before = stage.program.open_files();
    let mut served = stage.connect().await;
    let flood = tokio::spawn(connects::flood(stage.program.proxy, connections, seconds.is_some()));
    let (mut calls, mut open) = (0, 0);
    while !flood.is_finished() {
        assert_eq!(served.call("healthy").await, "200, whole");
        if calls % 100 == 0 {
            assert_eq!(stage.call("healthy").await, "200, whole");
            open = open.max(stage.program.open_files());
        }
        calls += 1;
    }
    let took = flood.await.unwrap();
    let peak = stage.program.peak();
    if seconds.is_some() {
        let rate = f64::from(connections) / took.as_secs_f64();
        println!(
            "{connections} connections in {took:.1?}, {rate:.0} a second; {calls} calls answered meanwhile; {} KiB resident at most, {open} files open",
            peak >> 10
        );
    }
    assert!(calls > 0, "nobody was served meanwhile");
    assert_eq!(stage.call("healthy").await, "200, whole");
    drop(served);
    stage.until_nothing_is_left(before).await;
    assert!(peak < PEAK_OF_FLOOD, "{peak} bytes were resident");
    stage.end().await;
}

/// Under which name the page has what happened since `before`.
async fn counted(stage: &Stage, case: &Case, before: &Scrape) -> String {
    let name = match case.counted {
        Counted::Outcome => "mcp_requests_total",
        Counted::Refusal => "mcp_proxy_refused_total",
        Counted::Disconnect => "mcp_connection_duration_seconds_count",
    };
    let label = match case.counted {
        Counted::Outcome => "outcome",
        Counted::Refusal => "reason",
        Counted::Disconnect => "disconnect_reason",
    };
    let sums = |page: &Scrape| -> BTreeMap<Vec<String>, f64> { page.sums(name, &[label]) };
    let before = sums(before);
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let now = sums(&stage.page().await);
        let grown = now.iter().filter(|(value, sum)| before.get(*value).is_none_or(|before| before < sum));
        // A client that leaves ends its connection, too; what the healthy calls did in between is no fault.
        let grown: Vec<&str> =
            grown.map(|(value, _)| value[0].as_str()).filter(|value| *value != "ok").collect();
        if !grown.is_empty() || case.is_ok {
            let told = if grown.is_empty() { vec!["ok"] } else { grown };
            return format!("`{name}{{{label}=\"{}\"}}`", told.join("\"}`, `{"));
        }
        assert!(Instant::now() < patience, "{}: nothing was counted in {name}", case.name);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn compare(table: &str) {
    let page = std::fs::read_to_string(PAGE).expect("docs/reliability.md");
    let (head, rest) = page.split_once(MARKS[0]).expect("where the table begins");
    let (written, tail) = rest.split_once(MARKS[1]).expect("where the table ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let [begin, end] = MARKS;
        std::fs::write(Path::new(PAGE), format!("{head}{begin}\n{table}\n{end}{tail}")).expect("a page");
    } else {
        assert_eq!(written.trim(), table.trim(), "docs/reliability.md says something else: UPDATE_DOCS=1");
    }
}
