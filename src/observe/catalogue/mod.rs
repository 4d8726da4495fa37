//! The tools that servers list: how many, what they cost a conversation, and how their definitions change
//! (`telemetry.md` §3, "Sessions and use").
//!
//! # Why audiences
//! Servers show different tools to different credentials. A tool that is missing was removed where whoever had it before
//! misses it; from a list of credentials never seen before it may be missing for another reason, and only when it stays
//! away from [`MISSES_MAX`] lists in a row it counts as removed, too. A definition is the server's own whoever asks.

mod defined;
mod listing;
mod state;

use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;
use std::path::Path;

use hashlink::LruCache;
use tokio::time::Instant;

pub use self::defined::Defined;
use self::defined::Past;
use self::listing::Listings;
pub(super) use self::listing::{Listed, Page};
use self::state::{Remembered, State};
use super::tokens;
use crate::mcp::Definition;

/// Tools of one server that are remembered.
const TOOLS_MAX: usize = 4096;

/// Credentials of one server whose lists are remembered.
const AUDIENCES_MAX: usize = 64;

/// Lists in a row from which a tool may be missing that nobody who asked is known to have had.
const MISSES_MAX: u32 = 10;

/// Bytes of definitions of one server that are remembered for the log; beyond, changes are told without before and after.
const TEXT_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a tool's name; what has a longer one is not compared.
const NAME_MAX: usize = 256;

/// Bytes of one part of a definition that are remembered.
const PART_MAX: usize = 16 * 1024;

/// Whoever asks without credentials.
pub(super) const ANYBODY: u64 = 0;

/// What changed of a tool: the label `change`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the label's own values, telemetry.md §3")]
pub enum Change {
    Added,
    Removed,
    Description,
    InputSchema,
    OutputSchema,
    Annotations,
}

impl Change {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Added,
        Self::Removed,
        Self::Description,
        Self::InputSchema,
        Self::OutputSchema,
        Self::Annotations,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Description => "description",
            Self::InputSchema => "input_schema",
            Self::OutputSchema => "output_schema",
            Self::Annotations => "annotations",
        }
    }
}

/// A change of one tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The tool's name.
    pub tool: String,
    /// What changed.
    pub change: Change,
    /// What that was, as canonical JSON, of a description as it is; `None` where there was none, or it is too long to be
    /// remembered.
    pub before: Option<String>,
    /// What it is now.
    pub after: Option<String>,
}

/// What became of a page of a list.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// The list that it completed.
    pub(super) listed: Option<Listed>,
    /// How that differs from what was known.
    pub(super) changes: Vec<Changed>,
    /// Why the file that remembers could not be read or written.
    pub(super) problem: Option<String>,
}

/// The tools of all servers.
pub(super) struct Catalogues {
    servers: Vec<Catalogue>,
    listings: Listings,
    state: Option<State>,
    /// Tokens are counted exactly.
    is_exact: bool,
    hasher: foldhash::quality::RandomState,
}

impl Catalogues {
    /// The tools of these servers, as far as the file at `state` remembers any.
    pub(super) fn new(servers: Vec<String>, state: Option<&Path>, is_exact: bool) -> Self {
        let hasher = foldhash::quality::RandomState::default();
        let servers = servers.into_iter().map(|name| Catalogue::new(name, hasher.clone())).collect();
        Self { servers, listings: Listings::default(), state: state.map(State::new), is_exact, hasher }
    }

    /// These are all servers now, those that were known before in their places.
    pub(super) fn grow(&mut self, servers: Vec<String>) {
        let known = self.servers.len();
        let new = servers.into_iter().skip(known).map(|name| Catalogue::new(name, self.hasher.clone()));
        self.servers.extend(new);
    }

    /// A page of a list came.
    pub(super) fn page(&mut self, mut page: Page) -> Learned {
        if self.is_known(&mut page) {
            return Learned { listed: Some(Listed::again(&page)), ..Learned::default() };
        }
        let Some(mut listed) = self.listings.add(page) else { return Learned::default() };
        let definitions = listed.definitions.take();
        let Some(catalogue) = self.servers.get_mut(listed.server) else { return Learned::default() };
        let (changes, problem) = match definitions {
            Some(definitions) => catalogue.learn(&definitions, &listed, self.state.as_mut()),
            None => (Vec::new(), None),
        };
        Learned { listed: Some(listed), changes, problem }
    }

