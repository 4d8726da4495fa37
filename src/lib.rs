//! sightglass: a transparent observability reverse proxy for the Model Context Protocol.
#![warn(missing_docs)]

pub mod config;
pub mod shutdown;

pub mod guard;
pub mod net;
pub mod observe;
pub mod rewrite;
pub mod wire;
