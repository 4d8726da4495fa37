//! What the product promises, one file a promise.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod admin;
mod agree;
mod bounded;
mod collector;
mod config;
mod correlation;
mod debug;
mod exact;
mod failures;
mod framing;
mod http1;
mod http2;
mod logfile;
mod logs;
mod messages;
mod metrics;
mod mounts;
mod outcomes;
mod overload;
mod places;
mod program;
mod propagation;
mod recorded;
mod redaction;
mod rewrites;
mod secrets;
mod shutdown;
mod spans;
mod streams;
mod support;
mod tidy;
mod tls;
mod transparency;
mod upgrade;
