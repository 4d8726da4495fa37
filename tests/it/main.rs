//! One binary; each file is a promise.

mod config;
mod tidy;
