//! Trace context: W3C `traceparent`, and the one decision about a request's place in a trace (`telemetry.md` §4).
//!
//! # Why
//! The ids are sent up before anybody knows how the call ends, and go to two places: to what is sent up, and to the
//! spans. So they are decided once, here, by a pure function. The SDK's propagator would drop the random flag and all
//! but one line of `tracestate`; the 55 bytes are read here instead.

use std::fmt;
use std::sync::Arc;

/// 16 bytes, not all zero; `Display` gives 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// 8 bytes, not all zero; `Display` gives 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// The flags of a `traceparent` that the specification names; the others are sent as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(u8);

/// One span, as its trace's other members name it (W3C Trace Context, level 2, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// Whether it is sampled, and whether the trace's id is random.
    pub flags: Flags,
}

/// A context as a carrier held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The sender's span.
    pub context: Context,
    /// `tracestate`, its lines joined by commas; `None` = there was none.
    pub tracestate: Option<String>,
}

/// What a session's `initialize` left for the requests that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// What `initialize` itself carried.
    pub carried: Option<Carried>,
    /// The SERVER span of `initialize`.
    pub span: Context,
}

/// Where a request may say which trace it belongs to, each `None` where there is nothing valid.
#[derive(Debug, Clone, Copy, Default)]
pub struct Carriers<'a> {
    /// `params._meta`.
    pub meta: Option<&'a Carried>,
    /// The `traceparent` header (or B3, where that is read).
    pub header: Option<&'a Carried>,
    /// The session that the request belongs to.
    pub session: Option<&'a Handshake>,
}

/// How traces are sampled at their beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// The share of traces that are sampled, 0 to 1.
    pub ratio: f64,
    /// Whether a parent's flag decides instead.
    pub parent_based: bool,
}

/// New ids for one request, from whatever source of randomness the caller has.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is the id of what it is named after")]
pub struct Ids {
    pub trace: TraceId,
    pub server: SpanId,
    pub client: SpanId,
}

/// A request's place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The trace it belongs to, its parent's or a new one.
    pub id: TraceId,
    /// The span above ours; `None` = the trace begins here.
    pub parent: Option<SpanId>,
    /// What the client sees of the call.
    pub server_span: SpanId,
    /// The leg to the server; what goes upstream.
    pub client_span: SpanId,
    /// The head decision, and the random flag as it came.
    pub flags: Flags,
    /// `tracestate` as it came with the parent; shared by all requests of a batch, which may be thousands.
    pub tracestate: Option<Arc<str>>,
    /// What it also belongs to: the header where `_meta` is the parent, the session's handshake.
    pub links: Vec<Context>,
    /// What the request itself carried, so that a session that begins with it can pass it on.
    pub carried: bool,
}

const TRACEPARENT_BYTES: usize = 55;

/// A longer `tracestate` is passed on where it stands and taken no note of: sessions and spans keep what is read. The
/// specification asks for 512 at least.
const TRACESTATE_BYTES_MAX: usize = 4096;

/// Of that, a session keeps no more, since sessions are many and live long.
const SESSION_TRACESTATE_BYTES_MAX: usize = 512;

impl Carried {
    /// A context that came with this `tracestate`; an empty one is none.
    pub fn new(context: Context, tracestate: Option<String>) -> Self {
        let is_kept = |state: &String| !state.is_empty() && state.len() <= TRACESTATE_BYTES_MAX;
        Self { context, tracestate: tracestate.filter(is_kept) }
    }
}

