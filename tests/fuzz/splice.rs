//! Any body with our trace context in it: no panic, and it says what it said.
#![no_main]

#[path = "../it/messages/check.rs"]
#[expect(dead_code, reason = "each target asks for its own check")]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::splice(input));
