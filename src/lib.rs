//! sightglass: a transparent observability reverse proxy for the Model Context Protocol.

pub mod cli;
pub mod config;
pub mod export;
pub mod guard;
pub mod mcp;
pub mod observe;
pub mod rewrite;
