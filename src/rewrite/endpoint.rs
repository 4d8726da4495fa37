//! The legacy SSE transport's `endpoint` event names this proxy (`rewrite.endpoint`; 2024-11-05, `protocol.md` §2.1).
//!
//! # Why
//!
//! Clients resolve the endpoint against the URL of the stream and refuse another origin; one of the official ones
//! refuses any full URL. So it is published as path and query alone, which all of them resolve to this proxy.
//! A rewrite changes the length, so an answer of known length is left alone: a legacy stream stays open for the
//! session's answers and cannot have one.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Method, StatusCode, response};
use http_body::Body;

use super::changed::{Change, ChangedBody};
use super::event::Rewriter;
use super::media::{Media, media};
use super::mount::Mount;
use super::reference;

/// Whether a request may be answered by a legacy event stream, so that `identity` has to be asked for: a GET that
/// names `text/event-stream` in `Accept`.
pub fn may_apply(method: &Method, fields: &HeaderMap) -> bool {
    let lines = fields.get_all(ACCEPT).into_iter().filter_map(|line| line.to_str().ok());
    *method == Method::GET && lines.flat_map(|line| line.split(',')).any(is_event_stream)
}

/// Whether an answer can be a legacy event stream whose endpoint must be rewritten: `200` to a GET, of type
/// `text/event-stream`, neither encoded nor of known length.
pub fn applies(method: &Method, head: &response::Parts) -> bool {
    *method == Method::GET
        && head.status == StatusCode::OK
        && media(&head.headers) == Media::EventStream
        && !head.headers.contains_key(CONTENT_LENGTH)
        && is_plain(&head.headers)
}

/// Whether an answer is such a stream, but of a content coding: it passes as it is.
pub fn is_encoded(method: &Method, head: &response::Parts) -> bool {
    *method == Method::GET
        && head.status == StatusCode::OK
        && media(&head.headers) == Media::EventStream
        && !is_plain(&head.headers)
}

/// An event stream whose `endpoint` events name this proxy. All other bytes pass as they are and at once, frames
/// by reference; of an event that may be an endpoint at most 16 KiB are held until its blank line. Over a body
/// whose `size_hint` is exact it changes nothing.
pub type EndpointBody<B> = ChangedBody<B, Endpoints>;

/// Changes `endpoint` events.
#[derive(Debug)]
pub struct Endpoints {
    /// `None` = the length is known.
    rewriter: Option<Rewriter>,
    mount: Arc<Mount>,
    request_path: String,
    public_origin: String,
}

impl<B: Body<Data = Bytes>> EndpointBody<B> {
    /// `request_path` is the path and query the server was asked for, `public_origin` what the client dialled
    /// ([`super::forwarded::public_origin`]).
    pub fn new(inner: B, mount: Arc<Mount>, request_path: &str, public_origin: &str) -> Self {
        let rewriter = inner.size_hint().exact().is_none().then(Rewriter::default);
        let (request_path, public_origin) = (request_path.to_owned(), public_origin.to_owned());
        Self::with(inner, Endpoints { rewriter, mount, request_path, public_origin })
    }
}

impl Change for Endpoints {
    fn feed(&mut self, data: Bytes, out: &mut VecDeque<Bytes>) {
        let Self { rewriter, mount, request_path, public_origin } = self;
        match rewriter {
            Some(rewriter) => {
                rewriter.feed(&data, |value: &str| published(value, mount, request_path, public_origin), out);
            }
            None => out.push_back(data),
        }
    }

    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        if let Some(rewriter) = &mut self.rewriter {
            rewriter.finish(out);
        }
    }

    fn is_holding(&self) -> bool {
        self.rewriter.as_ref().is_some_and(Rewriter::is_holding)
    }

    fn may_change_length(&self) -> bool {
        self.rewriter.is_some()
    }
}

/// The endpoint as clients must read it; `None` when it is right as it is.
fn published(value: &str, mount: &Mount, request_path: &str, public_origin: &str) -> Option<String> {
    let mapped = reference::map(value, mount, request_path, public_origin)?;
    // Two slashes would begin a host.
    let unclear = mapped.path_and_query.starts_with("//");
    (!unclear).then(|| mapped.path_and_query + mapped.fragment)
}

fn is_event_stream(accepted: &str) -> bool {
    Media::of(Some(accepted.as_bytes())) == Media::EventStream
}

