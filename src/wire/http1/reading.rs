//! What is made of the bytes of a message, told to who has no connection at hand: tests and fuzzers. Nothing on the path
//! uses it.

use bytes::BytesMut;
use http::{HeaderMap, Method, StatusCode, request, response};

use super::framing::{Decoded, Decoder, Length};
use super::head::{self, About, Limits, Malformed, Tried};
use crate::config;

/// A message as it was read.
#[derive(Debug)]
pub struct Message<H> {
    /// Its head.
    pub head: H,
    /// How its body is delimited.
    pub framing: Framing,
    /// Whether another message may follow on its connection.
    pub keep_alive: bool,
    /// Its body, as far as it came.
    pub body: Vec<u8>,
    /// What followed the body.
    pub trailers: Option<HeaderMap>,
    /// What became of the body.
    pub end: End,
    /// What stands behind the message.
    pub rest: Vec<u8>,
}

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes; 0 = there is none.
    Bytes(u64),
    /// In chunks.
    Chunked,
    /// All until the connection ends.
    UntilEnd,
}

/// What became of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it came.
    Whole,
    /// More has to come.
    Open,
    /// It cannot be read.
    Broken,
}

/// A request that comes in these pieces, within the limits of a default configuration. `None` = more of its head has to
/// come; an error is the status that it is refused with.
pub fn request<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Message<request::Parts>>, StatusCode> {
    message(pieces, head::request)
}

/// The same of an answer to a request of this method.
pub fn response<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    method: &Method,
) -> Result<Option<Message<response::Parts>>, StatusCode> {
    message(pieces, |input, tried, limits| head::response(input, tried, limits, method))
}

fn message<'a, H>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    mut head: impl FnMut(&mut BytesMut, &mut Tried, Limits) -> Result<Option<(H, About)>, Malformed>,
) -> Result<Option<Message<H>>, StatusCode> {
    let limits = Limits::new(&config::Limits::default());
    let (mut input, mut tried, mut begun) = (BytesMut::new(), Tried::default(), None);
    for piece in pieces {
        input.extend_from_slice(piece);
        if begun.is_none() && !input.is_empty() {
            let read = head(&mut input, &mut tried, limits).map_err(Malformed::status)?;
            begun = read.map(|(head, about)| (Message::new(head, about), Decoder::new(about.length)));
        }
        if let Some((message, decoder)) = &mut begun {
            message.feed(decoder, &mut input);
        }
    }
    Ok(begun.map(|(message, _)| Message { rest: input.to_vec(), ..message }))
}

impl<H> Message<H> {
    fn new(head: H, about: About) -> Self {
        let framing = match about.length {
            Length::Known(bytes) => Framing::Bytes(bytes),
            Length::Chunked => Framing::Chunked,
            Length::UntilEnd => Framing::UntilEnd,
        };
        let (body, rest) = (Vec::new(), Vec::new());
        Self { head, framing, keep_alive: about.keep_alive, body, trailers: None, end: End::Open, rest }
    }

    fn feed(&mut self, decoder: &mut Decoder, input: &mut BytesMut) {
        while !decoder.is_done() {
            match decoder.decode(input) {
                Ok(Decoded::Data(data)) => self.body.extend_from_slice(&data),
                Ok(Decoded::Trailers(trailers)) => self.trailers = Some(trailers),
                Ok(Decoded::More(_)) => return,
                Ok(Decoded::End) => {}
                Err(_) => {
                    self.end = End::Broken;
                    return;
                }
            }
        }
        self.end = End::Whole;
    }
}
