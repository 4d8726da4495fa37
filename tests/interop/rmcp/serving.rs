//! Streamable HTTP: rmcp's service on one path of a hyper server, HTTP/1.1 and HTTP/2 without TLS.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

use crate::fixture::Fixture;
use crate::signals::Signals;

/// The path of the MCP endpoint; every other path is 404.
pub(crate) const PATH: &str = "/mcp";

/// What every connection needs.
#[derive(Clone)]
struct Endpoint {
    service: StreamableHttpService<Fixture, LocalSessionManager>,
    resumed: Arc<Signals>,
}

/// Accepts connections until the listener fails.
pub(crate) async fn serve(listener: TcpListener) -> anyhow::Result<()> {
    let sessions = Arc::new(LocalSessionManager::default());
    let fixture = Fixture::new(Arc::clone(&sessions))?;
    // rmcp's own defaults stay: sessions for the legacy era, and the check that Host is a loopback name.
    let resumed = Arc::clone(&fixture.resumed);
    let sessions_of = move || Ok(fixture.for_new_session());
    let service = StreamableHttpService::new(sessions_of, sessions, StreamableHttpServerConfig::default());
    let endpoint = Endpoint { service, resumed };
    loop {
        let (connection, _peer) = listener.accept().await?;
        tokio::spawn(serve_connection(connection, endpoint.clone()));
    }
}

async fn serve_connection(connection: TcpStream, endpoint: Endpoint) {
    let service = service_fn(move |request| answer(endpoint.clone(), request));
    // A peer that goes away is the peer's affair: the tests look at what it saw.
    let _ =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(connection), service).await;
}

async fn answer(
    mut endpoint: Endpoint,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    if request.uri().path() != PATH {
        let mut not_found = Response::new(Empty::new().boxed());
        *not_found.status_mut() = StatusCode::NOT_FOUND;
        return Ok(not_found);
    }
    let resuming = resuming_session(request.headers());
    let response = endpoint.service.call(request).await;
    if let Some(session) = resuming {
        endpoint.resumed.raise(&session);
    }
    response
}

/// The session whose stream this request resumes.
fn resuming_session(headers: &HeaderMap) -> Option<String> {
    headers.get("last-event-id")?;
    headers.get("mcp-session-id")?.to_str().ok().map(ToOwned::to_owned)
}
