//! `rmcp-client`: one session of everything that the official Rust SDK's client can do, against `rmcp-fixture`, directly
//! or through the proxy. Two runs against the same server print the same lines.
//!
//! ```text
//! rmcp-client http://127.0.0.1:41234/mcp             # initialize, 2025-11-25
//! rmcp-client http://127.0.0.1:41234/mcp --modern    # server/discover, 2026-07-28
//! ```
//!
//! Exit code 0: every step ended as it should; 1 otherwise.

mod answers;
mod following;
mod http;
mod legacy;
mod modern;
mod steps;
mod transcript;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use rmcp::model::ProtocolVersion;
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{RoleClient, ServiceError};
use serde_json::json;

use crate::answers::Answers;
use crate::http::HyperClient;
use crate::transcript::Transcript;

/// A connected client.
pub(crate) type Session = RunningService<RoleClient, Answers>;

#[derive(Parser)]
#[command(about = "A session of the official Rust SDK's client, as a transcript")]
struct Arguments {
    /// The MCP endpoint
    url: ::http::Uri,
    /// Speak 2026-07-28 instead of 2025-11-25
    #[arg(long)]
    modern: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let authority = arguments.url.authority().context("the URL has no host")?;
    let answers = Answers::default();
    let mut transcript = Transcript::new(answers.clone(), format!("http://{authority}"));
    let client = HyperClient::new();
    let config = StreamableHttpClientTransportConfig::with_uri(arguments.url.to_string());
    let transport = StreamableHttpClientTransport::with_client(client.clone(), config);
    let mut session = answers.serve_with_lifecycle(transport, lifecycle(arguments.modern)).await?;

    transcript.answered("connect", Ok(session.peer().peer_info())).await;
    steps::run(&session, &mut transcript).await;
    if arguments.modern {
        modern::run(&session, &mut transcript).await;
    } else {
        legacy::run(&session, &mut transcript).await;
    }
    session.close().await?;
    let deleted = client.deleted().map(|status| status.as_u16());
    transcript.answered("close", Ok::<_, ServiceError>(json!({"delete": deleted}))).await;
    Ok(if transcript.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn lifecycle(modern: bool) -> ClientLifecycleMode {
    if modern {
        ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
    } else {
        ClientLifecycleMode::Initialize
    }
}
