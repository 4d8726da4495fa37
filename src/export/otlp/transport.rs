//! How a collector is spoken to: HTTP/protobuf or gRPC, both over this crate's own connections, so that TLS means the
//! same everywhere.
//!
//! # Why
//! The exporters read `OTEL_EXPORTER_OTLP_*` for themselves and would add those headers to ours. The configuration has
//! read them already, so whatever an exporter puts on a request is replaced by what was resolved: a token that is meant
//! for one signal's receiver must not reach another's. Only compression cannot be taken back. Spans, which are many, pass
//! no exporter: they come as the bytes that are sent, and the collector's answer is read here.

use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, LogExporter, MetricExporter, Protocol, RetryPolicy, WithExportConfig,
    WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::Temporality;
use tokio::runtime::Handle;
use tonic::Code;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};

use super::{OtlpError, grpc};
use crate::config::{self, OtlpProtocol, Server, Url};
use crate::net::{Alpn, Client, ClientError, Connector};

/// What a collector may answer, bytes: a success or the reason of a failure.
pub(super) const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of spans or lines, about, that are sent at once: collectors take 4 MiB over gRPC unless told otherwise.
pub(super) const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
const PROTOBUF: &str = "application/x-protobuf";
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
/// Before the code in what the gRPC exporter says of a failure.
const GRPC_CODE: &str = "gRPC code: ";

/// One signal's way to the collector.
#[derive(Debug)]
pub(super) struct Transport {
    way: Way,
    url: String,
    gzip: bool,
    timeout: Duration,
}

#[derive(Debug)]
enum Way {
    Http(Arc<Collector>),
    Grpc(Channel, MetadataMap),
}

/// Why a batch did not arrive.
#[derive(Debug)]
pub(super) struct Failure {
    /// For people.
    pub(super) reason: String,
    /// Whether another try may succeed (OTLP specification, "Failures").
    pub(super) may_be_repeated: bool,
    /// How long the collector asked to wait before.
    pub(super) not_before: Option<Duration>,
    /// Where the collector took the rest: how many it did not take. They are not to be sent again.
    pub(super) rejected: Option<u64>,
}

impl Failure {
    /// One that no other try would mend.
    pub(super) fn final_one(reason: &str) -> Self {
        Self { reason: reason.to_owned(), may_be_repeated: false, not_before: None, rejected: None }
    }

    /// One that another try may mend.
    fn passing(reason: String) -> Self {
        Self { reason, may_be_repeated: true, not_before: None, rejected: None }
    }
}

impl Transport {
    /// To `url`, which belongs to one signal of `otlp`. Nothing is connected yet. To be called on a tokio runtime.
    pub(super) fn new(otlp: &config::Otlp, url: &str) -> Result<Self, OtlpError> {
        let headers = headers(otlp)?;
        let server = server(otlp, url)?;
        let way = match otlp.protocol {
            OtlpProtocol::HttpProtobuf => {
                let client = Arc::new(Client::new(&server, otlp.timeout, ANSWER_BYTES_MAX)?);
                let verdict = Mutex::default();
                Way::Http(Arc::new(Collector { client, headers, runtime: Handle::current(), verdict }))
            }
            OtlpProtocol::Grpc => {
                Way::Grpc(channel(&server, otlp.timeout)?, MetadataMap::from_headers(headers))
            }
        };
        Ok(Self { way, url: url.to_owned(), gzip: otlp.gzip, timeout: otlp.timeout })
    }

    /// Sends an `ExportTraceServiceRequest`, which is all these bytes, and gives the `ExportTraceServiceResponse`.
    pub(super) async fn export_spans(&self, request: Bytes) -> Result<Bytes, Failure> {
        match &self.way {
            Way::Http(collector) => collector.export(&self.url, request, self.gzip).await,
            Way::Grpc(channel, metadata) => {
                let exported = grpc::export_spans(channel.clone(), metadata.clone(), request, self.gzip);
                match tokio::time::timeout(self.timeout, exported).await {
                    Ok(answer) => answer.map_err(|status| refusal(&status)),
                    Err(_) => Err(Failure::passing(format!("no answer within {:?}", self.timeout))),
                }
            }
        }
    }

    /// A request's bytes, one piece after the other, as [`Transport::export_spans`] wants them: packed where HTTP is to
    /// carry them so. gRPC packs what it frames.
    pub(super) fn body(&self, pieces: [&[u8]; 2]) -> Bytes {
        if self.gzip && matches!(self.way, Way::Http(_)) { gzipped(pieces) } else { pieces.concat().into() }
    }

    /// An exporter of log records.
    pub(super) fn logs(&self) -> Result<LogExporter, ExporterBuildError> {
        let builder = LogExporter::builder();
        match &self.way {
            Way::Http(collector) => self.over_http(builder.with_http(), collector).build(),
            Way::Grpc(channel, metadata) => self.over_grpc(builder.with_tonic(), channel, metadata).build(),
        }
    }

