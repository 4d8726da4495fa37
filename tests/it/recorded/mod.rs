//! Promise: real traffic passes byte for byte, and what the page says of it is what it held.

mod events;
mod expected;
mod passing;
mod replay;

use expected::{COMPARED, Counts, expected};
use replay::replay;

use crate::support::observed::Observed;
use crate::support::recording::{Recording, Side};
use crate::support::scrape::Scrape;

/// Frames of bodies: as they came, and cut so that an event, a key, a character is never whole.
const CHUNKS: [usize; 4] = [usize::MAX, 1, 7, 1000];

#[test]
fn the_recordings_are_read_as_they_were_recorded() {
    let found: Vec<_> = Recording::all()
        .iter()
        .map(|recording| {
            let exchanges = &recording.exchanges;
            let cut = exchanges.iter().filter(|exchange| exchange.response.cut.is_some()).count();
            (recording.name, exchanges.len(), cut)
        })
        .collect();
    let held = [
        ("conformance-2026-07-28", 133, 4),
        ("py-client-to-everything-auto", 15, 0),
        ("py-mcp-2025-11-25", 16, 1),
        ("py-mcp-2026-07-28", 11, 0),
        ("py-mcp-sse-legacy", 15, 1),
    ];
    assert_eq!(found, held);
    for recording in Recording::all() {
        for exchange in &recording.exchanges {
            let says = exchange.request.header("content-length").unwrap_or("0");
            assert_eq!(exchange.request.body.len().to_string(), says, "{}", recording.name);
            assert_ne!(exchange.response.cut, Some(Side::Server), "{}", recording.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_observer_says_is_what_the_recordings_hold() {
    let mut wrong = Vec::new();
    for recording in Recording::all() {
        let observed = replay(&recording, usize::MAX).await;
        wrong.extend(differences(&recording, &shown(&observed.scrape()), &expected(&recording)));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn the_page_is_the_same_however_the_bodies_are_cut() {
    for recording in Recording::all() {
        let pages = [
            told(&replay(&recording, CHUNKS[0]).await),
            told(&replay(&recording, CHUNKS[1]).await),
            told(&replay(&recording, CHUNKS[2]).await),
            told(&replay(&recording, CHUNKS[3]).await),
        ];
        assert!(pages[0].lines().count() > 100, "{}", pages[0]);
        for (page, chunk) in pages.iter().zip(CHUNKS) {
            similar_page(recording.name, chunk, &pages[0], page);
        }
    }
}

#[track_caller]
fn similar_page(name: &str, chunk: usize, whole: &str, page: &str) {
    for (expected, line) in whole.lines().zip(page.lines()) {
        assert_eq!(line, expected, "{name} in frames of {chunk}");
    }
    assert_eq!(page.lines().count(), whole.lines().count(), "{name} in frames of {chunk}");
}

/// The page without what the process says of itself.
fn told(observed: &Observed) -> String {
    let page = observed.page();
    let about_traffic = |line: &&str| line.starts_with("mcp_") && !line.starts_with("mcp_proxy_");
    page.lines().filter(about_traffic).collect::<Vec<_>>().join("\n")
}

fn shown(scrape: &Scrape) -> Counts {
    let mut shown = Counts::new();
    for (metric, labels) in COMPARED {
        shown.extend(scrape.sums(metric, labels).into_iter().map(|(values, sum)| ((*metric, values), sum)));
    }
    shown
}

fn differences(recording: &Recording, shown: &Counts, expected: &Counts) -> Vec<String> {
    let mut keys: Vec<_> = shown.keys().chain(expected.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = |key: &&_| {
        let (shown, expected) = (shown.get(*key).unwrap_or(&0.0), expected.get(*key).unwrap_or(&0.0));
        ((shown - expected).abs() > 1e-6)
            .then(|| format!("{}: {:?} is {shown}, not {expected}", recording.name, *key))
    };
    keys.iter().filter_map(differs).collect()
}
