//! Where an issuer's keys come from, and when they are asked for again.
//!
//! # Why
//!
//! One task asks for them, before they are old, so that no request waits; a key that nobody knows is asked for at most
//! every 30 seconds, whoever names it, so that no stranger makes this proxy flood the issuer. An issuer that cannot be
//! reached goes on being believed for a day: its keys change seldom, and its outage shall not be that of every server.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, Request, StatusCode, Uri};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use super::keys::KeySet;
use crate::config::{self, Jwks, Url};
use crate::net::{Client, ClientError, ConnectorError};
use crate::observe::Observer;

/// How long keys are fresh, at most and at least, whatever the issuer says.
const FRESH_MAX: Duration = Duration::from_secs(10 * 60);
const FRESH_MIN: Duration = Duration::from_secs(60);

/// How long after a failure they are asked for again.
pub(super) const RETRY: Duration = Duration::from_secs(10);

/// How long keys are believed that cannot be asked for again.
const STALE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Between two times that a request has them asked for.
const SPACING: Duration = Duration::from_secs(30);

/// How long a request waits for keys, and the issuer's answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;

/// The keys of one issuer, kept fresh.
pub(super) struct Keys {
    shared: Arc<Shared>,
    task: Option<AbortHandle>,
}

struct Shared {
    current: ArcSwapOption<KeySet>,
    /// Somebody wants them.
    wanted: Notify,
    demand: Mutex<Demand>,
    /// How many of the demands were answered, well or not.
    answered: watch::Sender<u64>,
    generations: AtomicU64,
}

/// Who wants keys: each is answered by a fetch that began after it.
struct Demand {
    made: u64,
    last: Option<Instant>,
}

/// Why there are no keys. For the operator.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("cannot read {path}")]
    File { path: String, source: std::io::Error },
    #[error("{url}")]
    Connector { url: String, source: ConnectorError },
    #[error("{url}")]
    Client { url: String, source: ClientError },
    #[error("{url} answered {status}")]
    Status { url: String, status: StatusCode },
    #[error("{0} is no URL of http or https without a user name")]
    Url(String),
    #[error("{0} is plain http, and not on this machine")]
    Plain(String),
    #[error("the metadata of the issuer names another issuer, or no jwks_uri")]
    Metadata,
    #[error("there is no key in it that verifies signatures")]
    NoKey,
}

impl Keys {
    /// Keys that are asked for from now on, where this is called on a runtime.
    pub(super) fn of(server: &str, settings: &config::Auth, told: (Observer, Arc<str>)) -> Self {
        let shared = Arc::new(Shared {
            current: ArcSwapOption::empty(),
            wanted: Notify::new(),
            demand: Mutex::new(Demand { made: 1, last: None }),
            answered: watch::Sender::new(0),
            generations: AtomicU64::new(0),
        });
        let keeper = Keeper {
            shared: Arc::clone(&shared),
            server: server.to_owned(),
            settings: settings.clone(),
            told,
            fetched: None,
            is_down: false,
        };
        let runtime = tokio::runtime::Handle::try_current().ok();
        Self { shared, task: runtime.map(|runtime| runtime.spawn(keeper.keep()).abort_handle()) }
    }

    /// What is known now.
    pub(super) fn current(&self) -> Option<Arc<KeySet>> {
        self.shared.current.load_full()
    }

    /// What is known once they were asked for the first time.
    pub(super) async fn first(&self) -> Option<Arc<KeySet>> {
        self.answered(1).await;
        self.current()
    }

    /// Keys that are newer than `known`, where they may be asked for and there are any.
    pub(super) async fn newer(&self, known: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        if let Some(number) = self.shared.demand() {
            self.answered(number).await;
        }
        self.current().filter(|current| !Arc::ptr_eq(current, known))
    }

