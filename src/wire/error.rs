//! Why an exchange was not carried, whose fault it was, and what the client is told.

use std::error::Error as StdError;
use std::time::Duration;

use super::request_body::RequestBodyError;
use super::upstream::SendError;
use crate::guard::auth::Unauthorized;
use crate::guard::server::Denied;
use crate::net::ConnectError;
use crate::observe::{Failure, Refusal};
use crate::rewrite::mount::RouteError;
use http::{HeaderValue, StatusCode};

/// Why the proxy answers in the server's place. Upstream trouble is always 502, 503 or 504, never 4xx: a 4xx on a
/// probe flips a dual-era client to the old era.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    // The client's.
    #[error("no server is mounted here")]
    NoRoute,
    #[error("the path holds dot segments")]
    DotSegment,
    #[error("{0}")]
    BadRequest(&'static str),
    #[error("this Host is not served here")]
    HostRefused,
    #[error("this Origin is not allowed here")]
    OriginRefused,
    #[error("the request head is larger than {limit} bytes")]
    HeadTooLarge { limit: usize },
    #[error(transparent)]
    Body(#[from] RequestBodyError),
    #[error("{}", told(why))]
    Unauthorized { why: Unauthorized, challenge: Option<HeaderValue> },
    // The proxy's.
    #[error("too many event streams are open")]
    TooManyStreams,
    #[error("the proxy is shutting down")]
    ShuttingDown,
    #[error("the server failed too often of late, and is left alone")]
    CircuitOpen { left: Duration },
    #[error("too many requests to this server are under way")]
    BulkheadFull,
    #[error("requests to this server come too fast")]
    TooFast { left: Duration },
    // The server's.
    #[error("the server cannot be reached")]
    Unreachable(#[source] SendError),
    #[error("the server could not be reached in time")]
    ConnectTimeout(#[source] SendError),
    #[error("the connection to the server broke before it answered")]
    Reset(#[source] SendError),
    #[error("the server's answer is not HTTP")]
    Invalid(#[source] SendError),
    #[error("the server switched protocols without being asked")]
    UnaskedUpgrade,
    #[error("the server's answer is in a transfer coding that nobody asked for")]
    UnaskedCoding,
    #[error("the server did not answer within {0:?}")]
    HeadTimeout(Duration),
    #[error("the call took longer than {0:?}")]
    CallTimeout(Duration),
}

/// How telemetry is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The proxy said no.
    Refused(Refusal),
    /// The leg to the server failed.
    Failed(Failure),
}

impl Error {
    /// Status, `X-Sightglass-Error`, and what telemetry is told.
    pub(super) fn reply(&self) -> (StatusCode, &'static str, Verdict) {
        use {Failure as F, Refusal as R, StatusCode as S, Verdict::Failed, Verdict::Refused};
        match self {
            Self::NoRoute => (S::NOT_FOUND, "no_route", Refused(R::NoRoute)),
            Self::DotSegment
            | Self::BadRequest(_)
            | Self::Body(RequestBodyError::Broken(_) | RequestBodyError::WrongLength) => {
                (S::BAD_REQUEST, "bad_request", Refused(R::BadRequest))
            }
            Self::HostRefused => (S::FORBIDDEN, "host_refused", Refused(R::HostRefused)),
            Self::OriginRefused => (S::FORBIDDEN, "origin_refused", Refused(R::OriginRefused)),
            Self::Unauthorized { why, .. } => {
                let status = match why {
                    Unauthorized::NoToken | Unauthorized::Invalid(_) => S::UNAUTHORIZED,
                    Unauthorized::Scope => S::FORBIDDEN,
                    Unauthorized::NoKeys(_) => S::SERVICE_UNAVAILABLE,
                };
                (status, "unauthorized", Refused(R::Unauthorized))
            }
            Self::HeadTooLarge { .. } => {
                (S::REQUEST_HEADER_FIELDS_TOO_LARGE, "bad_request", Refused(R::BadRequest))
            }
            Self::Body(RequestBodyError::TooLarge { .. }) => {
                (S::PAYLOAD_TOO_LARGE, "limit", Refused(R::Limit))
            }
            Self::TooManyStreams | Self::TooFast { .. } => {
                (S::SERVICE_UNAVAILABLE, "limit", Refused(R::Limit))
            }
            Self::CircuitOpen { .. } => (S::SERVICE_UNAVAILABLE, "circuit_open", Refused(R::CircuitOpen)),
            Self::BulkheadFull => (S::SERVICE_UNAVAILABLE, "bulkhead_full", Refused(R::BulkheadFull)),
            Self::ShuttingDown => (S::SERVICE_UNAVAILABLE, "shutting_down", Refused(R::ShuttingDown)),
            Self::Unreachable(_) => (S::BAD_GATEWAY, "upstream_unreachable", Failed(F::Unreachable)),
            Self::ConnectTimeout(_) | Self::HeadTimeout(_) | Self::CallTimeout(_) => {
                (S::GATEWAY_TIMEOUT, "upstream_timeout", Failed(F::Timeout))
            }
            Self::Reset(_) => (S::BAD_GATEWAY, "upstream_invalid", Failed(F::Reset)),
            Self::Invalid(_) | Self::UnaskedUpgrade | Self::UnaskedCoding => {
                (S::BAD_GATEWAY, "upstream_invalid", Failed(F::Invalid))
            }
        }
    }

    /// What it says, and what its sources say: for the operator, not for the client.
    pub(super) fn chain(&self) -> String {
        let mut said = self.to_string();
        let mut next = self.source();
        while let Some(source) = next {
            let more = source.to_string();
            // Some libraries say their source's message as part of their own.
            if !said.ends_with(&more) {
                said.push_str(": ");
                said.push_str(&more);
            }
            next = source.source();
        }
        said
    }

    /// After how many seconds trying again makes sense; where waiting helps.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else passes by itself")]
    pub(super) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooManyStreams | Self::ShuttingDown | Self::BulkheadFull => Some(1),
            Self::CircuitOpen { left }
            | Self::TooFast { left }
            | Self::Unauthorized { why: Unauthorized::NoKeys(left), .. } => Some(whole_seconds(*left)),
            _ => None,
        }
    }

    /// What tells the client how to authenticate.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is about that")]
    pub(super) fn challenge(&self) -> Option<&HeaderValue> {
        match self {
            Self::Unauthorized { challenge, .. } => challenge.as_ref(),
            _ => None,
        }
    }

    /// Whether the server may have waited for the rest of the request, which the client still had to send.
    pub(super) fn may_be_the_clients(&self) -> bool {
        matches!(self, Self::HeadTimeout(_) | Self::CallTimeout(_) | Self::Reset(_))
    }
}

impl From<RouteError> for Error {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::NotFound => Self::NoRoute,
            RouteError::DotSegment => Self::DotSegment,
        }
    }
}

