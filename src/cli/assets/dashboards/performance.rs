//! What the proxy itself costs and holds.

use super::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "performance",
        title: "Performance",
        about: "The proxy's own share, streams and connections, what the process uses, and what telemetry was lost.",
        rows: vec![shares(), streams(), process(), telemetry()],
    }
}

fn quantiles(histogram: &str, matchers: &str) -> [String; 3] {
    ["0.5", "0.95", "0.99"].map(|share| {
        format!("histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{{{matchers}}}[$__rate_interval])))")
    })
}

fn latency(title: &str, histogram: &str) -> Panel {
    let [p50, p95, p99] = quantiles(histogram, "%s");
    Panel::lines(title, "s", &[(&p50, "p50"), (&p95, "p95"), (&p99, "p99")])
}

fn shares() -> Row {
    (
        "Shares of the time",
        vec![
            latency("The proxy itself", "mcp_proxy_overhead_seconds")
                .about("Request at hand → written to the server, plus answer at hand → handed to the client."),
            latency("The server's first byte", "mcp_upstream_first_byte_seconds"),
            latency("Connecting to the server", "mcp_upstream_connect_seconds"),
            latency("HTTP requests", "mcp_http_request_duration_seconds"),
            latency("Probes", "mcp_response_time_seconds"),
            Panel::lines(
                "Phases of probes",
                "s",
                &[("max by (server, phase) (mcp_probe_phase_seconds{%s})", "{{server}} {{phase}}")],
            )
            .about("Of the last probe."),
            Panel::lines(
                "Latency against throughput",
                "s",
                &[
                    (
                        "histogram_quantile(0.95, sum by (le) \
                         (rate(mcp_request_duration_seconds_bucket{%s, status=~\"success|error\"}[$__rate_interval])))",
                        "p95",
                    ),
                    ("sum(rate(mcp_requests_total{%s}[$__rate_interval])) / 1000", "thousand requests a second"),
                ],
            )
            .about("Do answers take longer when there is more to do?")
            .sized(24, 8),
        ],
    )
}

fn streams() -> Row {
    (
        "Streams and connections",
        vec![
            latency("A stream's first event", "mcp_stream_first_event_seconds"),
            Panel::lines(
                "Events",
                "cps",
                &[("sum by (kind) (rate(mcp_stream_events_total{%s}[$__rate_interval]))", "{{kind}}")],
            )
            .stacked(),
            Panel::lines("Open streams", "short", &[("sum by (kind) (mcp_active_streams{%s})", "{{kind}}")]),
            Panel::lines(
                "How long connections last",
                "s",
                &[(
                    "histogram_quantile(0.95, sum by (transport, le) \
                     (rate(mcp_connection_duration_seconds_bucket{%p}[$__rate_interval])))",
                    "{{transport}}",
                )],
            )
            .about("The 95th percentile."),
            Panel::lines(
                "How connections end",
                "cps",
                &[(
                    "sum by (disconnect_reason) (rate(mcp_connection_duration_seconds_count{%p}[$__rate_interval]))",
                    "{{disconnect_reason}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "Bytes",
                "Bps",
                &[
                    ("sum(rate(mcp_http_request_size_bytes_sum{%s}[$__rate_interval]))", "from clients"),
                    ("sum(rate(mcp_http_response_size_bytes_sum{%s}[$__rate_interval]))", "to clients"),
                ],
            ),
        ],
    )
}

fn process() -> Row {
    (
        "The process",
        vec![
            Panel::lines(
                "Processor",
                "percentunit",
                &[(
                    "rate(process_cpu_seconds_total{%p, job=\"sightglass\"}[$__rate_interval])",
                    "{{instance}}",
                )],
            )
            .about("1 is one core."),
            Panel::lines(
                "Memory",
                "bytes",
                &[
                    ("process_resident_memory_bytes{%p, job=\"sightglass\"}", "{{instance}}"),
                    ("mcp_proxy_limit_used{%p, limit=\"observe_bytes\"}", "observation, {{instance}}"),
                ],
            ),
            Panel::lines(
                "File descriptors",
                "short",
                &[("process_open_fds{%p, job=\"sightglass\"}", "{{instance}}")],
            ),
        ],
    )
}

fn telemetry() -> Row {
    (
        "Telemetry",
        vec![
            Panel::lines(
                "Waiting",
                "short",
                &[("sum by (queue_name) (mcp_queue_depth{%p})", "{{queue_name}}")],
            ),
            Panel::lines(
                "Dropped",
                "cps",
                &[(
                    "sum by (what, reason) (rate(mcp_proxy_dropped_total{%p}[$__rate_interval]))",
                    "{{what}} {{reason}}",
                )],
            ),
            Panel::lines(
                "Exports that failed",
                "cps",
                &[(
                    "sum by (exporter) (rate(mcp_proxy_telemetry_export_failures_total{%p}[$__rate_interval]))",
                    "{{exporter}}",
                )],
            ),
            Panel::lines(
                "Label values folded into _other",
                "cps",
                &[(
                    "sum by (label) (rate(mcp_proxy_label_overflow_total{%p}[$__rate_interval]))",
                    "{{label}}",
                )],
            ),
            Panel::lines(
                "Bodies not rewritten",
                "cps",
                &[(
                    "sum by (reason) (rate(mcp_proxy_not_rewritten_total{%p}[$__rate_interval]))",
                    "{{reason}}",
                )],
            ),
            Panel::table(
                "What runs",
                "short",
                &[
                    ("instance", "Instance"),
                    ("version", "Version"),
                    ("revision", "Revision"),
                    ("rustc", "Compiler"),
                ],
                &[("sum by (instance, version, revision, rustc) (mcp_proxy_build_info{%p})", "Processes")],
            ),
        ],
    )
}