impl Context {
    /// Reads a `traceparent`; `None` where it is invalid, and the trace has to be restarted. A version above 00 is read
    /// as far as 00 goes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (head, rest) = bytes.split_at_checked(TRACEPARENT_BYTES)?;
        let dashes = [2, 35, 52].iter().all(|at| head.get(*at) == Some(&b'-'));
        let [version] = hex::<1>(head.get(0..2)?)?;
        let rest_is_fine =
            if version == 0 { rest.is_empty() } else { rest.first().is_none_or(|at| *at == b'-') };
        if !dashes || version == 0xff || !rest_is_fine {
            return None;
        }
        let trace = TraceId::from_hex(head.get(3..35)?)?;
        let span = SpanId::from_hex(head.get(36..52)?)?;
        let [flags] = hex(head.get(53..55)?)?;
        Some(Self { trace, span, flags: Flags(flags & Flags::KNOWN) })
    }

    /// The `traceparent` that stands for it, in version 00.
    pub fn traceparent(&self) -> String {
        self.traceparent_bytes().map(char::from).iter().collect()
    }

    /// The same, without memory of its own.
    pub fn traceparent_bytes(&self) -> [u8; TRACEPARENT_BYTES] {
        let mut text = [b'-'; TRACEPARENT_BYTES];
        let (version, trace, span, flags) = (&[0], &self.trace.0, &self.span.0, &[self.flags.0]);
        for (from, bytes) in [(0, version.as_slice()), (3, trace), (36, span), (53, flags)] {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).map(hex_digit);
            for (place, digit) in text.iter_mut().skip(from).zip(digits) {
                *place = digit;
            }
        }
        text
    }
}

impl Flags {
    const SAMPLED: u8 = 0x01;
    const RANDOM: u8 = 0x02;
    const KNOWN: u8 = Self::SAMPLED | Self::RANDOM;

    /// The flags of a trace that begins here: its id is random.
    pub fn new_root(sampled: bool) -> Self {
        Self(Self::RANDOM).with_sampled(sampled)
    }

    /// The byte.
    pub fn byte(self) -> u8 {
        self.0
    }

    /// Whether the sender may have recorded the trace.
    pub fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED != 0
    }

    /// The same with another decision.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        Self((self.0 & !Self::SAMPLED) | u8::from(sampled))
    }
}

impl Sampler {
    /// Whether a trace is among the share: the same answer for the same trace everywhere (`TraceIdRatioBased`).
    pub(super) fn includes(self, trace: TraceId) -> bool {
        const MOST: f64 = 9_223_372_036_854_775_808.0; // 2^63
        let low = trace.0.last_chunk().map_or(0, |low| u64::from_be_bytes(*low)) >> 1;
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 53 bits")]
        let place = low as f64;
        self.ratio >= 1.0 || place < self.ratio * MOST
    }
}

/// Places one request in a trace: under what `_meta` names, else the header, else what the session's `initialize`
/// carried, else at the root of a new trace.
pub fn decide(carriers: Carriers<'_>, sampler: Sampler, ids: Ids) -> Trace {
    let own = carriers.meta.or(carriers.header);
    let session = carriers.session;
    let parent = own.or_else(|| session.and_then(|handshake| handshake.carried.as_ref()));
    let mut links = Vec::new();
    if let (Some(meta), Some(header)) = (carriers.meta, carriers.header)
        && meta.context != header.context
    {
        links.push(header.context);
    }
    if let Some(handshake) = session {
        match (&handshake.carried, own.is_some()) {
            (Some(carried), true) => links.push(carried.context),
            (Some(_), false) => {}
            (None, _) => links.push(handshake.span),
        }
    }
    let id = parent.map_or(ids.trace, |parent| parent.context.trace);
    // Many clients write the whole context into the header, and its first part alone into `_meta`.
    let same = carriers.header.filter(|header| parent.is_some_and(|parent| parent.context == header.context));
    let included = match parent {
        Some(parent) if sampler.parent_based => parent.context.flags.is_sampled(),
        _ => sampler.includes(id),
    };
    let flags =
        parent.map_or(Flags::new_root(included), |parent| parent.context.flags.with_sampled(included));
    Trace {
        id,
        parent: parent.map(|parent| parent.context.span),
        server_span: ids.server,
        client_span: ids.client,
        flags,
        tracestate: [parent, same]
            .into_iter()
            .flatten()
            .find_map(|carried| carried.tracestate.as_deref().map(Arc::from)),
        links,
        carried: own.is_some(),
    }
}

impl Trace {
    /// What goes upstream.
    pub fn upstream(&self) -> Context {
        Context { trace: self.id, span: self.client_span, flags: self.flags }
    }

