//! What heads say that means something to an observer: of each field its first line.
//!
//! # Why one pass
//! A head has few fields, and to look one up in it costs more than to look at each.

use http::{HeaderMap, HeaderValue};

/// What the head of a request says.
#[derive(Default)]
pub(super) struct Asked<'a> {
    pub(super) session: Option<&'a HeaderValue>,
    pub(super) last_event: Option<&'a HeaderValue>,
    pub(super) version: Option<&'a HeaderValue>,
    pub(super) method: Option<&'a HeaderValue>,
    pub(super) name: Option<&'a HeaderValue>,
    pub(super) authorization: Option<&'a HeaderValue>,
    pub(super) api_key: Option<&'a HeaderValue>,
    pub(super) user_agent: Option<&'a HeaderValue>,
    pub(super) request_id: Option<&'a HeaderValue>,
    pub(super) correlation_id: Option<&'a HeaderValue>,
    /// The fields that name user and tier.
    pub(super) caller: [Option<&'a HeaderValue>; 2],
    pub(super) body: Written<'a>,
}

/// What the head of a response says.
#[derive(Default)]
pub(super) struct Answered<'a> {
    pub(super) session: Option<&'a HeaderValue>,
    /// `Server-Timing` is there.
    pub(super) has_timings: bool,
    pub(super) body: Written<'a>,
}

/// How a body is written.
#[derive(Default, Clone, Copy)]
pub(super) struct Written<'a> {
    /// `Content-Type`.
    pub(super) media: Option<&'a HeaderValue>,
    /// `Content-Encoding`.
    pub(super) encoding: Option<&'a HeaderValue>,
    /// It has several lines of that.
    pub(super) has_more_encodings: bool,
}

impl<'a> Asked<'a> {
    /// `caller` are the names of fields that the configuration asks for besides.
    pub(super) fn by(headers: &'a HeaderMap, caller: [Option<&str>; 2]) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            let name = name.as_str();
            for (wanted, place) in caller.iter().zip(&mut said.caller) {
                if *wanted == Some(name) {
                    place.get_or_insert(value);
                }
            }
            let place = match name {
                "mcp-session-id" => &mut said.session,
                "last-event-id" => &mut said.last_event,
                "mcp-protocol-version" => &mut said.version,
                "mcp-method" => &mut said.method,
                "mcp-name" => &mut said.name,
                "authorization" => &mut said.authorization,
                "x-api-key" | "api-key" | "apikey" | "x-goog-api-key" => &mut said.api_key,
                "user-agent" => &mut said.user_agent,
                "x-request-id" => &mut said.request_id,
                "x-correlation-id" => &mut said.correlation_id,
                _ => {
                    said.body.see(name, value);
                    continue;
                }
            };
            place.get_or_insert(value);
        }
        said
    }
}

impl<'a> Answered<'a> {
    pub(super) fn by(headers: &'a HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "mcp-session-id" => {
                    said.session.get_or_insert(value);
                }
                "server-timing" => said.has_timings = true,
                name => said.body.see(name, value),
            }
        }
        said
    }
}

impl<'a> Written<'a> {
    fn see(&mut self, name: &str, value: &'a HeaderValue) {
        match name {
            "content-type" => {
                self.media.get_or_insert(value);
            }
            "content-encoding" if self.encoding.is_some() => self.has_more_encodings = true,
            "content-encoding" => self.encoding = Some(value),
            _ => {}
        }
    }
}
