//! What the admin API says, as far as it is shown.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use serde::Deserialize;

use crate::cli::arguments::TopArgs;
use crate::config::{self, Config};
use crate::net::Client;

/// An answer that takes longer is none.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More of an answer is not read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Seconds of history that are shown.
const SECONDS: usize = 60;

/// Asks one listener.
pub(super) struct Asker {
    client: Client,
    origin: String,
    token: Option<String>,
}

/// What there is to show.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) servers: Vec<Server>,
    pub(super) tools: Vec<Tool>,
    /// By server; of all together the name is empty.
    pub(super) histories: Vec<History>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) health: String,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    pub(super) server: String,
    #[serde(rename = "tool_name")]
    pub(super) name: String,
    pub(super) calls: u64,
    pub(super) rate_per_second: Option<f64>,
    pub(super) error_share: Option<f64>,
    pub(super) p50: Option<f64>,
    pub(super) p95: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) oldest_inflight_seconds: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct History {
    pub(super) name: String,
    pub(super) points: Points,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Points {
    pub(super) seconds: Vec<f64>,
    pub(super) calls: Vec<u64>,
    pub(super) errors: Vec<u64>,
    pub(super) successes: Vec<u64>,
    pub(super) p50: Vec<Option<f64>>,
    pub(super) p95: Vec<Option<f64>>,
    pub(super) p99: Vec<Option<f64>>,
    pub(super) sessions: Vec<u64>,
    pub(super) streams: Vec<u64>,
}

#[derive(Deserialize)]
struct Servers {
    servers: Vec<Server>,
}

#[derive(Deserialize)]
struct Tools {
    tools: Vec<Tool>,
}

#[derive(Deserialize)]
struct Histories {
    servers: Vec<History>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    hint: Option<String>,
}

impl Asker {
    pub(super) fn new(args: &TopArgs) -> anyhow::Result<Self> {
        let default = Config::default().admin.listen;
        let said = args.admin.clone().unwrap_or_else(|| default.to_string());
        // The variable names an address, as `serve` has it.
        let url = if said.contains("://") { said } else { format!("http://{said}") };
        let mut server = config::upstreams(&[url])?.into_iter().next().context("--admin names nothing")?;
        server.tls.ca.clone_from(&args.ca);
        let client = Client::new(&server, TIMEOUT, ANSWER_BYTES_MAX)?;
        let path = server.url.path.trim_end_matches('/').to_owned();
        Ok(Self { client, origin: format!("{}{path}", server.url.origin()), token: args.token.clone() })
    }

    /// Who is asked.
    pub(super) fn address(&self) -> &str {
        &self.origin
    }

    /// The picture of now, or why there is none.
    pub(super) async fn ask(&self) -> Result<Picture, String> {
        let history = format!("/api/history?every=1&last={SECONDS}");
        let (servers, tools, histories) =
            (self.get("/api/servers").await?, self.get("/api/tools").await?, self.get(&history).await?);
        let (Servers { servers }, Tools { tools }, Histories { servers: histories }) =
            (read(&servers)?, read(&tools)?, read(&histories)?);
        Ok(Picture { servers, tools, histories })
    }

    async fn get(&self, path: &str) -> Result<Bytes, String> {
        let mut request = http::Request::get(format!("{}{path}", self.origin));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Bytes::new()).map_err(|error| error.to_string())?;
        let answer = self.client.send(request).await.map_err(|error| error.to_string())?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        Err(match serde_json::from_slice::<Refusal>(answer.body()) {
            Ok(Refusal { error, hint: Some(hint) }) => format!("{error}: {hint}"),
            Ok(Refusal { error, hint: None }) => error,
            Err(_no_sightglass) => format!("{path} answered {}; is this an admin listener?", answer.status()),
        })
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the answer cannot be read: {error}"))
}
