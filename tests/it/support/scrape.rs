//! A page of `/metrics`, asked by name and labels.

use std::collections::BTreeMap;

/// A parsed page.
#[derive(Debug, Clone)]
pub(crate) struct Scrape {
    samples: Vec<Sample>,
}

#[derive(Debug, Clone)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// Samples of one name, narrowed by labels.
#[derive(Debug, Clone)]
pub(crate) struct Metric<'a> {
    name: String,
    labels: Vec<(String, String)>,
    scrape: &'a Scrape,
}

impl Scrape {
    /// Parses a page in the classic text format.
    pub(crate) fn of(page: &str) -> Self {
        Self {
            samples: page
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(sample)
                .collect(),
        }
    }

    /// The samples of this name.
    pub(crate) fn metric(&self, name: &str) -> Metric<'_> {
        Metric { name: name.to_owned(), labels: Vec::new(), scrape: self }
    }

    /// What is not zero of a metric: the sums by the values of these labels.
    pub(crate) fn sums(&self, name: &str, labels: &[&str]) -> BTreeMap<Vec<String>, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.name == name) {
            let values = labels.iter().map(|label| sample.labels[*label].clone()).collect();
            *sums.entry(values).or_default() += sample.value;
        }
        sums.retain(|_, sum| *sum != 0.0);
        sums
    }

    /// Every value of a label of a metric.
    pub(crate) fn values(&self, name: &str, label: &str) -> Vec<String> {
        let mut values: Vec<String> = self
            .samples
            .iter()
            .filter(|sample| sample.name == name)
            .filter_map(|sample| sample.labels.get(label).cloned())
            .collect();
        values.sort();
        values.dedup();
        values
    }
}

impl Metric<'_> {
    /// Only samples with this label.
    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The sum over all samples that match.
    pub(crate) fn sum(&self) -> f64 {
        self.scrape
            .samples
            .iter()
            .filter(|sample| {
                sample.name == self.name
                    && self.labels.iter().all(|(name, value)| sample.labels.get(name) == Some(value))
            })
            .map(|sample| sample.value)
            .sum()
    }

    /// Asserts the sum.
    #[track_caller]
    pub(crate) fn is(&self, expected: u32) {
        let sum = self.sum();
        assert!(
            (sum - f64::from(expected)).abs() < 1e-9,
            "{} {:?} is {sum}, not {expected}; there are {:#?}",
            self.name,
            self.labels,
            self.scrape.samples.iter().filter(|sample| sample.name == self.name).collect::<Vec<_>>()
        );
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = match series.split_once('{') {
        Some((name, labels)) => (name, parsed(labels.trim_end_matches('}'))),
        None => (series, BTreeMap::new()),
    };
    Sample { name: name.to_owned(), labels, value: value.parse().expect("a number") }
}

/// `a="1",b="2"`; the tests use no values with quotes or commas in them.
fn parsed(labels: &str) -> BTreeMap<String, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').expect("a label");
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    labels.split("\",").filter(|text| !text.is_empty()).map(pair).collect()
}
