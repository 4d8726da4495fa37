//! Which pairs of tools are told of a server: at most `limits.max_tool_pairs`.

use std::collections::HashSet;
use std::sync::RwLock;

use super::label::Label;
use super::lock;

/// Pairs of tools by their labels' numbers.
pub(super) struct Pairs {
    known: RwLock<HashSet<(u32, u32), foldhash::fast::RandomState>>,
    max: usize,
}

impl Pairs {
    /// None yet, and room for so many.
    pub(super) fn new(max: usize) -> Self {
        Self { known: RwLock::default(), max }
    }

    /// Whether the pair is told by its names, now and from now on.
    pub(super) fn admit(&self, source: Label, target: Label) -> bool {
        let pair = (source.number(), target.number());
        let seen = lock::read(&self.known);
        if seen.contains(&pair) || seen.len() >= self.max {
            return seen.contains(&pair);
        }
        drop(seen);
        let mut known = lock::write(&self.known);
        known.contains(&pair) || (known.len() < self.max && known.insert(pair))
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
