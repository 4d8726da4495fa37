//! Pages of `tools/list` → whole lists.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::time::Instant;

use super::super::reader::Reserved;
use super::Definition;
use crate::mcp;

/// Lists whose next page has not come yet.
const OPEN_MAX: usize = 64;

/// Pages and tools of one list: a server whose lists never end has no list.
const PAGES_MAX: usize = 64;
const LISTED_MAX: usize = 4096;

/// One page of a list of tools.
#[derive(Debug)]
pub(in crate::observe) struct Page {
    pub(in crate::observe) server: usize,
    /// Who asked: a hash of the credentials.
    pub(in crate::observe) audience: u64,
    /// A hash of the cursor that was asked with; `None` = the first page.
    pub(in crate::observe) cursor: Option<u64>,
    /// A hash of the cursor of the next page; `None` = the last one.
    pub(in crate::observe) next: Option<u64>,
    /// How many tools it lists.
    pub(in crate::observe) tools: u64,
    /// The result's length as written.
    pub(in crate::observe) bytes: u64,
    pub(in crate::observe) tokens: u64,
    /// When it was asked for.
    pub(in crate::observe) at: Instant,
    /// The result itself, with its share of the memory for observation; `None` where it could not be kept whole.
    pub(in crate::observe) result: Option<(Bytes, Reserved)>,
}

impl Page {
    /// Whether it is all of its list.
    pub(super) fn is_whole(&self) -> bool {
        self.cursor.is_none() && self.next.is_none()
    }
}

/// A whole list.
#[derive(Debug)]
pub(in crate::observe) struct Listed {
    pub(in crate::observe) server: usize,
    pub(in crate::observe) audience: u64,
    pub(in crate::observe) tools: u64,
    pub(in crate::observe) bytes: u64,
    pub(in crate::observe) tokens: u64,
    /// When its last page was asked for.
    pub(super) at: Instant,
    pages: usize,
    /// `None` where a page could not be read.
    pub(super) definitions: Option<Vec<Definition>>,
    /// What its pages take of the memory for observation.
    shares: Vec<Reserved>,
}

/// Lists that are under way, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Listings {
    open: VecDeque<(Key, Listed)>,
}

/// Server, audience, and the cursor that continues it.
type Key = (usize, u64, u64);

impl Listings {
    /// Adds a page; gives the list that it completes. A page whose beginning was not seen is nothing.
    pub(super) fn add(&mut self, page: Page) -> Option<Listed> {
        let begun = match page.cursor {
            None => Listed::new(&page),
            Some(cursor) => self.take((page.server, page.audience, cursor))?,
        };
        let next = page.next.map(|next| (page.server, page.audience, next));
        let listed = begun.with(page);
        let Some(key) = next else { return Some(listed) };
        if listed.pages < PAGES_MAX {
            if self.open.len() == OPEN_MAX {
                self.open.pop_front();
            }
            self.open.push_back((key, listed));
        }
        None
    }

    fn take(&mut self, key: Key) -> Option<Listed> {
        let at = self.open.iter().rposition(|(open, _)| *open == key)?;
        self.open.remove(at).map(|(_, listed)| listed)
    }
}

impl Listed {
    /// A list that is known, and is all on this page.
    pub(super) fn again(page: &Page) -> Self {
        Self { tools: page.tools, bytes: page.bytes, tokens: page.tokens, ..Self::new(page) }
    }

    fn new(page: &Page) -> Self {
        Self {
            server: page.server,
            audience: page.audience,
            tools: 0,
            bytes: 0,
            tokens: 0,
            at: page.at,
            pages: 0,
            definitions: Some(Vec::new()),
            shares: Vec::new(),
        }
    }

    fn with(mut self, page: Page) -> Self {
        self.tools += page.tools;
        self.bytes += page.bytes;
        self.tokens += page.tokens;
        self.at = page.at;
        self.pages += 1;
        let more = page.result.and_then(|(result, share)| {
            self.shares.push(share);
            mcp::definitions(&result, LISTED_MAX)
        });
        self.definitions = match (self.definitions.take(), more) {
            (Some(mut known), Some(more)) if known.len() + more.len() <= LISTED_MAX => {
                known.extend(more);
                Some(known)
            }
            _ => None,
        };
        self
    }
}
