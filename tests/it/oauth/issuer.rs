//! An issuer of tokens in this process, and a proxy that lets only its tokens through.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sightglass::config::{Auth, Config, Jwks, Url};
use tokio::net::TcpListener;

use super::keys::{ED25519, Key, in_seconds};
use crate::support::client::collect;
use crate::support::guarded::{Guarded, call};
use crate::support::{Sent, Upstream, proxy, within};

pub(crate) const AUDIENCE: &str = "https://mcp.example.com/test";

/// Publishes its keys; stops on drop.
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

/// What it answers by path; anything else is a 404.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) documents: Vec<(String, Value)>,
    /// Answers 500.
    pub(crate) is_down: bool,
    /// Paths in the order in which they were asked for.
    pub(crate) asked: Vec<String>,
    /// Nobody is answered until then.
    pub(crate) gate: Option<Arc<tokio::sync::Semaphore>>,
}

pub(crate) const JWKS: &str = "/jwks";

impl Issuer {
    /// With these keys at [`JWKS`], and its metadata where RFC 8414 has it.
    pub(crate) async fn with(keys: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let told = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _peer)) = listener.accept().await {
                let state = Arc::clone(&told);
                let service = service_fn(move |request| answer(Arc::clone(&state), request));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                connections.spawn(async move { drop(served.await) });
            }
        });
        let issuer = Self { address, state, task };
        let metadata = json!({ "issuer": issuer.name(), "jwks_uri": format!("{}{JWKS}", issuer.name()) });
        issuer.publish("/.well-known/oauth-authorization-server", metadata);
        issuer.publish(JWKS, json!({ "keys": keys }));
        issuer
    }

    pub(crate) fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers this at `path` from now on.
    pub(crate) fn publish(&self, path: &str, document: Value) {
        let mut state = self.state.lock().unwrap();
        state.documents.retain(|(known, _)| known != path);
        state.documents.push((path.to_owned(), document));
    }

    pub(crate) fn withdraw(&self, path: &str) {
        self.state.lock().unwrap().documents.retain(|(known, _)| known != path);
    }

    /// How often its keys were asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|path| *path == JWKS).count()
    }

    /// Waits until they were asked for so often.
    pub(crate) async fn fetched(&self, times: usize) {
        within(async {
            while self.fetches() < times {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        })
        .await;
    }

    /// What `server.auth` says to let its tokens through.
    pub(crate) fn auth(&self) -> Auth {
        let address = self.address;
        let url = Url {
            tls: false,
            host: address.ip().to_string(),
            port: Some(address.port()),
            path: "/".to_owned(),
        };
        let jwks = Url { path: JWKS.to_owned(), ..url.clone() };
        Auth {
            issuer: self.name(),
            issuer_url: url,
            audience: AUDIENCE.to_owned(),
            jwks: Some(Jwks::Url(jwks)),
            scopes: Vec::new(),
        }
    }

    /// What a good token claims.
    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": self.name(),
            "aud": AUDIENCE,
            "sub": "somebody-secret",
            "iat": in_seconds(0),
            "exp": in_seconds(3600),
        })
    }

    /// A good token, signed by this key under this id.
    pub(crate) fn token(&self, key: &Key, id: &str) -> String {
        let algorithm = match key {
            Key::Rsa(_) => "RS256",
            Key::P256(_) => "ES256",
            Key::P384(_) => "ES384",
            Key::Ed25519(_) => "EdDSA",
        };
        key.sign(&json!({ "alg": algorithm, "typ": "at+jwt", "kid": id }), &self.claims())
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let gate = {
        let mut state = state.lock().unwrap();
        state.asked.push(request.uri().path().to_owned());
        state.gate.clone()
    };
    if let Some(gate) = gate {
        gate.acquire().await.unwrap().forget();
    }
    let state = state.lock().unwrap();
    let document = state.documents.iter().find(|(path, _)| path == request.uri().path());
    let mut response = Response::new(Full::default());
    match document {
        _ if state.is_down => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        Some((_, document)) => *response.body_mut() = Full::new(document.to_string().into()),
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    Ok(response)
}

/// A proxy before a server whose callers need a token.
pub(crate) struct Protected {
    pub(crate) guarded: Guarded,
    pub(crate) issuer: Issuer,
}

impl Protected {
    /// With one key, `ED25519` under the id `a`.
    pub(crate) async fn new() -> Self {
        Self::with(Issuer::with(json!([ED25519.jwk("a")])).await, |_| {}).await
    }

    /// Before a server that answers `{}`.
    pub(crate) async fn with(issuer: Issuer, change: impl FnOnce(&mut Config)) -> Self {
        let upstream = Upstream::json("{}").await;
        Self::before(upstream.address, issuer, change)
    }

    pub(crate) fn before(server: SocketAddr, issuer: Issuer, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = proxy::config(server);
        config.servers[0].auth = Some(issuer.auth());
        change(&mut config);
        Self { guarded: Guarded::start(config), issuer }
    }

    pub(crate) async fn send(&self, token: &str) -> Response<Incoming> {
        self.guarded.send(Version::HTTP_11, with_token(token)).await
    }

    /// Asserts that a call with this token passes.
    pub(crate) async fn passes(&self, token: &str) {
        let response = self.send(token).await;
        let challenge = response.headers().get("www-authenticate").cloned();
        assert_eq!(response.status(), 200, "{challenge:?}");
    }

    /// Asserts that one is refused, with this description.
    pub(crate) async fn refuses(&self, token: &str, description: &str) {
        let response = self.send(token).await;
        assert_eq!(response.status(), 401, "{description}");
        assert_eq!(response.headers()["x-sightglass-error"], "unauthorized");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        let expected = format!(
            "Bearer error=\"invalid_token\", error_description=\"{description}\", resource_metadata="
        );
        assert!(challenge.starts_with(&expected), "{challenge} rather than {description}");
        let body = String::from_utf8(collect(response).await.to_vec()).unwrap();
        let read: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&read["id"], &read["error"]["message"]), (&json!("seven"), &json!(description)));
        for secret in token.split('.').filter(|part| part.len() > 20) {
            assert!(!body.contains(secret) && !challenge.contains(secret));
        }
    }

    /// How many tokens were judged so.
    #[track_caller]
    pub(crate) fn judged(&self, cache_status: &str, times: u32) {
        let page = self.guarded.observed.scrape();
        page.metric("mcp_oauth_validation_seconds_count").label("cache_status", cache_status).is(times);
    }
}

pub(crate) fn with_token(token: &str) -> Request<Sent> {
    let mut request = call();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}
