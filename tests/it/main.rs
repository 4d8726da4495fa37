//! What the product promises, one file a promise.

mod bounded;
mod config;
mod correlation;
mod exact;
mod messages;
mod metrics;
mod outcomes;
mod rewrites;
mod support;
mod tidy;
