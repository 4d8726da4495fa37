//! How a line looks: one JSON object for collectors, columns for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::time::{time_of_day, timestamp};
use crate::config::LogLevel;
use crate::export::line::{Line, Value};

/// Keys that stand behind `trace_id` and `span_id`.
const BEHIND_TRACE: &[&str] = &["session_id", "request_id", "client_name", "correlation_id"];

/// Appends `line` as one JSON object and a line break; `service` is the key of that name.
pub fn json(line: &Line, service: &str, out: &mut Vec<u8>) {
    let behind = line.fields.iter().position(|(key, _)| BEHIND_TRACE.contains(key));
    let (before, behind) = line.fields.split_at(behind.unwrap_or(line.fields.len()));
    out.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(line.at, out);
    out.push(b'"');
    for (key, text) in [
        ("level", level(line.level)),
        ("event", &line.event),
        ("message", &line.message),
        ("service", service),
    ] {
        member(key, out);
        string(text, out);
    }
    members(before, out);
    if let Some((trace, span)) = line.trace {
        member("trace_id", out);
        string(&trace.to_string(), out);
        member("span_id", out);
        string(&span.to_string(), out);
    }
    members(behind, out);
    out.extend_from_slice(b"}\n");
}

fn members(fields: &[(&'static str, Value)], out: &mut Vec<u8>) {
    for (key, value) in fields {
        member(key, out);
        match value {
            Value::Text(text) => string(text, out),
            Value::Integer(number) => decimal(*number, out),
            Value::Float(number) => written(serde_json::to_writer(&mut *out, number)),
            Value::Flag(flag) => out.extend_from_slice(flag.to_string().as_bytes()),
            Value::List(texts) => list(texts, out),
        }
    }
}

/// Keys are ours, or fields of `tracing`: identifiers, with dots at most.
pub(super) fn member(key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

fn list(texts: &[String], out: &mut Vec<u8>) {
    out.push(b'[');
    for (position, text) in texts.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        string(text, out);
    }
    out.push(b']');
}

/// Appends a text in quotes.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

/// Appends a text as it stands between quotes. JSON lets control characters beyond ASCII stand, but a terminal that
/// shows the file would obey them.
#[inline]
pub(super) fn escaped(text: &str, out: &mut Vec<u8>) {
    if stands_as_it_is(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        escape(text, out);
    }
}

#[cold]
fn escape(text: &str, out: &mut Vec<u8>) {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inside = quoted.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or_default();
    for character in inside.chars() {
        if ('\u{7f}'..='\u{9f}').contains(&character) {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes());
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// Whether nothing in a text needs escaping; where in doubt, it does not. Eight bytes at a time.
fn stands_as_it_is(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<8>() else {
        return !text.iter().any(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\' | 0x7f | 0xc2));
    };
    let words = text.as_chunks::<8>().0.iter().chain([last]);
    words.fold(0, |found, word| found | needs_a_look(u64::from_le_bytes(*word))) == 0
}

/// Not zero where one of eight bytes is a control character, a quote, a backslash, delete, or the first byte of U+0080
/// to U+00BF.
#[inline]
fn needs_a_look(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let is = |byte: u8| {
        let other = bytes ^ (ONES * u64::from(byte));
        other.wrapping_sub(ONES) & !other
    };
    let is_control = bytes.wrapping_sub(ONES * 0x20) & !bytes;
    (is_control | is(b'"') | is(b'\\') | is(0x7f) | is(0xc2)) & (ONES * 0x80)
}

/// Appends a number.
#[inline]
pub(super) fn decimal(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a number of thousandths as JSON has fractions: `12.345`, `12.5`, `12.0`.
#[inline]
pub(super) fn thousandths(number: u64, out: &mut Vec<u8>) {
    decimal(number / 1000, out);
    let [hundreds, tens, ones] = three_digits(number % 1000);
    out.extend_from_slice(&[b'.', hundreds, tens, ones]);
    let zeros = if ones == b'0' { 1 + usize::from(tens == b'0') } else { 0 };
    out.truncate(out.len() - zeros);
}

/// The last three decimal digits of a number.
#[inline]
pub(super) fn three_digits(number: u64) -> [u8; 3] {
    [number / 100 % 10, number / 10 % 10, number % 10].map(|digit| b'0' | digit.to_le_bytes()[0])
}

/// Appends bytes as hexadecimal digits, four bytes at a time; so many there must be.
#[inline]
pub(super) fn hexadecimal(bytes: &[u8], out: &mut Vec<u8>) {
    for four in bytes.as_chunks::<4>().0 {
        out.extend_from_slice(&eight_digits(u32::from_le_bytes(*four)));
    }
}

#[inline]
fn eight_digits(bytes: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Each byte into two, each half into one of them, the higher first.
    let spread = u64::from(bytes);
    let spread = (spread | (spread << 16)) & 0x0000_ffff_0000_ffff;
    let spread = (spread | (spread << 8)) & 0x00ff_00ff_00ff_00ff;
    let halves = ((spread >> 4) | (spread << 8)) & (ONES * 15);
    // One where a half is more than nine, and so a letter.
    let letters = ((halves + ONES * 6) >> 4) & ONES;
    (halves + ONES * 0x30 + letters * 39).to_le_bytes()
}

/// Whole microseconds.
#[inline]
pub(super) fn microseconds(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(time.subsec_micros()))
}

/// Tells a time in milliseconds, to the tenth, in parts: `12.3 ms`.
#[inline]
pub(super) fn tenths(time: Duration, mut part: impl FnMut(&str)) {
    const ENDS: [&str; 10] =
        [".0 ms", ".1 ms", ".2 ms", ".3 ms", ".4 ms", ".5 ms", ".6 ms", ".7 ms", ".8 ms", ".9 ms"];
    let tenths = microseconds(time).saturating_add(50) / 100;
    part(itoa::Buffer::new().format(tenths / 10));
    part(ENDS[usize::try_from(tenths % 10).unwrap_or_default() % ENDS.len()]);
}

/// Writing texts and numbers into memory cannot fail.
fn written(_result: serde_json::Result<()>) {}

pub(super) fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

/// Keys of a call's line that its columns tell, or that people look up elsewhere.
const NOT_FOR_PEOPLE: &[&str] = &[
    "server",
    "method",
    "tool_name",
    "status",
    "outcome",
    "duration_ms",
    "upstream_ms",
    "overhead_ms",
    "request_bytes",
    "response_bytes",
    "http_status",
    "request_id",
    "client_version",
    "protocol_version",
    "transport",
    "correlation_id",
];

/// Appends `line` for people and a line break: a call in columns, anything else as its sentence; then what else there
/// is to know. Nothing that came from outside can steer a terminal.
pub fn pretty(line: &Line, color: bool, out: &mut Vec<u8>) {
    let mut text = String::with_capacity(160);
    if line.event == "started" {
        // The first thing that people read says all by itself.
        text.push_str(&harmless(&line.message));
    } else {
        head(line, color, &mut text);
        match line.text("outcome") {
            Some(outcome) => call(line, outcome, color, &mut text),
            None => sentence(line, &mut text),
        }
        if let Some((trace, _)) = line.trace {
            let _ = write!(text, " trace_id={trace}");
        }
    }
    text.push('\n');
    out.extend_from_slice(text.as_bytes());
}

fn head(line: &Line, color: bool, text: &mut String) {
    let level = format!("{:<5}", level(line.level).to_uppercase());
    let _ = write!(
        text,
        "{} {} ",
        painted(&time_of_day(line.at), DIM, color),
        painted(&level, shade(line.level), color)
    );
}

fn call(line: &Line, outcome: &str, color: bool, text: &mut String) {
    let field = |key| harmless(line.text(key).unwrap_or_default());
    let target = if line.text("tool_name").is_some() { field("tool_name") } else { field("method") };
    let took = match line.value("duration_ms") {
        Some(Value::Float(milliseconds)) => elapsed(*milliseconds),
        _ => String::new(),
    };
    let shown = painted(&format!("{outcome:<14}"), shade_of_outcome(line), color);
    let _ = write!(text, "{:<12} {target:<24} {shown} {took:>9}", field("server"));
    let said_before = |key: &str, value: &Value| {
        NOT_FOR_PEOPLE.contains(&key)
            || (key == "error_type" && matches!(value, Value::Text(text) if text == outcome))
    };
    pairs(line.fields.iter().filter(|(key, value)| !said_before(key, value)), text);
}

fn sentence(line: &Line, text: &mut String) {
    text.push_str(&harmless(&line.message));
    pairs(line.fields.iter(), text);
}

fn pairs<'a>(fields: impl Iterator<Item = &'a (&'static str, Value)>, text: &mut String) {
    for (key, value) in fields {
        let _ = match value {
            Value::Text(value) => write!(text, " {key}={}", quoted(value)),
            Value::Integer(value) => write!(text, " {key}={value}"),
            Value::Float(value) => write!(text, " {key}={value}"),
            Value::Flag(value) => write!(text, " {key}={value}"),
            Value::List(values) => write!(text, " {key}={}", quoted(&values.join(", "))),
        };
    }
}

/// As it is where that reads as one word, else in quotes with escapes.
fn quoted(text: &str) -> String {
    let escaped = format!("{text:?}");
    let plain = escaped.len() == text.len() + 2 && !text.is_empty() && !text.contains([' ', '=']);
    if plain { text.to_owned() } else { escaped }
}

/// Without anything that a terminal would obey.
fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out
}

/// `12.3ms`, from a second on `1.23s`.
fn elapsed(milliseconds: f64) -> String {
    if milliseconds < 1000.0 {
        format!("{milliseconds:.1}ms")
    } else {
        format!("{:.2}s", milliseconds / 1000.0)
    }
}

/// Milliseconds to the microsecond.
pub(super) fn milliseconds(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let microseconds = time.as_micros() as f64;
    microseconds / 1000.0
}

const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "34";

fn painted(text: &str, shade: &str, color: bool) -> String {
    if color { format!("\x1b[{shade}m{text}\x1b[0m") } else { text.to_owned() }
}

fn shade(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => RED,
        LogLevel::Warn => YELLOW,
        LogLevel::Info => GREEN,
        LogLevel::Debug => BLUE,
        LogLevel::Trace => DIM,
    }
}

fn shade_of_outcome(line: &Line) -> &'static str {
    match line.text("status") {
        Some("success") => GREEN,
        Some("error") => RED,
        _ => YELLOW,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_came_from_outside_steers_a_terminal_or_ends_a_line() {
        let hostile = "a\x1b[2J\n\u{202e}b\u{9b}1m\"c";
        let mut line = Line::new(LogLevel::Info, "mcp_request", hostile);
        line.add("server", Some(hostile));
        let mut out = Vec::new();
        pretty(&line, false, &mut out);
        line.add("outcome", Some("ok"));
        pretty(&line, false, &mut out);
        json(&line, hostile, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 3);
        let pretty = text.lines().take(2).collect::<String>();
        assert!(!pretty.contains(|c: char| c.is_control() || c == '\u{202e}'), "{pretty:?}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        let line = text.lines().last().unwrap_or_default();
        let read: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(read["message"], hostile);
    }

    #[test]
    fn times_are_short_for_people() {
        assert_eq!(elapsed(0.04), "0.0ms");
        assert_eq!(elapsed(12.345), "12.3ms");
        assert_eq!(elapsed(61_234.0), "61.23s");
        assert_eq!(format!("{:?}", milliseconds(Duration::from_nanos(12_345_678))), "12.345");
    }

    #[test]
    fn numbers_are_written_as_json_has_them() {
        let text = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            String::from_utf8(out).unwrap()
        };
        for number in [0, 7, 10, 12_345, u64::MAX] {
            assert_eq!(text(&|out| decimal(number, out)), number.to_string());
        }
        for number in [0, 1, 10, 120, 999, 1000, 12_345, 12_500, 86_400_000_001] {
            let milliseconds = milliseconds(Duration::from_micros(number));
            assert_eq!(text(&|out| thousandths(number, out)), serde_json::to_string(&milliseconds).unwrap());
        }
        let bytes: Vec<u8> = (0..=255).collect();
        let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(text(&|out| hexadecimal(&bytes, out)), digits);
        let tenths = |micros| {
            let mut text = String::new();
            tenths(Duration::from_micros(micros), |part| text.push_str(part));
            text
        };
        let shown = ["0.0 ms", "0.0 ms", "0.1 ms", "0.9 ms", "1.0 ms", "12.3 ms"];
        assert_eq!([0, 49, 50, 949, 950, 12_345].map(tenths), shown);
        assert_eq!(tenths(u64::MAX), "18446744073709551.6 ms");
    }

    #[test]
    fn every_character_is_escaped_wherever_it_stands_if_it_has_to_be() {
        for character in (0..0x300).filter_map(char::from_u32).chain(['\u{2028}', '\u{1f600}']) {
            for before in 0..10 {
                let text = format!("{}{character}.", "x".repeat(before));
                let mut out = Vec::new();
                string(&text, &mut out);
                let out = String::from_utf8(out).unwrap();
                assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
                assert!(!out.contains(char::is_control), "{out:?}");
                let needs_it = character.is_control() || matches!(character, '"' | '\\');
                assert_eq!(out.contains('\\'), needs_it, "{out:?}");
            }
        }
    }

    #[test]
    fn words_stay_bare_and_the_rest_is_quoted() {
        for (text, shown) in [("abc", "abc"), ("a b", "\"a b\""), ("", "\"\""), ("a=b", "\"a=b\"")] {
            assert_eq!(quoted(text), shown);
        }
    }
}