    /// The SERVER span, as links to it name it.
    pub fn server(&self) -> Context {
        Context { trace: self.id, span: self.server_span, flags: self.flags }
    }

    /// What a session that begins with this request passes on.
    pub fn handshake(&self) -> Handshake {
        let kept = self.tracestate.as_deref().filter(|state| state.len() <= SESSION_TRACESTATE_BYTES_MAX);
        let carried = self.parent.filter(|_| self.carried).map(|span| Carried {
            context: Context { trace: self.id, span, flags: self.flags },
            tracestate: kept.map(str::to_owned),
        });
        Handshake { carried, span: self.server() }
    }

    /// The place of another request of the same batch: beside this one, with spans of its own.
    #[must_use]
    pub fn sibling(&self, ids: Ids) -> Self {
        let id = if self.parent.is_some() { self.id } else { ids.trace };
        Self { id, server_span: ids.server, client_span: ids.client, ..self.clone() }
    }
}

impl Ids {
    /// Ids that `random` gives.
    pub fn random(mut random: impl FnMut() -> u64) -> Self {
        // Zero is no id; it comes once in 2^64.
        let mut next = || random().max(1);
        let trace = u128::from(next()) << 64 | u128::from(next());
        let (server, client) = (next().to_be_bytes(), next().to_be_bytes());
        Self { trace: TraceId(trace.to_be_bytes()), server: SpanId(server), client: SpanId(client) }
    }
}

impl TraceId {
    /// The id that these 32 digits are, in lower case.
    pub(super) fn from_hex(digits: &[u8]) -> Option<Self> {
        hex(digits).map(Self).filter(|id| id.is_valid())
    }

    /// Not all zero.
    pub fn is_valid(self) -> bool {
        self.0 != [0; 16]
    }
}

impl SpanId {
    /// The id that these 16 digits are, in lower case.
    pub(super) fn from_hex(digits: &[u8]) -> Option<Self> {
        hex(digits).map(Self).filter(|id| id.is_valid())
    }

