//! A client's connection: its requests, one after the other, and the answers.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Version, header, response};
use http_body::{Body, Frame};
use tokio::task::yield_now;

use super::buffered::Buffered;
use super::fields;
use super::framing::{Decoded, Decoder, Encoder, Length};
use super::head::{self, About, Limits, Malformed, Tried};
use crate::wire::activity::Watched;
use crate::wire::inbound::{Inbound, InboundError};
use crate::wire::link::Link;
use crate::wire::response_body::ResponseBody;

/// What an HTTP/2 client says first (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// What may have been sent ahead before no more is read of it.
const AHEAD: usize = 64 * 1024;
/// So much of an answer is moved on before the worker's other connections have their turn: a stream without end would be
/// looked at for tens of milliseconds otherwise.
const TURN: usize = 32 * 1024;
/// A frame counts for no more than this: those of a large body are cheap for their size.
const FRAME_OF_TURN: usize = 16 * 1024;
/// Reads that the rest of a body nobody wants is worth, before its connection is closed instead.
const UNWANTED_READS: usize = 16;

/// A client's connection, from our side.
pub(in crate::wire) struct Served {
    shared: Arc<Mutex<Shared>>,
    limits: Limits,
    tried: Tried,
    /// Nothing was understood yet: it may become HTTP/2.
    is_new: bool,
    asked: Asked,
}

/// What the connection and the body of its request share.
struct Shared {
    io: Buffered<Watched>,
    /// The request's body.
    body: Decoder,
    /// Somebody holds the body, and may read on.
    is_held: bool,
    /// The client waits to be told to go on.
    expects: bool,
    /// Waits for the body to be read or let go.
    waiting: Option<Waker>,
    /// Waits for more of the body.
    reader: Option<Waker>,
    /// Nobody serves this connection any more.
    is_left: bool,
}

/// What is to be known of a request when it is answered.
#[derive(Debug, Clone)]
struct Asked {
    version: Version,
    is_head: bool,
    keep_alive: bool,
    trailers: bool,
}

/// What came of waiting for a request.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(in crate::wire) enum Next {
    Request(Request<Inbound>),
    /// The client speaks HTTP/2; what it said waits to be read.
    Http2,
    /// The client has ended, or its connection broke.
    Gone,
    /// Nothing came, and nothing shall come any more.
    Ended,
    /// What came is no request; it has been told so.
    Malformed,
}

/// What came of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum After {
    /// Another request may come.
    Open,
    /// The connection has been closed in an orderly way.
    Closed,
    /// The client is gone.
    Gone,
    /// The server's answer broke off, and the connection with it.
    Broken,
    /// The connection has switched protocols.
    Switched,
}

