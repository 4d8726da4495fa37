//! Things by their positions, of which there may be more every now and then, and never fewer.
//!
//! # Why
//!
//! Calls look them up all the time: a list that is copied to grow would have each of them count its readers.

use std::sync::OnceLock;

/// So many chunks, each twice as large as the one before, hold more than there are positions.
const CHUNKS: usize = usize::BITS as usize;

/// A list of `T`.
pub(super) struct Grown<T> {
    chunks: [OnceLock<Box<[OnceLock<T>]>>; CHUNKS],
}

impl<T> Default for Grown<T> {
    fn default() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }
}

impl<T> Grown<T> {
    /// What stands at this position, if anything does.
    pub(super) fn get(&self, position: usize) -> Option<&T> {
        let (chunk, at) = place(position);
        self.chunks.get(chunk)?.get()?.get(at)?.get()
    }

    /// The same; where there is nothing yet, what `make` makes. `None` where no position is so high.
    pub(super) fn get_or_make(&self, position: usize, make: impl FnOnce() -> T) -> Option<&T> {
        let (chunk, at) = place(position);
        let new = || (0..1_usize << chunk).map(|_| OnceLock::new()).collect();
        Some(self.chunks.get(chunk)?.get_or_init(new).get(at)?.get_or_init(make))
    }

    /// All up to the first position where nothing stands.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..).map_while(|position| self.get(position))
    }
}

/// The chunk of a position, and where in it that is: chunk `n` holds the positions from `2ⁿ - 1` on.
fn place(position: usize) -> (usize, usize) {
    let number = position.saturating_add(1);
    let chunk = number.ilog2() as usize;
    (chunk, number - (1 << chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_stays_where_it_is() {
        let grown = Grown::default();
        assert!(grown.get(0).is_none());
        for position in 0..100 {
            assert_eq!(grown.get_or_make(position, || position), Some(&position));
        }
        assert_eq!(grown.get_or_make(7, || 70), Some(&7));
        assert!(grown.iter().copied().eq(0..100));
        assert!(grown.get(100).is_none() && grown.get(usize::MAX).is_none());
    }
}
