//! Any body, cut anywhere: no panic, the same messages, and those that `serde_json` reads.
#![no_main]

#[path = "../it/messages/check.rs"]
#[expect(dead_code, reason = "each target asks for its own check")]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::jsonrpc(input));
