//! The page of `/metrics`: in order, and with what only the process knows.

use std::collections::HashSet;

use crate::config::Limits;
use crate::observe::Usage;

/// Families by name, series by labels; those of `own`, by their names, are in order already.
///
/// # Why
/// The renderer walks hash maps. A page that keeps its order can be read, compared and tested.
pub(super) fn sorted(page: &str, own: &[(String, String)]) -> String {
    let rendered = page.split("\n\n").map(str::trim).filter(|family| !family.is_empty());
    let rendered = rendered.map(|family| (name(family), family, false));
    let whole = own.iter().map(|(name, family)| (name.as_str(), family.as_str(), true));
    let mut families: Vec<(&str, &str, bool)> = rendered.chain(whole).collect();
    families.sort_unstable_by_key(|(name, ..)| *name);
    let mut out = String::with_capacity(families.iter().map(|(_, family, _)| family.len() + 1).sum());
    for (_, family, is_in_order) in families {
        if is_in_order {
            out.push_str(family);
            continue;
        }
        let (head, mut series): (Vec<&str>, Vec<&str>) =
            family.lines().partition(|line| line.starts_with('#'));
        series.sort_unstable();
        for line in head.iter().chain(&series) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The page without the series of servers of these names, and without families that have no other.
pub(super) fn without(page: &str, gone: &HashSet<String>) -> String {
    let mut out = String::with_capacity(page.len());
    let mut head: Vec<&str> = Vec::new();
    for line in page.lines() {
        if line.starts_with('#') {
            if line.starts_with("# HELP") || head.len() > 1 {
                head.clear();
            }
            head.push(line);
        } else if !server(line).is_some_and(|name| gone.contains(name)) {
            for line in head.drain(..).chain([line]) {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

/// The server that a series is of. Names of servers need no escapes.
fn server(series: &str) -> Option<&str> {
    let (_, labels) = series.split_once('{')?;
    let value = |name: &str| {
        let begins =
            |at: usize| labels.get(..at).is_some_and(|before| before.is_empty() || before.ends_with(','));
        let (at, _) = labels.match_indices(name).find(|(at, _)| begins(*at))?;
        labels.get(at + name.len()..)?.split('"').next()
    };
    value("server=\"").or_else(|| value("dependency=\""))
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
    fn families_and_series_stand_in_order_and_histograms_stay_as_they_are() {
        let page = "# TYPE c counter\nc{x=\"2\"} 1\nc{x=\"1\"} 1\n\n# TYPE a gauge\na 2\n\n";
        let histogram = "# TYPE b histogram\nb_bucket{x=\"1\",le=\"2\"} 0\nb_bucket{x=\"1\",le=\"+Inf\"} 1\n";
        insta::assert_snapshot!(sorted(page, &[("b".to_owned(), histogram.to_owned())]), @r#"
        # TYPE a gauge
        a 2
        # TYPE b histogram
        b_bucket{x="1",le="2"} 0
        b_bucket{x="1",le="+Inf"} 1
        # TYPE c counter
        c{x="1"} 1
        c{x="2"} 1
        "#);
    }
}
