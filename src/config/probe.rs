//! How a server is asked how it is, resolved. `None` in [`Server`](super::Server) = it is not.

use std::time::Duration;

use serde::Serialize;

use super::shown;

/// `server.probe`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    /// From one probe to the next; at least [`Probe::SHORTEST_INTERVAL`].
    #[serde(serialize_with = "shown::duration")]
    pub interval: Duration,
    /// How long all of a probe may take; at most `interval`.
    #[serde(serialize_with = "shown::duration")]
    pub timeout: Duration,
    /// The one tool that it may call; `None` = it calls none.
    pub call: Option<String>,
    /// What the tool is called with.
    pub arguments: toml::Table,
    /// What has to stand in the text of its result; `None` = any result that is no error will do.
    pub expect: Option<String>,
}

impl Probe {
    /// More often than that is no probe but load.
    pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            call: None,
            arguments: toml::Table::new(),
            expect: None,
        }
    }
}
