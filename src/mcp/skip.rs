//! Skipping a container that nobody asked for, 64 bytes at a time.
//!
//! # Leniency
//!
//! Inside, only strings and brackets are looked at: `[1 2}` passes for a container, because to find where a
//! container ends is all that the skip is for. What a server says is not ours to validate.

use memchr::memchr2;

/// Where in the skipped container we are; resumes at any byte.
#[derive(Debug, Default)]
pub(super) struct Skip {
    /// Open containers, those around the skipped one included.
    depth: u32,
    /// The depth at which the skip ends.
    floor: u32,
    in_string: bool,
    /// The byte before was a backslash that was not itself escaped.
    escaped: bool,
}

/// How far a piece led.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All of it was inside the container.
    More,
    /// The container ended, so many bytes into it, its bracket included.
    End(usize),
    /// More containers inside one another than [`DEPTH_MAX`].
    TooDeep,
}

/// How many containers may stand inside one another.
pub(super) const DEPTH_MAX: u32 = 512;

impl Skip {
    /// Begins after the opening bracket of a container that stands inside `around` others.
    pub(super) fn start(&mut self, around: u32) {
        *self = Self { depth: around + 1, floor: around, in_string: false, escaped: false };
    }

    /// The next piece.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            if self.in_string && !self.escaped {
                let Some(special) = memchr2(b'"', b'\\', rest) else { return Progress::More };
                at += special;
            }
            match self.bytewise(&bytes[at..]) {
                Progress::More => return Progress::More,
                Progress::End(used) => return Progress::End(at + used),
                Progress::TooDeep => return Progress::TooDeep,
            }
        }
        Progress::More
    }

    fn bytewise(&mut self, bytes: &[u8]) -> Progress {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Progress::TooDeep;
                    }
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == self.floor {
                        return Progress::End(at + 1);
                    }
                }
                _ => {}
            }
        }
        Progress::More
    }
}
