//! [`Config`] → what `GET /api/config` shows: the tables and keys of the file, values as the file writes them, secrets
//! masked. A key that is written and cannot be shown does not compile, and a test reads what is shown as a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::{
    HttpVersion, InjectMeta, LabelSource, Network, RuleLabel, Secret, Server, ServerTls, Source, Url,
};

/// What stands for a secret.
pub const MASK: &str = "***";

const OFF: &str = "off";

/// A duration as the file writes it.
pub fn duration_text(wait: Duration) -> String {
    match wait.as_millis() {
        0 => OFF.to_owned(),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

/// A size as the file writes it.
pub fn size_text(bytes: u64) -> String {
    match bytes {
        _ if bytes > 0 && bytes.is_multiple_of(1 << 20) => format!("{}MiB", bytes >> 20),
        _ if bytes > 0 && bytes.is_multiple_of(1 << 10) => format!("{}KiB", bytes >> 10),
        _ => bytes.to_string(),
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl Serialize for Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.address, self.prefix))
    }
}

impl Serialize for HttpVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Auto => "auto",
            Self::One => "1",
            Self::Two => "2",
        })
    }
}

impl Serialize for InjectMeta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Always => serializer.serialize_bool(true),
            Self::Never => serializer.serialize_bool(false),
        }
    }
}

impl Serialize for LabelSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_map(None)?;
        match self {
            Self::Pointer { pointer, allowed } => {
                table.serialize_entry("pointer", pointer)?;
                table.serialize_entry("allowed", allowed)?;
            }
            Self::Fact(fact) => table.serialize_entry("fact", fact.as_str())?,
        }
        table.end()
    }
}

pub(super) fn duration<S: Serializer>(wait: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration_text(*wait))
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(super) fn limit<S: Serializer>(wait: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration_text(wait.unwrap_or_default()))
}

/// `None` = no limit.
#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(super) fn count<S: Serializer>(count: &Option<usize>, serializer: S) -> Result<S::Ok, S::Error> {
    match count {
        Some(count) => count.serialize(serializer),
        None => serializer.serialize_str(OFF),
    }
}

/// `None` = no limit.
#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(super) fn size_limit<S: Serializer>(bytes: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => serializer.serialize_str(&size_text(*bytes)),
        None => serializer.serialize_str(OFF),
    }
}

pub(super) fn size<S: Serializer, N>(bytes: &N, serializer: S) -> Result<S::Ok, S::Error>
where
    N: Copy + TryInto<u64>,
{
    serializer.serialize_str(&size_text((*bytes).try_into().unwrap_or(u64::MAX)))
}

/// Without those that a reload took out.
pub(super) fn servers<S: Serializer>(servers: &[Server], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(servers.iter().filter(|server| !server.removed))
}

/// A path that is no UTF-8 is shown all the same.
pub(super) fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
pub(super) fn maybe_path<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.display().to_string()).serialize(serializer)
}

/// No file at all is none.
pub(super) fn tls<S: Serializer>(tls: &ServerTls, serializer: S) -> Result<S::Ok, S::Error> {
    if *tls == ServerTls::default() { serializer.serialize_none() } else { tls.serialize(serializer) }
}

/// A table.
pub(super) fn table<S: Serializer, V: Serialize>(
    pairs: &[(String, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

pub(super) fn labels<S: Serializer>(labels: &[RuleLabel], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(labels.iter().map(|label| (&label.name, &label.source)))
}

pub(super) fn sources<S: Serializer>(sources: &[Source], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(sources.len()))?;
    for source in sources {
        list.serialize_element(&source.to_string())?;
    }
    list.end()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn compression<S: Serializer>(gzip: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if *gzip { "gzip" } else { "none" })
}
