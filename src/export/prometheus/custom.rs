//! Custom metrics: a family for each name that the configuration gives one (`telemetry.md` §6).

use std::collections::HashMap;

use super::histogram::{Family, Histogram};
use super::sums::{Sums, Unit};
use super::{Prometheus, series};
use crate::config::{Config, Rule, RuleKind};

/// Which built-in metric a rule may feed, too.
const CACHE: &str = "mcp_cache_operations_total";

/// The rules' metrics.
pub(super) struct Customs {
    /// Of each rule, in their order.
    rules: Vec<OfRule>,
    families: Vec<Metric>,
}

struct OfRule {
    /// Its place among the families; `None` = a built-in one.
    family: Option<usize>,
    kind: RuleKind,
    labels: Vec<String>,
}

enum Metric {
    Sums(Sums),
    Histograms(String, Family),
}

impl Customs {
    /// None counted yet.
    pub(super) fn new(config: &Config) -> Self {
        let mut customs = Self { rules: Vec::new(), families: Vec::new() };
        let mut places = HashMap::new();
        for rule in &config.rules {
            let family = (rule.name != CACHE).then(|| {
                *places.entry(rule.name.as_str()).or_insert_with(|| {
                    customs.families.push(Metric::of(rule));
                    customs.families.len() - 1
                })
            });
            let labels = rule.labels.iter().map(|label| label.name.clone()).collect();
            customs.rules.push(OfRule { family, kind: rule.kind, labels });
        }
        customs
    }

    /// Each metric that was ever counted, as the page writes it.
    pub(super) fn page(&self) -> impl Iterator<Item = (String, String)> {
        self.families.iter().filter_map(|metric| match metric {
            Metric::Sums(sums) => sums.page(),
            Metric::Histograms(name, family) => Some((name.clone(), family.page(name)?)),
        })
    }
}

impl Metric {
    fn of(rule: &Rule) -> Self {
        let sums = |kind| Self::Sums(Sums::new(&rule.name, kind, &rule.help, Unit::Float));
        match rule.kind {
            RuleKind::Counter => sums("counter"),
            RuleKind::Gauge => sums("gauge"),
            RuleKind::Histogram => {
                Self::Histograms(rule.name.clone(), Family::new(rule.help.clone(), rule.buckets.clone()))
            }
        }
    }
}

impl Prometheus {
    /// A rule counts a call.
    pub(super) fn custom(&self, server: usize, rule: usize, value: f64, values: &[String]) {
        let Some(of_rule) = self.customs.rules.get(rule) else { return };
        let of = self.server(Some(server));
        let labels = of_rule.labels.iter().map(String::as_str).zip(values.iter().map(String::as_str));
        let labels = || std::iter::once(("server", of.name.as_str())).chain(labels.clone());
        let family = of_rule.family.and_then(|family| self.customs.families.get(family));
        match (family, of_rule.kind) {
            (None, _) => self.cache_operations(of, labels(), value),
            (Some(Metric::Sums(sums)), RuleKind::Gauge) => sums.handle(labels()).set(value),
            (Some(Metric::Sums(sums)), _) => sums.handle(labels()).add(value),
            (Some(Metric::Histograms(_, family)), _) => Histogram::record(&family.handle(labels()), value),
        }
    }

    /// A rule counts what servers may say themselves.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "operations are counted one by one"
    )]
    fn cache_operations<'a>(
        &self,
        of: &super::Server,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        let (mut operation, mut result) = ("none", "none");
        for (name, value) in labels {
            match name {
                "operation" => operation = value,
                "result" => result = value,
                _ => {}
            }
        }
        let labels = [("operation", operation), ("result", result)];
        series::counter(&self.recorder, CACHE, &of.labelled(&labels)).increment(value.round() as u64);
    }
}
