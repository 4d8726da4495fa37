//! Any event stream, cut anywhere: no panic, the same items.
#![no_main]

#[path = "../it/messages/check.rs"]
#[expect(dead_code, reason = "each target asks for its own check")]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::sse(input));
