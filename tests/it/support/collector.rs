//! An OpenTelemetry collector: OTLP over gRPC and HTTP/protobuf on one port, by the official definitions. It keeps what
//! it got, and can be told to refuse, to hang, or to go away.

use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustls::ServerConfig;
use sightglass::net::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::codec::CompressionEncoding::Gzip;
use tower_service::Service;

use super::within;

/// A collector that listens.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    listening: JoinHandle<()>,
}

/// What it does with what it is sent.
#[derive(Clone, Copy, Default)]
pub(crate) enum Mood {
    #[default]
    Takes,
    /// Answers this HTTP status, or over gRPC this code.
    Refuses(u16, tonic::Code),
    /// Takes all, and says that so many spans of each request are not taken.
    Rejects(i64),
    /// Never answers.
    Hangs,
}

/// What it was sent.
#[derive(Default)]
pub(crate) struct Got {
    /// The heads of all requests, taken or not.
    pub(crate) heads: Vec<(String, HeaderMap)>,
    pub(crate) traces: Vec<ExportTraceServiceRequest>,
    pub(crate) metrics: Vec<ExportMetricsServiceRequest>,
    pub(crate) logs: Vec<ExportLogsServiceRequest>,
}

impl Got {
    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.traces.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.iter().cloned()).collect()
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let resources = self.metrics.iter().flat_map(|request| &request.resource_metrics);
        let scopes = resources.flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics.iter().cloned()).collect()
    }
}

struct State {
    mood: Mutex<Mood>,
    got: Mutex<Got>,
    changes: watch::Sender<()>,
}

impl State {
    /// What it says to spans that it took.
    fn of_spans(&self) -> ExportTraceServiceResponse {
        let Mood::Rejects(rejected_spans) = *self.mood.lock().unwrap() else {
            return ExportTraceServiceResponse::default();
        };
        let error_message = "too old".to_owned();
        ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess { rejected_spans, error_message }),
        }
    }
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), None).await
    }

    /// One that comes back where another was.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        Self::listen(address, None).await
    }

    pub(crate) async fn tls(config: ServerConfig) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), Some(acceptor)).await
    }

    async fn listen(address: SocketAddr, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let changes = watch::Sender::new(());
        let state = Arc::new(State { mood: Mutex::default(), got: Mutex::default(), changes });
        let listening = tokio::spawn(accept(listener, tls, Arc::clone(&state)));
        Self { address, state, listening }
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    pub(crate) fn got(&self) -> MutexGuard<'_, Got> {
        self.state.got.lock().unwrap()
    }

    /// Waits until what it got is enough.
    pub(crate) async fn until(&self, enough: impl Fn(&Got) -> bool) {
        let mut changes = self.state.changes.subscribe();
        within(changes.wait_for(|()| enough(&self.got()))).await.unwrap();
    }

    /// Goes away, with all connections; gives where it was.
    pub(crate) async fn stop(self) -> SocketAddr {
        self.listening.abort();
        assert!(self.listening.await.unwrap_err().is_cancelled());
        self.address
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    // Dropped, and its tasks with it, when the collector goes away.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        connections.spawn(connection(stream, tls.clone(), Arc::clone(&state)));
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => Stream::Tls(Box::new(stream.into())),
            Err(_) => return,
        },
    };
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(request, state).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    // The exporter may go away whenever it likes.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    state.got.lock().unwrap().heads.push((path.clone(), request.headers().clone()));
    state.changes.send_replace(());
    let is_grpc = request.headers().get("content-type").is_some_and(|value| value == "application/grpc");
    let mood = *state.mood.lock().unwrap();
    match mood {
        Mood::Takes | Mood::Rejects(_) if is_grpc => grpc(request, &path, state).await,
        Mood::Takes | Mood::Rejects(_) => http(request, &path, state).await,
        Mood::Hangs => std::future::pending().await,
        Mood::Refuses(_, code) if is_grpc => tonic::Status::new(code, "no").into_http(),
        Mood::Refuses(status, _) => Response::builder().status(status).body(Body::empty()).unwrap(),
    }
}

async fn grpc(request: Request<Incoming>, path: &str, state: Arc<State>) -> Response<Body> {
    let answered = match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
            TraceServiceServer::new(Taker(state)).accept_compressed(Gzip).call(request).await
        }
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
            MetricsServiceServer::new(Taker(state)).accept_compressed(Gzip).call(request).await
        }
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => {
            LogsServiceServer::new(Taker(state)).accept_compressed(Gzip).call(request).await
        }
        other => panic!("no such service: {other}"),
    };
    answered.unwrap()
}

async fn http(request: Request<Incoming>, path: &str, state: Arc<State>) -> Response<Body> {
    let gzip = request.headers().get("content-encoding").is_some_and(|value| value == "gzip");
    let Ok(body) = request.into_body().collect().await else { return Response::default() };
    let mut body = body.to_bytes().to_vec();
    if gzip {
        let packed = std::mem::take(&mut body);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut body).unwrap();
    }
    match path {
        "/v1/traces" => state.got.lock().unwrap().traces.push(Message::decode(body.as_slice()).unwrap()),
        "/v1/metrics" => state.got.lock().unwrap().metrics.push(Message::decode(body.as_slice()).unwrap()),
        "/v1/logs" => state.got.lock().unwrap().logs.push(Message::decode(body.as_slice()).unwrap()),
        other => panic!("no such path: {other}"),
    }
    state.changes.send_replace(());
    let answer = if path == "/v1/traces" { state.of_spans().encode_to_vec() } else { Vec::new() };
    Response::new(Body::new(Full::new(Bytes::from(answer))))
}

struct Taker(Arc<State>);

#[tonic::async_trait]
impl TraceService for Taker {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.0.got.lock().unwrap().traces.push(request.into_inner());
        self.0.changes.send_replace(());
        Ok(tonic::Response::new(self.0.of_spans()))
    }
}

#[tonic::async_trait]
impl MetricsService for Taker {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        self.0.got.lock().unwrap().metrics.push(request.into_inner());
        self.0.changes.send_replace(());
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Taker {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, tonic::Status> {
        self.0.got.lock().unwrap().logs.push(request.into_inner());
        self.0.changes.send_replace(());
        Ok(tonic::Response::new(ExportLogsServiceResponse::default()))
    }
}
