//! One request and its answer: the order of the steps, and each of them.

use std::future::pending;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header, request};
use http_body::Body;
use tokio::time::{Instant, sleep, timeout};

use super::Shared;
use super::activity::Busy;
use super::dialled::Dialled;
use super::error::{Error, Verdict};
use super::head;
use super::http1::Answer;
use super::inbound::Inbound;
use super::link::Link;
use super::overhead::Overhead;
use super::request_body::RequestBody;
use super::response_body::{Cut, Kept, ResponseBody, UntilCut};
use super::routes::Routes;
use super::tap::Tap;
use super::tunnel::Tunnel;
use crate::guard::server::{Asker, Passage};
use crate::observe::{self, Route, Target};
use crate::rewrite::endpoint::{self, EndpointBody};
use crate::rewrite::mount::{Kind, Routed};
use crate::rewrite::reply::{Said, reply};
use crate::rewrite::trace::Placed;
use crate::rewrite::{forwarded, hop, location};

/// How long a body that does not come is waited for before it is sent on as it comes.
const HOLD_TIME: Duration = Duration::from_secs(1);

/// A client connection, as requests come over it.
pub(super) struct Client {
    pub(super) observed: observe::Connection,
    pub(super) link: Arc<Link>,
}

/// Carries one request to its server and the answer back. This is the drawing of the architecture page.
pub(super) fn carry(
    shared: &Arc<Shared>,
    client: &Client,
    request: Request<Inbound>,
) -> impl Future<Output = Response<ResponseBody>> + Send + use<> {
    let (mut head, body) = request.into_parts();
    let busy = Busy::new(&client.link.activity);
    let current = shared.routes.load_full();
    let asked = Asked::new(&head, Dialled::of(&current, &client.link, &head));
    let admitted = admit(shared, &current, &head, &asked); // guard ─▶ route
    let exchange = client.observed.exchange(target(&admitted), &head, client.link.peer);
    let body = Tap::new(body, exchange.request()); // tap
    let link = Arc::clone(&client.link);
    let mut call =
        Call { shared: Arc::clone(shared), routes: current, link, asked, busy, exchange, passage: None };
    let unread = if head::may_be_json_rpc(&head) { Said::Unread } else { Said::NoJson };
    async move {
        let routed = match admitted {
            Ok(routed) => routed,
            Err(error) => {
                if !body.is_end_stream() {
                    call.link.activity.leave_unread();
                }
                return call.refuse(&error, unread);
            }
        };
        let mut body = RequestBody::new(body, call.shared.limits.request_body, &call.link.activity);
        let holding = call.hold(&head, &mut body).await;
        let placed = call.place(&head, holding.as_ref().ok().map(|said| (&body, said)), &routed); // trace
        let said = match holding {
            Ok(said) => said,
            Err(error) => return call.refuse(&error, unread),
        };
        let said = if said.is_empty() { unread } else { Said::Held(&said) };
        let entered = call.enter(&head, &mut body, &routed).await; // guard
        if let Err(error) = entered {
            return call.refuse(&error, said);
        }
        if let Err(error) = call.rewrite(&mut head, &mut body, placed, &routed) {
            return call.refuse(&error, said);
        }
        match call.send(head, body, &routed).await {
            Ok(answer) => call.answer(answer, routed, said),
            Err(error) => call.refuse(&error, said),
        }
    }
}

/// What of the request's head is needed after it was sent on.
struct Asked {
    method: Method,
    version: Version,
    dialled: Arc<Dialled>,
    /// It offers to switch protocols, and may.
    upgrade: bool,
    /// What the client is to find in what it is told, where its request says so itself.
    public_origin: Option<String>,
    at: Instant,
}

impl Asked {
    fn new(head: &request::Parts, dialled: Arc<Dialled>) -> Self {
        Self {
            method: head.method.clone(),
            version: head.version,
            dialled,
            upgrade: false,
            public_origin: None,
            at: Instant::now(),
        }
    }
}

