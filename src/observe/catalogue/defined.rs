//! What is known of one tool, for who looks at it: its definition as it was listed last, and how that changed.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

use super::{Catalogue, Catalogues, Change, Changed, PARTS, Tool};

/// Changes of one tool that are remembered: of all tools of a server together less than a megabyte.
const CHANGES_MAX: usize = 8;

/// A tool as its server listed it last.
#[derive(Debug, Clone)]
pub struct Defined {
    /// When the list that came last was asked for.
    pub listed: Instant,
    /// It stands in no list any more.
    pub is_removed: bool,
    /// The parts that it has: canonical JSON, of a description the text as it is; `None` = too large to be kept.
    pub parts: Vec<(Change, Option<String>)>,
    /// When the lists were asked for that told so, the oldest first.
    pub changes: Vec<(Instant, Change)>,
}

/// The last changes of each tool.
#[derive(Debug, Default)]
pub(super) struct Past(BTreeMap<String, VecDeque<(Instant, Change)>>);

impl Past {
    pub(super) fn add(&mut self, changes: &[Changed], at: Instant) {
        for changed in changes {
            let of_tool = self.0.entry(changed.tool.clone()).or_default();
            of_tool.push_back((at, changed.change));
            if of_tool.len() > CHANGES_MAX {
                of_tool.pop_front();
            }
        }
    }

    /// Of tools that are forgotten nothing is remembered.
    pub(super) fn keep(&mut self, tools: &BTreeMap<String, Tool>) {
        self.0.retain(|name, _| tools.contains_key(name));
    }

    fn of(&self, tool: &str) -> Vec<(Instant, Change)> {
        self.0.get(tool).into_iter().flatten().copied().collect()
    }
}

impl Catalogues {
    /// What is known of a tool of the server at this position; `None` where it has listed no such tool.
    pub(in crate::observe) fn defined(&self, server: usize, tool: &str) -> Option<Defined> {
        self.servers.get(server)?.defined(tool)
    }
}

impl Catalogue {
    fn defined(&self, name: &str) -> Option<Defined> {
        let tool = self.tools.get(name)?;
        let parts = PARTS.into_iter().zip(&tool.parts);
        let parts = parts.filter_map(|(part, kept)| Some((part, kept.as_ref()?.text.clone())));
        Some(Defined {
            listed: self.listed?,
            is_removed: tool.is_removed,
            parts: parts.collect(),
            changes: self.past.of(name),
        })
    }
}
