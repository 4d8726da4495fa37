//! `GET /probe?target=NAME&module=mcp`: asks a configured server how it is, now, in `blackbox_exporter`'s manner and with its
//! names. No other server can be named: nobody probes a network through this one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body_util::Full;

use super::pages::{page, refusal};
use super::query::told;
use crate::observe::{ProbePhase, ProbeStatus};
use crate::probe::{Report, Watch};

/// Where it is asked for.
pub(super) const PATH: &str = "/probe";

const MODULE: &str = "mcp";

/// What Prometheus says of how long it waits.
const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// So much of it is left for the answer, as `blackbox_exporter` has it.
const FOR_THE_ANSWER: f64 = 0.5;

/// The answer: 200 with the page whatever came of the probe, 400 where nobody can be asked.
pub(super) async fn answer(watch: &Watch, query: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let known = || format!("known are: {}", watch.names().join(", "));
    if let Some(module) = told(query, "module").filter(|module| module != MODULE) {
        let error = format!("there is no module `{module}`");
        return refusal(StatusCode::BAD_REQUEST, &error, "the only one is `mcp`");
    }
    let Some(target) = told(query, "target").filter(|target| !target.is_empty()) else {
        let error = "`target` is missing: the name of a server";
        return refusal(StatusCode::BAD_REQUEST, error, &known());
    };
    let Some(report) = watch.probe(&target, within(headers)).await else {
        return refusal(StatusCode::BAD_REQUEST, "`target` is no server of this proxy", &known());
    };
    page(StatusCode::OK, super::pages::TEXT, exposition(&report))
}

/// How long a probe may take so that its answer is still waited for.
fn within(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(SCRAPE_TIMEOUT)?.to_str().ok()?.parse().ok()?;
    let left = if seconds > 2.0 * FOR_THE_ANSWER { seconds - FOR_THE_ANSWER } else { seconds / 2.0 };
    Duration::try_from_secs_f64(left).ok().filter(|left| !left.is_zero())
}

/// A page of gauges.
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, help: &str, series: &[(String, f64)]) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in series {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    fn one(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, help, &[(String::new(), value)]);
    }
}

fn exposition(report: &Arc<Report>) -> String {
    let mut page = Exposition(String::new());
    let flag = |is: bool| f64::from(u8::from(is));
    let seconds = |phase| report.phase(phase).unwrap_or_default().as_secs_f64();
    page.one(
        "probe_success",
        "Whether the server is well, as far as a probe can tell.",
        flag(report.is_healthy()),
    );
    page.one("probe_duration_seconds", "How long the probe took.", report.took.as_secs_f64());
    page.one("probe_dns_lookup_time_seconds", "How long the name took.", seconds(ProbePhase::Dns));
    if let Some(address) = report.address {
        let version = if address.is_ipv4() { 4.0 } else { 6.0 };
        page.one("probe_ip_protocol", "Whether the server was reached by IPv4 or IPv6.", version);
    }
    let status = f64::from(report.http_status.unwrap_or_default());
    page.one(
        "probe_http_status_code",
        "The last HTTP status; where something is wrong, the last one that was no success.",
        status,
    );
    if let Some(version) = report.http_version {
        let version = if version == "2.0" { 2.0 } else { 1.1 };
        page.one("probe_http_version", "The version of HTTP that was spoken.", version);
    }
    page.one("probe_http_ssl", "Whether TLS was spoken.", flag(report.phase(ProbePhase::Tls).is_some()));
    if let Some(expires) = report.expires {
        let help = "When the server's certificate ends, in unix seconds.";
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, long after the year 9999")]
        page.one("probe_ssl_earliest_cert_expiry", help, expires as f64);
    }
    let phase = |phase: &ProbePhase| (format!("{{phase=\"{}\"}}", phase.as_str()), seconds(*phase));
    let phases: Vec<_> = ProbePhase::ALL.iter().map(phase).collect();
    page.family("probe_mcp_phase_seconds", "How long each phase took; 0 where it was not come to.", &phases);
    let of = |status: &ProbeStatus| {
        (format!("{{status=\"{}\"}}", status.as_str()), flag(*status == report.status()))
    };
    let statuses: Vec<_> = ProbeStatus::ALL.iter().map(of).collect();
    page.family("probe_mcp_status", "How the probe went: 1 for one of them.", &statuses);
    if let Some(tools) = &report.tools {
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 tools")]
        page.one("probe_mcp_tools", "Tools that the server lists.", tools.len() as f64);
    }
    let wants = flag(report.wants_credentials);
    page.one(
        "probe_mcp_wants_credentials",
        "Whether it wants credentials that the probe does not have.",
        wants,
    );
    if let Some(server) = &report.server {
        let labels =
            format!("{{era=\"{}\",protocol_version=\"{}\"}}", server.era.as_str(), version(&server.version));
        page.family("probe_mcp_info", "How the server is spoken to; always 1.", &[(labels, 1.0)]);
    }
    page.0
}

/// A version is a label only where it is one that is known (`telemetry.md` §1, 3).
fn version(version: &str) -> &'static str {
    crate::observe::Version::parse(version).as_str()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_probe_is_over_before_the_scraper_gives_up() {
        let within = |seconds: &'static str| {
            let headers = HeaderMap::from_iter([(SCRAPE_TIMEOUT, HeaderValue::from_static(seconds))]);
            within(&headers).map(|within| within.as_secs_f64())
        };
        assert_eq!(within("10"), Some(9.5));
        assert_eq!(within("0.5"), Some(0.25));
        for nothing in ["", "soon", "-1", "0", "NaN", "inf"] {
            assert_eq!(within(nothing), None, "{nothing}");
        }
    }
}
