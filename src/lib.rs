//! sightglass: a transparent observability reverse proxy for the Model Context Protocol.
#![warn(missing_docs)]

pub mod config;
pub mod mcp;
pub mod observe;
