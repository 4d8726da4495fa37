//! Any event stream, cut anywhere: no panic, the same items. The first byte says how long the pieces are.
//! `cargo +nightly fuzz run --fuzz-dir tests/fuzz sse`
#![no_main]

#[path = "../it/messages/check.rs"]
#[expect(dead_code, reason = "each target asks for its own check")]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((&piece, stream)) = input.split_first() {
        check::stream(stream, piece.into());
    }
});
