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

const BLOCK: usize = 64;

impl Skip {
    /// Begins after the opening bracket of a container that stands inside `around` others.
    pub(super) fn start(&mut self, around: u32) {
        *self = Self { depth: around + 1, floor: around, in_string: false, escaped: false };
    }

    /// The next piece. Never inlined: amid its caller's branches the compiler makes fewer vectors of its loops (1 MB of
    /// objects then costs 4 % more).
    #[inline(never)]
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let Some(block) = rest.first_chunk() else { return self.bytewise(rest).after(at) };
            if self.in_string && !self.escaped && is_plain(block) {
                let Some(special) = memchr2(b'"', b'\\', &rest[BLOCK..]) else { return Progress::More };
                at += BLOCK + special;
                continue;
            }
            if !self.block(block) {
                let progress = self.bytewise(block);
                if progress != Progress::More {
                    return progress.after(at);
                }
            }
            at += BLOCK;
        }
        Progress::More
    }

    /// Passes a whole block, unless the skip may end or become too deep in it: then nothing has changed.
    fn block(&mut self, block: &[u8; BLOCK]) -> bool {
        let backslashes =
            if has(block, |byte| byte == b'\\') { mask(block, |byte| byte == b'\\') } else { 0 };
        let (escaped, escape_next) = escaped(backslashes, self.escaped);
        let quotes = mask(block, |byte| byte == b'"') & !escaped;
        let inside = ones_between(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        // `[` and `{`, `]` and `}` differ in one bit.
        if inside != u64::MAX {
            let opened = mask(block, |byte| byte | 0x20 == b'{') & !inside;
            let closed = mask(block, |byte| byte | 0x20 == b'}') & !inside;
            let Some(depth) = self.depth_after(opened, closed) else { return false };
            self.depth = depth;
        }
        self.in_string = inside >> (BLOCK - 1) == 1;
        self.escaped = escape_next;
        true
    }

    /// The depth after these brackets, a bit each; `None` where the skip ends among them or becomes too deep.
    fn depth_after(&self, opened: u64, closed: u64) -> Option<u32> {
        let (ups, downs) = (opened.count_ones(), closed.count_ones());
        if self.depth - self.floor > downs && self.depth + ups <= DEPTH_MAX {
            return Some(self.depth + ups - downs);
        }
        // So it is near either: one after another.
        let (mut depth, mut brackets) = (self.depth, opened | closed);
        while brackets != 0 {
            let first = brackets & brackets.wrapping_neg();
            depth = if opened & first == 0 { depth - 1 } else { depth + 1 };
            if depth == self.floor || depth > DEPTH_MAX {
                return None;
            }
            brackets ^= first;
        }
        Some(depth)
    }

    fn bytewise(&mut self, bytes: &[u8]) -> Progress {
        for (at, &byte) in bytes.iter().enumerate() {
            let escaped = std::mem::take(&mut self.escaped);
            match byte {
                b'\\' => self.escaped = !escaped,
                b'"' => self.in_string ^= !escaped,
                b'{' | b'[' if !self.in_string => {
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Progress::TooDeep;
                    }
                }
                b'}' | b']' if !self.in_string => {
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

impl Progress {
    fn after(self, at: usize) -> Self {
        match self {
            Self::End(used) => Self::End(at + used),
            Self::More | Self::TooDeep => self,
        }
    }
}

/// Whether no byte could end or escape anything inside a string.
#[expect(clippy::needless_bitwise_bool, reason = "without branches it becomes vector compares")]
fn is_plain(block: &[u8; BLOCK]) -> bool {
    !has(block, |byte| (byte == b'"') | (byte == b'\\'))
}

/// Whether a byte passes the test; a quarter of what its mask costs.
fn has(block: &[u8; BLOCK], test: impl Fn(u8) -> bool) -> bool {
    block.iter().fold(0, |found, &byte| found | u8::from(test(byte))) != 0
}

/// Bit `n` says whether byte `n` passes the test. The compiler makes vector compares of the first loop; the second
/// gathers eight flags at a time, which is the portable way to what x86 calls `movemask`.
fn mask(block: &[u8; BLOCK], test: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, &byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(test(byte));
    }
    let mut mask = 0;
    for (at, group) in flags.as_chunks::<8>().0.iter().enumerate() {
        mask |= (u64::from_le_bytes(*group).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at);
    }
    mask
}

/// Bits that follow an odd number of backslashes, and whether the byte after the block does. Backslashes count
/// outside strings too, where JSON has none: [`Skip::bytewise`] does the same.
fn escaped(backslashes: u64, escaped_before: bool) -> (u64, bool) {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    let before = u64::from(escaped_before);
    if backslashes == 0 {
        return (before, false);
    }
    // A run that begins at an odd bit is carried over by the addition to the bit after it; whether a bit then
    // differs from its own parity tells whether the run before it was odd (simdjson's `find_escaped`).
    let backslashes = backslashes & !before;
    let follows = (backslashes << 1) | before;
    let odd_starts = backslashes & ODD & !follows;
    let (even_runs, carried) = odd_starts.overflowing_add(backslashes);
    ((!ODD ^ (even_runs << 1)) & follows, carried)
}

/// From each odd one (inside) up to the next (outside): all bits set, the ends as a string's quotes have it.
fn ones_between(quotes: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].iter().fold(quotes, |bits, shift| bits ^ (bits << shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(inside: &[u8], piece: usize) -> Progress {
        let mut skip = Skip::default();
        skip.start(0);
        let mut at = 0;
        for bytes in inside.chunks(piece) {
            match skip.feed(bytes) {
                Progress::More => at += bytes.len(),
                end @ (Progress::End(_) | Progress::TooDeep) => return end.after(at),
            }
        }
        Progress::More
    }

    #[test]
    fn blocks_and_bytes_agree_on_any_mix_of_quotes_escapes_and_brackets() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let inside: Vec<u8> = (0..300)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    br#"\\\""{[[]}]aaaa"#[usize::try_from(state >> 33).unwrap() % 15]
                })
                .collect();
            let expected = skipped(&inside, 1);
            for piece in [63, 64, 65, 300] {
                assert_eq!(skipped(&inside, piece), expected, "{}", String::from_utf8_lossy(&inside));
            }
        }
    }

    #[test]
    fn the_end_is_the_matching_bracket() {
        let text = "x".repeat(200);
        let inside = format!(r#"{{"a":"]}}\"{text}","b":[[],{{}}]}},"\\"],tail"#);
        for piece in [1, 7, 64, 1000] {
            assert_eq!(skipped(inside.as_bytes(), piece), Progress::End(inside.len() - 5));
        }
    }

    #[test]
    fn too_deep_is_told_at_the_same_depth_however_it_comes() {
        for (depth, expected) in [(DEPTH_MAX - 1, Progress::More), (DEPTH_MAX, Progress::TooDeep)] {
            let inside = "[".repeat(depth as usize);
            for piece in [1, 64, 100, 1000] {
                assert_eq!(skipped(inside.as_bytes(), piece), expected);
            }
        }
    }
}
