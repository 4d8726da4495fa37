//! The proxy's `/metrics` page, read back: only what the demo's table needs of the Prometheus text format.

use std::collections::BTreeMap;

const CALLS: &str = "mcp_tool_invocations_total";
const DURATIONS: &str = "mcp_tool_duration_seconds_bucket";

/// What the page says about the tools of one server.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct ToolMetrics {
    /// Calls by tool and outcome; the other labels are added up.
    pub(super) calls: BTreeMap<(String, String), u64>,
    durations: BTreeMap<String, Vec<Bucket>>,
}

/// How many calls took at most so many seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    seconds_max: f64,
    count: f64,
}

impl ToolMetrics {
    /// Reads a page. What is not a sample of the two families, or of another server, is passed over.
    pub(super) fn read(page: &str, server: &str) -> Self {
        let mut metrics = Self::default();
        for line in page.lines() {
            if let Some(sample) = Sample::read(line)
                && sample.label("server") == Some(server)
            {
                metrics.add(&sample);
            }
        }
        for buckets in metrics.durations.values_mut() {
            buckets.sort_by(|one, other| one.seconds_max.total_cmp(&other.seconds_max));
        }
        metrics
    }

    /// The seconds that `percent` of a tool's calls did not exceed, interpolated within its bucket as
    /// Prometheus' `histogram_quantile` does; cancelled calls are left out. `None` without any.
    pub(super) fn quantile(&self, tool: &str, percent: u8) -> Option<f64> {
        let buckets = self.durations.get(tool)?;
        let total = buckets.last()?.count;
        if total <= 0.0 {
            return None;
        }
        let rank = f64::from(percent) / 100.0 * total;
        let index = buckets.iter().position(|bucket| bucket.count >= rank)?;
        let bucket = buckets.get(index)?;
        let below = index.checked_sub(1).and_then(|index| buckets.get(index));
        let (low, before) = below.map_or((0.0, 0.0), |bucket| (bucket.seconds_max, bucket.count));
        if bucket.seconds_max.is_infinite() {
            return Some(low);
        }
        let within = if bucket.count > before { (rank - before) / (bucket.count - before) } else { 1.0 };
        Some(low + (bucket.seconds_max - low) * within)
    }

    fn add(&mut self, sample: &Sample) {
        let (Some(tool), Some(outcome)) = (sample.label("tool_name"), sample.label("outcome")) else {
            return;
        };
        match sample.name.as_str() {
            CALLS => *self.calls.entry((tool.to_owned(), outcome.to_owned())).or_default() += sample.whole(),
            DURATIONS if outcome != "cancelled" => {
                let Some(seconds_max) = sample.label("le").and_then(number) else { return };
                let buckets = self.durations.entry(tool.to_owned()).or_default();
                match buckets.iter_mut().find(|bucket| bucket.seconds_max.total_cmp(&seconds_max).is_eq()) {
                    Some(bucket) => bucket.count += sample.value,
                    None => buckets.push(Bucket { seconds_max, count: sample.value }),
                }
            }
            _ => {}
        }
    }
}

/// One line: `name{label="value",…} value`, with or without a timestamp or an exemplar behind.
#[derive(Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Sample {
    /// `None` for comments, empty lines, samples without labels and what cannot be read.
    fn read(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once('{')?;
        if name.starts_with('#') {
            return None;
        }
        let mut labels = Vec::new();
        let mut rest = rest.trim_start();
        loop {
            if let Some(after) = rest.strip_prefix('}') {
                let value = after.split_ascii_whitespace().next().and_then(number)?;
                return Some(Self { name: name.trim().to_owned(), labels, value });
            }
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = unquoted(after)?;
            labels.push((label.trim().to_owned(), value));
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value.as_str())
    }

    /// The value as a count; what is no count is none.
    fn whole(&self) -> u64 {
        if self.value.is_finite() && self.value >= 0.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a counter of calls, checked to be neither negative nor infinite"
            )]
            let whole = self.value as u64;
            return whole;
        }
        0
    }
}

/// The value up to its closing quote, escapes undone, and what follows the quote.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => match rest.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

/// A number of the text format; Rust reads `+Inf` and `NaN` as they stand.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP mcp_tool_invocations_total every `tools/call`
# TYPE mcp_tool_invocations_total counter
mcp_tool_invocations_total{server="demo",tool_name="echo",status="success",outcome="ok",user_tier="none"} 7
mcp_tool_invocations_total{server="demo",tool_name="echo",status="success",outcome="ok",user_tier="pro"} 3
mcp_tool_invocations_total{server="other",tool_name="echo",status="success",outcome="ok",user_tier="none"} 99
mcp_tool_invocations_total{server="demo",tool_name="flaky",status="error",outcome="tool_error",user_tier="none"} 2 1700000000
mcp_tool_duration_seconds_bucket{server="demo",tool_name="echo",status="success",outcome="ok",le="0.01"} 9
mcp_tool_duration_seconds_bucket{server="demo",tool_name="echo",status="success",outcome="ok",le="0.005"} 5
mcp_tool_duration_seconds_bucket{server="demo",tool_name="echo",status="success",outcome="ok",le="+Inf"} 10 # {trace_id="x"} 1
mcp_tool_duration_seconds_bucket{server="demo",tool_name="echo",status="cancelled",outcome="cancelled",le="+Inf"} 50
process_cpu_seconds_total 1.5
"#;

    #[test]
    fn a_page_is_added_up_for_one_server() {
        let metrics = ToolMetrics::read(PAGE, "demo");
        let calls: Vec<_> = metrics.calls.into_iter().collect();
        let expected = [(("echo".into(), "ok".into()), 10), (("flaky".into(), "tool_error".into()), 2)];
        assert_eq!(calls, expected);
    }

    #[test]
    fn quantiles_are_interpolated_within_their_bucket() {
        let metrics = ToolMetrics::read(PAGE, "demo");
        let near = |percent: u8, seconds: f64| {
            let quantile = metrics.quantile("echo", percent).unwrap();
            assert!((quantile - seconds).abs() < 1e-9, "{percent}: {quantile}");
        };
        near(25, 0.0025);
        near(50, 0.005);
        near(70, 0.0075);
        near(99, 0.01);
        assert_eq!(metrics.quantile("flaky", 50), None);
    }

    #[test]
    fn escapes_commas_and_braces_in_a_label_are_part_of_it() {
        let sample = Sample::read(r#"m{a="x\"},{\\ \n",b="é" , } 2.5e3"#).unwrap();
        assert_eq!(sample.label("a"), Some("x\"},{\\ \n"));
        assert_eq!(sample.label("b"), Some("é"));
        assert_eq!(sample.whole(), 2500);
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for line in
            ["", "#{", "m 1", "m{", "m{a", "m{a=\"", "m{a=\"b\\", "m{a=\"b\"}", "m{a=\"b\"} x", "m{,} 1"]
        {
            assert_eq!(Sample::read(line), None, "{line}");
        }
        assert_eq!(Sample::read("m{} NaN").unwrap().whole(), 0);
        assert_eq!(Sample::read("m{} +Inf").unwrap().whole(), 0);
    }
}
