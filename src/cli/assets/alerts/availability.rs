//! Whether servers and the proxy are there.

use super::Priority::{P0, P1, P2};
use super::Severity::{Critical, Warning};
use super::{Alert, Thresholds};

pub(super) fn alerts(thresholds: &Thresholds) -> Vec<Alert> {
    let mut alerts = vec![server_down()];
    alerts.extend(proxy_down());
    alerts.extend(consecutive_failures(thresholds));
    alerts.push(health_score(thresholds));
    alerts.push(circuit_open());
    alerts.extend(certificates(thresholds));
    alerts.push(no_traffic());
    alerts
}

fn server_down() -> Alert {
    Alert {
        name: "McpServerDown",
        expression: "min by (server) (mcp_server_availability) == 0\nor\n\
             min by (server) (up{job=\"mcp-server\"}) == 0"
            .to_owned(),
        wait: "2m",
        severity: Critical,
        priority: P0,
        component: "server",
        by: &["server"],
        summary: "MCP server {{ $labels.server }} is down (availability {{ $value }})",
        description: "It answers neither probes nor calls: every client of it fails.",
        board: "overview",
        labels: &[],
    }
}

/// While another replica is up its servers are still watched: only without any is nothing else worth telling.
fn proxy_down() -> [Alert; 2] {
    let alert = |expression: &str, description, labels| Alert {
        name: "McpProxyDown",
        expression: expression.to_owned(),
        wait: "1m",
        severity: Critical,
        priority: P0,
        component: "proxy",
        by: &["instance"],
        summary: "sightglass {{ $labels.instance }} cannot be scraped (up is {{ $value }})",
        description,
        board: "performance",
        labels,
    };
    [
        alert(
            "up{job=\"sightglass\"} == 0 unless on () (sum(up{job=\"sightglass\"}) > 0)",
            "No proxy is left: no MCP traffic passes, and nothing is known of the servers behind it.",
            &[("outage", "total")],
        ),
        alert(
            "up{job=\"sightglass\"} == 0 and on () (sum(up{job=\"sightglass\"}) > 0)",
            "Other replicas are up and carry what this one carried.",
            &[("outage", "partial")],
        ),
    ]
}

fn consecutive_failures(thresholds: &Thresholds) -> [Alert; 2] {
    let alert = |most, severity, priority| Alert {
        name: "McpConsecutiveFailures",
        expression: format!("max by (server) (mcp_consecutive_failures) >= {most}"),
        wait: "1m",
        severity,
        priority,
        component: "server",
        by: &["server"],
        summary: "{{ $labels.server }} failed {{ $value | humanize }} times in a row",
        description: "Probes or calls of this server fail one after the other.",
        board: "overview",
        labels: &[],
    };
    [
        alert(thresholds.consecutive_failures, Critical, P0),
        alert(thresholds.consecutive_failures_warning, Warning, P1),
    ]
}

fn health_score(thresholds: &Thresholds) -> Alert {
    Alert {
        name: "McpHealthScoreLow",
        expression: format!("min(mcp_health_score) < {}", thresholds.health_score),
        wait: "5m",
        severity: Warning,
        priority: P1,
        component: "server",
        by: &[],
        summary: "Only {{ $value | humanizePercentage }} of the MCP servers are healthy",
        description: "At least one server behind the proxy does not answer.",
        board: "overview",
        labels: &[],
    }
}

fn circuit_open() -> Alert {
    Alert {
        name: "McpCircuitOpen",
        expression: "max by (server) (\n  label_replace(mcp_circuit_breaker_open, \"server\", \"$1\", \"dependency\", \
                     \"(.*)\")\n) == 1"
            .to_owned(),
        wait: "0m",
        severity: Critical,
        priority: P0,
        component: "server",
        by: &["server"],
        summary: "The circuit of {{ $labels.server }} is open ({{ $value }})",
        description: "The server failed too often: its calls are refused until a trial succeeds.",
        board: "errors",
        labels: &[],
    }
}

fn certificates(thresholds: &Thresholds) -> [Alert; 2] {
    let alert = |days, severity| Alert {
        name: "McpCertificateExpiry",
        expression: format!(
            "(min by (server) (mcp_upstream_cert_expiry_timestamp_seconds) - time()) / 86400 < {days}\nor\n\
             (min by (listener) (mcp_listener_cert_expiry_timestamp_seconds) - time()) / 86400 < {days}"
        ),
        wait: "1h",
        severity,
        priority: P2,
        component: "certificate",
        by: &["server", "listener"],
        summary: "A certificate of {{ or $labels.server $labels.listener }} ends in {{ $value | humanize }} days",
        description: "Afterwards nobody can connect who checks it. It is picked up without a restart once renewed.",
        board: "overview",
        labels: &[],
    };
    [alert(thresholds.certificate_days_critical, Critical), alert(thresholds.certificate_days, Warning)]
}

/// Series of a server that got no call since a restart do not exist: `unless` takes that for none, too.
fn no_traffic() -> Alert {
    Alert {
        name: "McpNoTraffic",
        expression: "sum by (server) (rate(mcp_requests_total[15m] offset 1h)) > 0\nunless\n\
             sum by (server) (rate(mcp_requests_total[15m])) > 0"
            .to_owned(),
        wait: "15m",
        severity: Warning,
        priority: P1,
        component: "traffic",
        by: &["server"],
        summary: "{{ $labels.server }} gets no requests; an hour ago it was {{ $value | humanize }} a second",
        description: "Clients have gone or cannot reach the proxy.",
        board: "overview",
        labels: &[],
    }
}
