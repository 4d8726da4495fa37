//! What only the configuration knows of the traffic: who calls, what a payload means, what a call costs
//! (`telemetry.md` §6).

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::shown;

/// `[identity]`: who calls, as far as requests say. Nothing of it is verified: it is the server that judges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Where the user's id stands; told as a keyed hash. `None` = nobody asks.
    pub user: Option<Source>,
    /// Where the user's tier stands, for the label `user_tier`; `None` = the label is `none`.
    pub tier: Option<Tier>,
    /// Where the session of a 2026-07-28 request is named, in the order they are tried; empty = there are none. Never a
    /// [`Source::Claim`].
    #[serde(serialize_with = "shown::sources")]
    pub session: Vec<Source>,
    /// Names of clients that always get their own label value, beside `limits.max_client_names`.
    pub clients: Vec<String>,
}

/// Where in a request something stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A header field, by its name in lower case.
    Header(String),
    /// A claim of the JWT in `Authorization`, which is read and not verified.
    Claim(String),
    /// A member of `params._meta`.
    Meta(String),
    /// A member of `baggage` (W3C), the header's or `params._meta`'s.
    Baggage(String),
}

impl fmt::Display for Source {
    /// As `identity.session` writes it: `header:x-session-id`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::Header(name) => ("header", name),
            Self::Claim(name) => ("claim", name),
            Self::Meta(name) => ("meta", name),
            Self::Baggage(name) => ("baggage", name),
        };
        write!(formatter, "{kind}:{name}")
    }
}

/// `identity.tier`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tier {
    /// Where it stands.
    #[serde(flatten)]
    pub source: Source,
    /// The label's values; what is none of them is `_other`. Never empty.
    pub allowed: Vec<String>,
}

/// `[tokens]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// How tokens are counted.
    pub counter: TokenCounter,
}

/// `tokens.counter`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenCounter {
    /// A token for every four bytes.
    #[default]
    Estimate,
    /// Exactly, with `OpenAI`'s vocabulary of that name, on a thread of its own.
    O200k,
}

/// `[drift]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// A file in which the tools that servers listed are remembered across restarts, and shared by replicas; `None` =
    /// they are forgotten.
    #[serde(serialize_with = "shown::maybe_path")]
    pub state: Option<PathBuf>,
}

/// One `[[metric]]`: when it fires, and what it then counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// The metric's name; several rules may feed one metric.
    pub name: String,
    /// The metric's type.
    #[serde(rename = "type")]
    pub kind: RuleKind,
    /// The metric's help text, one line.
    pub help: String,
    /// Which calls it is about.
    pub when: When,
    /// Where the number stands: a JSON pointer (RFC 6901) into `{ "params": …, "result": … }`; `None` = 1.
    pub value: Option<String>,
    /// What the number is multiplied by.
    pub scale: f64,
    /// Labels beside `server`, in the order of their names.
    #[serde(serialize_with = "shown::labels")]
    pub labels: Vec<RuleLabel>,
    /// Upper bounds of a histogram, ascending; empty for other types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<f64>,
}

/// `metric.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// Grows by the value, or by 1.
    Counter,
    /// Is the value.
    Gauge,
    /// Counts the value in buckets.
    Histogram,
}

impl RuleKind {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Counter, Self::Gauge, Self::Histogram];

    /// As the file writes it, and the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// `metric.when`: all of it must hold; an empty list is any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the condition of the same name: one of these words")]
pub struct When {
    #[serde(rename = "server", skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    #[serde(rename = "method", skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    #[serde(rename = "tool", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    #[serde(rename = "outcome", skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<String>,
}

/// A label of a custom metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLabel {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub source: LabelSource,
}

/// Where the value of a custom metric's label comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelSource {
    /// A JSON pointer as for [`Rule::value`]; a value that is not among `allowed` is `_other`, an absent one `none`.
    Pointer {
        /// Where it stands.
        pointer: String,
        /// The label's values; never empty.
        allowed: Vec<String>,
    },
    /// What the proxy knows of the call anyway.
    Fact(Fact),
}

/// A label that built-in metrics have, too, with the same values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the label of the same name")]
pub enum Fact {
    ToolName,
    UserTier,
    ClientName,
    Method,
    Status,
    Outcome,
}

impl Fact {
    /// Every fact.
    pub const ALL: [Self; 6] =
        [Self::ToolName, Self::UserTier, Self::ClientName, Self::Method, Self::Status, Self::Outcome];

    /// As the file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolName => "tool_name",
            Self::UserTier => "user_tier",
            Self::ClientName => "client_name",
            Self::Method => "method",
            Self::Status => "status",
            Self::Outcome => "outcome",
        }
    }
}

/// One `[[price]]`, in US dollars. Of those that fit a call the most specific one holds: with server and tool, then
/// with a tool, then with a server, then with neither.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// Only calls to this server; `None` = all.
    pub server: Option<String>,
    /// Only calls of this tool; `None` = all.
    pub tool: Option<String>,
    /// For each call.
    pub per_call: f64,
    /// For each 1,000 bytes of arguments and result together.
    pub per_kilobyte: f64,
    /// For each 1,000 tokens of arguments and result together.
    pub per_1k_tokens: f64,
}

impl Price {
    /// Which of `prices` holds for calls of a tool: the most specific one; of two alike the last.
    pub fn of<'a>(prices: &'a [Self], server: &str, tool: &str) -> Option<&'a Self> {
        let fits = |price: &&Self| {
            price.server.as_deref().is_none_or(|of| of == server)
                && price.tool.as_deref().is_none_or(|of| of == tool)
        };
        prices.iter().filter(fits).max_by_key(|price| (price.tool.is_some(), price.server.is_some()))
    }
}