    /// An exporter of metrics, since the start of the process.
    pub(super) fn metrics(&self) -> Result<MetricExporter, ExporterBuildError> {
        let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative);
        match &self.way {
            Way::Http(collector) => self.over_http(builder.with_http(), collector).build(),
            Way::Grpc(channel, metadata) => self.over_grpc(builder.with_tonic(), channel, metadata).build(),
        }
    }

    /// What an exporter's error means.
    pub(super) fn failure(&self, error: &OTelSdkError) -> Failure {
        match &self.way {
            Way::Http(collector) => {
                let verdict = collector.verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
                // Nothing was sent.
                verdict.unwrap_or_else(|| Failure::final_one(&error.to_string()))
            }
            Way::Grpc(..) => grpc_failure(&error.to_string()),
        }
    }

    fn over_http<B: WithExportConfig + WithHttpConfig>(&self, builder: B, collector: &Arc<Collector>) -> B {
        let builder = builder
            .with_endpoint(&self.url)
            .with_timeout(self.timeout)
            .with_protocol(Protocol::HttpBinary)
            .with_headers(HashMap::new())
            .with_retry_policy(RetryPolicy::disabled())
            .with_http_client(Shared(Arc::clone(collector)));
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }

    fn over_grpc<B: WithExportConfig + WithTonicConfig>(
        &self,
        builder: B,
        channel: &Channel,
        metadata: &MetadataMap,
    ) -> B {
        let metadata = metadata.clone();
        let builder = builder
            .with_endpoint(&self.url)
            .with_timeout(self.timeout)
            .with_protocol(Protocol::Grpc)
            .with_retry_policy(RetryPolicy::disabled())
            .with_channel(channel.clone())
            .with_interceptor(move |mut request: tonic::Request<()>| {
                *request.metadata_mut() = metadata.clone();
                Ok(request)
            });
        if self.gzip { builder.with_compression(Compression::Gzip) } else { builder }
    }
}

fn headers(otlp: &config::Otlp) -> Result<HeaderMap, OtlpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &otlp.headers {
        let unusable = || OtlpError::Header(name.clone());
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_malformed| unusable())?;
        let mut value = HeaderValue::from_str(&value.0).map_err(|_malformed| unusable())?;
        value.set_sensitive(true);
        headers.append(field, value);
    }
    Ok(headers)
}

/// The collector as connections are made to it.
fn server(otlp: &config::Otlp, url: &str) -> Result<Server, OtlpError> {
    let uri: Uri = url.parse().map_err(|_malformed| OtlpError::Url(url.to_owned()))?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
        return Err(OtlpError::Url(url.to_owned()));
    };
    let tls = scheme == "https";
    let url = Url { tls, host: host.to_owned(), port: uri.port_u16(), path: uri.path().to_owned() };
    let server = Server::new("collector", url);
    Ok(Server { tls: otlp.tls.clone(), connect_timeout: Some(otlp.timeout), ..server })
}

/// Connects when there is something to send. The endpoint says `http`, since the connector already speaks TLS where it
/// has to; the origin is what the collector is told.
fn channel(server: &Server, timeout: Duration) -> Result<Channel, OtlpError> {
    let url = &server.url;
    let connector = Connector::new(server, Alpn::Http2, |_made| {})?;
    let origin: Uri = url.origin().parse().map_err(|_malformed| OtlpError::Url(url.origin()))?;
    let endpoint =
        Endpoint::from_shared(format!("http://{}", url.authority())).map_err(OtlpError::Channel)?;
    let endpoint = endpoint.origin(origin).user_agent(USER_AGENT).map_err(OtlpError::Channel)?;
    // A connection that died in silence is asked whether it lives, and made anew.
    let endpoint = endpoint.http2_keep_alive_interval(timeout / 2).keep_alive_timeout(timeout / 2);
    Ok(endpoint.timeout(timeout).connect_with_connector_lazy(connector))
}

/// The codes that are worth another try (OTLP specification, "Failures").
const PASSING: [Code; 7] = [
    Code::Cancelled,
    Code::DeadlineExceeded,
    Code::ResourceExhausted,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unavailable,
    Code::DataLoss,
];

/// What a gRPC status means.
fn refusal(status: &tonic::Status) -> Failure {
    let (code, message) = (status.code(), status.message());
    Failure {
        reason: format!("{GRPC_CODE}{code:?}: {message}"),
        may_be_repeated: PASSING.contains(&code),
        not_before: grpc::retry_delay(status.details()),
        rejected: None,
    }
}

/// The exporter gives the gRPC status as words alone.
fn grpc_failure(error: &str) -> Failure {
    let code: String = error
        .split_once(GRPC_CODE)
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_alphanumeric).collect())
        .unwrap_or_default();
    let may_be_repeated = PASSING.iter().any(|passing| format!("{passing:?}") == code);
    Failure { may_be_repeated, ..Failure::final_one(error) }
}

