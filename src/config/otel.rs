//! The `OTEL_*` variables: what OpenTelemetry's own names for settings say, where neither the command line nor the file
//! says something. As its specification asks, a value that cannot be read is ignored with a warning: such variables are
//! often set for a whole machine, and no program may fail for them.

use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::error::Fault;
use super::raw::{Compression, Endpoint, HeaderName, HeaderValue, Ratio, Written};
use super::substitute::Environment;
use super::{OtlpProtocol, Secret, Url};

/// What is exported on its own account: the part of a variable's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// What the variables say; `None` = nothing that can be read.
#[derive(Debug, Default)]
pub(super) struct Otel {
    /// `OTEL_SDK_DISABLED`: nothing is exported.
    pub(super) disabled: bool,
    /// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, `service.name` apart.
    pub(super) service_name: Option<String>,
    pub(super) attributes: Vec<(String, String)>,
    /// `OTEL_TRACES_SAMPLER`: the ratio, and whether a parent's flag decides.
    pub(super) sampler: Option<(f64, bool)>,
    pub(super) traces: SignalSettings,
    pub(super) metrics: SignalSettings,
    pub(super) logs: SignalSettings,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, under which every signal has its path.
    pub(super) endpoint: Option<Url>,
    /// How all signals are sent, and what is said of traces alone.
    general: Transfer,
    of_traces: Transfer,
    /// Names of PEM files, relative to where the program runs.
    pub(super) certificate: Option<String>,
    pub(super) client_certificate: Option<String>,
    pub(super) client_key: Option<String>,
    /// What was ignored, a sentence each.
    pub(super) warnings: Vec<String>,
}

/// How signals are sent.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    pub(super) protocol: Option<OtlpProtocol>,
    pub(super) headers: Option<Vec<(String, Secret)>>,
    /// Whether compression is gzip.
    pub(super) gzip: Option<bool>,
    pub(super) timeout: Option<Duration>,
}

/// What the variables say of one signal.
#[derive(Debug, Default)]
pub(super) struct SignalSettings {
    /// `OTEL_…_EXPORTER`: whether it is `otlp`.
    pub(super) wanted: Option<bool>,
    /// `OTEL_EXPORTER_OTLP_…_ENDPOINT`, used as it is.
    pub(super) endpoint: Option<Url>,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
            Self::Logs => "LOGS",
        }
    }

    /// Where the signal is sent, below a base endpoint (OTLP, "Endpoint URLs for OTLP/HTTP").
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
            Self::Logs => "v1/logs",
        }
    }
}

impl Otel {
    /// What `environment` holds.
    pub(super) fn read(environment: Environment<'_>) -> Self {
        let mut reader = Reader { environment, warnings: Vec::new() };
        let mut attributes = reader.list("OTEL_RESOURCE_ATTRIBUTES", attribute).unwrap_or_default();
        let named = attributes.iter().position(|(key, _)| key == SERVICE_NAME);
        let named = named.map(|at| attributes.remove(at).1);
        attributes.retain(|(key, _)| key != SERVICE_NAME);
        Self {
            disabled: reader.is_true("OTEL_SDK_DISABLED"),
            service_name: reader.text("OTEL_SERVICE_NAME").or(named),
            attributes,
            sampler: reader.sampler(),
            traces: reader.signal(Signal::Traces),
            metrics: reader.signal(Signal::Metrics),
            logs: reader.signal(Signal::Logs),
            endpoint: reader.value("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            general: reader.transfer(GENERAL),
            of_traces: reader.transfer(OF_TRACES),
            certificate: reader.text("OTEL_EXPORTER_OTLP_CERTIFICATE"),
            client_certificate: reader.text("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
            client_key: reader.text("OTEL_EXPORTER_OTLP_CLIENT_KEY"),
            warnings: reader.warnings,
        }
    }

    /// How signals are sent. What is said of traces alone wins where nothing but traces is exported, else it is ignored.
    ///
    /// # Why
    /// One exporter serves all signals. What is meant for the receiver of traces, a token above all, must not reach
    /// that of metrics.
    pub(super) fn transfer(&mut self, only_traces: bool) -> Transfer {
        let (general, own) = (std::mem::take(&mut self.general), std::mem::take(&mut self.of_traces));
        if only_traces {
            return Transfer {
                protocol: own.protocol.or(general.protocol),
                headers: own.headers.or(general.headers),
                gzip: own.gzip.or(general.gzip),
                timeout: own.timeout.or(general.timeout),
            };
        }
        let set = [
            (PROTOCOL, own.protocol.is_some()),
            (HEADERS, own.headers.is_some()),
            (COMPRESSION, own.gzip.is_some()),
            (TIMEOUT, own.timeout.is_some()),
        ];
        for (name, _) in set.iter().filter(|(_, is_set)| *is_set) {
            self.warnings.push(format!(
                "{OF_TRACES}{name} is ignored: metrics or log lines are exported, too (set {GENERAL}{name} for all of them)"
            ));
        }
        general
    }

    /// What the variables say of `signal`.
    pub(super) fn of(&self, signal: Signal) -> &SignalSettings {
        match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        }
    }

    /// `service.name` first, then the other attributes.
    pub(super) fn resource(&self, default: Vec<(String, String)>) -> Vec<(String, String)> {
        let name = self.service_name.clone().map(|name| (SERVICE_NAME.to_owned(), name));
        let first: Vec<_> = name.map_or(default, |name| vec![name]);
        first.into_iter().chain(self.attributes.iter().cloned()).collect()
    }
}

const SERVICE_NAME: &str = "service.name";
const GENERAL: &str = "OTEL_EXPORTER_OTLP_";
const OF_TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_";
const PROTOCOL: &str = "PROTOCOL";
const HEADERS: &str = "HEADERS";
const COMPRESSION: &str = "COMPRESSION";
const TIMEOUT: &str = "TIMEOUT";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// Reads variables and notes what it cannot read. No warning repeats a value: it may be a secret.
struct Reader<'a> {
    environment: Environment<'a>,
    warnings: Vec<String>,
}