pub(super) fn is_plain(fields: &HeaderMap) -> bool {
    fields.get_all(CONTENT_ENCODING).iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use http::Response;
    use http_body::{Frame, SizeHint};

    use super::*;
    use crate::config::{Server, Url};

    /// Gives its frames one by one; a broken one then fails.
    struct Frames {
        frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
        exact: bool,
    }

    impl Body for Frames {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
            Poll::Ready(self.frames.pop_front())
        }

        fn is_end_stream(&self) -> bool {
            self.frames.is_empty()
        }

        fn size_hint(&self) -> SizeHint {
            if self.exact { SizeHint::with_exact(9) } else { SizeHint::default() }
        }
    }

    fn mount(public: Option<&str>, path: &str) -> Arc<Mount> {
        let url = Url { tls: false, host: "up.example".to_owned(), port: Some(81), path: path.to_owned() };
        let path = public.map(str::to_owned);
        Arc::new(Mount::new(&Server { path, ..Server::new("s", url) }))
    }

    fn wrap(mount: &Arc<Mount>, frames: &[&str]) -> EndpointBody<Frames> {
        let frames = frames.iter().map(|text| Ok(Frame::data(Bytes::from((*text).to_owned())))).collect();
        let inner = Frames { frames, exact: false };
        EndpointBody::new(inner, Arc::clone(mount), "/v1/sse?key=1", "http://public:8080")
    }

    fn next(body: &mut EndpointBody<Frames>) -> Option<Result<Frame<Bytes>, &'static str>> {
        match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(frame) => frame,
            Poll::Pending => None,
        }
    }

    fn text(body: &mut EndpointBody<Frames>) -> String {
        let frames = std::iter::from_fn(|| next(body)).map(|frame| frame.unwrap().into_data().unwrap());
        String::from_utf8(frames.collect::<Vec<_>>().concat()).unwrap()
    }

    fn endpoint(mount: &Arc<Mount>, value: &str) -> String {
        let text = text(&mut wrap(mount, &[&format!("event: endpoint\ndata: {value}\n\n")]));
        text.strip_prefix("event: endpoint\ndata: ").unwrap().strip_suffix("\n\n").unwrap().to_owned()
    }

    #[test]
    fn every_form_of_an_endpoint_leads_here() {
        let mount = mount(Some("/s"), "/v1/sse");
        for (value, expected) in [
            ("/v1/sse/messages?id=1", "/s/messages?id=1"),
            ("/v1/messages/?id=1", "/s/_origin/v1/messages/?id=1"),
            ("http://up.example:81/message?id=1#f", "/s/_origin/message?id=1#f"),
            ("messages?id=1", "/s/_origin/v1/messages?id=1"),
            ("?id=1", "?id=1"),
            ("http://other.example/message", "http://other.example/message"),
            ("http://public:8080/s/message", "http://public:8080/s/message"),
            ("https://public:8080/s/message", "https://public:8080/s/message"),
        ] {
            assert_eq!(endpoint(&mount, value), expected, "{value}");
        }
        let place = mount.to_upstream("/s/_origin/v1/messages/?id=2").unwrap();
        assert_eq!(place.path_and_query, "/v1/messages/?id=2");
    }

    #[test]
    fn without_a_prefix_only_a_full_url_changes() {
        let mount = mount(None, "/v1/sse");
        for value in ["/messages/?id=1", "../x", "messages", "?id=1", "http://up.example/other-port"] {
            assert_eq!(endpoint(&mount, value), value);
        }
        assert_eq!(endpoint(&mount, "http://up.example:81/message?id=1"), "/message?id=1");
    }

    #[test]
    fn what_is_held_when_the_stream_breaks_still_comes_first() {
        let mut body = wrap(&mount(Some("/s"), "/sse"), &["event: endpoint\ndata:", "/a"]);
        body.inner.frames.push_back(Err("broken"));
        assert_eq!(next(&mut body).unwrap().unwrap().into_data().unwrap(), "event: endpoint\ndata:");
        assert_eq!(next(&mut body).unwrap().unwrap().into_data().unwrap(), "/a");
        assert!(!body.is_end_stream());
        assert_eq!(next(&mut body).unwrap().unwrap_err(), "broken");
        assert!(next(&mut body).is_none());
        assert!(body.is_end_stream());
    }

    #[test]
    fn trailers_pass_after_what_was_held() {
        let mut body = wrap(&mount(Some("/s"), "/sse"), &["data:/a"]);
        body.inner.frames.push_back(Ok(Frame::trailers(HeaderMap::new())));
        assert!(next(&mut body).unwrap().unwrap().is_data());
        assert!(next(&mut body).unwrap().unwrap().is_data());
        assert!(next(&mut body).unwrap().unwrap().is_trailers());
        assert!(next(&mut body).is_none());
    }

    #[test]
    fn a_body_of_known_length_is_left_alone() {
        let text = "event: endpoint\ndata: /a\n\n";
        let frames = VecDeque::from([Ok(Frame::data(Bytes::from(text)))]);
        let inner = Frames { frames, exact: true };
        let mut body = EndpointBody::new(inner, mount(Some("/s"), "/sse"), "/sse", "");
        assert!(!body.may_change_length());
        assert_eq!(body.size_hint().exact(), Some(9));
        assert_eq!(self::text(&mut body), text);
        assert!(body.is_end_stream());
    }

    #[test]
    fn a_get_that_accepts_an_event_stream_may_be_answered_by_one() {
        let mut fields = HeaderMap::new();
        assert!(!may_apply(&Method::GET, &fields));
        fields.append(ACCEPT, "application/json".parse().unwrap());
        fields.append(ACCEPT, "text/html, Text/Event-Stream;q=0.9".parse().unwrap());
        assert!(may_apply(&Method::GET, &fields));
        assert!(!may_apply(&Method::POST, &fields));
    }

    #[test]
    fn only_plain_event_streams_are_looked_into() {
        let head = |fields: &[(&str, &str)]| {
            let mut builder = Response::builder();
            for (name, value) in fields {
                builder = builder.header(*name, *value);
            }
            builder.body(()).unwrap().into_parts().0
        };
        let stream = ("content-type", "Text/Event-Stream; charset=utf-8");
        assert!(applies(&Method::GET, &head(&[stream])));
        assert!(applies(&Method::GET, &head(&[stream, ("content-encoding", "identity")])));
        assert!(!applies(&Method::POST, &head(&[stream])));
        assert!(!applies(&Method::GET, &head(&[stream, ("content-length", "5")])));
        assert!(!applies(&Method::GET, &head(&[("content-type", "application/json")])));
        let encoded = head(&[stream, ("content-encoding", "gzip")]);
        assert!(!applies(&Method::GET, &encoded) && is_encoded(&Method::GET, &encoded));
    }
}
