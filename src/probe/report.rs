//! What a probe found out.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::mcp::Era;
use crate::observe::{ProbePhase, ProbeStatus};

/// One probe of one server.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whom it asked.
    pub url: String,
    /// What went wrong; `None` = the server is well.
    pub fault: Option<Fault>,
    /// How long each phase took that was begun and ended, in order; the one that failed included.
    pub phases: Vec<(ProbePhase, Duration)>,
    /// All of them, and what lies between.
    pub took: Duration,
    /// Who answered.
    pub server: Option<Server>,
    /// The tools it lists, all pages; `None` = it was not asked, or has no such capability.
    pub tools: Option<Vec<String>>,
    /// It wants credentials, and the probe has none: more cannot be known.
    pub wants_credentials: bool,
    /// The last HTTP status; where something is wrong, the last one that was no success.
    pub http_status: Option<u16>,
    /// `1.1` or `2.0`.
    pub http_version: Option<&'static str>,
    /// Where it is.
    pub address: Option<SocketAddr>,
    /// When the certificate ends that it showed, in unix seconds.
    pub expires: Option<i64>,
    /// What may help: a sentence each.
    pub hints: Vec<String>,
}

/// Who answered a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// How it is spoken to.
    pub era: Era,
    /// The protocol version both settled on.
    pub version: String,
    /// The name it gives itself.
    pub name: Option<String>,
    /// The version it gives itself.
    pub release: Option<String>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In one word.
    pub kind: FaultKind,
    /// Where.
    pub phase: ProbePhase,
    /// In a sentence, perhaps with words of the server's.
    pub message: String,
}

/// What went wrong, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The name is not known.
    Dns,
    /// Nobody listens, or nobody can be reached.
    Connect,
    /// The certificate is not accepted, or what answers does not speak TLS.
    Tls,
    /// The time was over.
    Timeout,
    /// The connection broke.
    Reset,
    /// What came is not HTTP.
    NotHttp,
    /// An HTTP status that is no success.
    Http,
    /// It wants credentials, or others.
    Credentials,
    /// A page for people.
    Html,
    /// No JSON, or JSON that is cut short.
    NotJson,
    /// JSON, or an event stream, without the answer that MCP has there.
    NotMcp,
    /// A JSON-RPC error.
    JsonRpc,
    /// Tools that were there are not.
    ToolsMissing,
    /// The tool that was called failed.
    ToolError,
    /// Its result does not say what it should.
    Unexpected,
    /// The probe itself cannot be made: a file of TLS, a header.
    Setup,
}

impl FaultKind {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::NotHttp => "not_http",
            Self::Http => "http",
            Self::Credentials => "credentials",
            Self::Html => "html",
            Self::NotJson => "not_json",
            Self::NotMcp => "not_mcp",
            Self::JsonRpc => "jsonrpc",
            Self::ToolsMissing => "tools_missing",
            Self::ToolError => "tool_error",
            Self::Unexpected => "unexpected",
            Self::Setup => "setup",
        }
    }

    /// The label `status`.
    pub fn status(self) -> ProbeStatus {
        match self {
            Self::Timeout => ProbeStatus::Timeout,
            Self::NotHttp | Self::Html | Self::NotJson | Self::NotMcp => ProbeStatus::Invalid,
            Self::Dns
            | Self::Connect
            | Self::Tls
            | Self::Reset
            | Self::Http
            | Self::Credentials
            | Self::JsonRpc
            | Self::ToolsMissing
            | Self::ToolError
            | Self::Unexpected
            | Self::Setup => ProbeStatus::Error,
        }
    }
}

impl Report {
    /// Nothing is known yet.
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            fault: None,
            phases: Vec::new(),
            took: Duration::ZERO,
            server: None,
            tools: None,
            wants_credentials: false,
            http_status: None,
            http_version: None,
            address: None,
            expires: None,
            hints: Vec::new(),
        }
    }

    /// The label `status`.
    pub fn status(&self) -> ProbeStatus {
        self.fault.as_ref().map_or(ProbeStatus::Success, |fault| fault.kind.status())
    }

    /// Whether the server is well, as far as a probe can tell.
    pub fn is_healthy(&self) -> bool {
        self.fault.is_none()
    }

    /// How long `phase` took.
    pub fn phase(&self, phase: ProbePhase) -> Option<Duration> {
        self.phases.iter().find(|(known, _)| *known == phase).map(|(_, took)| *took)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let phases: serde_json::Map<String, Value> = self
            .phases
            .iter()
            .map(|(phase, took)| (phase.as_str().to_owned(), json!(took.as_secs_f64())))
            .collect();
        let fault = self.fault.as_ref().map(|fault| {
            json!({ "kind": fault.kind.as_str(), "phase": fault.phase.as_str(), "message": fault.message })
        });
        let server = self.server.as_ref().map(|server| {
            json!({
                "era": server.era.as_str(),
                "protocol_version": server.version,
                "name": server.name,
                "version": server.release,
            })
        });
        json!({
            "url": self.url,
            "healthy": self.is_healthy(),
            "status": self.status().as_str(),
            "fault": fault,
            "phases": phases,
            "duration_seconds": self.took.as_secs_f64(),
            "server": server,
            "tools": self.tools,
            "wants_credentials": self.wants_credentials,
            "http_status": self.http_status,
            "http_version": self.http_version,
            "address": self.address.map(|address| address.to_string()),
            "certificate_expires": self.expires,
            "hints": self.hints,
        })
    }
}