    /// Whether a page is the list that came last, byte by byte: most clients list the same tools again and again. Tells
    /// its tokens.
    fn is_known(&mut self, page: &mut Page) -> bool {
        let Some((result, _)) = &page.result else { return false };
        let Some(catalogue) = self.servers.get_mut(page.server) else { return false };
        let last = Last { hash: self.hasher.hash_one(result), audience: page.audience, tokens: page.tokens };
        if let Some(known) = catalogue.last.filter(|known| known.hash == last.hash) {
            page.tokens = known.tokens;
            // Where a tool is missing, each list without it counts.
            let is_settled = catalogue.tools.values().all(|tool| tool.misses == 0 || tool.is_removed);
            if known.audience == page.audience && page.is_whole() && is_settled {
                catalogue.listed = Some(page.at);
                return true;
            }
        } else if self.is_exact {
            page.tokens = tokens::of_result(result);
        }
        catalogue.last = page.is_whole().then_some(Last { tokens: page.tokens, ..last });
        false
    }
}

/// The list that came last, where it was one page.
#[derive(Debug, Clone, Copy)]
struct Last {
    hash: u64,
    audience: u64,
    tokens: u64,
}

/// The tools of one server.
#[derive(Debug)]
pub(super) struct Catalogue {
    name: String,
    tools: BTreeMap<String, Tool>,
    /// What each credentials' last list held: hashes of names.
    audiences: LruCache<u64, HashSet<u64>>,
    hasher: foldhash::quality::RandomState,
    last: Option<Last>,
    /// When the list was asked for that came last.
    listed: Option<Instant>,
    past: Past,
    /// A whole list was seen, by this process or by who wrote the file.
    has_list: bool,
    /// The file was looked into.
    has_state: bool,
}

/// A tool as it was listed last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tool {
    parts: [Option<Part>; 4],
    /// Lists in a row without it.
    misses: u32,
    is_removed: bool,
}

/// A part of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    hash: String,
    text: Option<String>,
}

/// The parts of a definition, in the order of [`Tool::parts`].
const PARTS: [Change; 4] =
    [Change::Description, Change::InputSchema, Change::OutputSchema, Change::Annotations];

impl Catalogue {
    fn new(name: String, hasher: foldhash::quality::RandomState) -> Self {
        Self {
            name,
            tools: BTreeMap::new(),
            audiences: LruCache::new(AUDIENCES_MAX),
            hasher,
            last: None,
            listed: None,
            past: Past::default(),
            has_list: false,
            has_state: false,
        }
    }

    /// A whole list came: what it changes. A file that is shared is asked before a change is told, so that whoever sees
    /// it first tells it alone.
    fn learn(
        &mut self,
        definitions: &[Definition],
        listed: &Listed,
        state: Option<&mut State>,
    ) -> (Vec<Changed>, Option<String>) {
        let list = List::of(definitions, listed);
        let Some(state) = state else { return (self.apply(&list), None) };
        if self.has_state && self.has_list && self.changes(&list).is_empty() {
            return (self.apply(&list), None);
        }
        self.has_state = true;
        let mut changes = None;
        let problem = state.update(&self.name.clone(), |remembered| {
            if let Some(remembered) = remembered {
                self.recall(remembered);
            }
            changes = Some(self.apply(&list));
            self.remembered()
        });
        // What cannot be shared is told all the same.
        let changes = changes.unwrap_or_else(|| self.apply(&list));
        (changes, problem.map(|problem| problem.to_string()))
    }

    /// What is told of the list, which is then known.
    fn apply(&mut self, list: &List) -> Vec<Changed> {
        let changes = self.changes(list);
        for (name, parts) in &list.tools {
            let tool = self.tools.entry(name.clone()).or_default();
            *tool = Tool { parts: parts.clone(), misses: 0, is_removed: false };
        }
        for change in changes.iter().filter(|change| change.change == Change::Removed) {
            self.tools.entry(change.tool.clone()).and_modify(|tool| tool.is_removed = true);
        }
        for (_, tool) in self.tools.iter_mut().filter(|(name, _)| !list.tools.contains_key(*name)) {
            tool.misses = tool.misses.saturating_add(1);
        }
        let had = list.tools.keys().map(|name| self.hasher.hash_one(name)).collect();
        self.audiences.insert(list.audience, had);
        self.has_list = true;
        self.listed = Some(list.at);
        self.past.add(&changes, list.at);
        self.make_room();
        changes
    }

