//! What the demo prints: where to look, a line while it runs, the table at its end, and what disagrees.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use super::exposition::ToolMetrics;
use super::tally::Counts;

/// Where everything is.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// The console.
    pub(super) console: String,
    /// The MCP endpoint on the proxy.
    pub(super) proxy: String,
    /// The metrics page.
    pub(super) metrics: String,
    /// The MCP endpoint of the server itself.
    pub(super) server: String,
}

/// Said at the start.
pub(super) fn welcome(places: &Places, users: usize, duration: Option<Duration>) -> String {
    let end = match duration {
        Some(duration) => format!("{duration:?} and then a check"),
        None => "until Ctrl-C".to_owned(),
    };
    let width = places.metrics.len().max(places.proxy.len()).max(places.server.len());
    let mut text = format!(
        "\nsightglass demo: {users} simulated users call a small MCP server through the proxy, {end}.\n\n"
    );
    for (what, place, hint) in [
        ("console", &places.console, "open this in a browser"),
        ("proxy", &places.proxy, "point an MCP client of your own here"),
        ("metrics", &places.metrics, "watch the calls arrive here"),
        ("server", &places.server, "the same server without the proxy"),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {what:7}  {place:width$}  {hint}");
    }
    text.push('\n');
    text
}

/// One line of progress, without an end of line.
pub(super) fn progress(counts: &Counts, calls_before: u64, since: Duration, elapsed: Duration) -> String {
    let total = counts.total();
    let newer = u32::try_from(total.saturating_sub(calls_before)).unwrap_or(u32::MAX);
    let rate = f64::from(newer) / since.as_secs_f64().max(0.001);
    let mut line = format!(
        "  {:>4} s  {total:>6} calls  {rate:>5.1}/s  {:>4} errors",
        elapsed.as_secs(),
        counts.errors()
    );
    if counts.failures_total > 0 {
        let _ = write!(line, "  {} unexpected failures", counts.failures_total);
    }
    line
}

/// The table of tools: the proxy's numbers, beside them what the users measured themselves.
pub(super) fn table(counts: &Counts, metrics: &ToolMetrics) -> String {
    let tools: BTreeSet<&str> = metrics.calls.keys().map(|(tool, _)| tool.as_str()).collect();
    if tools.is_empty() {
        return "The proxy's metrics page names no tool.\n".to_owned();
    }
    let width = tools.iter().map(|tool| tool.chars().count()).max().unwrap_or_default().max("tool".len());
    let mut table = format!(
        "{:width$}  {:>6}  {:>6}  {:>16}  {:>16}\n{:width$}  {:>6}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}\n",
        "", "", "", "by the proxy", "by the users", "tool", "calls", "errors", "p50", "p95", "p50", "p95",
    );
    for tool in tools {
        let row = Row::of(tool, metrics);
        let proxy = |percent| time(metrics.quantile(tool, percent));
        let users = |percent| time(counts.quantile(tool, percent).map(|duration| duration.as_secs_f64()));
        let _ = writeln!(
            table,
            "{tool:width$}  {:>6}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}{}",
            row.calls,
            row.errors,
            proxy(50),
            proxy(95),
            users(50),
            users(95),
            row.remarks,
        );
    }
    table.push_str(
        "\nThe proxy's quantiles are interpolated in its histogram's buckets, the users' are exact.\n\
         _other stands for every name that the server never listed.\n",
    );
    table
}

/// In which numbers the page differs from what the users counted; empty when in none.
pub(super) fn disagreements(counts: &Counts, metrics: &ToolMetrics) -> Vec<String> {
    compared(counts, metrics)
        .into_iter()
        .filter(|(_, counted, shown)| counted != shown)
        .map(|((tool, outcome), counted, shown)| {
            format!("{tool}, {outcome}: the users counted {counted}, the metrics page says {shown}")
        })
        .collect()
}

/// Whether the page does not know yet of all that the users counted.
pub(super) fn is_behind(counts: &Counts, metrics: &ToolMetrics) -> bool {
    compared(counts, metrics).iter().any(|(_, counted, shown)| shown < counted)
}

/// The verdict of a self-check, a line for each thing that is wrong.
pub(super) fn verdict(counts: &Counts, wrong: &[String]) -> String {
    if wrong.is_empty() {
        return format!(
            "\nself-check passed: {} calls and {} errors, and the metrics page agrees on every one.\n",
            counts.total(),
            counts.errors(),
        );
    }
    format!("\nself-check failed:\n{}", lines(wrong))
}

/// What went wrong in a run that checks nothing; empty when nothing did.
pub(super) fn trouble(wrong: &[String]) -> String {
    if wrong.is_empty() { String::new() } else { format!("\nnot as it should be:\n{}", lines(wrong)) }
}

fn lines(lines: &[String]) -> String {
    lines.iter().flat_map(|line| ["  ", line, "\n"]).collect()
}

type ToolAndOutcome<'a> = (&'a str, &'a str);

/// Every tool and outcome that either side knows, with the users' count and the page's.
fn compared<'a>(counts: &Counts, metrics: &'a ToolMetrics) -> Vec<(ToolAndOutcome<'a>, u64, u64)> {
    let mut compared: BTreeMap<ToolAndOutcome<'a>, (u64, u64)> = BTreeMap::new();
    for ((tool, outcome), count) in &counts.calls {
        compared.entry((tool, outcome.label())).or_default().0 = *count;
    }
    for ((tool, outcome), count) in &metrics.calls {
        compared.entry((tool, outcome)).or_default().1 = *count;
    }
    compared.into_iter().map(|(key, (counted, shown))| (key, counted, shown)).collect()
}

struct Row {
    calls: u64,
    errors: u64,
    remarks: String,
}

