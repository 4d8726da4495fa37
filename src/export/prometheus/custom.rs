//! Custom metrics: a family for each name that the configuration gives one (`telemetry.md` §6).

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use metrics::Counter;

use super::grown::Grown;
use super::histogram::{Family, Histogram};
use super::sums::{Sum, Sums, Unit};
use super::{Prometheus, series};
use crate::config::{Config, Rule, RuleKind};
use crate::observe::Label;

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
    /// The series of each server.
    handles: Grown<Handles>,
}

/// By their labels' numbers. Copied with each new one, as all calls look at them and nearly none makes one.
type Handles = ArcSwap<HashMap<Box<[u32]>, Handle, foldhash::fast::RandomState>>;

/// So many are kept; when there are more, all are found by their names again.
const HANDLES_MAX: usize = 1024;

/// So many labels need no memory of their own to be looked up by.
const FEW: usize = 4;

/// A series that a rule feeds.
#[derive(Clone)]
enum Handle {
    Sum(Sum, RuleKind),
    Histogram(Histogram),
    Counter(Counter),
}

impl Handle {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "operations are counted one by one"
    )]
    fn take(&self, value: f64) {
        match self {
            Self::Sum(sum, RuleKind::Gauge) => sum.set(value),
            Self::Sum(sum, RuleKind::Counter | RuleKind::Histogram) => sum.add(value),
            Self::Histogram(histogram) => histogram.record(value),
            Self::Counter(counter) => counter.increment(value.round() as u64),
        }
    }
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
            customs.rules.push(OfRule { family, kind: rule.kind, labels, handles: Grown::default() });
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
    pub(super) fn custom(&self, server: usize, rule: usize, value: f64, values: &[Label]) {
        let Some(of_rule) = self.customs.rules.get(rule) else { return };
        let Some(handles) = of_rule.handles.get_or_make(server, Handles::default) else { return };
        let (mut few, mut many) = ([0; FEW], Vec::new());
        let numbers = if let Some(few) = few.get_mut(..values.len()) {
            few
        } else {
            many.resize(values.len(), 0);
            &mut many
        };
        for (number, value) in numbers.iter_mut().zip(values) {
            *number = value.number();
        }
        if let Some(handle) = handles.load().get(numbers) {
            handle.take(value);
            return;
        }
        let handle = self.handle(of_rule, server, values);
        handle.take(value);
        // Whoever makes one at the same time may be the only one to keep it: then this one is made again.
        let mut known = HashMap::clone(&handles.load());
        if known.len() >= HANDLES_MAX {
            known.clear();
        }
        known.insert((&*numbers).into(), handle);
        handles.store(Arc::new(known));
    }

    fn handle(&self, of_rule: &OfRule, server: usize, values: &[Label]) -> Handle {
        let of = self.server(Some(server));
        let values = values.iter().map(|value| value.as_str());
        let labels = of_rule.labels.iter().map(String::as_str).zip(values);
        let all = std::iter::once(("server", of.name.as_str())).chain(labels.clone());
        match of_rule.family.and_then(|family| self.customs.families.get(family)) {
            None => Handle::Counter(self.cache_operations(of, labels)),
            Some(Metric::Sums(sums)) => Handle::Sum(sums.handle(all), of_rule.kind),
            Some(Metric::Histograms(_, family)) => Handle::Histogram(family.handle(all)),
        }
    }

    /// What servers may say themselves.
    fn cache_operations<'a>(
        &self,
        of: &super::Server,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Counter {
        let (mut operation, mut result) = ("none", "none");
        for (name, value) in labels {
            match name {
                "operation" => operation = value,
                "result" => result = value,
                _ => {}
            }
        }
        let labels = [("operation", operation), ("result", result)];
        series::counter(&self.recorder, CACHE, &of.labelled(&labels))
    }
}
