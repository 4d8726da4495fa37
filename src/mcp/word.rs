//! Eight bytes at once, in a register: for what is too short to be worth a call for the vectors.

/// Bytes in a word.
pub(super) const WORD: usize = 8;

const LOW: u64 = u64::from_le_bytes([0x01; WORD]);
const HIGH: u64 = u64::from_le_bytes([0x80; WORD]);

/// The highest bit of each byte of a little-endian word that is this one; above the lowest of them, of others, too.
pub(super) fn equal(word: u64, byte: u8) -> u64 {
    zeros(word ^ u64::from_le_bytes([byte; WORD]))
}

/// The same of each byte that is a control character.
pub(super) fn below_space(word: u64) -> u64 {
    word.wrapping_sub(u64::from_le_bytes([b' '; WORD])) & !word & HIGH
}

/// Which byte the lowest of these bits stands for.
pub(super) fn first(bits: u64) -> usize {
    bits.trailing_zeros() as usize / 8
}

fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word & HIGH
}
