//! Any body, cut anywhere: no panic, the same messages, and those that `serde_json` reads. The first byte says how
//! long the pieces are. `cargo +nightly fuzz run --fuzz-dir tests/fuzz jsonrpc`
#![no_main]

#[path = "../it/messages/check.rs"]
#[expect(dead_code, reason = "each target asks for its own check")]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((&piece, body)) = input.split_first() {
        check::body(body, piece.into());
        sightglass::mcp::is_jsonrpc(body);
        sightglass::mcp::request_id(body);
    }
});
