//! How long the calls of each tool took in the last quarter of an hour, for who looks without a Prometheus at hand.
//!
//! # Why from the histograms
//! A column is what the buckets of a tool gained from one look to the next: a call costs nothing for it, and the columns
//! add up to the page.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use super::Prometheus;
use super::history::{TOOLS, label};

/// Columns that are kept: fifteen minutes, where one comes every ten seconds.
const COLUMNS: usize = 90;

/// Tools that have columns at once; others have none until one of these was not called for so long.
///
/// A column without a call takes 16 bytes, with calls four more for each bucket: with the 16 buckets that are usual all
/// tools together take at most 256 × 90 × 80 bytes, 1.8 MB.
const TOOLS_MAX: usize = 256;

/// Server and tool.
type Key = (String, String);

/// How the calls of one tool are spread over time and over the buckets of the histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// When each column ended, the oldest first.
    pub at: Vec<SystemTime>,
    /// The upper bounds of the buckets, seconds; there is one more bucket, for all that took longer.
    pub bounds: Vec<f64>,
    /// The calls that ended in each column, by bucket; empty where there were none.
    pub counts: Vec<Box<[u32]>>,
}

/// What is remembered.
#[derive(Default)]
pub(super) struct Columns {
    ends: VecDeque<SystemTime>,
    /// What each tool's buckets held at the last look; `None` = there was none.
    last: Option<HashMap<Key, Vec<u64>>>,
    /// The columns of those that were called; the last one of each ends last.
    tools: HashMap<Key, VecDeque<Box<[u32]>>>,
}

impl Columns {
    /// Adds a column: what each series' buckets gained since the last look.
    pub(super) fn look(&mut self, at: SystemTime, series: &[(Arc<str>, Vec<u64>)]) {
        let now = by_tool(series);
        let Some(last) = self.last.replace(now) else { return };
        self.ends.push_back(at);
        if self.ends.len() > COLUMNS {
            self.ends.pop_front();
        }
        let mut gained = self.gained(&last);
        for (tool, columns) in &mut self.tools {
            columns.push_back(gained.remove(tool).unwrap_or_default());
            if columns.len() > COLUMNS {
                columns.pop_front();
            }
        }
        self.tools.retain(|_, columns| columns.iter().any(|column| !column.is_empty()));
        let room = TOOLS_MAX.saturating_sub(self.tools.len());
        let new = gained.into_iter().take(room);
        self.tools.extend(new.map(|(tool, column)| (tool, VecDeque::from([column]))));
    }

    /// The tools whose calls ended since, and how many in each bucket.
    fn gained(&self, last: &HashMap<Key, Vec<u64>>) -> HashMap<Key, Box<[u32]>> {
        let more = |(tool, now): (&Key, &Vec<u64>)| {
            let before = last.get(tool);
            let before = |place: usize| before.and_then(|before| before.get(place)).copied().unwrap_or(0);
            let more = now.iter().enumerate().map(|(place, now)| now.saturating_sub(before(place)));
            let more: Box<[u32]> = more.map(|more| u32::try_from(more).unwrap_or(u32::MAX)).collect();
            more.iter().any(|more| *more > 0).then(|| (tool.clone(), more))
        };
        self.last.iter().flatten().filter_map(more).collect()
    }

    /// The columns of a tool; `None` where there was no room for it.
    fn of(&self, tool: &Key, bounds: &[f64]) -> Option<Heat> {
        let columns = self.tools.get(tool);
        if columns.is_none() && self.tools.len() >= TOOLS_MAX {
            return None;
        }
        let known = columns.map_or(0, VecDeque::len);
        let before = std::iter::repeat_n(Box::default(), self.ends.len() - known);
        let counts = before.chain(columns.into_iter().flatten().cloned()).collect();
        Some(Heat { at: self.ends.iter().copied().collect(), bounds: bounds.to_vec(), counts })
    }
}

impl Prometheus {
    /// How long the calls of a tool took in the last fifteen minutes; `None` where too many others were called.
    pub fn heat(&self, server: &str, tool: &str) -> Option<Heat> {
        let bounds = self.histograms.bounds(TOOLS);
        let tracks = self.history.0.lock().unwrap_or_else(PoisonError::into_inner);
        tracks.columns.of(&(server.to_owned(), tool.to_owned()), &bounds)
    }
}

/// The buckets of each tool, whatever became of its calls.
fn by_tool(series: &[(Arc<str>, Vec<u64>)]) -> HashMap<Key, Vec<u64>> {
    let mut tools: HashMap<Key, Vec<u64>> = HashMap::new();
    for (labels, buckets) in series {
        let (Some(server), Some(tool)) = (label(labels, "server"), label(labels, "tool_name")) else {
            continue;
        };
        let sums = tools.entry((server.to_owned(), tool.to_owned())).or_default();
        sums.resize(buckets.len().max(sums.len()), 0);
        sums.iter_mut().zip(buckets).for_each(|(sum, more)| *sum += more);
    }
    tools
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Series of so many tools, each with so many calls.
    fn series(tools: usize, calls: u64) -> Vec<(Arc<str>, Vec<u64>)> {
        let labels = |tool| format!("server=\"a\",tool_name=\"{tool}\",status=\"success\",le=\"").into();
        (0..tools).map(|tool| (labels(tool), vec![calls, 0])).collect()
    }

    fn of(columns: &Columns, tool: usize) -> Option<Heat> {
        columns.of(&("a".to_owned(), tool.to_string()), &[1.0])
    }

    #[test]
    fn a_column_is_what_was_new_and_only_so_many_are_kept() {
        let mut columns = Columns::default();
        for look in 0..=u64::try_from(COLUMNS).unwrap() * 2 {
            columns.look(SystemTime::now(), &series(1, 7 + look * 3));
        }
        let heat = of(&columns, 0).unwrap();
        assert_eq!((heat.at.len(), heat.counts.len()), (COLUMNS, COLUMNS));
        assert!(heat.counts.iter().all(|column| **column == [3, 0]), "{heat:?}");
    }

    #[test]
    fn a_tool_that_is_called_late_stands_at_the_end_and_one_that_rests_leaves() {
        let mut columns = Columns::default();
        for calls in [0, 0, 0, 5] {
            columns.look(SystemTime::now(), &series(1, calls));
        }
        let heat = of(&columns, 0).unwrap();
        assert_eq!(heat.counts.iter().map(|column| column.len()).collect::<Vec<_>>(), [0, 0, 2]);
        for _ in 0..COLUMNS {
            columns.look(SystemTime::now(), &series(1, 5));
        }
        assert!(columns.tools.is_empty());
    }

    #[test]
    fn there_is_room_for_so_many_tools() {
        let mut columns = Columns::default();
        columns.look(SystemTime::now(), &[]);
        columns.look(SystemTime::now(), &series(TOOLS_MAX + 9, 1));
        let kept = (0..TOOLS_MAX + 9).filter(|tool| of(&columns, *tool).is_some()).count();
        assert_eq!((kept, columns.tools.len()), (TOOLS_MAX, TOOLS_MAX));
    }
}
