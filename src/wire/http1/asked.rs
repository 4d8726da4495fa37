//! A server's connection: one request and its answer at a time, then back to the pool.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header, request, response};
use http_body::{Body, Frame};
use tokio::time::{Instant, timeout};

use super::buffered::Buffered;
use super::fields;
use super::framing::{Decoded, Decoder, Encoder};
use super::head::{self, Limits, Malformed, Tried};
use crate::net::{Connection, Stamps};
use crate::wire::inbound::{Inbound, InboundError};
use crate::wire::pool::Pool;
use crate::wire::request_body::{RequestBody, RequestBodyError};

/// Interim answers before the answer: a server could send them for ever.
const INTERIM: u16 = 1000;
/// How long the rest of a request may take that was answered before it was all there.
const REST: Duration = Duration::from_secs(30);

/// A server's connection, from our side.
pub(in crate::wire) struct Asking {
    io: Buffered<Connection>,
    stamps: Arc<Stamps>,
    limits: Limits,
    tried: Tried,
    /// The request's body, until all of it is on its way.
    sending: Option<Sending>,
    /// When the connection last wrote, before this request.
    written_before: Option<std::time::Instant>,
    method: Method,
    /// Interim answers so far.
    interim: u16,
    answer: Decoder,
    keep_alive: bool,
    /// It has carried a request before.
    is_used: bool,
    home: Weak<Pool>,
    /// Since when it lies in the pool.
    pub(in crate::wire) idle_since: Instant,
}

struct Sending {
    body: RequestBody,
    encoder: Encoder,
}

/// Why there is no answer.
pub(in crate::wire) enum AskError {
    /// The connection had been closed, and no byte of the request was written: another one may take it over.
    Unsent(Box<Asking>),
    /// The client's fault.
    Body(RequestBodyError),
    /// The connection broke.
    Broken(io::Error),
    /// What came is no answer.
    Malformed(Malformed),
}

/// An answer whose head has come.
pub(in crate::wire) struct Answer {
    pub(in crate::wire) head: response::Parts,
    pub(in crate::wire) body: Inbound,
    /// Of the connection that it comes on.
    pub(in crate::wire) stamps: Arc<Stamps>,
    /// The connection, where it has switched protocols.
    pub(in crate::wire) switched: Option<Buffered<Connection>>,
}

impl Asking {
    /// A new connection, to be kept in `home` between requests.
    pub(in crate::wire) fn new(connection: Connection, home: Weak<Pool>, limits: Limits) -> Self {
        Self {
            stamps: Arc::clone(connection.stamps()),
            io: Buffered::new(connection),
            limits,
            tried: Tried::default(),
            sending: None,
            written_before: None,
            method: Method::GET,
            interim: 0,
            answer: Decoder::Done,
            keep_alive: true,
            is_used: false,
            home,
            idle_since: Instant::now(),
        }
    }

    /// Whether the server has left this connection, or has said something unasked, as far as that is known by now.
    pub(in crate::wire) fn is_stale(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        !self.io.input().is_empty() || self.io.poll_fill(&mut context, 0).is_ready()
    }

    /// Puts a request on its way.
    pub(in crate::wire) fn begin(&mut self, head: &request::Parts, body: RequestBody) {
        self.written_before = self.stamps.last_write();
        self.method = head.method.clone();
        self.interim = 0;
        let to = self.io.head();
        let declared = if let Ok(declared) = fields::declared_length(&head.headers) {
            head::write_request(to, head);
            declared
        } else {
            let mut undeclared = head.clone();
            undeclared.headers.remove(header::CONTENT_LENGTH);
            head::write_request(to, &undeclared);
            None
        };
        let encoder = match declared {
            Some(length) => Some(Encoder::Known(length)),
            None if body.is_end_stream() => None,
            None => {
                fields::write_one(to, b"transfer-encoding", b"chunked");
                Some(Encoder::Chunked)
            }
        };
        to.extend_from_slice(b"\r\n");
        self.sending = encoder.map(|encoder| Sending { body, encoder });
    }

    /// Takes over a request that another connection could not send.
    pub(in crate::wire) fn take_over(&mut self, other: Self) {
        self.written_before = None;
        self.method = other.method;
        self.sending = other.sending;
        self.io.take_output(other.io);
    }

    /// Sends what [`Asking::begin`] prepared, and waits for the head of the answer.
    pub(in crate::wire) async fn ask(mut self: Box<Self>) -> Result<Answer, AskError> {
        let asked = poll_fn(|context| self.poll_ask(context)).await;
        match asked {
            Ok(head) => Ok(self.answered(head)),
            Err(AskError::Broken(_)) if self.is_used && self.is_unsent() => Err(AskError::Unsent(self)),
            Err(error) => Err(error),
        }
    }

    fn is_unsent(&self) -> bool {
        self.stamps.last_write() == self.written_before
    }

