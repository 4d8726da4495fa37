//! The trace context on its way up: read from what the client sent, and replaced by our own span's (`telemetry.md` §4).
//!
//! # Why
//!
//! Servers differ in which carrier they read: Python's SDK takes `params._meta` and falls back to the header, C#'s takes
//! `_meta` alone, most others the header alone. So both are read, `_meta` first, and both name the same span when they
//! leave. Only a request gets a span of ours; what has none (a notification, or nothing to do with JSON-RPC) is never
//! made to name one. A body that somebody vouches for (a digest, a signature) stays as it is, and one that is
//! compressed.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, Entry, HeaderMap, HeaderName, HeaderValue,
};

use crate::config::Tracing;
use crate::mcp::b3::{B3, Separate};
use crate::mcp::place::{Kind, Posted, Tracestate};
use crate::mcp::trace::{Carried, Carriers, Context, Handshake, Ids, Sampler, Trace, decide};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// How trace context is propagated.
#[derive(Debug, Clone, Copy)]
pub struct Propagation {
    sampler: Sampler,
    inject_meta: bool,
    read_b3: bool,
}

/// A request's place in a trace, and what becomes of its carriers.
#[derive(Debug)]
pub struct Placed {
    /// Its place; `None` for a notification, which has no span of ours.
    pub trace: Option<Trace>,
    /// The body to send instead of the one that was held.
    pub body: Option<Bytes>,
    /// What the header is to say; `None` = what it says.
    context: Option<Context>,
    tracestate: Lines,
}

/// What becomes of the lines of `tracestate`.
#[derive(Debug)]
enum Lines {
    Kept,
    Replaced(Option<HeaderValue>),
}

impl Propagation {
    /// As configured; `None` = nothing is read or written.
    pub fn new(tracing: &Tracing) -> Option<Self> {
        tracing.enabled.then(|| Self {
            sampler: Sampler { ratio: tracing.sample_ratio, parent_based: tracing.parent_based },
            inject_meta: tracing.injects_meta(),
            read_b3: tracing.read_b3,
        })
    }

    /// Finds the place of what is posted: its `fields` as the client sent them, its `body` where it was held whole, the
    /// handshake of its `session`. `random` makes ids. `None` = nothing is to be changed.
    pub fn place(
        &self,
        fields: &HeaderMap,
        body: Option<&[u8]>,
        session: Option<&Handshake>,
        random: impl FnMut() -> u64,
    ) -> Option<Placed> {
        let named = Named::of(fields);
        let is_coded = named.content_encoding && is_coded(fields);
        let posted = body.filter(|_| !is_coded).map_or_else(Posted::unknown, Posted::read);
        let asked =
            || Asked { fields, named, header: Header::of(fields, named, self), session, posted: &posted };
        match posted.kind {
            Kind::Request | Kind::Unknown => Some(self.request(&asked(), Ids::random(random))),
            Kind::Notification => self.notification(&asked()),
            Kind::Response | Kind::Other => None,
        }
    }

    /// Between the parent and the server now stands a span of ours.
    fn request(&self, asked: &Asked<'_>, ids: Ids) -> Placed {
        let carriers = Carriers {
            meta: asked.posted.carried.as_ref(),
            header: asked.header.carried.as_ref(),
            session: asked.session,
        };
        let trace = decide(carriers, self.sampler_of(&asked.header), ids);
        let context = trace.upstream();
        let tracestate = trace.tracestate.as_deref();
        let lines = if asked.header.has_lines_of_parent(asked.posted) {
            Lines::Kept
        } else {
            Lines::Replaced(tracestate.and_then(line))
        };
        let body = self.splice(asked, &context, tracestate);
        Placed { body, context: Some(context), tracestate: lines, trace: Some(trace) }
    }

    /// Both carriers name whichever parent there is.
    fn notification(&self, asked: &Asked<'_>) -> Option<Placed> {
        let session = || {
            let handshake = asked.session?;
            let begun = || Carried { context: handshake.span, tracestate: None };
            Some(handshake.carried.clone().unwrap_or_else(begun))
        };
        let meta = asked.posted.carried.as_ref();
        let header = asked.header.carried.as_ref();
        let parent = meta.or(header).cloned().or_else(session)?;
        let is_said = asked.header.has_lines_of_parent(asked.posted);
        let tracestate = parent.tracestate.as_deref();
        Some(Placed {
            trace: None,
            body: if meta.is_none() { self.splice(asked, &parent.context, tracestate) } else { None },
            context: (!is_said).then_some(parent.context),
            tracestate: if is_said { Lines::Kept } else { Lines::Replaced(tracestate.and_then(line)) },
        })
    }

    /// A decision without a span is a parent's, too, though nobody knows which.
    fn sampler_of(&self, header: &Header) -> Sampler {
        match header.decision {
            Some(sampled) if self.sampler.parent_based => {
                Sampler { ratio: if sampled { 1.0 } else { 0.0 }, ..self.sampler }
            }
            _ => self.sampler,
        }
    }

    fn splice(&self, asked: &Asked<'_>, context: &Context, tracestate: Option<&str>) -> Option<Bytes> {
        if !self.inject_meta || !asked.posted.has_place() || asked.is_vouched_for() {
            return None;
        }
        let has_own = asked.posted.carried.as_ref().is_some_and(|carried| carried.tracestate.is_some());
        let is_parents = asked.posted.carried.is_some() && (has_own || tracestate.is_none());
        let tracestate = if is_parents { Tracestate::Kept } else { Tracestate::Set(tracestate) };
        asked.posted.spliced(context, tracestate).map(Bytes::from)
    }
}

