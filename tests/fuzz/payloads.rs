//! Any bytes as a payload and as a header field: no panic, and what `serde_json` reads in them. The first byte says how
//! long the pointers are that stand before the payload. `cargo +nightly fuzz run --fuzz-dir tests/fuzz payloads`
#![no_main]

#[path = "../it/payloads/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&length, rest)) = input.split_first() else { return };
    let (pointers, payload) = rest.split_at(rest.len().min(length.into()));
    let pointers = String::from_utf8_lossy(pointers);
    let pointers: Vec<String> = pointers.lines().map(|rest| format!("/result{rest}")).collect();
    check::pointers(&pointers.iter().map(String::as_str).collect::<Vec<_>>(), payload);
    check::model(payload);
    check::tools(payload, length.into());
    check::field(payload);
});
