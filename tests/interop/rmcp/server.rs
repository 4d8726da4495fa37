//! `rmcp-fixture`: an MCP server on the official Rust SDK, with the tools, prompts and resources that the official
//! conformance suite calls. It serves both eras on one URL and stands behind the proxy in `tests/interop`.
//!
//! ```text
//! rmcp-fixture --port 0
//! listening http://127.0.0.1:41234/mcp
//! ```
//!
//! SIGTERM or SIGINT ends it.

mod asking;
mod catalogue;
mod content;
mod fixture;
mod input;
mod notifying;
mod prompts;
mod resources;
mod serving;
mod signals;
mod subscriptions;
mod tasks;
mod tools;

use std::net::{Ipv4Addr, SocketAddr};

use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "An MCP server on the official Rust SDK, for interoperability tests")]
struct Arguments {
    /// The loopback port to listen on; 0 lets the system choose one
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port))).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("listening http://{}{}", listener.local_addr()?, serving::PATH);
    tokio::select! {
        result = serving::serve(listener) => result,
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}
