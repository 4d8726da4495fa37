//! Rules between custom metrics, prices and servers.

use std::ops::Range;

use super::{Spans, known_server};
use crate::config::error::{Fault, Mistake};
use crate::config::names::family;
use crate::config::{Config, Price, Rule};

/// Where a file wrote one custom metric.
#[derive(Debug)]
pub(in crate::config) struct RuleSpans {
    pub(in crate::config) name: Range<usize>,
    pub(in crate::config) kind: Range<usize>,
    /// Of each name in `when.server`.
    pub(in crate::config) servers: Vec<Range<usize>>,
    pub(in crate::config) labels: Option<Range<usize>>,
    pub(in crate::config) help: Option<Range<usize>>,
    pub(in crate::config) buckets: Option<Range<usize>>,
}

/// Where a file wrote one price.
#[derive(Debug)]
pub(in crate::config) struct PriceSpans {
    pub(in crate::config) block: Range<usize>,
    pub(in crate::config) server: Option<Range<usize>>,
}

/// The first of these rules that `config` breaks.
pub(super) fn check(config: &Config, spans: &Spans) -> Result<(), Mistake> {
    for (index, rule) in config.rules.iter().enumerate() {
        let places = spans.rules.get(index);
        for (at, server) in rule.when.servers.iter().enumerate() {
            let place = places.and_then(|places| places.servers.get(at).cloned());
            known_server(config, spans, server, place)?;
        }
        for (number, earlier) in config.rules.iter().take(index).enumerate() {
            agree((number + 1, earlier), (index + 1, rule), places)?;
        }
    }
    for (index, price) in config.prices.iter().enumerate() {
        let places = spans.prices.get(index);
        if let Some(server) = &price.server {
            known_server(config, spans, server, places.and_then(|places| places.server.clone()))?;
        }
        priced_once(price, config.prices.iter().take(index), places)?;
    }
    Ok(())
}

/// Rules that feed one metric say the same of it; those that do not have names that a page can tell apart. Each comes
/// with its number in the file.
fn agree(earlier: (usize, &Rule), rule: (usize, &Rule), places: Option<&RuleSpans>) -> Result<(), Mistake> {
    let ((before, earlier), (here, rule)) = (earlier, rule);
    let name = &rule.name;
    if earlier.name != *name {
        return apart(&earlier.name, name, places.map(|places| places.name.clone()));
    }
    let parts = [Part::Type, Part::Labels, Part::Buckets, Part::Help];
    let told = parts.map(|part| (part, part.of(earlier), part.of(rule)));
    let Some((part, theirs, ours)) = told.into_iter().find(|(_, theirs, ours)| theirs != ours) else {
        return Ok(());
    };
    let what = part.name();
    let message =
        format!("`[[metric]]` {before} and {here} feed `{name}` with different {what}: {theirs}, and {ours}");
    Err(Mistake { span: places.map(|places| part.place(places)), fault: Fault::new(message, part.hint()) })
}

/// What rules that feed one metric have in common.
#[derive(Clone, Copy)]
enum Part {
    Type,
    Labels,
    Buckets,
    Help,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Type => "types",
            Self::Labels => "labels",
            Self::Buckets => "buckets",
            Self::Help => "help",
        }
    }

    /// This part of `rule`, as a message shows it.
    fn of(self, rule: &Rule) -> String {
        match self {
            Self::Type => rule.kind.as_str().to_owned(),
            Self::Labels => label_names(rule),
            Self::Buckets => format!("{:?}", rule.buckets),
            Self::Help => format!("\"{}\"", rule.help),
        }
    }

    /// Where it stands; what is left out is told of the name.
    fn place(self, places: &RuleSpans) -> Range<usize> {
        let place = match self {
            Self::Type => Some(&places.kind),
            Self::Labels => places.labels.as_ref(),
            Self::Buckets => places.buckets.as_ref(),
            Self::Help => places.help.as_ref(),
        };
        place.unwrap_or(&places.name).clone()
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Type | Self::Labels => "say the same in both, or give one of them another name",
            Self::Buckets | Self::Help => {
                "say it in the first block of a name alone: what others leave out is as it is there"
            }
        }
    }
}

fn label_names(rule: &Rule) -> String {
    let names: Vec<String> = rule.labels.iter().map(|label| format!("`{}`", label.name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

fn apart(earlier: &str, name: &str, span: Option<Range<usize>>) -> Result<(), Mistake> {
    if family(earlier) != family(name) {
        return Ok(());
    }
    let message = format!("`{earlier}` and `{name}` are one metric in OpenMetrics");
    let hint = "give one of them a name that differs in more than `_total`";
    Err(Mistake { span, fault: Fault::new(message, hint) })
}

fn priced_once<'a>(
    price: &Price,
    mut earlier: impl Iterator<Item = &'a Price>,
    places: Option<&PriceSpans>,
) -> Result<(), Mistake> {
    if !earlier.any(|other| (&other.server, &other.tool) == (&price.server, &price.tool)) {
        return Ok(());
    }
    let message = match (&price.server, &price.tool) {
        (Some(server), Some(tool)) => format!("two prices for `{tool}` of `{server}`"),
        (Some(server), None) => format!("two prices for all tools of `{server}`"),
        (None, Some(tool)) => format!("two prices for `{tool}` of any server"),
        (None, None) => "two prices for all calls".to_owned(),
    };
    let hint = "keep one of the two; one block may hold per_call, per_kilobyte and per_1k_tokens";
    let span = places.map(|places| places.block.clone());
    Err(Mistake { span, fault: Fault::new(message, hint) })
}
