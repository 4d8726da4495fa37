//! Any bytes as a payload and as a header field: no panic, and what `serde_json` reads in them.
#![no_main]

#[path = "../it/payloads/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::input(input));