    fn poll_ask(&mut self, context: &mut Context<'_>) -> Poll<Result<response::Parts, AskError>> {
        match self.poll_send(context) {
            Poll::Ready(Err(AskError::Broken(error))) if self.is_unsent() => {
                return Poll::Ready(Err(AskError::Broken(error)));
            }
            // A server may answer before it has read everything, and close: then the answer is there to be read.
            Poll::Ready(Err(AskError::Broken(_))) => self.stop_sending(),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        loop {
            let input = self.io.input();
            if !input.is_empty() {
                let head = head::response(input, &mut self.tried, self.limits, &self.method);
                match head.map_err(AskError::Malformed)? {
                    // Interim answers concern this hop, but for the one that changes protocols.
                    Some((head, _)) if is_interim(head.status) => {
                        self.interim += 1;
                        if self.interim > INTERIM {
                            return Poll::Ready(Err(AskError::Malformed(Malformed::Interim)));
                        }
                        continue;
                    }
                    // What is left of the request would go into the tunnel.
                    Some((head, _)) if is_switch(head.status) && !self.is_sent() => {
                        return Poll::Ready(Err(AskError::Malformed(Malformed::EarlySwitch)));
                    }
                    Some((head, about)) => {
                        self.answer = Decoder::new(about.length);
                        self.keep_alive &= about.keep_alive;
                        return Poll::Ready(Ok(head));
                    }
                    None => {}
                }
            }
            match ready!(self.io.poll_fill(context, 0)) {
                Ok(0) => return Poll::Ready(Err(AskError::Broken(io::ErrorKind::UnexpectedEof.into()))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(AskError::Broken(error))),
            }
        }
    }

    /// Whether all of the request is written.
    fn is_sent(&self) -> bool {
        self.sending.is_none() && self.io.is_flushed()
    }

    /// Moves the request's body on. Ready = all of it is written.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AskError>> {
        loop {
            let polled = self.poll_frames(context)?;
            ready!(self.io.poll_flush(context)).map_err(AskError::Broken)?;
            match polled {
                Poll::Ready(()) if self.sending.is_none() => return Poll::Ready(Ok(())),
                Poll::Ready(()) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Takes what the body has to give, as far as it finds room. Ready = it is over, or there is no room.
    fn poll_frames(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, AskError> {
        let wrong = |_wrong| AskError::Body(RequestBodyError::WrongLength);
        while let Some(sending) = &mut self.sending {
            if self.io.is_full() {
                return Ok(Poll::Ready(()));
            }
            let frame = if sending.body.is_end_stream() {
                None
            } else {
                match Pin::new(&mut sending.body).poll_frame(context) {
                    Poll::Pending => return Ok(Poll::Pending),
                    Poll::Ready(frame) => frame.transpose().map_err(AskError::Body)?,
                }
            };
            match frame.map(Frame::into_data) {
                Some(Ok(data)) => sending.encoder.data(data, &mut self.io).map_err(wrong)?,
                Some(Err(trailers)) => {
                    let trailers = trailers.into_trailers().ok();
                    sending.encoder.end(trailers.as_ref(), &mut self.io).map_err(wrong)?;
                    self.sending = None;
                }
                None => {
                    sending.encoder.end(None, &mut self.io).map_err(wrong)?;
                    self.sending = None;
                }
            }
        }
        Ok(Poll::Ready(()))
    }

    /// The server does not want the rest of the request.
    fn stop_sending(&mut self) {
        self.sending = None;
        self.keep_alive = false;
        self.io.drop_output();
    }

    fn answered(mut self: Box<Self>, head: response::Parts) -> Answer {
        let stamps = Arc::clone(&self.stamps);
        let (body, switched) = if is_switch(head.status) {
            (Inbound::empty(), Some(self.io))
        } else if self.answer.is_done() {
            self.io.release();
            self.finish();
            (Inbound::empty(), None)
        } else {
            (Inbound::Server(ServerBody(Some(self))), None)
        };
        Answer { head, body, stamps, switched }
    }

    /// The answer is over: what is left of the request goes on by itself.
    fn finish(mut self: Box<Self>) {
        if self.is_sent() {
            return self.go_home();
        }
        tokio::spawn(async move {
            if let Ok(Ok(())) = timeout(REST, poll_fn(|context| self.poll_send(context))).await {
                self.go_home();
            }
        });
    }

    /// Another request may follow, where nothing speaks against it.
    fn go_home(mut self: Box<Self>) {
        if self.keep_alive
            && self.io.input().is_empty()
            && let Some(home) = self.home.upgrade()
        {
            self.is_used = true;
            home.put(self);
        }
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        loop {
            let wanted = match self.answer.decode(self.io.input())? {
                Decoded::Data(data) => {
                    self.io.release();
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Decoded::Trailers(trailers) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Decoded::End => return Poll::Ready(None),
                Decoded::More(wanted) => wanted,
            };
            match ready!(self.io.poll_fill(context, wanted)) {
                Ok(0) => self.answer.end()?,
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(InboundError::Broken(error)))),
            }
        }
    }
}

/// The part of an answer's body that has not come with its head, and the connection it comes on. Dropped before its
/// end, it takes the connection along, so that the server hears of it.
pub(in crate::wire) struct ServerBody(Option<Box<Asking>>);

impl ServerBody {
    pub(in crate::wire) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        let Some(asking) = &mut self.0 else { return Poll::Ready(None) };
        if !asking.is_sent() {
            match asking.poll_send(context) {
                Poll::Ready(Err(AskError::Body(_))) => {
                    let broken = io::Error::from(io::ErrorKind::ConnectionAborted);
                    return Poll::Ready(Some(Err(InboundError::Broken(broken))));
                }
                Poll::Ready(Err(_)) => asking.stop_sending(),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        let polled = ready!(asking.poll_data(context));
        if asking.answer.is_done()
            && !matches!(polled, Some(Err(_)))
            && let Some(asking) = self.0.take()
        {
            asking.finish();
        }
        Poll::Ready(polled)
    }

    /// Whether it was read to its end.
    pub(in crate::wire) fn is_over(&self) -> bool {
        self.0.is_none()
    }

    /// Bytes still to come, where that is known.
    pub(in crate::wire) fn left(&self) -> Option<u64> {
        self.0.as_ref().map_or(Some(0), |asking| asking.answer.left())
    }
}

fn is_interim(status: StatusCode) -> bool {
    status.is_informational() && !is_switch(status)
}

fn is_switch(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS
}
