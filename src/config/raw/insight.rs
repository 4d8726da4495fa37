//! What only the configuration knows of the traffic, as it is written: `[identity]`, `[tokens]`, `[drift]`,
//! `[[metric]]`, `[[price]]`.

use serde::Deserialize;
use toml::Spanned;

use super::label::{LabelValue, Labels};
use super::list::OneOrMany;
use super::metric::{Help, MethodName, MetricName, Name, OutcomeName};
use super::number::Finite;
use super::pointer::Pointer;
use super::source::SessionSource;
use super::written::Value;
use super::{Optional, Plain};
use crate::config::{RuleKind, TokenCounter};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Identity {
    pub(in crate::config) user: Plain<Source>,
    pub(in crate::config) tier: Plain<Tier>,
    pub(in crate::config) session: Plain<Vec<Spanned<Value<SessionSource>>>>,
    pub(in crate::config) clients: Plain<Vec<Spanned<Value<LabelValue>>>>,
}

/// `identity.user`: exactly one of these, which is judged with the rest of the rules, for a better message.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table such as { header = \"X-User-Id\" }")]
pub(in crate::config) struct Source {
    pub(in crate::config) header: Plain<String>,
    pub(in crate::config) claim: Plain<String>,
    pub(in crate::config) meta: Plain<String>,
    pub(in crate::config) baggage: Plain<String>,
}

/// `identity.tier`: a [`Source`], and its values.
#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { claim = \"plan\", allowed = [\"free\", \"pro\"] }"
)]
pub(in crate::config) struct Tier {
    pub(in crate::config) header: Plain<String>,
    pub(in crate::config) claim: Plain<String>,
    pub(in crate::config) meta: Plain<String>,
    pub(in crate::config) baggage: Plain<String>,
    pub(in crate::config) allowed: Plain<Vec<Spanned<Value<LabelValue>>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Tokens {
    pub(in crate::config) counter: Optional<TokenCounter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Drift {
    pub(in crate::config) state: Plain<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Metric {
    pub(in crate::config) name: Spanned<Value<MetricName>>,
    #[serde(rename = "type")]
    pub(in crate::config) kind: Spanned<Value<RuleKind>>,
    pub(in crate::config) help: Optional<Help>,
    #[serde(default)]
    pub(in crate::config) when: When,
    pub(in crate::config) value: Optional<Pointer>,
    pub(in crate::config) scale: Optional<Finite>,
    pub(in crate::config) labels: Plain<Labels>,
    pub(in crate::config) buckets: Plain<Vec<Spanned<f64>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { tool = \"create_order\", outcome = \"ok\" }"
)]
pub(in crate::config) struct When {
    pub(in crate::config) server: Plain<OneOrMany<Name>>,
    pub(in crate::config) method: Plain<OneOrMany<MethodName>>,
    pub(in crate::config) tool: Plain<OneOrMany<Name>>,
    pub(in crate::config) outcome: Plain<OneOrMany<OutcomeName>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Price {
    pub(in crate::config) server: Optional<Name>,
    pub(in crate::config) tool: Optional<Name>,
    pub(in crate::config) per_call: Optional<Finite>,
    pub(in crate::config) per_kilobyte: Optional<Finite>,
    pub(in crate::config) per_1k_tokens: Optional<Finite>,
}