/// Whether the request may pass, and where to.
fn admit(shared: &Shared, routes: &Routes, head: &request::Parts, asked: &Asked) -> Result<Routed, Error> {
    head::validate(head, &shared.limits)?;
    asked.dialled.checked?;
    routes.hosts.check_origins(head.headers.get_all(header::ORIGIN))?;
    let host = asked.dialled.host.as_deref();
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok(routes.mounts.route(host, path)?)
}

fn target(admitted: &Result<Routed, Error>) -> Target<'_> {
    match admitted {
        Ok(routed) => Target {
            server: Some(routed.server),
            route: match routed.upstream.kind {
                Kind::Mount => Route::Mount,
                Kind::Origin => Route::Origin,
                Kind::WellKnown => Route::WellKnown,
            },
            upstream_path: &routed.upstream.path_and_query,
        },
        Err(_) => Target { server: None, route: Route::None, upstream_path: "" },
    }
}

/// A call under way.
struct Call {
    shared: Arc<Shared>,
    /// As they were when its head was read.
    routes: Arc<Routes>,
    link: Arc<Link>,
    asked: Asked,
    busy: Busy,
    exchange: observe::Exchange,
    /// Where something stands before the server: that it was let through.
    passage: Option<Box<Passage>>,
}

impl Call {
    /// Holds the body back where a reply of our own, or the trace context, would need what it says.
    async fn hold(&self, head: &request::Parts, body: &mut RequestBody) -> Result<Bytes, Error> {
        let cap = self.shared.limits.hold_back;
        if cap == 0 || !head::may_be_json_rpc(head) {
            return Ok(Bytes::new());
        }
        if !body.hold_what_is_there(cap)? {
            // A client may say more only once the server has answered, or never: then the server shall see what there
            // is.
            if let Ok(held) = Box::pin(timeout(HOLD_TIME, body.hold(cap))).await {
                held?;
            }
        }
        Ok(body.held())
    }

    /// Finds the request's place in a trace, and tells it to those who look.
    fn place(
        &self,
        head: &request::Parts,
        body: Option<(&RequestBody, &Bytes)>,
        routed: &Routed,
    ) -> Option<Placed> {
        let propagation = self.shared.propagation.as_ref()?;
        let is_elsewhere = routed.upstream.kind == Kind::WellKnown || hop::wants_upgrade(&head.headers);
        if is_elsewhere || !head::may_be_json_rpc(head) {
            return None;
        }
        let hold_back = self.shared.limits.hold_back;
        let whole = body.filter(|(body, said)| body.is_held_whole() && said.len() <= hold_back);
        let body = whole.map(|(_, said)| &said[..]);
        let session = self.exchange.handshake();
        let mut placed = propagation.place(&head.headers, body, session.as_deref(), || fastrand::u64(..))?;
        if let Some(trace) = placed.trace.take() {
            self.exchange.traced(trace);
        }
        Some(placed)
    }

    /// Waits until the server may be asked, as long as what stands before it lets one wait.
    async fn enter(
        &mut self,
        head: &request::Parts,
        body: &mut RequestBody,
        routed: &Routed,
    ) -> Result<(), Error> {
        // What a browser or a client asks before it can know better is no call: it passes.
        let is_guarded = head.method != Method::OPTIONS && routed.upstream.kind != Kind::WellKnown;
        let Some(guard) = self.routes.guard(routed.server).filter(|_| is_guarded) else { return Ok(()) };
        let asker = Asker {
            method: &head.method,
            fields: &head.headers,
            address: self.client_address(&head.headers),
            listens: endpoint::may_apply(&head.method, &head.headers),
        };
        let passage = tokio::select! {
            biased;
            passage = Box::pin(guard.admit(&asker)) => passage?,
            () = self.link.until_cut() => return Err(Error::ShuttingDown),
        };
        body.tell_end(Arc::clone(passage.is_sent()));
        self.passage = Some(Box::new(passage));
        Ok(())
    }

