//! Any text as `config.toml`: no panic, a mistake is told with its place, and no secret is shown.
#![no_main]

#[path = "../it/config/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::input(input));