impl Served {
    pub(in crate::wire) fn new(stream: Watched, limits: Limits) -> Self {
        let shared = Shared {
            io: Buffered::new(stream),
            body: Decoder::Done,
            is_held: false,
            expects: false,
            waiting: None,
            reader: None,
            is_left: false,
        };
        let asked = Asked { version: Version::HTTP_11, is_head: false, keep_alive: true, trailers: false };
        let shared = Arc::new(Mutex::new(shared));
        Self { shared, limits, tried: Tried::default(), is_new: true, asked }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, and what was read ahead of it; `None` while a body of it is held.
    pub(in crate::wire) fn into_buffered(self) -> Option<Buffered<Watched>> {
        let shared = Arc::into_inner(self.shared)?;
        Some(shared.into_inner().unwrap_or_else(PoisonError::into_inner).io)
    }

    /// Serves it no more: whatever still reads a body of it, in a task of its own, ends.
    pub(in crate::wire) fn leave(&self) {
        let mut shared = self.lock();
        if shared.is_held {
            shared.is_left = true;
            shared.reader.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Waits for the next request.
    pub(in crate::wire) async fn next(&mut self, link: &Link) -> Next {
        let mut is_ahead = (1..AHEAD).contains(&self.lock().io.input().len());
        let next = poll_fn(|context| {
            // What was sent ahead is begun only while the client is there to see it answered.
            if std::mem::take(&mut is_ahead) && self.lock().poll_has_ended(context) {
                return Poll::Ready(Ok(Next::Gone));
            }
            self.poll_next(context, link)
        });
        match next.await {
            Ok(next) => next,
            Err(malformed) => {
                self.refuse(malformed, link).await;
                Next::Malformed
            }
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>, link: &Link) -> Poll<Result<Next, Malformed>> {
        let shared = Arc::clone(&self.shared);
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let input = shared.io.input();
            let may_be_http2 = self.is_new && !input.is_empty() && is_preface(input);
            if may_be_http2 && input.len() >= PREFACE.len() {
                return Poll::Ready(Ok(Next::Http2));
            }
            if !input.is_empty() && !may_be_http2 {
                self.is_new = false;
                if let Some((parts, about)) = head::request(input, &mut self.tried, self.limits)? {
                    self.asked = Asked::new(&parts, about);
                    let body = shared.begin(about, &self.shared);
                    return Poll::Ready(Ok(Next::Request(Request::from_parts(parts, body))));
                }
            }
            // Who has just connected has not been told of the end: what it is about to ask is answered.
            if link.is_ending() && shared.io.input().is_empty() && !self.is_new {
                return Poll::Ready(Ok(Next::Ended));
            }
            match ready!(shared.io.poll_fill(context, 0)) {
                Ok(0) | Err(_) => return Poll::Ready(Ok(Next::Gone)),
                Ok(_) => {}
            }
        }
    }

    /// Tells a client that what it sent is no request, and closes.
    async fn refuse(&mut self, malformed: Malformed, link: &Link) {
        let status = malformed.status();
        let reason = status.canonical_reason().unwrap_or_default();
        let reply = format!(
            "HTTP/1.1 {} {reason}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            status.as_u16()
        );
        self.lock().io.push_slice(reply.as_bytes());
        link.activity.leave_unread();
        // It may be gone, or not listening.
        let _told = poll_fn(|context| self.lock().io.poll_flush(context)).await;
        self.close().await;
    }

    /// Runs a call for as long as the client is there; `None` = it has left.
    pub(in crate::wire) async fn unless_gone<T>(
        &mut self,
        mut call: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        poll_fn(|context| {
            if let Poll::Ready(answer) = call.as_mut().poll(context) {
                return Poll::Ready(Some(answer));
            }
            if self.lock().poll_is_gone(context) { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// Sends an answer, and makes the connection ready for the next request.
    pub(in crate::wire) async fn answer(&mut self, answer: Response<ResponseBody>, link: &Link) -> After {
        let (mut head, body) = answer.into_parts();
        let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
        self.asked.keep_alive &= !link.is_ending();
        let declared = fields::declared_length(&head.headers).unwrap_or_else(|_doubtful| {
            head.headers.remove(header::CONTENT_LENGTH);
            None
        });
        let encoder = self.asked.encoder(&head, declared, &body);
        self.asked.keep_alive &= encoder != Some(Encoder::UntilEnd);
        head.version = self.asked.version;
        {
            let mut shared = self.lock();
            shared.expects = false;
            let to = shared.io.head();
            head::write_response(to, &head);
            self.asked.write_framing(to, &head, encoder);
        }
        drop(head);
        let mut sending = Sending { body, encoder, trailers: self.asked.trailers };
        let sent = poll_fn(|context| sending.poll(context, self)).await;
        drop(sending);
        match sent {
            Err(Cut::Gone) => After::Gone,
            Err(Cut::Broken) => After::Broken,
            Ok(()) if is_switch => After::Switched,
            Ok(()) if self.asked.keep_alive && self.is_read().await => After::Open,
            Ok(()) => {
                self.close().await;
                After::Closed
            }
        }
    }

    /// Waits until whoever holds the request's body has read it or let it go; whether it is read to its end, so that
    /// another request may follow.
    async fn is_read(&self) -> bool {
        if self.lock().body.is_done() {
            return true;
        }
        let mut reads = UNWANTED_READS;
        poll_fn(|context| {
            let mut shared = self.lock();
            if shared.is_held {
                shared.wait(context);
                return Poll::Pending;
            }
            Poll::Ready(shared.skip_rest(context, &mut reads))
        })
        .await
    }

    async fn close(&mut self) {
        // Whatever ends it, nobody is left to be told.
        let _ended = poll_fn(|context| self.lock().io.poll_shutdown(context)).await;
    }
}

/// Why an answer was not sent to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Gone,
    Broken,
}

/// An answer's body on its way.
struct Sending {
    body: ResponseBody,
    /// `None` = there is no body, or it is over.
    encoder: Option<Encoder>,
    /// The client understands trailers.
    trailers: bool,
}

impl Sending {
    fn poll(&mut self, context: &mut Context<'_>, to: &Served) -> Poll<Result<(), Cut>> {
        let mut turn = TURN;
        loop {
            // The body may read from this very connection: it is not held while the body is asked.
            let polled = self.poll_frames(context, to, &mut turn);
            let mut shared = to.lock();
            let flushed = shared.io.poll_flush(context);
            // What came before the break is told, as far as it can be.
            match (polled?, flushed) {
                (_, Poll::Ready(Err(_))) => return Poll::Ready(Err(Cut::Gone)),
                (Poll::Ready(()), Poll::Ready(Ok(()))) if self.encoder.is_none() => {
                    return Poll::Ready(Ok(()));
                }
                (Poll::Ready(()), Poll::Ready(Ok(()))) if turn == 0 => {
                    if shared.poll_is_gone(context) {
                        return Poll::Ready(Err(Cut::Gone));
                    }
                    // Whoever else has something to do is heard first: nothing comes of this but a later turn.
                    let _later = pin!(yield_now()).poll(context);
                    return Poll::Pending;
                }
                // It was full, and has been written.
                (Poll::Ready(()), Poll::Ready(Ok(()))) => {}
                (Poll::Pending, Poll::Ready(Ok(()))) | (_, Poll::Pending) => {
                    let is_gone = shared.poll_is_gone(context);
                    return if is_gone { Poll::Ready(Err(Cut::Gone)) } else { Poll::Pending };
                }
            }
        }
    }

    /// Takes what the body has to give, as far as it finds room, within the `turn`. Ready = it is over, there is no room, or
    /// the turn is over.
    fn poll_frames(
        &mut self,
        context: &mut Context<'_>,
        to: &Served,
        turn: &mut usize,
    ) -> Result<Poll<()>, Cut> {
        while let Some(encoder) = &mut self.encoder {
            if *turn == 0 || to.lock().io.is_full() {
                return Ok(Poll::Ready(()));
            }
            let is_over = self.body.is_end_stream();
            let frame = if is_over {
                None
            } else {
                match Pin::new(&mut self.body).poll_frame(context) {
                    Poll::Pending => return Ok(Poll::Pending),
                    Poll::Ready(Some(Err(_))) => return Err(Cut::Broken),
                    Poll::Ready(frame) => frame.and_then(Result::ok),
                }
            };
            let io = &mut to.lock().io;
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => {
                    *turn = turn.saturating_sub(data.len().min(FRAME_OF_TURN));
                    encoder.data(data, io).map_err(|_wrong| Cut::Broken)?;
                }
                Some(Err(trailers)) => {
                    let trailers = trailers.into_trailers().ok().filter(|_| self.trailers);
                    encoder.end(trailers.as_ref(), io).map_err(|_wrong| Cut::Broken)?;
                    self.encoder = None;
                }
                None => {
                    encoder.end(None, io).map_err(|_wrong| Cut::Broken)?;
                    self.encoder = None;
                }
            }
        }
        Ok(Poll::Ready(()))
    }
}

impl Asked {
    fn new(parts: &http::request::Parts, about: About) -> Self {
        Self {
            version: parts.version,
            is_head: parts.method == Method::HEAD,
            keep_alive: about.keep_alive,
            trailers: about.trailers,
        }
    }

    /// Whether an answer has no body, whatever its head declares.
    fn is_bodyless(&self, status: StatusCode) -> bool {
        self.is_head
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    /// How the body of an answer is delimited; `None` = it has none.
    fn encoder(&self, head: &response::Parts, declared: Option<u64>, body: &ResponseBody) -> Option<Encoder> {
        if self.is_bodyless(head.status) {
            return None;
        }
        match declared {
            Some(length) => Some(Encoder::Known(length)),
            None if body.is_end_stream() => None,
            None if self.version == Version::HTTP_10 => Some(Encoder::UntilEnd),
            None => Some(Encoder::Chunked),
        }
    }

    /// What the connection has to be told beside the answer's own fields, and the end of the head.
    fn write_framing(&self, to: &mut Vec<u8>, head: &response::Parts, encoder: Option<Encoder>) {
        let is_switch = head.status == StatusCode::SWITCHING_PROTOCOLS;
        match (self.keep_alive, self.version) {
            _ if is_switch => {}
            (false, Version::HTTP_11) => fields::write_one(to, b"connection", b"close"),
            (true, Version::HTTP_10) => fields::write_one(to, b"connection", b"keep-alive"),
            (false | true, _) => {}
        }
        match encoder {
            Some(Encoder::Chunked) => fields::write_one(to, b"transfer-encoding", b"chunked"),
            // An answer that could have had a body, and is known to have none.
            None if !self.is_bodyless(head.status) && !head.headers.contains_key(header::CONTENT_LENGTH) => {
                fields::write_one(to, b"content-length", b"0");
            }
            Some(Encoder::Known(_) | Encoder::UntilEnd) | None => {}
        }
        to.extend_from_slice(b"\r\n");
    }
}

impl Shared {
    /// The body of a request whose head was read.
    fn begin(&mut self, about: About, shared: &Arc<Mutex<Self>>) -> Inbound {
        let input = self.io.input();
        if let Length::Known(length) = about.length
            && let Ok(length) = usize::try_from(length)
            && length <= input.len()
        {
            let whole = (length > 0).then(|| input.split_to(length).freeze());
            self.io.release();
            return Inbound::Whole(whole);
        }
        self.body = Decoder::new(about.length);
        self.is_held = true;
        self.expects = about.expects && self.io.input().is_empty();
        Inbound::Client(ClientBody { shared: Arc::clone(shared), is_over: false })
    }

    /// Whether the client has left. While its request's body comes, the body will tell, and when it is over; what it
    /// sends ahead hides its end.
    fn poll_is_gone(&mut self, context: &mut Context<'_>) -> bool {
        if self.is_held {
            self.wait(context);
            return false;
        }
        self.io.input().is_empty() && self.poll_has_ended(context)
    }

    /// Waits for the body to be read or let go.
    fn wait(&mut self, context: &Context<'_>) {
        if !will_wake(self.waiting.as_ref(), context) {
            self.waiting = Some(context.waker().clone());
        }
    }

    fn poll_has_ended(&mut self, context: &mut Context<'_>) -> bool {
        matches!(self.io.poll_fill(context, 0), Poll::Ready(Ok(0) | Err(_)))
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        loop {
            let wanted = match self.body.decode(self.io.input())? {
                Decoded::Data(data) => {
                    self.io.release();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Decoded::Trailers(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Decoded::End => return Poll::Ready(None),
                Decoded::More(wanted) => wanted,
            };
            if std::mem::take(&mut self.expects) {
                self.io.push_slice(CONTINUE);
            }
            if !self.io.is_flushed() {
                // What is not written now is with the answer; a broken connection is found out by reading.
                let _later = self.io.poll_flush(context);
            }
            match ready!(self.io.poll_fill(context, wanted)) {
                Ok(0) => self.body.end()?,
                Ok(_) => self.expects = false,
                Err(error) => return Poll::Ready(Some(Err(InboundError::Broken(error)))),
            }
        }
    }

    /// Reads past what is left of a body, as far as it has come; whether that was all of it.
    fn skip_rest(&mut self, context: &mut Context<'_>, reads: &mut usize) -> bool {
        while *reads > 0 {
            *reads -= 1;
            match self.poll_data(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None) => return true,
                Poll::Ready(Some(Err(_))) | Poll::Pending => return false,
            }
        }
        self.body.is_done()
    }
}

/// The part of a request's body that has not come with its head.
pub(in crate::wire) struct ClientBody {
    shared: Arc<Mutex<Shared>>,
    /// It was read to its end: what the connection reads from now on is of another request.
    is_over: bool,
}

impl ClientBody {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::wire) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let mut shared = self.lock();
        if shared.is_left {
            let left = io::Error::from(io::ErrorKind::ConnectionAborted);
            return Poll::Ready(Some(Err(InboundError::Broken(left))));
        }
        let polled = shared.poll_data(context);
        if shared.body.is_done() {
            shared.is_held = false;
            // The connection's own task looks by itself.
            let waiting = shared.waiting.take().filter(|waiting| !waiting.will_wake(context.waker()));
            waiting.into_iter().for_each(Waker::wake);
            drop(shared);
            self.is_over = true;
        } else if polled.is_pending() && !will_wake(shared.reader.as_ref(), context) {
            shared.reader = Some(context.waker().clone());
        }
        polled
    }

    /// Whether it was read to its end.
    pub(in crate::wire) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Bytes still to come, where that is known.
    pub(in crate::wire) fn left(&self) -> Option<u64> {
        if self.is_over { Some(0) } else { self.lock().body.left() }
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut shared = self.lock();
        shared.is_held = false;
        shared.waiting.take().into_iter().for_each(Waker::wake);
    }
}

fn will_wake(waker: Option<&Waker>, context: &Context<'_>) -> bool {
    waker.is_some_and(|waker| waker.will_wake(context.waker()))
}

fn is_preface(input: &[u8]) -> bool {
    let compared = input.len().min(PREFACE.len());
    input.get(..compared) == PREFACE.get(..compared)
}
