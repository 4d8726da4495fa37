//! `sightglass check --sample FILE`: a call as a file tells it, and what the rules of a configuration make of it.

use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::{Map, RawValue, Value};

use crate::config::{Config, Error, Rule};
use crate::mcp::Method;
use crate::observe::{self, Condition, Example, Outcome};

/// A call, as far as rules look at one.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Which of [`Config::servers`] it goes to.
    pub server: usize,
    /// Its JSON-RPC method.
    pub method: String,
    /// The tool that a `tools/call` names.
    pub tool: Option<String>,
    /// `params` as they stand in the file.
    pub params: Option<Box<RawValue>>,
    /// `result` as it stands in the file; `None` = the call failed.
    pub result: Option<Box<RawValue>>,
    /// `result.isError`.
    pub is_error: bool,
    /// `result.resultType`.
    pub result_type: Option<String>,
    /// `error.code`.
    pub error_code: Option<i64>,
    /// What was taken for granted, a sentence each.
    pub warnings: Vec<String>,
}

/// What a rule makes of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It counts.
    Counts {
        /// The number, scaled.
        value: f64,
        /// Names and values of the labels, `server` apart.
        labels: Vec<(String, String)>,
    },
    /// It does not. Why, as a phrase: `its tool is create_assignment`.
    Not(String),
}

/// The sample in the file at `path`. What cannot be read is an [`Error`].
pub fn load(path: &Path, config: &Config) -> anyhow::Result<Sample> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("the sample {} cannot be read: {error}", path.display());
        Error::new(message, "give the name of a JSON file with a call and its answer")
    })?;
    read(&text, config)
}

/// The sample that `text` holds: `{ "request": …, "response": … }` with JSON-RPC messages, or their members `method`
/// ("tools/call" where it is left out), `params`, and `result` or `error` as they are; beside them the name of its
/// `server`. Anything else is an [`Error`].
pub fn read(text: &str, config: &Config) -> anyhow::Result<Sample> {
    let file: File = serde_json::from_str(text).map_err(|error| no_sample(&error.to_string()))?;
    let mut warnings = Vec::new();
    let server = server(file.server.as_deref(), config, &mut warnings)?;
    let call = file.call()?;
    let method = call.method.unwrap_or_else(|| "tools/call".to_owned());
    let params = members(call.params.as_deref(), "params")?;
    let result = members(call.result.as_deref(), "result")?;
    let name = params.get("name").and_then(Value::as_str).filter(|_| method == "tools/call");
    Ok(Sample {
        server,
        tool: name.map(str::to_owned),
        method,
        params: call.params,
        is_error: result.get("isError") == Some(&Value::Bool(true)),
        result_type: result.get("resultType").and_then(Value::as_str).map(str::to_owned),
        result: call.result,
        error_code: call.error.map(|error| error.code),
        warnings,
    })
}

/// What each rule of `config` makes of the sample, in their order, and what it costs in US dollars; `None` = no price is
/// about it.
pub fn judge(config: &Config, sample: &Sample) -> (Vec<Verdict>, Option<f64>) {
    let bytes = |raw: &'_ Option<Box<RawValue>>| raw.as_ref().map(|raw| raw.get().as_bytes().to_vec());
    let (params, result) = (bytes(&sample.params), bytes(&sample.result));
    let example = Example {
        server: sample.server,
        method: Method::from_name(&sample.method),
        tool: sample.tool.as_deref(),
        outcome: sample.outcome(),
        params: params.as_deref(),
        result: result.as_deref(),
    };
    let (mut verdicts, mut rules) = (Vec::new(), config.rules.iter());
    observe::judge(config, example, &mut |verdict| {
        verdicts.extend(rules.next().map(|rule| sample.verdict(rule, &verdict)));
    });
    (verdicts, observe::price(config, example))
}

impl Sample {
    fn outcome(&self) -> Outcome {
        match (self.error_code, self.is_error, self.result_type.as_deref()) {
            (Some(_), ..) => Outcome::JsonrpcError,
            (None, true, _) => Outcome::ToolError,
            (None, false, Some("input_required")) => Outcome::InputRequired,
            (None, false, Some("task")) => Outcome::Task,
            (None, false, _) => Outcome::Ok,
        }
    }

    fn verdict(&self, rule: &Rule, verdict: &observe::Verdict<'_>) -> Verdict {
        let any = |wanted: &[String]| wanted.join(" or ");
        match verdict {
            &observe::Verdict::Counts { value, labels } => {
                let names = rule.labels.iter().map(|label| label.name.clone());
                Verdict::Counts {
                    value,
                    labels: names.zip(labels.iter().map(|label| label.as_str().to_owned())).collect(),
                }
            }
            observe::Verdict::NoValue => Verdict::Not(match &rule.value {
                Some(pointer) => format!("there is no number that it can take at {pointer}"),
                None => "it has no value".to_owned(),
            }),
            observe::Verdict::Other(Condition::Server) => {
                Verdict::Not(format!("it is about the server {}", any(&rule.when.servers)))
            }
            observe::Verdict::Other(Condition::Method) => {
                Verdict::Not(format!("it is about {}", any(&rule.when.methods)))
            }
            observe::Verdict::Other(Condition::Tool) => {
                Verdict::Not(format!("it is about the tool {}", any(&rule.when.tools)))
            }
            observe::Verdict::Other(Condition::Outcome) => Verdict::Not(format!(
                "the outcome is {}, and it is about {}",
                self.outcome().as_str(),
                any(&rule.when.outcomes)
            )),
        }
    }
}

