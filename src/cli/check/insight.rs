//! What a configuration says of callers, payloads and prices, for people.

use std::fmt::Display;

use crate::config::{
    Config, Drift, Identity, LabelSource, Price, Rule, RuleLabel, TokenCounter, Tokens, When,
};

/// Lines about who calls, what is counted of payloads, and what calls cost; what is not configured has none.
pub(super) fn describe(config: &Config) -> Vec<String> {
    let mut lines = identity(&config.identity);
    lines.push(tokens(config.tokens));
    lines.extend(drift(&config.drift));
    let metrics = config.rules.iter().map(rule);
    let prices = config.prices.iter().map(price);
    for block in [metrics.collect::<Vec<_>>(), prices.collect()].into_iter().filter(|block| !block.is_empty())
    {
        lines.push(String::new());
        lines.extend(block);
    }
    lines
}

fn identity(identity: &Identity) -> Vec<String> {
    let Identity { user, tier, session, clients } = identity;
    let mut lines = Vec::new();
    lines.extend(user.iter().map(|source| format!("user    {source}, told as a keyed hash")));
    lines.extend(
        tier.iter()
            .map(|tier| format!("tier    {}: {}; others are _other", tier.source, tier.allowed.join(", "))),
    );
    if !session.is_empty() {
        lines.push(format!("session {}", joined(session, ", else ")));
    }
    if !clients.is_empty() {
        lines.push(format!("clients {} always have a label value", clients.join(", ")));
    }
    lines
}

fn tokens(tokens: Tokens) -> String {
    let counter = match tokens.counter {
        TokenCounter::Estimate => "estimated: one for every four bytes",
        TokenCounter::O200k => "counted with o200k",
    };
    format!("tokens  {counter}")
}

fn drift(drift: &Drift) -> Option<String> {
    drift.state.as_ref().map(|path| format!("drift   tools are remembered in {}", path.display()))
}

/// `metric  NAME (type): VALUE when …; by …`.
fn rule(rule: &Rule) -> String {
    let value = match (&rule.value, rule.scale) {
        (Some(pointer), 1.0) => pointer.clone(),
        (Some(pointer), scale) => format!("{pointer} times {scale}"),
        (None, scale) => scale.to_string(),
    };
    let labels = if rule.labels.is_empty() {
        String::new()
    } else {
        format!("; by {}", rule.labels.iter().map(label).collect::<Vec<_>>().join(", "))
    };
    format!("metric  {} ({}): {value} {}{labels}", rule.name, rule.kind.as_str(), when(&rule.when))
}

fn when(when: &When) -> String {
    let When { servers, methods, tools, outcomes } = when;
    let all = [("server", servers), ("method", methods), ("tool", tools), ("outcome", outcomes)];
    let conditions: Vec<String> = all
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(what, words)| format!("{what} is {}", joined(words, " or ")))
        .collect();
    if conditions.is_empty() {
        "for every call".to_owned()
    } else {
        format!("when {}", conditions.join(", "))
    }
}

fn label(label: &RuleLabel) -> String {
    match &label.source {
        LabelSource::Pointer { pointer, allowed } => {
            format!("{} ({pointer}, {} values)", label.name, allowed.len())
        }
        LabelSource::Fact(fact) if fact.as_str() == label.name => label.name.clone(),
        LabelSource::Fact(fact) => format!("{} ({})", label.name, fact.as_str()),
    }
}

/// `price   WHAT: AMOUNTS`.
fn price(price: &Price) -> String {
    let what = match (&price.server, &price.tool) {
        (Some(server), Some(tool)) => format!("{tool} of {server}"),
        (Some(server), None) => format!("every tool of {server}"),
        (None, Some(tool)) => format!("{tool} of any server"),
        (None, None) => "every tool".to_owned(),
    };
    let amounts = [
        (price.per_call, "a call"),
        (price.per_kilobyte, "for 1000 bytes"),
        (price.per_1k_tokens, "for 1000 tokens"),
    ];
    let amounts = amounts.into_iter().filter(|(amount, _)| *amount > 0.0);
    let amounts: Vec<String> = amounts.map(|(amount, unit)| format!("{amount} USD {unit}")).collect();
    format!("price   {what}: {}", amounts.join(", "))
}

fn joined(items: &[impl Display], between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}
