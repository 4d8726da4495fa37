//! What tests stand on: servers, clients and a proxy in this process, over loopback. Everything waits for conditions,
//! within a limit that only a hang reaches.

pub(crate) mod body;
pub(crate) mod canned;
pub(crate) mod client;
pub(crate) mod collector;
pub(crate) mod guarded;
pub(crate) mod logged;
pub(crate) mod mixed;
pub(crate) mod observed;
pub(crate) mod pieces;
pub(crate) mod program;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod recording;
pub(crate) mod scrape;
pub(crate) mod secrets;
pub(crate) mod stub;
pub(crate) mod told;
pub(crate) mod upstream;

use std::time::Duration;

pub(crate) use body::{Feed, Sent, empty, fed, full};
pub(crate) use client::Client;
pub(crate) use proxy::Proxy;
pub(crate) use raw::{Raw, RawServer};
pub(crate) use upstream::Upstream;

/// The HTTP versions that clients speak.
pub(crate) const VERSIONS: [http::Version; 2] = [http::Version::HTTP_11, http::Version::HTTP_2];

/// Waits for `future`; a hang fails the test.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(Duration::from_secs(30), future).await {
            Ok(output) => output,
            Err(tokio::time::error::Elapsed { .. }) => panic!("nothing happened within 30 s: {caller}"),
        }
    }
}