/// Lines for people: which call it is, what each of the rules makes of it (`verdicts` in the order of
/// [`Config::rules`]), and what it costs; `None` = no price is about it.
pub fn render(config: &Config, sample: &Sample, verdicts: &[Verdict], cost_usd: Option<f64>) -> String {
    let server = config.servers.get(sample.server).map_or("", |server| server.name.as_str());
    let tool = sample.tool.as_ref().map_or(String::new(), |tool| format!(" of {tool}"));
    let mut lines = vec![format!("sample  {}{tool}, answered by {server}", sample.method)];
    lines.extend(sample.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.extend(config.rules.iter().zip(verdicts).map(|(rule, verdict)| line(rule, verdict)));
    if config.rules.is_empty() {
        lines.push("no custom metric: the configuration has no [[metric]]".to_owned());
    }
    lines.push(match cost_usd {
        Some(cost) => format!("mcp_cost_usd_total (counter): {cost}"),
        None => "mcp_cost_usd_total (counter): nothing, since no [[price]] is about it".to_owned(),
    });
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
        text
    })
}

fn line(rule: &Rule, verdict: &Verdict) -> String {
    let verdict = match verdict {
        Verdict::Not(why) => format!("nothing, since {why}"),
        Verdict::Counts { value, labels } if labels.is_empty() => value.to_string(),
        Verdict::Counts { value, labels } => {
            let pairs = labels.iter().map(|(name, value)| format!("{name}=\"{value}\""));
            format!("{value} {{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
    };
    format!("{} ({}): {verdict}", rule.name, rule.kind.as_str())
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
struct File {
    server: Option<String>,
    request: Option<Message>,
    response: Option<Message>,
    #[serde(rename = "jsonrpc")]
    _jsonrpc: Option<IgnoredAny>,
    #[serde(rename = "id")]
    _id: Option<IgnoredAny>,
    method: Option<String>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<Fault>,
}

/// A JSON-RPC message; what else it has does not matter here.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "a JSON-RPC message")]
struct Message {
    method: Option<String>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object with `code`, as JSON-RPC has errors")]
struct Fault {
    code: i64,
}

impl File {
    /// The call and its answer, whichever way they are written.
    fn call(self) -> Result<Message, Error> {
        let Self { request, response, method, params, result, error, .. } = self;
        let members = Message { method, params, result, error };
        match (request, response) {
            (None, None) => members.answered(),
            _ if !members.is_empty() => {
                Err(no_sample("it holds messages, and members of messages beside them"))
            }
            (Some(request), Some(response)) => request.with(response)?.answered(),
            (Some(_), None) => Err(no_sample("it holds a `request` and no `response`")),
            (None, Some(_)) => Err(no_sample("it holds a `response` and no `request`")),
        }
    }
}

impl Message {
    fn is_empty(&self) -> bool {
        self.method.is_none() && self.params.is_none() && self.result.is_none() && self.error.is_none()
    }

    /// A request and the answer of `response`.
    fn with(self, response: Self) -> Result<Self, Error> {
        if self.method.is_none() {
            return Err(no_sample("its `request` has no `method`"));
        }
        Ok(Self { result: response.result, error: response.error, ..self })
    }

    fn answered(self) -> Result<Self, Error> {
        match (&self.result, &self.error) {
            (Some(_), None) | (None, Some(_)) => Ok(self),
            (None, None) => Err(no_sample("it holds no answer, neither `result` nor `error`")),
            (Some(_), Some(_)) => Err(no_sample("it holds both `result` and `error`")),
        }
    }
}

/// The members of `params` or `result`; none where there is no such thing.
fn members(raw: Option<&RawValue>, what: &str) -> Result<Map<String, Value>, Error> {
    let read = raw.map_or_else(|| Ok(Map::new()), |raw| serde_json::from_str(raw.get()));
    read.or(Err(no_sample(&format!("its `{what}` is no object"))))
}

/// The server of this name; without one the first, and a warning where there are others.
fn server(name: Option<&str>, config: &Config, warnings: &mut Vec<String>) -> Result<usize, Error> {
    let names: Vec<&str> = config.servers.iter().map(|server| server.name.as_str()).collect();
    let Some(name) = name else {
        if let [first, _, ..] = names[..] {
            warnings.push(format!("the sample names no `server`; it is judged as a call to {first}"));
        }
        return Ok(0);
    };
    names.iter().position(|known| *known == name).ok_or_else(|| {
        let hint = format!("the servers of the configuration are {}", names.join(", "));
        Error::new(format!("the sample is of a server `{name}`, which is not configured"), hint)
    })
}

fn no_sample(why: &str) -> Error {
    let hint = "write { \"request\": …, \"response\": … } with JSON-RPC messages, or { \"params\": …, \"result\": … }";
    Error::new(format!("the file is no sample of a call: {why}"), hint)
}
