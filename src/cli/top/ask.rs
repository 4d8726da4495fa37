//! What the admin API says, as far as it is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cli::arguments::TopArgs;
use crate::config::{self, Config};
use crate::net::Client;

/// An answer that takes longer is none.
const TIMEOUT: Duration = Duration::from_secs(5);

/// More of an answer is not read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Calls that are shown.
const CALLS: usize = 200;

/// Sessions that are shown.
const SESSIONS: usize = 1000;

/// Asks one listener.
pub(super) struct Asker {
    client: Client,
    origin: String,
    token: Option<String>,
}

/// What is asked for, beside what every view shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Tools,
    /// Those that say this somewhere; all, where it is empty.
    Calls(String),
    Sessions,
    Servers,
}

impl Wanted {
    /// Whether more has to be read for it than what is answered.
    pub(super) fn is_search(&self) -> bool {
        matches!(self, Self::Calls(text) if !text.is_empty())
    }
}

/// What there is to show.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) servers: Vec<Server>,
    /// By server; of all together the name is empty.
    pub(super) histories: Vec<History>,
    pub(super) more: More,
}

/// What was wanted.
#[derive(Debug, Default)]
pub(super) enum More {
    Tools(Vec<Tool>),
    /// The newest first.
    Calls(Vec<Call>),
    /// And how many are open.
    Sessions(Vec<Session>, u64),
    #[default]
    Nothing,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) health: String,
    pub(super) reason: String,
    /// Unix seconds.
    pub(super) since: f64,
    pub(super) availability: Availability,
    pub(super) last_probe: Option<Probe>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Availability {
    #[serde(rename = "24h")]
    pub(super) day: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Probe {
    pub(super) duration_seconds: Option<f64>,
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
    #[serde(default)]
    pub(super) outcomes: BTreeMap<String, u64>,
}

/// The keys of its line.
#[derive(Debug, Deserialize)]
pub(super) struct Call(Map<String, Value>);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    #[serde(rename = "session_id")]
    pub(super) id: String,
    pub(super) server: Option<String>,
    pub(super) client_name: Option<String>,
    pub(super) client_version: Option<String>,
    pub(super) protocol_version: Option<String>,
    pub(super) user_tier: Option<String>,
    pub(super) age_seconds: f64,
    pub(super) tool_calls: u64,
    pub(super) recent: Vec<Ended>,
}

/// One of the last calls of a session.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ended {
    pub(super) method: String,
    pub(super) tool_name: Option<String>,
    pub(super) status: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct History {
    pub(super) name: String,
    pub(super) points: Points,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Points {
    /// Unix seconds.
    pub(super) at: Vec<f64>,
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
struct Calls {
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<Session>,
    open: u64,
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

    /// The picture of now with so many seconds of history, or why there is none.
    pub(super) async fn ask(&self, wanted: &Wanted, seconds: usize) -> Result<Picture, String> {
        let Servers { servers } = read(&self.get("/api/servers").await?)?;
        let history = format!("/api/history?every=1&last={seconds}");
        let Histories { servers: histories } = read(&self.get(&history).await?)?;
        Ok(Picture { servers, histories, more: self.more(wanted).await? })
    }

    async fn more(&self, wanted: &Wanted) -> Result<More, String> {
        match wanted {
            Wanted::Tools => {
                let Tools { tools } = read(&self.get("/api/tools").await?)?;
                Ok(More::Tools(tools))
            }
            Wanted::Calls(text) => {
                let text = utf8_percent_encode(text, NON_ALPHANUMERIC);
                let Calls { calls } =
                    read(&self.get(&format!("/api/calls?limit={CALLS}&text={text}")).await?)?;
                Ok(More::Calls(calls))
            }
            Wanted::Sessions => {
                let asked = format!("/api/sessions?limit={SESSIONS}");
                let Sessions { sessions, open } = read(&self.get(&asked).await?)?;
                Ok(More::Sessions(sessions, open))
            }
            Wanted::Servers => Ok(More::Nothing),
        }
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

impl Call {
    /// The text at this key; empty where there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.0.get(key).and_then(Value::as_f64)
    }

    /// All its texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter_map(Value::as_str)
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("the answer cannot be read: {error}"))
}
