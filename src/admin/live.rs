//! `GET /api/events`: calls as they end, as server-sent events. The parameters are those of `/api/calls`; who comes again
//! with `Last-Event-ID` goes on where he was.
//!
//! # Why
//! Nothing waits for a reader: a reader looks a few times a second at what is kept of the last calls anyway. A call costs
//! the same however many look, and whoever reads too slowly finds that some are gone, and is told how many.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Response, StatusCode, request};
use http_body::Frame;
use http_body_util::Either;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::calls::{self, Asked, Filter};
use super::pages::{Body, page, refusal};
use crate::export::Recent;
use crate::shutdown::Shutdown;

/// Where they are asked for.
pub(super) const PATH: &str = "/api/events";

pub(super) const EVENT_STREAM: &str = "text/event-stream";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Readers at once: the other connections of the listener stay free for who scrapes.
const READERS_MAX: usize = 16;

/// How often there is a look.
const EVERY: Duration = Duration::from_millis(250);

/// Calls of one look: what is more waits for the next.
const AT_ONCE: usize = 500;

/// After so many looks without a call something is said all the same, for who watches over idle connections.
const SILENT_LOOKS: u32 = 60;

/// A stream ends after so many looks, before its connection would be closed; its reader comes again and misses nothing.
const LOOKS_MAX: u32 = 4 * 4 * 60;

/// Who may read.
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(READERS_MAX)))
    }
}

/// The answer to `GET`.
pub(super) fn answer(
    recent: &Arc<Recent>,
    places: &Places,
    shutdown: &Shutdown,
    request: &request::Parts,
) -> Response<Body> {
    let asked = match Asked::of(request.uri.query().unwrap_or_default()) {
        Ok(asked) => asked,
        Err(problem) => return problem.answer().map(Either::Left),
    };
    let Ok(place) = Arc::clone(&places.0).try_acquire_owned() else {
        let hint = "close another one, or ask GET /api/calls now and then";
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many read events already", hint)
            .map(Either::Left);
    };
    let last = request.headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.parse().ok());
    let end = recent.next();
    // A number that was never given is one of a process before this.
    let next = last.or(asked.after).map(|last: u64| last.saturating_add(1)).filter(|next| *next <= end);
    let live = Live::new(Arc::clone(recent), asked.filter, next.unwrap_or(end), shutdown.clone(), place);
    page(StatusCode::OK, EVENT_STREAM, Bytes::new()).map(|_nothing| Either::Right(live))
}

/// Calls as they end.
pub(super) struct Live {
    recent: Arc<Recent>,
    filter: Filter,
    /// The number of the next call.
    next: u64,
    every: Interval,
    looks: u32,
    silent: u32,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl Live {
    fn new(
        recent: Arc<Recent>,
        filter: Filter,
        next: u64,
        shutdown: Shutdown,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let over = Box::pin(async move { shutdown.started().await });
        Self { recent, filter, next, every, looks: 0, silent: 0, over, _place: place }
    }

    /// What there is to say at this look.
    fn look(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        if self.looks == 0 {
            let hello = json!({ "next": self.next });
            said.extend_from_slice(format!("retry: 1000\nevent: hello\ndata: {hello}\n\n").as_bytes());
        }
        self.looks += 1;
        let (kept, lost) = self.recent.from(self.next, AT_ONCE);
        self.next = kept.last().map_or(self.next + lost, |last| last.number + 1);
        if lost > 0 {
            calls::lost(lost, &mut said);
        }
        kept.iter().filter(|kept| self.filter.wants(kept)).for_each(|kept| calls::event(kept, &mut said));
        self.silent = if said.is_empty() { self.silent + 1 } else { 0 };
        if self.silent >= SILENT_LOOKS {
            self.silent = 0;
            said.extend_from_slice(b":\n\n");
        }
        said
    }
}

impl http_body::Body for Live {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            if self.looks >= LOOKS_MAX || self.over.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            ready!(self.every.poll_tick(context));
            let said = self.look();
            if !said.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(said.into()))));
            }
        }
    }
}
