//! Any bytes as a head, cut anywhere, and as the value of any field: no panic, the same message, and no framing that
//! two readers could read differently.
#![no_main]

#[path = "../it/heads/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::input(input));