fn told(why: &Unauthorized) -> &'static str {
    match why {
        Unauthorized::NoToken => "a bearer token is needed",
        Unauthorized::Invalid(fault) => fault.as_str(),
        Unauthorized::Scope => "the token lacks a scope",
        Unauthorized::NoKeys(_) => "the keys of the issuer of tokens are not known yet",
    }
}

/// Rounded up: whoever comes then does not come too early.
fn whole_seconds(left: Duration) -> u32 {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::CircuitOpen(left) => Self::CircuitOpen { left },
            Denied::BulkheadFull => Self::BulkheadFull,
            Denied::TooFast(left) => Self::TooFast { left },
        }
    }
}

impl From<Refusal> for Error {
    /// What a guard said.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoRoute => Self::NoRoute,
            Refusal::OriginRefused => Self::OriginRefused,
            Refusal::BadRequest | Refusal::BadHead | Refusal::SlowHead => {
                Self::BadRequest("malformed request")
            }
            Refusal::ShuttingDown => Self::ShuttingDown,
            Refusal::Limit | Refusal::CircuitOpen | Refusal::BulkheadFull => Self::TooManyStreams,
            Refusal::HostRefused | Refusal::Unauthorized => Self::HostRefused,
        }
    }
}

impl From<SendError> for Error {
    /// What became of sending a request. A request body that failed comes back through it.
    fn from(error: SendError) -> Self {
        match error {
            SendError::Body(error) => Self::Body(error),
            SendError::Connect(ConnectError::Timeout(_)) => Self::ConnectTimeout(error),
            SendError::Connect(_) => Self::Unreachable(error),
            SendError::Malformed(_) => Self::Invalid(error),
            SendError::Broken(_) => Self::Reset(error),
            SendError::Http2(cause) => Self::of_http2(cause),
        }
    }
}

impl Error {
    fn of_http2(error: hyper::Error) -> Self {
        if let Some(RequestBodyError::TooLarge { limit }) = cause::<RequestBodyError>(&error) {
            return Self::Body(RequestBodyError::TooLarge { limit: *limit });
        }
        let is_invalid = error.is_parse();
        let error = SendError::Http2(error);
        if is_invalid { Self::Invalid(error) } else { Self::Reset(error) }
    }
}

/// The first error of this type among `error` and its sources.
fn cause<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