impl Reader<'_> {
    /// A variable that is set but empty says nothing.
    fn text(&self, name: &str) -> Option<String> {
        (self.environment)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn value<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, Fault>) -> Option<T> {
        let read = read(&self.text(name)?);
        read.map_err(|fault| self.ignore(name, &fault)).ok()
    }

    /// `key=value` pairs between commas; the bad ones are left out.
    fn list<T>(&mut self, name: &str, read: impl Fn(&str, &str) -> Result<T, Fault>) -> Option<Vec<T>> {
        let text = self.text(name)?;
        let mut all = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let pair = if pair.contains('=') { read(key.trim(), value.trim()) } else { Err(no_pair()) };
            match pair {
                Ok(pair) => all.push(pair),
                Err(fault) => self.warnings.push(format!("a pair of {name} is ignored: {}", said(&fault))),
            }
        }
        Some(all)
    }

    fn is_true(&mut self, name: &str) -> bool {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Fault::new("expected true or false", "anything else means false")),
        };
        self.value(name, read).unwrap_or(false)
    }

    fn transfer(&mut self, prefix: &str) -> Transfer {
        let name = |key: &str| format!("{prefix}{key}");
        let gzip = |text: &str| Compression::from_text(text).map(|gzip| gzip.0);
        Transfer {
            protocol: self.value(&name(PROTOCOL), OtlpProtocol::from_text),
            headers: self.list(&name(HEADERS), header),
            gzip: self.value(&name(COMPRESSION), gzip),
            timeout: self.value(&name(TIMEOUT), milliseconds),
        }
    }

    fn signal(&mut self, signal: Signal) -> SignalSettings {
        let name = signal.name();
        SignalSettings {
            wanted: self.exporter(&format!("OTEL_{name}_EXPORTER")),
            endpoint: self.value(&format!("OTEL_EXPORTER_OTLP_{name}_ENDPOINT"), endpoint),
        }
    }

    /// Several exporters may be named; ours is the only one there is.
    fn exporter(&mut self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        let named = |wanted: &str| text.split(',').any(|word| word.trim() == wanted);
        if named("otlp") || named("none") {
            return Some(named("otlp"));
        }
        let fault =
            Fault::new("expected otlp or none", "metrics for Prometheus are on /metrics by themselves");
        self.ignore(name, &fault);
        None
    }

    fn sampler(&mut self) -> Option<(f64, bool)> {
        let name = self.text(SAMPLER)?;
        let (kind, parent_based) = match name.strip_prefix("parentbased_") {
            Some(kind) => (kind, true),
            None => (name.as_str(), false),
        };
        let ratio = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            // What cannot be read counts as 1, as the specification asks.
            "traceidratio" => self.value(SAMPLER_ARGUMENT, Ratio::from_text).map_or(1.0, |ratio| ratio.0),
            _ => {
                self.ignore(SAMPLER, &no_sampler());
                return None;
            }
        };
        Some((ratio, parent_based))
    }

    fn ignore(&mut self, name: &str, fault: &Fault) {
        self.warnings.push(format!("{name} is ignored: {}", said(fault)));
    }
}

fn said(fault: &Fault) -> String {
    format!("{} ({})", fault.message, fault.hint)
}

fn no_pair() -> Fault {
    Fault::new("expected key=value", "pairs stand between commas; a comma itself is %2C")
}

fn no_sampler() -> Fault {
    Fault::new(
        "expected always_on, always_off, traceidratio, or one of them after parentbased_",
        "other samplers are asked elsewhere: this program decides by itself",
    )
}

/// Key and value of `OTEL_RESOURCE_ATTRIBUTES`, percent-decoded.
fn attribute(key: &str, value: &str) -> Result<(String, String), Fault> {
    let (key, value) = (decoded(key)?, decoded(value)?);
    if key.is_empty() { Err(no_pair()) } else { Ok((key, value)) }
}

/// A header field of `OTEL_EXPORTER_OTLP_HEADERS`: the value is percent-decoded.
fn header(name: &str, value: &str) -> Result<(String, Secret), Fault> {
    let name = HeaderName::from_text(name)?;
    let value = HeaderValue::from_text(decoded(value)?.trim())?;
    Ok((name.0, Secret(value.0)))
}

fn decoded(text: &str) -> Result<String, Fault> {
    let decoded = percent_decode_str(text).decode_utf8();
    let text = decoded.map_err(|_not_utf8| {
        Fault::new("what is percent-encoded is no UTF-8", "encode each byte of the UTF-8 text as %XX")
    })?;
    Ok(text.into_owned())
}

fn endpoint(text: &str) -> Result<Url, Fault> {
    Endpoint::from_text(text).map(|endpoint| endpoint.0)
}

fn milliseconds(text: &str) -> Result<Duration, Fault> {
    let ms = text.parse().ok().filter(|ms| (1..=MOST_MS).contains(ms));
    let fault = || Fault::new("expected milliseconds, a whole number above 0", "10000 are ten seconds");
    ms.map(Duration::from_millis).ok_or_else(fault)
}

/// A day: what is longer is a slip.
const MOST_MS: u64 = 24 * 3600 * 1000;
