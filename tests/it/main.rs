//! Promises, one file each; a test's name is a sentence.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

mod failures;
mod http2;
mod mounts;
mod overload;
mod shutdown;
mod streams;
mod tls;
mod transparency;
mod upgrade;
