//! One `[[metric]]`. What it has in common with others of its name, and which servers there are, is in `rules`.

use std::ops::Range;

use toml::Spanned;

use super::metrics::{Bounds, upper_bounds};
use super::{label, or};
use crate::config::error::{Fault, Mistake};
use crate::config::names::{BUILTIN_METRICS, CACHE_LABELS, CACHE_OPERATIONS, family};
use crate::config::raw::{self, Finite, MetricName, OneOrMany, Optional, Plain, Value};
use crate::config::rules::{RuleSpans, Spans};
use crate::config::{Rule, RuleKind, RuleLabel, When};

/// Upper bounds where a histogram names none.
const BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// Numbers of payloads may be negative.
const BOUNDS: Bounds = Bounds { most: 50, above: f64::NEG_INFINITY };

/// The rule, and where it is written. What it leaves out of `help` and `buckets` is as in the first of `earlier` with
/// its name.
pub(super) fn resolve(raw: raw::Metric, earlier: &[Rule], spans: &mut Spans) -> Result<Rule, Mistake> {
    let kind = raw.kind.get_ref().0;
    check_name(&raw.name, kind)?;
    let (when, servers) = when(raw.when)?;
    spans.rules.push(RuleSpans {
        name: raw.name.span(),
        kind: raw.kind.span(),
        servers,
        labels: raw.labels.as_ref().map(Spanned::span),
        help: raw.help.as_ref().map(Spanned::span),
        buckets: raw.buckets.as_ref().map(Spanned::span),
    });
    let labels = labels(raw.labels, &raw.name)?;
    let name = raw.name.into_inner().0.0;
    let first = earlier.iter().find(|rule| rule.name == name);
    Ok(Rule {
        help: match (raw.help, first) {
            (Some(help), _) => help.into_inner().0.0,
            (None, Some(first)) => first.help.clone(),
            (None, None) => "Custom metric.".to_owned(),
        },
        when,
        value: raw.value.map(|value| value.into_inner().0.0),
        scale: scale(raw.scale, kind)?,
        labels,
        buckets: buckets(raw.buckets, kind, first)?,
        name,
        kind,
    })
}

/// Endings that the series of a histogram have.
const SERIES: [&str; 3] = ["_bucket", "_sum", "_count"];

fn check_name(name: &Spanned<Value<MetricName>>, kind: RuleKind) -> Result<(), Mistake> {
    let text = &name.get_ref().0.0;
    name_fits(text, kind).and_then(|()| name_is_free(text)).map_err(|fault| fault.at(name.span()))
}

fn name_fits(name: &str, kind: RuleKind) -> Result<(), Fault> {
    let kind_name = kind.as_str();
    match (name.strip_suffix("_total"), kind) {
        (None, RuleKind::Counter) => {
            return Err(Fault::new("a counter's name ends in `_total`", format!("write \"{name}_total\"")));
        }
        (Some(stem), RuleKind::Gauge | RuleKind::Histogram) => {
            let message = format!("only a counter's name ends in `_total`, and this is a {kind_name}");
            return Err(Fault::new(message, format!("write \"{stem}\", or type = \"counter\"")));
        }
        (Some(_), RuleKind::Counter) | (None, RuleKind::Gauge | RuleKind::Histogram) => {}
    }
    match SERIES.iter().find_map(|ending| Some((ending, name.strip_suffix(ending)?))) {
        None => Ok(()),
        Some((ending, stem)) => {
            let message = format!("names that end in `{ending}` are of a histogram's own series");
            Err(Fault::new(message, format!("write \"{stem}\", or another ending")))
        }
    }
}

fn name_is_free(name: &str) -> Result<(), Fault> {
    let own = BUILTIN_METRICS.iter().find(|own| family(own) == family(name));
    let Some(own) = own.filter(|_| name != CACHE_OPERATIONS) else { return Ok(()) };
    let message = if *own == name {
        format!("`{name}` is a metric of the proxy itself")
    } else {
        format!("`{name}` and the proxy's own `{own}` are one metric in OpenMetrics")
    };
    let hint = format!("choose another name; of the proxy's own, rules may feed `{CACHE_OPERATIONS}` alone");
    Err(Fault::new(message, hint))
}

