//! For long: calls of every outcome and era, streams that come and go, clients that leave, and a configuration that changes
//! every second. Memory stays where it is after warming up, no descriptor is left, and every call is counted under its
//! outcome. Five rounds here; `SOAK_MINUTES=10 cargo test soak -- --nocapture` goes on for so long and says how it goes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::mixed::{Carriers, KINDS, Nowhere, count, drive, page, settled};
use crate::support::program::Program;
use crate::support::stub;

/// Calls of a round: each kind as often.
const CALLS: usize = KINDS.len() * 40;
const CONCURRENCY: usize = 32;
const ROUNDS: usize = 5;
/// Rounds after which what is needed is there: tables, pools, series, the allocator's own.
const WARM: usize = 2;
/// What more may be resident after that, in all.
const GROWTH: u64 = 16 << 20;

fn write(file: &Path, (upstream, gone): (SocketAddr, SocketAddr), reload: usize) {
    let mut config =
        "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[logs]\nformat = \"json\"\n[limits]\norphan_wait = \"100ms\"\n"
            .to_owned();
    let mut server = |name: &str, address: SocketAddr, more: &str| {
        let _ = write!(
            config,
            "[[server]]\nname = \"{name}\"\npath = \"/{name}\"\nurl = \"http://{address}/\"\n{more}\n"
        );
    };
    server("stub", upstream, "");
    server("gone", gone, "");
    server("late", upstream, &format!("head_timeout = \"20ms\"\nconnect_timeout = \"{}s\"", 5 + reload % 5));
    if reload % 2 == 1 {
        server(&format!("passing-{}", reload % 10), upstream, "rate = { per_second = 10 }");
    }
    std::fs::write(file, config).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_for_long_stays_as_it_is() {
    let minutes = std::env::var("SOAK_MINUTES").ok().and_then(|text| text.parse::<u64>().ok());
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    let (stub, gone) = (stub::start().await, Nowhere::new());
    let servers = (stub, gone.address());
    let file: PathBuf = std::env::temp_dir().join(format!("sightglass-soak-{}.toml", std::process::id()));
    write(&file, servers, 0);
    let path = file.clone();
    let program = tokio::task::spawn_blocking(move || Program::with_file(&path, None)).await.unwrap();
    let (proxy, admin) = (program.proxy, program.admin);

    let (mut rounds, mut reloads, mut warm) = (0, 0, None);
    loop {
        let round = tokio::spawn(drive(proxy, CALLS, CONCURRENCY, |_| Carriers::default()));
        while !round.is_finished() {
            reloads += 1;
            write(&file, servers, reloads);
            program.signal("HUP");
            tokio::time::sleep(Duration::from_millis(if minutes.is_some() { 1000 } else { 100 })).await;
        }
        round.await.unwrap();
        rounds += 1;
        settled(admin, rounds * CALLS).await;
        let resident = program.resident();
        let open = program.open_files();
        if rounds == WARM {
            warm = Some(resident);
        }
        if minutes.is_some() {
            println!(
                "{rounds} rounds, {reloads} reloads: {} KiB resident, {open} files open",
                resident >> 10
            );
        }
        if let Some(warm) = warm {
            assert!(
                resident < warm + GROWTH,
                "{resident} bytes are resident, {warm} were after {WARM} rounds"
            );
        }
        if until.map_or(rounds >= ROUNDS, |until| Instant::now() >= until) {
            break;
        }
    }

    let scrape = settled(admin, rounds * CALLS).await;
    let mut expected: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (_, server, _, outcome) in KINDS {
        *expected.entry((server, outcome)).or_default() += rounds * CALLS / KINDS.len();
    }
    for ((server, outcome), calls) in expected {
        let counted = scrape.metric("mcp_requests_total").label("server", server).label("outcome", outcome);
        counted.is(count(calls));
    }
    scrape.metric("mcp_requests_total").is(count(rounds * CALLS));
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_proxy_config_last_reload_successful").is(1);
    scrape.metric("mcp_proxy_dropped_total").is(0);
    // The clients have gone: so do the files.
    let patience = Instant::now() + Duration::from_secs(30);
    while program.open_files() > OPEN {
        assert!(Instant::now() < patience, "{} files are open", program.open_files());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    page(admin).await.metric("mcp_active_streams").is(0);
    drop(program);
    std::fs::remove_file(file).unwrap();
}

/// What the program has open with nobody there: listeners, polls, pipes, and connections that wait for the next request.
const OPEN: usize = 40;
