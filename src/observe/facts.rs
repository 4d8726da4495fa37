//! What the head of a request says, made ready for what its messages are compared and joined with.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderValue, Method as HttpMethod, request};
use tokio::time::Instant;

use super::call::Head;
use super::catalogue::ANYBODY;
use super::identity::Heard;
use super::inner::{Inner, Key};
use super::said::Asked;
use super::scope::Scope;
use super::session::Session;
use super::{Route, Target};
use crate::mcp::{self, AuthScheme, Text, Version};

/// What the request head said; never changes.
pub(super) struct Facts {
    pub(super) route: Route,
    pub(super) method: HttpMethod,
    pub(super) started: Instant,
    pub(super) address: IpAddr,
    pub(super) upstream_path: String,
    pub(super) version: Option<Version>,
    /// `Mcp-Session-Id` of the request.
    pub(super) session_key: Option<Key>,
    /// The same as it was written, where a session may begin with it.
    pub(super) session_name: Option<Box<str>>,
    pub(super) session: Option<Arc<Session>>,
    /// The scope of the stream that `Last-Event-ID` resumes.
    pub(super) resumes: Option<Arc<Scope>>,
    pub(super) is_resume: bool,
    /// The legacy SSE endpoint that was posted to.
    pub(super) endpoint: Option<Arc<Scope>>,
    pub(super) mirrored: Mirrored,
    /// What the head says of who calls, where the configuration asks.
    pub(super) heard: Option<Heard>,
    pub(super) head: Arc<Head>,
}

/// The headers that mirror the body (SEP-2243), decoded.
#[derive(Default)]
pub(super) struct Mirrored {
    pub(super) method: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) version: Option<Text>,
}

impl Facts {
    pub(super) fn of(
        inner: &Inner,
        target: Target<'_>,
        (head, said): (&request::Parts, &Asked<'_>),
        peer: SocketAddr,
        started: Instant,
    ) -> Self {
        let server = target.server;
        let key = |value: Option<&str>| Some(inner.key(server?, value?));
        let session_name = said.session.and_then(text_of);
        let session_key = key(session_name);
        let session = session_key
            .as_ref()
            .and_then(|key| inner.sessions.get(key, started).or_else(|| inner.adopted.get(key, started)));
        let event_key = key(said.last_event.and_then(text_of));
        let is_resume = event_key.is_some() && head.method == HttpMethod::GET;
        let endpoint = server
            .filter(|_| head.method == HttpMethod::POST)
            .and_then(|server| inner.endpoint(server, target.upstream_path, started));
        // Only a stream that a `GET` opened can name an endpoint, relative to this.
        let upstream_path = if head.method == HttpMethod::GET { target.upstream_path } else { "" };
        Self {
            route: target.route,
            method: head.method.clone(),
            started,
            address: peer.ip(),
            upstream_path: upstream_path.to_owned(),
            version: said.version.and_then(text_of).map(Version::parse),
            session_key,
            session_name: session_name.filter(|_| session.is_none() || is_resume).map(Box::from),
            session,
            resumes: event_key.and_then(|key| inner.resumable.get(&key, started)),
            is_resume,
            endpoint,
            heard: inner
                .identities
                .as_ref()
                .map(|who| who.hear((&head.headers, said.caller), &inner.hashes, started)),
            mirrored: Mirrored {
                method: said.method.map(mirrored),
                name: said.name.map(mirrored),
                version: said.version.map(mirrored),
            },
            head: Arc::new(Head::of(head, peer, said, inner)),
        }
    }
}

impl Head {
    fn of(head: &request::Parts, peer: SocketAddr, said: &Asked<'_>, inner: &Inner) -> Self {
        // Copies of their beginnings: a value would keep the buffer of the whole head alive while its calls wait.
        let told = |value: Option<&HeaderValue>| {
            value.filter(|_| inner.heads).map(|value| Text::from(value.as_bytes()))
        };
        Self {
            peer,
            version: head.version,
            user_agent: told(said.user_agent),
            correlation_id: told(said.request_id.or(said.correlation_id)),
            scheme: match (said.authorization, said.api_key) {
                (Some(value), _) => mcp::scheme_of(value.as_bytes()),
                (None, Some(_)) => AuthScheme::ApiKey,
                (None, None) => AuthScheme::None,
            },
            audience: said
                .authorization
                .or(said.api_key)
                .map_or(ANYBODY, |value| inner.audience(value.as_bytes())),
        }
    }
}

impl Mirrored {
    /// Whether a header is there and says something else.
    pub(super) fn contradicts(said: Option<&Text>, body: Option<&Text>) -> bool {
        match (said, body) {
            (Some(said), Some(body)) => !body.is_cut() && said != body,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

/// What a mirroring header says. What cannot be decoded is compared as it stands.
fn mirrored(value: &HeaderValue) -> Text {
    match mcp::decode(value.as_bytes()) {
        Some(said) => Text::new(&said),
        None => Text::from(value.as_bytes()),
    }
}

/// A value that is text.
pub(super) fn text_of(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}