    fn changes(&self, list: &List) -> Vec<Changed> {
        if !self.has_list {
            return Vec::new();
        }
        let mut changes = Vec::new();
        for (name, parts) in &list.tools {
            match self.tools.get(name) {
                Some(known) if !known.is_removed => known.differences(name, parts, &mut changes),
                _ => changes.push(Changed::whole(name, Change::Added, parts)),
            }
        }
        let had = self.audiences.peek(&list.audience);
        let is_gone = |(name, tool): &(&String, &Tool)| {
            let hash = self.hasher.hash_one(*name);
            let missed = had.is_some_and(|had| had.contains(&hash)) || tool.misses + 1 >= MISSES_MAX;
            !tool.is_removed && missed && !list.tools.contains_key(*name)
        };
        let gone = self.tools.iter().filter(is_gone);
        changes.extend(gone.map(|(name, tool)| Changed::whole(name, Change::Removed, &tool.parts)));
        changes
    }

    /// What the file remembers holds instead of what is known here.
    fn recall(&mut self, mut remembered: Remembered) {
        let open = remembered.open.iter().map(|name| self.hasher.hash_one(name)).collect();
        // Lists without a tool that changed nothing are not in the file.
        for (name, tool) in &mut remembered.tools {
            tool.misses = tool.misses.max(self.tools.get(name).map_or(0, |known| known.misses));
        }
        self.tools = remembered.tools;
        self.audiences.insert(ANYBODY, open);
        self.has_list = true;
    }

    fn remembered(&self) -> Remembered {
        let had = self.audiences.peek(&ANYBODY);
        let is_open = |name: &&String| had.is_some_and(|had| had.contains(&self.hasher.hash_one(*name)));
        let open = self.tools.keys().filter(is_open).cloned().collect();
        Remembered { tools: self.tools.clone(), open }
    }

    /// Removed tools are forgotten first, then the last by name; texts only where there are too many.
    fn make_room(&mut self) {
        if self.tools.len() > TOOLS_MAX {
            self.tools.retain(|_, tool| !tool.is_removed);
        }
        while self.tools.len() > TOOLS_MAX {
            self.tools.pop_last();
        }
        self.past.keep(&self.tools);
        let mut room = TEXT_MAX;
        for part in self.tools.values_mut().flat_map(|tool| tool.parts.iter_mut().flatten()) {
            let length = part.text.as_ref().map_or(0, String::len);
            match room.checked_sub(length) {
                Some(left) => room = left,
                None => part.text = None,
            }
        }
    }
}

/// A list as it is compared.
struct List {
    tools: BTreeMap<String, [Option<Part>; 4]>,
    audience: u64,
    at: Instant,
}

impl List {
    fn of(definitions: &[Definition], listed: &Listed) -> Self {
        let is_readable = |definition: &&Definition| definition.name.len() <= NAME_MAX;
        let tools = definitions.iter().filter(is_readable).take(TOOLS_MAX).map(|definition| {
            let Definition { name, description, input_schema, output_schema, annotations } = definition;
            (
                name.clone(),
                [description, input_schema, output_schema, annotations].map(|text| Part::of(text.as_ref())),
            )
        });
        Self { tools: tools.collect(), audience: listed.audience, at: listed.at }
    }
}

impl Tool {
    fn differences(&self, name: &str, parts: &[Option<Part>; 4], changes: &mut Vec<Changed>) {
        for (change, (before, after)) in PARTS.into_iter().zip(self.parts.iter().zip(parts)) {
            if before.as_ref().map(|part| &part.hash) != after.as_ref().map(|part| &part.hash) {
                let text = |part: &Option<Part>| part.as_ref().and_then(|part| part.text.clone());
                let (before, after) = (text(before), text(after));
                changes.push(Changed { tool: name.to_owned(), change, before, after });
            }
        }
    }
}

impl Part {
    fn of(text: Option<&String>) -> Option<Self> {
        let text = text?;
        let kept = (text.len() <= PART_MAX).then(|| text.clone());
        Some(Self { hash: state::hash(text), text: kept })
    }
}

impl Changed {
    /// A tool came or went: what is told of it is its description.
    fn whole(name: &str, change: Change, parts: &[Option<Part>; 4]) -> Self {
        let [description, ..] = parts;
        let text = description.as_ref().and_then(|part| part.text.clone());
        let (before, after) = if change == Change::Added { (None, text) } else { (text, None) };
        Self { tool: name.to_owned(), change, before, after }
    }
}
