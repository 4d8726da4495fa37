//! How a server is asked how it is, as it is written: `server.probe`.

use serde::Deserialize;

use super::duration::Wait;
use super::{Optional, Plain};

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { interval = \"30s\", timeout = \"10s\" }"
)]
pub(in crate::config) struct Probe {
    pub(in crate::config) interval: Optional<Wait>,
    pub(in crate::config) timeout: Optional<Wait>,
    pub(in crate::config) call: Plain<String>,
    pub(in crate::config) arguments: Plain<toml::Table>,
    pub(in crate::config) expect: Plain<String>,
}
