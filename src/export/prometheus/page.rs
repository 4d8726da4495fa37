//! The page of `/metrics`: in order, and with what only the process knows.

use crate::config::Limits;
use crate::observe::Usage;

/// Families by name, series by labels; a histogram's lines stay as they are.
///
/// # Why
/// The renderer walks hash maps. A page that keeps its order can be read, compared and tested.
pub(super) fn sorted(page: &str) -> String {
    let mut families: Vec<&str> =
        page.split("\n\n").map(str::trim).filter(|family| !family.is_empty()).collect();
    families.sort_unstable_by_key(|family| name(family));
    let mut out = String::with_capacity(page.len());
    for family in families {
        let (head, series): (Vec<&str>, Vec<&str>) = family.lines().partition(|line| line.starts_with('#'));
        let is_histogram =
            head.iter().any(|line| line.starts_with("# TYPE ") && line.ends_with(" histogram"));
        let mut groups = grouped(&series, is_histogram);
        groups.sort_unstable();
        for line in head.iter().chain(groups.iter().flatten()) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The lines of one histogram series stand together: up to and including its `_count`.
fn grouped<'a>(series: &[&'a str], is_histogram: bool) -> Vec<Vec<&'a str>> {
    if !is_histogram {
        return series.iter().map(|line| vec![*line]).collect();
    }
    let ends = |line: &&str| line.split(['{', ' ']).next().is_some_and(|name| name.ends_with("_count"));
    series.split_inclusive(ends).map(<[&str]>::to_vec).collect()
}

/// The family's name, from its `# TYPE` or `# HELP` line.
fn name(family: &str) -> &str {
    family.split(' ').nth(2).unwrap_or(family)
}

/// A limit: its name, the most there may be, how much there is.
pub(super) struct Limit {
    pub(super) name: &'static str,
    pub(super) most: Option<f64>,
    pub(super) used: f64,
}

/// The limits that tables have; connections and streams are counted where they are opened.
pub(super) fn limits(limits: &Limits, usage: Usage) -> Vec<Limit> {
    let table = |name, most: usize, used: usize| Limit { name, most: Some(number(most)), used: number(used) };
    let mut all = vec![
        table("sessions", limits.max_sessions, usage.sessions),
        table("open_calls", limits.max_open_calls, usage.open_calls),
        table("tasks", limits.max_tasks, usage.tasks),
        table("label_values", limits.max_label_values, usage.label_values),
        table("observe_bytes", limits.observe_bytes, usage.observe_bytes),
        Limit {
            name: "connections",
            most: limits.max_connections.map(number),
            used: number(usage.connections),
        },
        Limit { name: "streams", most: limits.max_streams.map(number), used: number(usage.streams) },
    ];
    all.extend(memory());
    all.extend(file_descriptors());
    all
}

/// The cgroup's memory (version 2); absent outside one.
fn memory() -> Option<Limit> {
    let read = |file| std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok();
    Some(Limit { name: "memory_bytes", most: read("memory.max"), used: read("memory.current")? })
}

fn file_descriptors() -> Option<Limit> {
    let process = metrics_process::collector::collect();
    let used = process.open_fds?;
    Some(Limit {
        name: "file_descriptors",
        most: process.max_fds.map(super::as_f64),
        used: super::as_f64(used),
    })
}

fn number(number: usize) -> f64 {
    super::as_f64(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_series_stand_in_order_and_histograms_stay_whole() {
        let page = "# TYPE b counter\nb{x=\"2\"} 1\nb{x=\"1\"} 1\n\n# TYPE a histogram\n\
                    a_bucket{x=\"2\",le=\"1\"} 0\na_bucket{x=\"2\",le=\"+Inf\"} 1\na_sum{x=\"2\"} 3\na_count{x=\"2\"} 1\n\
                    a_bucket{x=\"1\",le=\"1\"} 0\na_bucket{x=\"1\",le=\"+Inf\"} 1\na_sum{x=\"1\"} 3\na_count{x=\"1\"} 1\n\n";
        insta::assert_snapshot!(sorted(page), @r#"
        # TYPE a histogram
        a_bucket{x="1",le="1"} 0
        a_bucket{x="1",le="+Inf"} 1
        a_sum{x="1"} 3
        a_count{x="1"} 1
        a_bucket{x="2",le="1"} 0
        a_bucket{x="2",le="+Inf"} 1
        a_sum{x="2"} 3
        a_count{x="2"} 1
        # TYPE b counter
        b{x="1"} 1
        b{x="2"} 1
        "#);
    }
}