    async fn answered(&self, number: u64) {
        let mut answered = self.shared.answered.subscribe();
        // Late or never: what is known then has to do.
        let _ = timeout(PATIENCE, answered.wait_for(|answered| *answered >= number)).await;
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Shared {
    /// Which demand this is, or joins; `None` where it is too early for another.
    fn demand(&self) -> Option<u64> {
        let mut demand = self.demand.lock().unwrap_or_else(PoisonError::into_inner);
        if *self.answered.borrow() < demand.made {
            return Some(demand.made);
        }
        if demand.last.is_some_and(|last| last.elapsed() < SPACING) {
            return None;
        }
        demand.last = Some(Instant::now());
        demand.made += 1;
        self.wanted.notify_one();
        Some(demand.made)
    }
}

/// Keeps the keys fresh.
struct Keeper {
    shared: Arc<Shared>,
    server: String,
    settings: config::Auth,
    told: (Observer, Arc<str>),
    fetched: Option<Instant>,
    /// The last fetch failed, and that was told.
    is_down: bool,
}

impl Keeper {
    async fn keep(mut self) {
        loop {
            let demands = self.shared.demand.lock().unwrap_or_else(PoisonError::into_inner).made;
            let fetched =
                fetch(&self.settings).await.and_then(|(document, fresh)| self.take(document).map(|()| fresh));
            let (observer, issuer) = &self.told;
            observer.keys_fetched(issuer, fetched.is_ok());
            let pause = match fetched {
                Ok(fresh) => {
                    self.tell_back();
                    fresh
                }
                Err(error) => {
                    self.tell_down(&error);
                    RETRY
                }
            };
            self.shared.answered.send_replace(demands);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.shared.wanted.notified() => {}
            }
        }
    }

    fn take(&mut self, document: Bytes) -> Result<(), FetchError> {
        let is_same = self.shared.current.load().as_ref().is_some_and(|known| known.document == document);
        if !is_same {
            let generation = self.shared.generations.fetch_add(1, Ordering::Relaxed);
            let set = KeySet::read(document, generation).ok_or(FetchError::NoKey)?;
            self.shared.current.store(Some(Arc::new(set)));
        }
        self.fetched = Some(Instant::now());
        Ok(())
    }

    fn tell_back(&mut self) {
        if std::mem::take(&mut self.is_down) {
            let (server, issuer) = (&self.server, &self.settings.issuer);
            tracing::info!(event = "keys_fetched", server, issuer, "the issuer's keys are there again");
        }
    }

    fn tell_down(&mut self, error: &FetchError) {
        if self.fetched.is_some_and(|fetched| fetched.elapsed() > STALE_MAX) {
            self.shared.current.store(None);
        }
        if !std::mem::replace(&mut self.is_down, true) {
            let (server, issuer) = (&self.server, &self.settings.issuer);
            let error = chain(error);
            tracing::warn!(
                event = "keys_not_fetched",
                server,
                issuer,
                error,
                "the issuer's keys cannot be fetched"
            );
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        said = format!("{said}: {source}");
        next = source.source();
    }
    said
}

/// The document of keys, and how long it is fresh.
async fn fetch(settings: &config::Auth) -> Result<(Bytes, Duration), FetchError> {
    match &settings.jwks {
        Some(Jwks::File(path)) => Ok((read(path).await?, FRESH_MIN)),
        Some(Jwks::Url(url)) => get(&url.to_string()).await,
        None => get(&discover(settings).await?).await,
    }
}

async fn read(path: &Path) -> Result<Bytes, FetchError> {
    let name = path.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read(name)).await;
    let failed = |source| FetchError::File { path: path.display().to_string(), source };
    read.map_err(|stopped| failed(stopped.into()))?.map(Bytes::from).map_err(failed)
}

/// Where the issuer's metadata says its keys are (RFC 8414 §3, else `OpenID` Connect Discovery §4).
async fn discover(settings: &config::Auth) -> Result<String, FetchError> {
    let (origin, path) = (settings.issuer_url.origin(), settings.issuer_url.path.trim_end_matches('/'));
    let places = [
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
        format!("{origin}{path}/.well-known/openid-configuration"),
    ];
    let mut failed = FetchError::Metadata;
    for place in places {
        match get(&place).await {
            // Its metadata is that of whom it was asked for (RFC 8414 §3.3).
            Ok((document, _)) => match jwks_uri(&document, &settings.issuer) {
                Some(uri) => return Ok(uri),
                None => failed = FetchError::Metadata,
            },
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn jwks_uri(document: &[u8], issuer: &str) -> Option<String> {
    let metadata: serde_json::Value = serde_json::from_slice(document).ok()?;
    let text = |name| metadata.get(name).and_then(serde_json::Value::as_str);
    text("jwks_uri").filter(|_| text("issuer") == Some(issuer)).map(str::to_owned)
}

async fn get(url: &str) -> Result<(Bytes, Duration), FetchError> {
    let (server, uri) = place(url)?;
    let name = || url.to_owned();
    let client = Client::new(&config::Server::new("issuer", server), PATIENCE, DOCUMENT_BYTES_MAX)
        .map_err(|source| FetchError::Connector { url: name(), source })?;
    let request = Request::get(uri).header(ACCEPT, "application/json").body(Bytes::new());
    let request = request.map_err(|_unsendable| FetchError::Url(name()))?;
    let answer = client.send(request).await.map_err(|source| FetchError::Client { url: name(), source })?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status { url: name(), status: answer.status() });
    }
    let fresh = max_age(answer.headers()).unwrap_or(FRESH_MAX).clamp(FRESH_MIN, FRESH_MAX);
    Ok((answer.into_body(), fresh))
}

/// Whom to connect to, and what for.
fn place(url: &str) -> Result<(Url, Uri), FetchError> {
    let refused = || FetchError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_malformed| refused())?;
    let authority =
        uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refused)?;
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err(refused()),
    };
    let server =
        Url { tls, host: authority.host().to_owned(), port: authority.port_u16(), path: "/".to_owned() };
    if !server.is_private() {
        return Err(FetchError::Plain(url.to_owned()));
    }
    Ok((server, uri))
}

fn max_age(fields: &HeaderMap) -> Option<Duration> {
    let lines = fields.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    let mut directives =
        lines.flat_map(|line| line.split(',')).map(|directive| directive.trim().to_ascii_lowercase());
    directives.find_map(|directive| {
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            return Some(Duration::ZERO);
        }
        directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok().map(Duration::from_secs)
    })
}
