//! sightglass: a transparent observability reverse proxy for the Model Context Protocol.
#![warn(missing_docs)]

pub mod cli;
pub mod config;
pub mod observe;
