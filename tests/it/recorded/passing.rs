//! Bodies in, bodies out, through a proxy that looks and changes nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use crate::support::client::collect;
use crate::support::observed::Observed;
use crate::support::recording::{Message, Recording};
use crate::support::{Client, Proxy, Sent, Upstream, VERSIONS, full, proxy, within};

/// Headers that the recordings' peers go by.
const CARRIED: [&str; 7] = [
    "content-type",
    "accept",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-session-id",
    "last-event-id",
];

/// One request and its answer, to be sent.
struct Exchange {
    method: String,
    path: String,
    asked: HeaderMap,
    request: Bytes,
    status: StatusCode,
    answered: HeaderMap,
    response: Bytes,
}

#[tokio::test]
async fn every_recorded_body_passes_byte_for_byte() {
    let recordings = Recording::all();
    let exchanges: Vec<Exchange> =
        recordings.iter().flat_map(|recording| &recording.exchanges).map(recorded).collect();
    for version in VERSIONS {
        for tracing in [false, true] {
            let mut path = Path::open(version, tracing).await;
            for exchange in &exchanges {
                for chunk in fitting(version, exchange.request.len().max(exchange.response.len())) {
                    path.pass(exchange, chunk).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn every_generated_body_passes_byte_for_byte() {
    const SIZES: [usize; 6] = [0, 1, 1000, 16_385, 65_537, 1 << 20];
    for version in VERSIONS {
        let mut path = Path::open(version, true).await;
        for size in SIZES {
            for content_type in ["application/json", "text/event-stream", "application/octet-stream"] {
                let exchange = generated(content_type, size);
                for chunk in fitting(version, size) {
                    path.pass(&exchange, chunk).await;
                }
            }
        }
    }
}

/// The sizes that cut a body of this length into not too many frames. On HTTP/2 that is a limit of its own: peers take
/// a few thousand small frames that wait unread for an attack, and close the connection.
fn fitting(version: Version, length: usize) -> impl Iterator<Item = usize> {
    let most = if version == Version::HTTP_2 { 1024 } else { 4096 };
    [usize::MAX, 1, 7, 1000, 16_384].into_iter().filter(move |chunk| length / chunk <= most)
}

/// A client, a proxy that observes, a server.
struct Path {
    version: Version,
    tracing: bool,
    client: Client,
    upstream: Upstream,
    _proxy: Proxy,
}

impl Path {
    /// With `tracing`, heads name a trace, and bodies still are what they were: nobody exports spans.
    async fn open(version: Version, tracing: bool) -> Self {
        let upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.tracing.enabled = tracing;
        let observed = Observed::with(&config);
        let proxy = Proxy::observed(config, observed.observer);
        let client = Client::connect(proxy.address, version).await;
        Self { version, tracing, client, upstream, _proxy: proxy }
    }

    async fn pass(&mut self, exchange: &Exchange, chunk: usize) {
        let what = format!("{:?} {} {:?} in {chunk}", self.version, exchange.path, exchange.asked);
        let mut request = Request::new(cut(&exchange.request, chunk));
        *request.method_mut() = exchange.method.parse().unwrap();
        *request.uri_mut() = exchange.path.parse().unwrap();
        *request.headers_mut() = exchange.asked.clone();
        let answer = tokio::spawn(self.client.start(request));
        let mut call = self.upstream.call().await;
        assert_eq!(hash(&call.read().await), hash(&exchange.request), "{what}");
        assert_eq!(call.head.method, exchange.method.as_str(), "{what}");
        assert_eq!(call.head.uri.path_and_query().unwrap().as_str(), exchange.path, "{what}");
        assert_eq!(carried(&call.head.headers), exchange.asked, "{what}");
        assert!(self.tracing || !call.head.headers.contains_key("traceparent"), "{what}");
        let mut response = Response::new(cut(&exchange.response, chunk));
        *response.status_mut() = exchange.status;
        *response.headers_mut() = exchange.answered.clone();
        call.answer(response);
        let response = within(answer).await.unwrap().unwrap();
        assert_eq!(response.status(), exchange.status, "{what}");
        assert_eq!(carried(response.headers()), exchange.answered, "{what}");
        assert_eq!(hash(&collect(response).await), hash(&exchange.response), "{what}");
    }
}

/// A body in frames of this size, of a length that is only known if it is one frame.
fn cut(body: &Bytes, chunk: usize) -> Sent {
    if body.len() <= chunk {
        return full(body.clone());
    }
    let frames: Vec<_> = body.chunks(chunk).map(|part| Ok(Frame::data(body.slice_ref(part)))).collect();
    StreamBody::new(futures_util::stream::iter(frames)).boxed()
}

fn recorded(exchange: &crate::support::recording::Exchange) -> Exchange {
    Exchange {
        method: exchange.method().to_owned(),
        path: exchange.path().to_owned(),
        asked: headers(&exchange.request),
        request: exchange.request.body.clone().into(),
        status: StatusCode::from_u16(exchange.status()).unwrap(),
        answered: headers(&exchange.response),
        response: exchange.response.body.clone().into(),
    }
}

fn generated(content_type: &str, size: usize) -> Exchange {
    let asked = HeaderMap::from_iter([("content-type".parse().unwrap(), content_type.parse().unwrap())]);
    Exchange {
        method: "POST".to_owned(),
        path: "/mcp".to_owned(),
        answered: asked.clone(),
        asked,
        request: body(content_type, size, 1),
        status: StatusCode::OK,
        response: body(content_type, size, 2),
    }
}

/// About what the type promises, cut off at this size.
fn body(content_type: &str, size: usize, seed: u8) -> Bytes {
    let unit = match content_type {
        "application/json" => {
            format!(r#"{{"jsonrpc":"2.0","id":{seed},"result":{{"text":"größer — \ud83d\ude00\u0000"}}}}"#)
        }
        "text/event-stream" => {
            format!(
                "id: {seed}\r\nevent: message\r\ndata: {{\"jsonrpc\":\"2.0\"}}\r\n\r\n: ö\n\ndata: endpoint\n\n"
            )
        }
        _ => return (0..size).map(|at| at.to_le_bytes()[0].wrapping_mul(seed).rotate_left(3)).collect(),
    };
    unit.bytes().cycle().take(size).collect()
}

fn headers(message: &Message) -> HeaderMap {
    let all = message.headers.iter();
    let all = all.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    carried(&all.collect())
}

fn carried(headers: &HeaderMap) -> HeaderMap {
    let carried = headers.iter().filter(|(name, _)| CARRIED.contains(&name.as_str()));
    carried.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn hash(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    hasher.finish()
}