impl Placed {
    /// Writes the carriers into the `fields` that the server is to see, and the length of a body that grew.
    pub fn write(&self, fields: &mut HeaderMap) {
        if let Some(Ok(value)) =
            self.context.map(|context| HeaderValue::from_bytes(&context.traceparent_bytes()))
        {
            fields.insert(TRACEPARENT, value);
        }
        match &self.tracestate {
            Lines::Kept => {}
            Lines::Replaced(Some(value)) => {
                fields.insert(TRACESTATE, value.clone());
            }
            Lines::Replaced(None) => drop_tracestate(fields),
        }
        if let Some(body) = &self.body
            && let Entry::Occupied(mut length) = fields.entry(CONTENT_LENGTH)
        {
            length.insert(HeaderValue::from(body.len()));
        }
    }
}

/// What the place of a request is decided from.
struct Asked<'a> {
    fields: &'a HeaderMap,
    named: Named,
    header: Header,
    session: Option<&'a Handshake>,
    posted: &'a Posted<'a>,
}

impl Asked<'_> {
    /// Whether a field says what the body is, byte for byte (RFC 9530, RFC 9421, AWS Signature Version 4).
    fn is_vouched_for(&self) -> bool {
        let is_signed = |value: &HeaderValue| {
            value
                .as_bytes()
                .first_chunk()
                .is_some_and(|scheme: &[u8; 5]| scheme.eq_ignore_ascii_case(b"AWS4-"))
        };
        let signatures = || self.fields.get_all(AUTHORIZATION).into_iter();
        self.named.vouches || (self.named.authorization && signatures().any(is_signed))
    }
}

/// Which fields a head has, of those that matter here. A head has fewer fields than there are names to ask it for.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each name")]
struct Named {
    traceparent: bool,
    b3: bool,
    content_encoding: bool,
    authorization: bool,
    /// Any that says what the body is.
    vouches: bool,
}

impl Named {
    fn of(fields: &HeaderMap) -> Self {
        let mut named = Self::default();
        for name in fields.keys() {
            match name.as_str() {
                "traceparent" => named.traceparent = true,
                "b3" | "x-b3-traceid" | "x-b3-spanid" | "x-b3-sampled" | "x-b3-flags" => named.b3 = true,
                "content-encoding" => named.content_encoding = true,
                "authorization" => named.authorization = true,
                "content-digest"
                | "repr-digest"
                | "digest"
                | "content-md5"
                | "signature"
                | "signature-input"
                | "x-amz-content-sha256" => named.vouches = true,
                _ => {}
            }
        }
        named
    }
}

/// What the head says.
#[derive(Default)]
struct Header {
    carried: Option<Carried>,
    /// It was a `traceparent`, so that the lines of `tracestate` belong to it.
    is_traceparent: bool,
    /// Whether to sample, where that is all that is said.
    decision: Option<bool>,
}

impl Header {
    fn of(fields: &HeaderMap, named: Named, propagation: &Propagation) -> Self {
        let traceparent = || only(fields, TRACEPARENT.as_str()).and_then(Context::parse);
        if let Some(context) = named.traceparent.then(traceparent).flatten() {
            let carried = Some(Carried::new(context, tracestate(fields)));
            return Self { carried, is_traceparent: true, decision: None };
        }
        match (propagation.read_b3 && named.b3).then(|| b3(fields, propagation.sampler)).flatten() {
            Some(B3::Span(context)) => Self { carried: Some(Carried::new(context, None)), ..Self::default() },
            Some(B3::Decision(sampled)) => Self { decision: Some(sampled), ..Self::default() },
            None => Self::default(),
        }
    }

    /// Whether it names the parent, in the format that goes on, and says all that is known of it.
    fn has_lines_of_parent(&self, posted: &Posted<'_>) -> bool {
        self.is_traceparent
            && match (&posted.carried, &self.carried) {
                (Some(meta), Some(header)) => {
                    meta.context == header.context
                        && (meta.tracestate.is_none() || meta.tracestate == header.tracestate)
                }
                (None, Some(_)) => true,
                (_, None) => false,
            }
    }
}

/// The value of a field that must not stand twice.
fn only<'a>(fields: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = fields.get_all(name).into_iter();
    let first = lines.next()?;
    if lines.next().is_none() { first.to_str().ok() } else { None }
}

/// All lines of `tracestate`; `None` where one cannot be read.
fn tracestate(fields: &HeaderMap) -> Option<String> {
    let lines = fields.get_all(TRACESTATE).into_iter().map(|line| line.to_str().ok());
    Some(lines.collect::<Option<Vec<_>>>()?.join(","))
}

fn b3(fields: &HeaderMap, sampler: Sampler) -> Option<B3> {
    let single = only(fields, "b3").and_then(|text| B3::single(text, sampler));
    single.or_else(|| {
        let separate = Separate {
            trace: only(fields, "x-b3-traceid"),
            span: only(fields, "x-b3-spanid"),
            sampled: only(fields, "x-b3-sampled"),
            flags: only(fields, "x-b3-flags"),
        };
        B3::separate(separate, sampler)
    })
}

fn is_coded(fields: &HeaderMap) -> bool {
    let mut codings = fields.get_all(CONTENT_ENCODING).into_iter();
    codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// What came in a body may be no line of a head.
fn line(tracestate: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(tracestate).ok()
}

/// Removing it would change the order of what stays.
fn drop_tracestate(fields: &mut HeaderMap) {
    if !fields.contains_key(TRACESTATE) {
        return;
    }
    let mut without = HeaderMap::with_capacity(fields.keys_len());
    for (name, value) in fields.iter().filter(|(name, _)| *name != TRACESTATE) {
        without.append(name, value.clone());
    }
    *fields = without;
}
