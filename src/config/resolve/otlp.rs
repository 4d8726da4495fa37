//! `tracing.otlp`, key by key over what the `OTEL_EXPORTER_OTLP_*` variables say.

use std::path::Path;
use std::time::Duration;

use toml::Spanned;

use super::{files, or, server};
use crate::config::error::{Fault, Mistake};
use crate::config::otel::{Otel, Signal};
use crate::config::raw::{self, Compression, Optional, Wait};
use crate::config::{Otlp, OtlpProtocol, ServerTls, Url};

/// How long one export may take, as OTLP's specification has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// `None` where nothing is exported.
pub(super) fn resolve(
    raw: Option<Spanned<raw::Otlp>>,
    base: &Path,
    otel: &mut Otel,
) -> Result<Option<Otlp>, Mistake> {
    let written = raw.as_ref().map(Spanned::span);
    let raw = raw.map(Spanned::into_inner).unwrap_or_default();
    let others = [raw.metrics.or(otel.metrics.wanted), raw.logs.or(otel.logs.wanted)];
    let transfer = otel.transfer(!others.contains(&Some(true)));
    let protocol = or(raw.protocol, transfer.protocol.unwrap_or_default());
    let endpoints = Endpoints { file: raw.endpoint.map(|url| url.into_inner().0.0), protocol, otel };
    if let Some(span) = written.clone().filter(|_| !endpoints.leads_somewhere()) {
        let hint =
            "write otlp = { endpoint = \"http://localhost:4318\" }, or set OTEL_EXPORTER_OTLP_ENDPOINT";
        return Err(Fault::new("`otlp` without `endpoint`", hint).at(span));
    }
    // Traces alone are exported by being sent somewhere; the others are asked for.
    let traces = raw.traces.or(written.is_some().then_some(true));
    let traces = endpoints.of(Signal::Traces, traces, endpoints.leads_somewhere());
    let metrics = endpoints.of(Signal::Metrics, raw.metrics, false);
    let logs = endpoints.of(Signal::Logs, raw.logs, false);
    let urls: Vec<&String> = [&traces, &metrics, &logs].into_iter().flatten().collect();
    let (any, secure) = (!urls.is_empty(), urls.iter().any(|url| url.starts_with("https://")));
    let tls = match raw.tls {
        Some(tls) if any && !secure => return Err(needless_tls().at(tls.span())),
        Some(tls) => server::server_tls(tls, base)?,
        None if secure => otel_tls(otel),
        None => ServerTls::default(),
    };
    let headers = raw.headers.map(server::headers).transpose()?;
    let otlp = Otlp {
        protocol,
        traces,
        metrics,
        logs,
        headers: headers.or(transfer.headers).unwrap_or_default(),
        gzip: or(raw.compression, Compression(transfer.gzip.unwrap_or(true))).0,
        timeout: timeout(raw.timeout, transfer.timeout.unwrap_or(TIMEOUT))?,
        tls,
    };
    if any && otel.disabled {
        otel.warnings.push("OTEL_SDK_DISABLED is true: nothing is exported over OTLP".to_owned());
    }
    Ok(Some(otlp).filter(|_| any && !otel.disabled))
}

/// Where signals may be sent.
struct Endpoints<'a> {
    file: Option<Url>,
    protocol: OtlpProtocol,
    otel: &'a Otel,
}

impl Endpoints<'_> {
    /// Whether one is named that traces can be sent to.
    fn leads_somewhere(&self) -> bool {
        self.file.is_some() || self.otel.endpoint.is_some() || self.otel.traces.endpoint.is_some()
    }

    /// The URL for `signal`: as the file says, else as its variable says, else if it is so `by_itself`.
    fn of(&self, signal: Signal, file: Option<bool>, by_itself: bool) -> Option<String> {
        let settings = self.otel.of(signal);
        if !file.or(settings.wanted).unwrap_or(by_itself) {
            return None;
        }
        let base = match (&self.file, &settings.endpoint) {
            (Some(base), _) => base.clone(),
            (None, Some(own)) => return Some(self.as_it_is(own)),
            (None, None) => self.otel.endpoint.clone().unwrap_or_else(|| self.local()),
        };
        Some(match self.protocol {
            OtlpProtocol::Grpc => base.origin(),
            OtlpProtocol::HttpProtobuf => {
                format!("{}{}/{}", base.origin(), base.path.trim_end_matches('/'), signal.path())
            }
        })
    }

    fn as_it_is(&self, url: &Url) -> String {
        match self.protocol {
            OtlpProtocol::Grpc => url.origin(),
            OtlpProtocol::HttpProtobuf => url.to_string(),
        }
    }

    /// Where OTLP's specification looks for a collector when nobody says where it is.
    fn local(&self) -> Url {
        let port = match self.protocol {
            OtlpProtocol::Grpc => 4317,
            OtlpProtocol::HttpProtobuf => 4318,
        };
        Url { tls: false, host: "localhost".to_owned(), port: Some(port), path: "/".to_owned() }
    }
}

fn needless_tls() -> Fault {
    let hint = "write `https://` in `endpoint`, or remove `tls`";
    Fault::new("`tls` beside an `http://` endpoint would do nothing", hint)
}

fn timeout(raw: Optional<Wait>, default: Duration) -> Result<Duration, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    raw.get_ref().0.0.ok_or_else(|| {
        let hint = "what cannot be sent is tried again and then given up; the default is \"10s\"";
        Fault::new("an export needs an end", hint).at(raw.span())
    })
}

/// The PEM files that variables name, each checked; what cannot be used is ignored with a warning.
fn otel_tls(otel: &mut Otel) -> ServerTls {
    let here = Path::new("");
    let named = |name: &Option<String>| name.clone().map(|name| Spanned::new(0..0, name));
    let (ca, cert, key) =
        (named(&otel.certificate), named(&otel.client_certificate), named(&otel.client_key));
    let mut usable = |variable: &str, read: Option<Result<std::path::PathBuf, Mistake>>| match read? {
        Ok(path) => Some(path),
        Err(mistake) => {
            otel.warnings.push(format!("{variable} is ignored: {}", mistake.fault.message));
            None
        }
    };
    let ca =
        usable("OTEL_EXPORTER_OTLP_CERTIFICATE", ca.as_ref().map(|name| files::certificates(name, here)));
    let client = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE";
    let cert = usable(client, cert.as_ref().map(|name| files::certificates(name, here)));
    let key =
        usable("OTEL_EXPORTER_OTLP_CLIENT_KEY", key.as_ref().map(|name| files::private_key(name, here)));
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (Some(cert), Some(key)),
        (None, None) => (None, None),
        _ => {
            otel.warnings.push(format!("{client} is ignored: a client certificate and its key go together"));
            (None, None)
        }
    };
    ServerTls { ca, cert, key }
}
