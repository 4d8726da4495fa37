//! `GET /api/tools?server=&tool=`: what is known of each tool, and what each server's list of them costs, from the page of
//! `/metrics` as it stands now: the numbers are the same because they are the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::pages::{JSON, page, refusal};
use super::query::told;
use crate::config::{Config, Price};
use crate::export::{Heat, Prometheus, quantile};
use crate::observe::{Defined, Observer};

/// All tools that have no name of their own here.
const OTHER: &str = "_other";

/// What the names of series about lists begin with.
const LIST: &str = "mcp_tools_list";

const SHARES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99_9", 0.999)];

/// The answer: `{ "tools": […], "lists": […], "tokens_counter": … }`, by server and name. With both said, the one tool's
/// last fifteen minutes stand in it, too, and beside it its `definition`.
pub(super) async fn answer(
    prometheus: &Arc<Prometheus>,
    observer: &Observer,
    config: Arc<Config>,
    query: &str,
) -> Response<Full<Bytes>> {
    let asked = Asked { server: told(query, "server"), tool: told(query, "tool") };
    let (prometheus, observer) = (Arc::clone(prometheus), observer.clone());
    // Rendering takes milliseconds of one core: not on a thread that waits for others.
    let answered = tokio::task::spawn_blocking(move || asked.answer(&prometheus, &observer, &config));
    match answered.await {
        Ok(told) => page(StatusCode::OK, JSON, told.to_string()),
        Err(_panicked) => {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be read", "ask again")
        }
    }
}

/// Which tools are asked for.
struct Asked {
    server: Option<String>,
    tool: Option<String>,
}

impl Asked {
    fn answer(&self, prometheus: &Prometheus, observer: &Observer, config: &Config) -> Value {
        observer.catch_up();
        let rates = prometheus.tool_rates(Instant::now());
        let (tools, lists) = read(&prometheus.page(observer.usage()));
        let tools = tools.iter().filter(|((server, name), _)| self.is_about(server) && self.wants(name));
        let told = |(key, tool): (&(String, String), &Tool)| {
            let mut told = tool.told(key, rates.get(key).copied());
            // Of those that have no name here each may have another.
            let price = Price::of(&config.prices, &key.0, &key.1).filter(|_| key.1 != OTHER);
            told["price"] = json!(price);
            told["buckets"] = tool.buckets();
            if self.one().is_some() {
                told["heat"] = prometheus.heat(&key.0, &key.1).as_ref().map_or(Value::Null, warmth);
            }
            told
        };
        let tools: Vec<Value> = tools.map(told).collect();
        let lists = lists.iter().filter(|(server, _)| self.is_about(server));
        let mut body = json!({
            "tools": tools,
            "lists": lists.map(|(server, list)| list.told(server)).collect::<Vec<Value>>(),
            "tokens_counter": config.tokens.counter,
        });
        if let Some((server, tool)) = self.one() {
            body["definition"] = observer.defined(server, tool).as_ref().map_or(Value::Null, defined);
        }
        body
    }

    fn is_about(&self, server: &str) -> bool {
        self.server.as_ref().is_none_or(|wanted| wanted == server)
    }

    fn wants(&self, tool: &str) -> bool {
        self.tool.as_ref().is_none_or(|wanted| wanted == tool)
    }

    /// The only one that is asked for.
    fn one(&self) -> Option<(&str, &str)> {
        Some((self.server.as_deref()?, self.tool.as_deref()?))
    }
}

/// Calls by when they ended and how long they took.
fn warmth(heat: &Heat) -> Value {
    json!({
        "at": heat.at.iter().map(|at| unix(*at)).collect::<Vec<f64>>(),
        "bounds": heat.bounds,
        "counts": heat.counts,
    })
}

/// What its server says a tool is; a part that is `null` is too large to be kept.
fn defined(definition: &Defined) -> Value {
    let when = |at: Instant| unix(SystemTime::now().checked_sub(at.elapsed()).unwrap_or(UNIX_EPOCH));
    let parts = definition.parts.iter();
    let changes = definition.changes.iter();
    json!({
        "listed": when(definition.listed),
        "removed": definition.is_removed,
        "parts": parts.map(|(part, text)| (part.as_str().to_owned(), json!(text))).collect::<Map<_, _>>(),
        "changes": changes.map(|(at, change)| json!({ "at": when(*at), "change": change.as_str() })).collect::<Vec<_>>(),
    })
}

/// Unix seconds, to the millisecond.
fn unix(at: SystemTime) -> f64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}

/// What the page says of a server's list of tools.
#[derive(Debug, Default)]
struct List {
    tools: f64,
    bytes: f64,
    tokens: f64,
}

impl List {
    fn add(&mut self, series: &Series<'_>) {
        match series.name {
            "mcp_tools_listed" => self.tools = series.value,
            "mcp_tools_list_bytes" => self.bytes = series.value,
            "mcp_tools_list_tokens" => self.tokens = series.value,
            _ => {}
        }
    }

    fn told(&self, server: &str) -> Value {
        json!({
            "server": server,
            "tools": whole(self.tools),
            "bytes": whole(self.bytes),
            "tokens": whole(self.tokens),
        })
    }
}

/// What the page says of one tool.
#[derive(Debug, Default)]
struct Tool {
    outcomes: BTreeMap<String, f64>,
    statuses: BTreeMap<String, f64>,
    errors: BTreeMap<String, f64>,
    /// How many took at most so long, by the bound in its order.
    buckets: Vec<(f64, f64)>,
    seconds: f64,
    bytes: BTreeMap<String, f64>,
    tokens: BTreeMap<String, f64>,
    cost: Option<f64>,
    oldest: Option<f64>,
    followed_by: BTreeMap<String, f64>,
    follows: BTreeMap<String, f64>,
}