impl Row {
    fn of(tool: &str, metrics: &ToolMetrics) -> Self {
        let mut row = Self { calls: 0, errors: 0, remarks: String::new() };
        for ((_, outcome), count) in metrics.calls.iter().filter(|((name, _), _)| name == tool) {
            row.calls += count;
            match outcome.as_str() {
                "ok" => continue,
                "cancelled" | "client_disconnect" | "input_required" | "task" | "refused"
                | "auth_challenge" => {}
                _ => row.errors += count,
            }
            let separator = if row.remarks.is_empty() { "  " } else { ", " };
            let _ = write!(row.remarks, "{separator}{count} {outcome}");
        }
        row
    }
}

fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.1 => format!("{:.1} ms", seconds * 1e3),
        Some(seconds) if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        Some(seconds) => format!("{seconds:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::{Outcome, Tally};
    use super::*;

    const PAGE: &str = r#"
mcp_tool_invocations_total{server="demo",tool_name="echo",outcome="ok"} 2
mcp_tool_invocations_total{server="demo",tool_name="book_table",outcome="ok"} 1
mcp_tool_invocations_total{server="demo",tool_name="book_table",outcome="input_required"} 1
mcp_tool_invocations_total{server="demo",tool_name="_other",outcome="jsonrpc_error"} 1
mcp_tool_duration_seconds_bucket{server="demo",tool_name="echo",outcome="ok",le="0.005"} 2
mcp_tool_duration_seconds_bucket{server="demo",tool_name="echo",outcome="ok",le="+Inf"} 2
mcp_tool_duration_seconds_bucket{server="demo",tool_name="book_table",outcome="ok",le="5"} 1
mcp_tool_duration_seconds_bucket{server="demo",tool_name="book_table",outcome="ok",le="+Inf"} 1
"#;

    fn counted() -> Counts {
        let tally = Tally::default();
        tally.call("echo", Outcome::Ok, Duration::from_micros(1234));
        tally.call("echo", Outcome::Ok, Duration::from_micros(2345));
        tally.call("book_table", Outcome::InputRequired, Duration::from_millis(3));
        tally.call("book_table", Outcome::Ok, Duration::from_millis(4));
        tally.call("_other", Outcome::JsonrpcError, Duration::from_millis(1));
        tally.counts()
    }

    #[test]
    fn the_table_shows_both_views() {
        insta::assert_snapshot!(table(&counted(), &ToolMetrics::read(PAGE, "demo")), @r"
                                    by the proxy      by the users
    tool         calls  errors      p50      p95      p50      p95
    _other           1       1        -        -   1.0 ms   1.0 ms  1 jsonrpc_error
    book_table       2       0   2.50 s   4.75 s   3.0 ms   4.0 ms  1 input_required
    echo             2       0   2.5 ms   4.8 ms   1.2 ms   2.3 ms

    The proxy's quantiles are interpolated in its histogram's buckets, the users' are exact.
    _other stands for every name that the server never listed.
    ");
    }

    #[test]
    fn equal_counts_agree() {
        assert!(disagreements(&counted(), &ToolMetrics::read(PAGE, "demo")).is_empty());
    }

    #[test]
    fn a_page_that_says_less_is_behind_and_one_that_says_more_is_not() {
        let less = PAGE.replace(r#"outcome="ok"} 2"#, r#"outcome="ok"} 1"#);
        let more = PAGE.replace(r#"outcome="ok"} 2"#, r#"outcome="ok"} 9"#);
        assert!(is_behind(&counted(), &ToolMetrics::read(&less, "demo")));
        assert!(!is_behind(&counted(), &ToolMetrics::read(&more, "demo")));
    }

    #[test]
    fn each_difference_is_said_in_both_directions() {
        let page = PAGE
            .replace(r#"outcome="ok"} 2"#, r#"outcome="ok"} 3"#)
            .replace(r#"outcome="jsonrpc_error"} 1"#, r#"outcome="tool_error"} 1"#);
        let wrong = disagreements(&counted(), &ToolMetrics::read(&page, "demo"));
        insta::assert_snapshot!(verdict(&counted(), &wrong), @r"

    self-check failed:
      _other, jsonrpc_error: the users counted 1, the metrics page says 0
      _other, tool_error: the users counted 0, the metrics page says 1
      echo, ok: the users counted 2, the metrics page says 3
    ");
    }

    #[test]
    fn a_page_without_tools_says_so() {
        let empty = ToolMetrics::read("", "demo");
        insta::assert_snapshot!(table(&counted(), &empty), @"The proxy's metrics page names no tool.");
        assert_eq!(disagreements(&counted(), &empty).len(), 4);
    }

    #[test]
    fn progress_is_one_line() {
        let line = progress(&counted(), 1, Duration::from_secs(2), Duration::from_secs(61));
        insta::assert_snapshot!(line, @"    61 s       5 calls    2.0/s     1 errors");
    }

    #[test]
    fn the_welcome_says_where_to_look() {
        let places = Places {
            console: "http://127.0.0.1:9464/".into(),
            proxy: "http://127.0.0.1:8080/mcp".into(),
            metrics: "http://127.0.0.1:9464/metrics".into(),
            server: "http://127.0.0.1:40001/mcp".into(),
        };
        insta::assert_snapshot!(welcome(&places, 6, Some(Duration::from_secs(10))), @r"

    sightglass demo: 6 simulated users call a small MCP server through the proxy, 10s and then a check.

      console  http://127.0.0.1:9464/         open this in a browser
      proxy    http://127.0.0.1:8080/mcp      point an MCP client of your own here
      metrics  http://127.0.0.1:9464/metrics  watch the calls arrive here
      server   http://127.0.0.1:40001/mcp     the same server without the proxy
    ");
    }
}