fn labels(raw: Plain<raw::Labels>, name: &Spanned<Value<MetricName>>) -> Result<Vec<RuleLabel>, Mistake> {
    let span = raw.as_ref().map_or_else(|| name.span(), Spanned::span);
    let labels = raw.map(label::resolve).transpose()?.unwrap_or_default();
    let is_cache = name.get_ref().0.0 == CACHE_OPERATIONS;
    if is_cache && !labels.iter().map(|label| label.name.as_str()).eq(CACHE_LABELS) {
        let message = format!("`{CACHE_OPERATIONS}` has exactly the labels `operation` and `result`");
        let hint = "write labels = { operation = { … }, result = { pointer = \"…\", allowed = [\"hit\", \"miss\"] } }";
        return Err(Fault::new(message, hint).at(span));
    }
    Ok(labels)
}

fn scale(raw: Optional<Finite>, kind: RuleKind) -> Result<f64, Mistake> {
    let span = raw.as_ref().map(Spanned::span).unwrap_or_default();
    let scale = or(raw, Finite(1.0)).0;
    if scale == 0.0 {
        let hint = "0.01 makes dollars of cents; leave `scale` out for the number as it is";
        return Err(Fault::new("times 0, every value would be 0", hint).at(span));
    }
    if scale < 0.0 && kind == RuleKind::Counter {
        let message = "a negative `scale`, and a counter only grows";
        return Err(Fault::new(message, "leave the sign out, or write type = \"gauge\"").at(span));
    }
    Ok(scale)
}

fn buckets(raw: Plain<Vec<Spanned<f64>>>, kind: RuleKind, first: Option<&Rule>) -> Result<Vec<f64>, Mistake> {
    match (kind, raw) {
        (RuleKind::Histogram, raw) => {
            let default = first.map_or_else(|| BUCKETS.to_vec(), |first| first.buckets.clone());
            upper_bounds(raw, default, &BOUNDS)
        }
        (RuleKind::Counter | RuleKind::Gauge, None) => Ok(Vec::new()),
        (RuleKind::Counter | RuleKind::Gauge, Some(raw)) => {
            let message = format!("only a histogram has `buckets`, and this is a {}", kind.as_str());
            Err(Fault::new(message, "remove them, or write type = \"histogram\"").at(raw.span()))
        }
    }
}

/// The conditions, and where the names of servers stand.
fn when(raw: raw::When) -> Result<(When, Vec<Range<usize>>), Mistake> {
    let method = raw.method.as_ref().map(Spanned::span).unwrap_or_default();
    let (servers, spans) = words(raw.server, |name| name.0)?;
    let when = When {
        servers,
        methods: words(raw.method, |name| name.0)?.0,
        tools: words(raw.tool, |name| name.0)?.0,
        outcomes: words(raw.outcome, |name| name.0)?.0,
    };
    let calls_none = !when.methods.is_empty() && !when.methods.iter().any(|name| name == "tools/call");
    if calls_none && !when.tools.is_empty() {
        let message = "`tool` beside another method: this would never be";
        return Err(
            Fault::new(message, "only \"tools/call\" calls a tool; leave one of the two out").at(method)
        );
    }
    Ok((when, spans))
}

/// The words with their places; empty where the key is left out.
fn words<T>(
    raw: Plain<OneOrMany<T>>,
    text: impl Fn(T) -> String,
) -> Result<(Vec<String>, Vec<Range<usize>>), Mistake> {
    let Some(raw) = raw else { return Ok(Default::default()) };
    let whole = raw.span();
    let words = OneOrMany::each(raw);
    if words.is_empty() {
        return Err(Fault::new("an empty list", "leave the key out: then any will do").at(whole));
    }
    let spans = words.iter().map(Spanned::span).collect();
    Ok((words.into_iter().map(|word| text(word.into_inner())).collect(), spans))
}
