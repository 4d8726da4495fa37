//! One file a command.

#[cfg(feature = "demo")]
pub mod demo;
pub mod serve;
