//! Lines as they are written: one after the other in one piece of text, shared by all who write them.

/// Formatted lines.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    /// Where each line ends in `text`.
    ends: Vec<usize>,
}

impl Batch {
    /// An empty one with room for so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), ends: Vec::new() }
    }

    /// Adds all lines of `other`.
    pub(super) fn append(&mut self, other: &Self) {
        let before = self.text.len();
        self.text.extend_from_slice(&other.text);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// Adds the line that `write` appends.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.text);
        self.ends.push(self.text.len());
    }

    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.ends.len()
    }

    /// All of it.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many lines from `first` on fit into `room` bytes.
    pub(super) fn fitting(&self, first: usize, room: u64) -> usize {
        let start = self.start(first);
        let fits = |end: &usize| (end - start) as u64 <= room;
        self.ends.get(first..).unwrap_or_default().partition_point(fits)
    }

    /// The text of `count` lines from `first` on.
    pub(super) fn slice(&self, first: usize, count: usize) -> &[u8] {
        self.text.get(self.start(first)..self.start(first + count)).unwrap_or_default()
    }

    fn start(&self, line: usize) -> usize {
        line.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_never_cut() {
        let mut batch = Batch::default();
        for line in ["one\n", "two\n", "three\n"] {
            batch.add(|out| out.extend_from_slice(line.as_bytes()));
        }
        assert_eq!([0, 3, 4, 8, 14].map(|room| batch.fitting(0, room)), [0, 0, 1, 2, 3]);
        assert_eq!((batch.fitting(2, 6), batch.fitting(3, 6)), (1, 0));
        assert_eq!(batch.slice(1, 2), b"two\nthree\n");
        assert_eq!(batch.slice(0, batch.lines()), batch.text());
    }
}
