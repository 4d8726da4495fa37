//! Which pairs of tools are told of a server: at most `limits.max_tool_pairs`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::label::Label;
use super::lock;

/// Pairs of tools by their labels' numbers.
pub(super) struct Pairs {
    /// Copied with each new one: they are few, and are looked at all the time.
    known: ArcSwap<Known>,
    grows: Mutex<()>,
    max: usize,
}

type Known = HashSet<(u32, u32), foldhash::fast::RandomState>;

impl Pairs {
    /// None yet, and room for so many.
    pub(super) fn new(max: usize) -> Self {
        Self { known: ArcSwap::default(), grows: Mutex::default(), max }
    }

    /// Whether the pair is told by its names, now and from now on.
    pub(super) fn admit(&self, source: Label, target: Label) -> bool {
        let pair = (source.number(), target.number());
        let seen = self.known.load();
        if seen.contains(&pair) || seen.len() >= self.max {
            return seen.contains(&pair);
        }
        let _alone = lock::lock(&self.grows);
        let mut known = Known::clone(&self.known.load());
        if known.len() < self.max && known.insert(pair) {
            self.known.store(Arc::new(known));
            return true;
        }
        known.contains(&pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_cap_only_known_pairs_are_told() {
        let (none, other) = (Label::none(), Label::other());
        let pairs = Pairs::new(2);
        assert!(pairs.admit(none, other) && pairs.admit(other, none));
        assert!(!pairs.admit(none, none));
        assert!(pairs.admit(none, other));
    }
}
