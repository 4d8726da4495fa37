//! Promise: real traffic passes byte for byte, and what the page says of it is what it held.

mod compared;
mod events;
mod expected;
mod message;
mod passing;
mod replay;

use compared::{differences, shown};
use expected::expected;
use replay::replay;

use crate::support::observed::Observed;
use crate::support::recording::{Recording, Side};

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
        wrong.extend(differences(recording.name, &shown(&observed.scrape()), &expected(&recording)));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn the_page_is_the_same_however_the_bodies_are_cut() {
    for recording in Recording::all() {
        let whole = told(&replay(&recording, usize::MAX).await);
        assert!(whole.lines().count() > 100, "{whole}");
        for chunk in [1, 7, 1000] {
            let page = told(&replay(&recording, chunk).await);
            for (line, expected) in page.lines().zip(whole.lines()) {
                assert_eq!(line, expected, "{} in frames of {chunk}", recording.name);
            }
            assert_eq!(page.len(), whole.len(), "{} in frames of {chunk}", recording.name);
        }
    }
}

/// The page without what the process says of itself.
fn told(observed: &Observed) -> String {
    let page = observed.page();
    let about_traffic = |line: &&str| line.starts_with("mcp_") && !line.starts_with("mcp_proxy_");
    page.lines().filter(about_traffic).collect::<Vec<_>>().join("\n")
}