    /// Not all zero.
    pub fn is_valid(self) -> bool {
        self.0 != [0; 8]
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Lower-case hexadecimal digits, as the specification demands.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    fn ids() -> Ids {
        Ids { trace: TraceId([7; 16]), server: SpanId([8; 8]), client: SpanId([9; 8]) }
    }

    fn carried(text: &str) -> Carried {
        Carried { context: Context::parse(text).unwrap(), tracestate: Some("a=1".to_owned()) }
    }

    const ALL: Sampler = Sampler { ratio: 1.0, parent_based: true };

    #[test]
    fn a_traceparent_is_read_and_written_back() {
        assert_eq!(Context::parse(VALID).unwrap().traceparent(), VALID);
        let random = VALID.replace("-01", "-03");
        assert_eq!(Context::parse(&random).unwrap().traceparent(), random);
    }

    #[test]
    fn flags_without_a_name_are_sent_as_zero() {
        let odd = VALID.replace("b7-01", "b7-fd");
        assert_eq!(Context::parse(&odd).unwrap().traceparent(), VALID);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        assert!(Context::parse(&VALID.replacen("00", "cc", 1)).is_some());
        assert!(Context::parse(&format!("{}-more", VALID.replacen("00", "cc", 1))).is_some());
        assert!(Context::parse(&format!("{}.more", VALID.replacen("00", "cc", 1))).is_none());
    }

    #[test]
    fn what_is_invalid_is_none() {
        for odd in [
            "",
            "00",
            &VALID.to_uppercase(),
            &VALID.replacen("00", "ff", 1),
            &format!("{VALID}-"),
            &VALID.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            &VALID.replace("00f067aa0ba902b7", "0000000000000000"),
            &VALID.replace("-00f0", "_00f0"),
            &VALID.replace("00f067aa", "00f067ä"),
        ] {
            assert_eq!(Context::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn meta_is_the_parent_and_the_header_becomes_a_link() {
        let (meta, header) = (carried(VALID), carried(&VALID.replace("00f067aa", "11f067aa")));
        let trace = decide(Carriers { meta: Some(&meta), header: Some(&header), session: None }, ALL, ids());
        assert_eq!(trace.parent, Some(meta.context.span));
        assert_eq!(trace.links, [header.context]);
        assert_eq!(trace.upstream().traceparent(), "00-0af7651916cd43dd8448eb211c80319c-0909090909090909-01");
    }

    #[test]
    fn a_tracestate_beside_the_same_span_is_its_own() {
        let (meta, header) = (Carried { tracestate: None, ..carried(VALID) }, carried(VALID));
        let carriers = Carriers { meta: Some(&meta), header: Some(&header), session: None };
        assert_eq!(decide(carriers, ALL, ids()).tracestate.as_deref(), Some("a=1"));
        let other = carried(&VALID.replace("00f067aa", "11f067aa"));
        let carriers = Carriers { header: Some(&other), ..carriers };
        assert_eq!(decide(carriers, ALL, ids()).tracestate, None);
    }

    #[test]
    fn a_batch_shares_one_tracestate_and_a_session_keeps_a_short_one_alone() {
        let of_length = |length| {
            let carried = Carried { tracestate: Some("a".repeat(length)), ..carried(VALID) };
            decide(Carriers { header: Some(&carried), ..Carriers::default() }, ALL, ids())
        };
        let (short, long) = (of_length(512), of_length(513));
        assert!(Arc::ptr_eq(
            short.tracestate.as_ref().unwrap(),
            short.sibling(ids()).tracestate.as_ref().unwrap()
        ));
        let kept = |trace: &Trace| trace.handshake().carried.unwrap().tracestate.is_some();
        assert_eq!((kept(&short), kept(&long)), (true, false));
    }

    #[test]
    fn a_tracestate_of_any_length_is_not_kept() {
        let context = Context::parse(VALID).unwrap();
        let kept = |length| Carried::new(context, Some("a".repeat(length))).tracestate.is_some();
        assert_eq!([0, 1, 4096, 4097].map(kept), [false, true, true, false]);
    }

    #[test]
    fn a_request_without_a_parent_follows_its_sessions_handshake() {
        let first = decide(Carriers { meta: Some(&carried(VALID)), ..Carriers::default() }, ALL, ids());
        let handshake = first.handshake();
        let second = decide(Carriers { session: Some(&handshake), ..Carriers::default() }, ALL, ids());
        assert_eq!(second.parent, first.parent);
        assert_eq!(second.links, []);
        let own = carried(&VALID.replace("0af765", "1af765"));
        let carriers = Carriers { header: Some(&own), session: Some(&handshake), meta: None };
        assert_eq!(decide(carriers, ALL, ids()).links, [handshake.carried.as_ref().unwrap().context]);
    }

    #[test]
    fn a_new_root_is_linked_to_its_sessions_handshake() {
        let first = decide(Carriers::default(), ALL, ids());
        assert_eq!((first.parent, first.flags.byte()), (None, 3));
        let handshake = first.handshake();
        let second = decide(Carriers { session: Some(&handshake), ..Carriers::default() }, ALL, ids());
        assert_eq!((second.parent, second.links.as_slice()), (None, [first.server()].as_slice()));
    }

    #[test]
    fn a_parents_flag_decides_unless_the_ratio_alone_does() {
        let not = carried(&VALID.replace("b7-01", "b7-00"));
        let carriers = Carriers { header: Some(&not), ..Carriers::default() };
        assert!(!decide(carriers, ALL, ids()).flags.is_sampled());
        assert!(decide(carriers, Sampler { parent_based: false, ..ALL }, ids()).flags.is_sampled());
        let none = Sampler { ratio: 0.0, ..ALL };
        assert!(!decide(Carriers::default(), none, ids()).flags.is_sampled());
    }

    #[test]
    fn the_ratio_takes_its_share() {
        let sampler = Sampler { ratio: 0.25, parent_based: true };
        let spread = (0..=255).filter(|at| sampler.includes(TraceId([*at; 16]))).count();
        assert_eq!(spread, 64);
    }
}