/// # Why
/// Spans repeat each other so much that little is gained by looking harder: level 1 of zlib-rs takes 12,000 instructions
/// for a call's two spans, level 6 takes 78,500.
fn gzipped(pieces: [&[u8]; 2]) -> Bytes {
    let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for piece in pieces {
        // Writing to memory cannot fail.
        let _ = packer.write_all(piece);
    }
    packer.finish().unwrap_or_default().into()
}

/// Sends what the HTTP exporter has made, and remembers what became of it: the exporter's own error does not tell.
struct Collector {
    client: Arc<Client>,
    headers: HeaderMap,
    runtime: Handle,
    verdict: Mutex<Option<Failure>>,
}

#[derive(Debug)]
struct Shared(Arc<Collector>);

impl Collector {
    /// Sends a message, packed or not, and gives the answer's.
    async fn export(&self, url: &str, message: Bytes, is_packed: bool) -> Result<Bytes, Failure> {
        let request = Request::post(url).header(header::CONTENT_TYPE, PROTOBUF);
        let request = if is_packed { request.header(header::CONTENT_ENCODING, "gzip") } else { request };
        let request = request.body(message).map_err(|error| Failure::final_one(&error.to_string()))?;
        let answer = self.client.send(self.dressed(request)).await;
        match verdict(&answer) {
            Some(failure) => Err(failure),
            None => Ok(answer.map(Response::into_body).unwrap_or_default()),
        }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, request) = (Arc::clone(&self.client), self.dressed(request));
        // The reader of metrics has a thread of its own, without a runtime.
        let answer = self.runtime.spawn(async move { client.send(request).await }).await?;
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = verdict(&answer);
        Ok(answer?)
    }

    /// The request with our header fields, and of the exporter's those alone that tell of the body.
    fn dressed(&self, request: Request<Bytes>) -> Request<Bytes> {
        let (mut head, body) = request.into_parts();
        let mut headers = self.headers.clone();
        for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
            if let Some(value) = head.headers.remove(&name) {
                headers.insert(name, value);
            }
        }
        headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        head.headers = headers;
        Request::from_parts(head, body)
    }
}

/// What an answer means; `None` = it was taken.
fn verdict(answer: &Result<Response<Bytes>, ClientError>) -> Option<Failure> {
    let answer = match answer {
        Ok(answer) if answer.status().is_success() => return None,
        Ok(answer) => answer,
        Err(error) => {
            return Some(Failure::passing(error.to_string()));
        }
    };
    let status = answer.status();
    let may_be_repeated = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    let seconds =
        answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let not_before = seconds.map(Duration::from_secs);
    Some(Failure { reason: format!("it answered {status}"), may_be_repeated, not_before, rejected: None })
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collector").field("client", &self.client).finish_non_exhaustive()
    }
}

impl HttpClient for Shared {
    fn send_bytes<'a, 'async_trait>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.0.send(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_what_the_exporter_puts_on_a_request_only_what_tells_of_the_body_is_sent() {
        let otlp = config::Otlp {
            protocol: OtlpProtocol::HttpProtobuf,
            traces: None,
            metrics: None,
            logs: None,
            headers: vec![("x-key".to_owned(), config::Secret("ours".to_owned()))],
            gzip: false,
            timeout: Duration::from_secs(1),
            tls: config::ServerTls::default(),
        };
        let Way::Http(collector) = Transport::new(&otlp, "http://127.0.0.1:1/v1/traces").unwrap().way else {
            panic!("it is HTTP");
        };
        let request = Request::post("http://127.0.0.1:1/v1/traces")
            .header("content-type", "application/x-protobuf")
            .header("x-key", "of the environment")
            .header("x-other", "of the environment");
        let request = collector.dressed(request.body(Bytes::new()).unwrap());
        let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "user-agent", "x-key"]);
        assert_eq!(request.headers()["x-key"], "ours");
        assert!(!format!("{:?}", request.headers()).contains("ours"), "it may be a secret");
    }

    #[test]
    fn a_grpc_status_is_repeated_where_the_specification_says_so() {
        let said =
            |code: &str| grpc_failure(&format!("X export failed with gRPC code: {code}: tcp connect error"));
        for code in ["Unavailable", "DeadlineExceeded", "ResourceExhausted"] {
            assert!(said(code).may_be_repeated, "{code}");
        }
        for code in ["InvalidArgument", "Unauthenticated", "Unimplemented", ""] {
            assert!(!said(code).may_be_repeated, "{code}");
        }
    }

    #[test]
    fn what_is_packed_unpacks_to_what_it_was() {
        let mut unpacked = Vec::new();
        let packed = gzipped([b"head", b"spans"]);
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).unwrap();
        assert_eq!(unpacked, b"headspans");
    }

    #[test]
    fn an_http_status_is_repeated_where_the_specification_says_so() {
        let said = |status: u16| verdict(&Ok(Response::builder().status(status).body(Bytes::new()).unwrap()));
        assert!(said(200).is_none());
        for (status, repeated) in
            [(429, true), (503, true), (502, true), (504, true), (400, false), (500, false)]
        {
            assert_eq!(said(status).unwrap().may_be_repeated, repeated, "{status}");
        }
    }
}