fn read(metrics: &str) -> (BTreeMap<(String, String), Tool>, BTreeMap<String, List>) {
    let mut tools: BTreeMap<(String, String), Tool> = BTreeMap::new();
    let mut lists: BTreeMap<String, List> = BTreeMap::new();
    for series in metrics.lines().filter_map(Series::of) {
        let server = series.label("server");
        let key = |label: &str| (server.to_owned(), series.label(label).to_owned());
        if series.name == "mcp_tool_composition_total" {
            let (source, target) = (key("source_tool"), key("target_tool"));
            let of = |tool: &(String, String)| tool.1.clone();
            *tools.entry(source.clone()).or_default().followed_by.entry(of(&target)).or_default() +=
                series.value;
            *tools.entry(target).or_default().follows.entry(of(&source)).or_default() += series.value;
        } else if !series.label("tool_name").is_empty() {
            tools.entry(key("tool_name")).or_default().add(&series);
        } else if series.name.starts_with(LIST) {
            lists.entry(server.to_owned()).or_default().add(&series);
        }
    }
    // What neither ended nor waits was not called: it is only timed, or its name became known while it was.
    tools.retain(|_, tool| !tool.outcomes.is_empty() || tool.oldest.is_some_and(|oldest| oldest > 0.0));
    (tools, lists)
}

impl Tool {
    fn add(&mut self, series: &Series<'_>) {
        let value = series.value;
        let more = |counts: &mut BTreeMap<String, f64>, label: &str| {
            *counts.entry(series.label(label).to_owned()).or_default() += value;
        };
        match series.name {
            "mcp_tool_invocations_total" => {
                more(&mut self.outcomes, "outcome");
                more(&mut self.statuses, "status");
            }
            "mcp_tool_errors_total" => more(&mut self.errors, "error_type"),
            "mcp_tool_duration_seconds_bucket" => {
                let bound = series.label("le").parse().unwrap_or(f64::INFINITY);
                match self.buckets.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                    Some((_, count)) => *count += value,
                    None => self.buckets.push((bound, value)),
                }
            }
            "mcp_tool_duration_seconds_sum" => self.seconds += value,
            "mcp_payload_size_bytes_sum" => more(&mut self.bytes, "direction"),
            "mcp_tokens_total" => more(&mut self.tokens, "token_type"),
            "mcp_cost_usd_total" => *self.cost.get_or_insert_default() += value,
            "mcp_tool_oldest_inflight_seconds" => self.oldest = Some(value),
            _ => {}
        }
    }

    fn told(&self, (server, name): &(String, String), rate: Option<f64>) -> Value {
        let calls: f64 = self.outcomes.values().sum();
        let of = |status: &str| self.statuses.get(status).copied().unwrap_or_default();
        let (errors, judged) = (of("error"), of("error") + of("success"));
        let (bounds, counts) = self.counts();
        let mut told = json!({
            "server": server,
            "tool_name": name,
            "calls": whole(calls),
            "rate_per_second": rate,
            "outcomes": counted(&self.outcomes),
            "statuses": counted(&self.statuses),
            "errors_by_type": counted(&self.errors),
            "error_share": (judged > 0.0).then(|| errors / judged),
            "duration_seconds_sum": self.seconds,
            "bytes": counted(&self.bytes),
            "tokens": counted(&self.tokens),
            "cost_usd": self.cost,
            "oldest_inflight_seconds": self.oldest,
            "followed_by": counted(&self.followed_by),
            "follows": counted(&self.follows),
        });
        for (key, share) in SHARES {
            told[key] = json!(quantile(share, &bounds, &counts));
        }
        told
    }

    fn buckets(&self) -> Value {
        let (bounds, counts) = self.counts();
        json!({ "bounds": bounds, "counts": counts })
    }

    /// The bounds of the buckets, and how many calls were in each.
    fn counts(&self) -> (Vec<f64>, Vec<u64>) {
        let bounds: Vec<f64> =
            self.buckets.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect();
        let mut below = 0.0;
        let counts: Vec<u64> = self
            .buckets
            .iter()
            .map(|(_, count)| whole(count - std::mem::replace(&mut below, *count)))
            .collect();
        (bounds, counts)
    }
}

fn counted(counts: &BTreeMap<String, f64>) -> Value {
    counts.iter().map(|(name, count)| (name.clone(), json!(whole(*count)))).collect()
}

/// Counts are whole numbers that are not negative.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "so it is")]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

/// One line of the page.
struct Series<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    value: f64,
}

impl<'a> Series<'a> {
    /// `None`: a comment, or a series without labels. Values of labels hold no quotes.
    fn of(line: &'a str) -> Option<Self> {
        let is_about_tools = ["mcp_to", "mcp_payload", "mcp_cost"].iter().any(|name| line.starts_with(name));
        let (name, rest) = line.split_once('{').filter(|_| is_about_tools)?;
        let (labels, value) = rest.rsplit_once("} ")?;
        let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
        let labels = labels.map(|(name, value)| (name, value.trim_end_matches('"'))).collect();
        Some(Self { name, labels, value: value.parse().ok()? })
    }

    fn label(&self, name: &str) -> &'a str {
        self.labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_names_hold() {
        let series = Series::of(
            "mcp_tool_invocations_total{server=\"a\",tool_name=\"x} 7{,y=<b>\",outcome=\"ok\"} 12",
        );
        let series = series.unwrap();
        assert_eq!(
            (series.label("tool_name"), series.label("outcome"), whole(series.value)),
            ("x} 7{,y=<b>", "ok", 12)
        );
        assert!(Series::of("# HELP mcp_tool_x y").is_none());
    }
}