    /// The client's address, as far as trusted proxies tell it.
    fn client_address(&self, fields: &HeaderMap) -> IpAddr {
        let peer = self.link.peer.ip();
        if self.asked.dialled.trusted {
            forwarded::client_address(fields, peer, self.routes.trusted())
        } else {
            peer
        }
    }

    /// Makes of it the request that the server is to see.
    fn rewrite(
        &mut self,
        head: &mut request::Parts,
        body: &mut RequestBody,
        placed: Option<Placed>,
        routed: &Routed,
    ) -> Result<(), Error> {
        let upstream = self.routes.upstream(routed.server)?;
        let wanted = head.version == Version::HTTP_11 && hop::wants_upgrade(&head.headers);
        self.asked.upgrade = wanted && upstream.can_upgrade();
        let on = self.routes.rewrite;
        if self.asked.dialled.trusted && (on.location || on.endpoint) {
            self.asked.public_origin = Some(self.public_origin(&head.headers));
        }
        head.headers = hop::request_fields(std::mem::take(&mut head.headers), self.asked.upgrade);
        if self.asked.version == Version::HTTP_2 {
            hop::join_cookies(&mut head.headers);
        }
        if on.forwarded {
            self.tell_who_asked(&mut head.headers);
        }
        if let Some(placed) = placed {
            placed.write(&mut head.headers);
            if let Some(data) = placed.body {
                body.replace_held(data);
            }
        }
        let may_be_rewritten = on.endpoint && endpoint::may_apply(&head.method, &head.headers);
        if may_be_rewritten && head.headers.contains_key(header::ACCEPT_ENCODING) {
            head.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let path = routed.upstream.path_and_query.clone();
        upstream.finish(head, path, self.asked.dialled.host.as_deref())
    }

    fn tell_who_asked(&self, fields: &mut HeaderMap) {
        let (dialled, version) = (&self.asked.dialled, self.asked.version);
        if dialled.trusted {
            forwarded::add(fields, &dialled.client(&self.link, version));
        } else {
            dialled.said.replace(fields, version);
        }
    }

    /// What the client dialled, as it, or the proxies it came through, have it; `fields` as they were received.
    fn public_origin(&self, fields: &HeaderMap) -> String {
        let client = self.asked.dialled.client(&self.link, self.asked.version);
        forwarded::public_origin(&client, fields, self.routes.public_url.as_ref())
    }

    fn public_origin_of_answer(&self) -> String {
        let known = self.asked.public_origin.clone();
        known.unwrap_or_else(|| self.public_origin(&HeaderMap::new()))
    }

    /// Sends the request and waits for the answer's head, as long as the limits allow.
    async fn send(&self, head: request::Parts, body: RequestBody, routed: &Routed) -> Result<Answer, Error> {
        let upstream = self.routes.upstream(routed.server)?;
        self.exchange.forwarded();
        tokio::select! {
            biased;
            sent = upstream.send(head, body, self.asked.upgrade) => Ok(sent?),
            error = self.expiry(upstream.head_timeout, upstream.call_timeout) => Err(error),
            () = self.link.until_cut() => Err(Error::ShuttingDown),
        }
    }

    async fn expiry(&self, head: Option<Duration>, call: Option<Duration>) -> Error {
        let head_is_late = async {
            match head {
                Some(limit) => sleep(limit).await,
                None => pending().await,
            }
        };
        let call_is_late = async {
            match call {
                Some(limit) => sleep(limit.saturating_sub(self.asked.at.elapsed())).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = head_is_late => Error::HeadTimeout(head.unwrap_or_default()),
            () = call_is_late => Error::CallTimeout(call.unwrap_or_default()),
        }
    }

    /// Passes the server's answer on.
    fn answer(mut self, answer: Answer, routed: Routed, said: Said<'_>) -> Response<ResponseBody> {
        if answer.head.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.upgrade(answer, said);
        }
        let Answer { mut head, body, stamps, switched: _ } = answer;
        if hop::is_in_another_coding(&head.headers) {
            return self.refuse(&Error::UnaskedCoding, said);
        }
        let is_stream = head::is_event_stream(&head.headers);
        let waited = self.passage.as_ref().and_then(|passage| passage.waited());
        let place = self.passage.take().and_then(|passage| passage.answered(head.status, is_stream));
        let permit = match is_stream.then(|| self.shared.streams.admit()) {
            Some(None) => return self.refuse(&Error::TooManyStreams, said),
            Some(Some(permit)) => Some(permit),
            None => None,
        };
        let until = self.until_cut(&routed, is_stream).map(|until| (until, self.exchange.cutter()));
        let overhead = Overhead::of(self.exchange.stopwatch(), self.link.activity.stamps(), waited, stamps);
        let own_time = overhead.as_ref().map(Overhead::own_time);
        let on = self.routes.rewrite;
        let has_place = on.location && location::names_a_place(&head.headers);
        let has_endpoint = on.endpoint && endpoint::applies(&self.asked.method, &head);
        let origin = if has_place || has_endpoint { self.public_origin_of_answer() } else { String::new() };
        let kept = Kept::new(self.busy, permit, place, overhead);
        let path = &routed.upstream.path_and_query;
        let body = Tap::new(body, self.exchange.answered(&head, own_time)); // tap
        head.headers = hop::response_fields(head.headers, false);
        head.version = Version::default();
        if has_place {
            head.headers = location::rewrite(head.headers, &routed.mount, path, &origin);
        }
        let body = if has_endpoint {
            let body = EndpointBody::new(body, routed.mount, path, &origin);
            ResponseBody::endpoint(body, kept)
        } else {
            ResponseBody::passed(body, kept)
        };
        Response::from_parts(head, body.ended_by(until))
    }

    /// What may end the answer's body before the server does.
    fn until_cut(&self, routed: &Routed, is_stream: bool) -> Option<UntilCut> {
        let limit = self.routes.upstream(routed.server).ok().and_then(|upstream| upstream.call_timeout);
        let left = limit.map(|limit| limit.saturating_sub(self.asked.at.elapsed()));
        if left.is_none() && !is_stream {
            return None;
        }
        let link = Arc::clone(&self.link);
        Some(Box::pin(async move {
            let late = async {
                match left {
                    Some(left) => sleep(left).await,
                    None => pending().await,
                }
            };
            let ending = async { if is_stream { link.until_cut().await } else { pending().await } };
            tokio::select! {
                () = late => Cut::CallTimeout,
                () = ending => Cut::Shutdown,
            }
        }))
    }

    /// Joins both connections once each has switched.
    fn upgrade(mut self, answer: Answer, said: Said<'_>) -> Response<ResponseBody> {
        let Answer { mut head, switched, .. } = answer;
        let Some(server) = switched.filter(|_| self.asked.upgrade) else {
            return self.refuse(&Error::UnaskedUpgrade, said);
        };
        // A tunnel keeps no place: it lasts as long as either side likes.
        drop(self.passage.take().and_then(|passage| passage.answered(head.status, false)));
        let guard = self.exchange.upgraded(&head);
        head.headers = hop::response_fields(head.headers, true);
        head.version = Version::default();
        self.link.leave_tunnel(Tunnel { server, guard });
        Response::from_parts(head, ResponseBody::own(Bytes::new(), self.busy))
    }

    /// Answers in the server's place.
    fn refuse(self, error: &Error, said: Said<'_>) -> Response<ResponseBody> {
        let (status, kind, verdict) = error.reply();
        match verdict {
            Verdict::Refused(refusal) => self.exchange.refused(refusal, status, &error.chain()),
            Verdict::Failed(failure) => {
                if let Some(passage) = self.passage {
                    passage.failed(error.may_be_the_clients());
                }
                self.exchange.failed(failure, status, &error.chain());
            }
        }
        let reply = reply(status, kind, &error.to_string(), said, error.retry_after());
        // On HTTP/2 hyper would send the body even so.
        let is_bodyless = self.asked.method == Method::HEAD;
        reply.map(|data| ResponseBody::own(if is_bodyless { Bytes::new() } else { data }, self.busy))
    }
}
