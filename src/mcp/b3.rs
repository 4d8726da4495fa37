//! B3, the trace context of Zipkin, read where a client sends no `traceparent`
//! (<https://github.com/openzipkin/b3-propagation>).

use super::trace::{Context, Flags, Sampler, SpanId, TraceId};

/// What B3 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum B3 {
    /// The sender's span. Where the decision was left to the receiver, it is the sampler's.
    Span(Context),
    /// No span: whether the trace that begins here is sampled.
    Decision(bool),
}

/// The values of the separate headers, as far as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Separate<'a> {
    /// `X-B3-TraceId`.
    pub trace: Option<&'a str>,
    /// `X-B3-SpanId`.
    pub span: Option<&'a str>,
    /// `X-B3-Sampled`.
    pub sampled: Option<&'a str>,
    /// `X-B3-Flags`: `1` is debug, and implies sampled.
    pub flags: Option<&'a str>,
}

impl B3 {
    /// Reads the single header: `trace-span[-decision[-parent]]`, or a decision alone. `None` where it is invalid.
    pub fn single(text: &str, sampler: Sampler) -> Option<Self> {
        let mut parts = text.split('-');
        let first = parts.next()?;
        let Some(span) = parts.next() else { return decision(first).map(Self::Decision) };
        let decided = match parts.next() {
            Some(state) => Some(decision(state)?),
            None => None,
        };
        context(first, span, decided, sampler).map(Self::Span)
    }

    /// Reads the separate headers; `None` where they are missing or invalid.
    pub fn separate(fields: Separate<'_>, sampler: Sampler) -> Option<Self> {
        let debug = fields.flags.filter(|flags| *flags == "1").map(|_one| true);
        let decided = debug.or_else(|| fields.sampled.and_then(decision));
        match (fields.trace, fields.span) {
            (Some(trace), Some(span)) => context(trace, span, decided, sampler).map(Self::Span),
            (None, None) => decided.map(Self::Decision),
            (Some(_), None) | (None, Some(_)) => None,
        }
    }
}

fn decision(text: &str) -> Option<bool> {
    match text {
        // Words are what the first tracers wrote.
        "1" | "d" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn context(trace: &str, span: &str, decided: Option<bool>, sampler: Sampler) -> Option<Context> {
    let trace = trace_id(trace.as_bytes())?;
    let span = SpanId::from_hex(span.as_bytes())?;
    let decided = decided.unwrap_or_else(|| sampler.includes(trace));
    // Nothing tells that the id is random.
    Some(Context { trace, span, flags: Flags::default().with_sampled(decided) })
}

/// An id of 64 bits is the lower half of one of 128.
fn trace_id(digits: &[u8]) -> Option<TraceId> {
    if digits.len() != 16 {
        return TraceId::from_hex(digits);
    }
    let lower = u64::from_be_bytes(SpanId::from_hex(digits)?.0);
    Some(TraceId(u128::from(lower).to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLER: Sampler = Sampler { ratio: 0.0, parent_based: true };
    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    fn single(text: &str) -> Option<String> {
        B3::single(text, SAMPLER).map(written)
    }

    fn written(b3: B3) -> String {
        match b3 {
            B3::Span(context) => context.traceparent(),
            B3::Decision(sampled) => sampled.to_string(),
        }
    }

    #[test]
    fn a_single_header_is_a_span_or_a_decision() {
        let context = |flags| Some(format!("00-{TRACE}-{SPAN}-{flags}"));
        assert_eq!(single(&format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90")), context("01"));
        assert_eq!(single(&format!("{TRACE}-{SPAN}-d")), context("01"));
        assert_eq!(single(&format!("{TRACE}-{SPAN}-0")), context("00"));
        assert_eq!(single(&format!("{TRACE}-{SPAN}")), context("00"));
        assert_eq!(["0", "1", "d"].map(single), ["false", "true", "true"].map(|it| Some(it.to_owned())));
    }

    #[test]
    fn an_id_of_64_bits_is_filled_up() {
        let expected = format!("00-000000000000000064fe8b2a57d3eff7-{SPAN}-01");
        assert_eq!(single(&format!("64fe8b2a57d3eff7-{SPAN}-1")), Some(expected));
    }

    #[test]
    fn what_is_invalid_is_none() {
        for odd in ["", "-", "2", TRACE, &format!("{TRACE}-{SPAN}-x"), &format!("{TRACE}-{TRACE}-1")] {
            assert_eq!(single(odd), None, "{odd}");
        }
        assert_eq!(single(&format!("{}-{SPAN}-1", "0".repeat(32))), None);
    }

    #[test]
    fn separate_headers_say_the_same() {
        let fields = Separate { trace: Some(TRACE), span: Some(SPAN), ..Separate::default() };
        let read = |fields| B3::separate(fields, SAMPLER).map(written);
        let context = |flags| Some(format!("00-{TRACE}-{SPAN}-{flags}"));
        assert_eq!(read(Separate { sampled: Some("1"), ..fields }), context("01"));
        assert_eq!(read(Separate { sampled: Some("0"), ..fields }), context("00"));
        assert_eq!(read(Separate { flags: Some("1"), ..fields }), context("01"));
        assert_eq!(read(Separate { span: None, ..fields }), None);
        assert_eq!(read(Separate { sampled: Some("0"), ..Separate::default() }), Some("false".to_owned()));
        assert_eq!(read(Separate::default()), None);
    }
}
