//! What servers say of their own time: `Server-Timing` (W3C), for the tool whose call the exchange carries.

use std::time::Duration;

use http::{HeaderMap, HeaderName};

use super::event::{Event, LabelName};
use super::exchange::{Shared, State};
use super::label::Label;
use crate::mcp::{self, Method, Timing};

/// Entries of one response that are looked at.
const ENTRIES_MAX: usize = 32;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What a response head says; an empty list, which needs no memory, where it says nothing.
pub(super) fn entries(headers: &HeaderMap) -> Vec<Timing> {
    let mut entries = Vec::new();
    for value in headers.get_all(SERVER_TIMING) {
        mcp::server_timing(value.as_bytes(), &mut |entry| {
            if entries.len() < ENTRIES_MAX {
                entries.push(entry);
            }
        });
    }
    entries
}

impl Shared {
    /// Tells what the response's head said, now that it is known which tool it was for.
    pub(super) fn tell_timings(&self, state: &State) {
        let Some(server) = self.server.filter(|_| !state.timings.is_empty()) else { return };
        let tool = self.only_tool(state, server);
        for entry in &state.timings {
            let metric = self.inner.learn_timing(server, &entry.name);
            if let Some(took) = entry.milliseconds.and_then(seconds) {
                self.inner.tell(&Event::ServerTiming { server, tool, metric, took });
            }
            if let Some(result) = entry.cache {
                self.inner.tell(&Event::CacheOperation { server, operation: metric, result });
            }
        }
    }

    /// The tool that the exchange called, if it is the only call in it.
    fn only_tool(&self, state: &State, server: usize) -> Label {
        let mut calls = state.calls.iter();
        match (calls.next(), calls.next()) {
            (Some(call), None) if call.method == Method::ToolsCall => {
                call.tool_name().map_or_else(Label::other, |name| self.inner.tool(server, name))
            }
            _ => Label::none(),
        }
    }
}

impl super::inner::Inner {
    /// The label of an entry's name, which only the server claims.
    fn learn_timing(&self, server: usize, name: &mcp::Text) -> Label {
        match self.servers.get(server) {
            Some(state) if !name.is_cut() => self.learned(state.timings.learn(name), LabelName::Metric),
            _ => Label::other(),
        }
    }
}

fn seconds(milliseconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
}
