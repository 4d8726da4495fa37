//! Secrets that a text names: `key=value`, `key: value`, `--key value`, `<key>value</key>`, JSON within text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::keys::{Keys, Kind};
use super::{MARK, boundary};

/// A name and what stands between it and its value; or an option of a command; or an XML element.
static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pair = r#"([A-Za-z0-9_.\-]+)(?:\\*["'])?[ \t]{0,8}(?:=>|:=|==|=|:|%3[Dd])[ \t]{0,8}"#;
    let option = r"--([A-Za-z][A-Za-z0-9_\-]*)[ \t]{1,8}";
    let element = r"<([A-Za-z0-9_.:\-]+)>";
    Regex::new(&format!("{pair}|{option}|{element}")).ok()
});

/// How far back the word before a name is looked for: `api key: …`.
const WORD_BEFORE_MAX: usize = 32;

/// Schemes of `Authorization`, after which the value goes on.
const SCHEMES: &[&str] = &["bearer", "basic", "token", "apikey", "negotiate", "digest", "key"];

/// Finds the values of secret names.
pub(super) fn find(keys: &Keys, text: &str, secrets: &mut Vec<Range<usize>>) {
    let Some(names) = &*NAMES else { return };
    let mut at = 0;
    while let Some(found) = names.captures_at(text, at) {
        let (Some(whole), Some(name)) = (found.get(0), (1..4).find_map(|group| found.get(group))) else {
            return;
        };
        at = whole.end();
        let kind = kind(keys, text, name.range());
        if kind == Kind::Harmless {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let value = value(rest, name.as_str(), is_element(&found));
        let told = rest.get(value.clone()).unwrap_or_default();
        if is_secret(kind, told) {
            secrets.push(at + value.start..at + value.end);
            at += value.end;
        }
    }
}

fn is_element(found: &regex::Captures<'_>) -> bool {
    found.get(3).is_some()
}

fn is_secret(kind: Kind, value: &str) -> bool {
    let counted = kind == Kind::Counted && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !counted
        && !matches!(value, "null" | "true" | "false" | "None" | "none" | "undefined")
        && !value.starts_with(MARK)
        && value.chars().any(char::is_alphanumeric)
}

/// What a name says, perhaps together with the word before it.
fn kind(keys: &Keys, text: &str, name: Range<usize>) -> Kind {
    let own = text.get(name.clone()).unwrap_or_default();
    let kind = keys.kind(own);
    if kind != Kind::Harmless || own.len() > WORD_BEFORE_MAX {
        return kind;
    }
    let from = boundary(text, name.start.saturating_sub(WORD_BEFORE_MAX));
    let before = text.get(from..name.start).unwrap_or_default();
    let word = before.strip_suffix(' ').and_then(|before| before.rsplit([' ', '\n', '"', '\'', '(']).next());
    match word.filter(|word| !word.is_empty()) {
        // Only the two together: "the token count: 5" is about no secret, nor is "token and name: x".
        Some(word) if keys.kind(word) == Kind::Harmless => keys.kind(&format!("{word}_{own}")),
        _ => Kind::Harmless,
    }
}

/// Where the value is in what follows its name.
fn value(rest: &str, name: &str, is_element: bool) -> Range<usize> {
    if is_element {
        return 0..rest.find('<').unwrap_or(rest.len());
    }
    let escapes = rest.bytes().take_while(|byte| *byte == b'\\').count();
    match rest.as_bytes().get(escapes) {
        Some(quote @ (b'"' | b'\'')) => {
            let from = escapes + 1;
            let inside = rest.as_bytes().get(from..).unwrap_or_default();
            from..from + quoted_end(inside, *quote, escapes)
        }
        Some(b'{' | b'[') if escapes == 0 && !rest.starts_with(MARK) => 0..container_end(rest.as_bytes()),
        _ if is_header(name) => 0..rest.find(['\n', '\r', '"', '\'']).unwrap_or(rest.len()),
        _ => 0..bare_end(rest),
    }
}

/// Headers whose values hold blanks and semicolons.
fn is_header(name: &str) -> bool {
    ["authorization", "cookie"].iter().any(|ending| {
        let from = name.len().checked_sub(ending.len());
        from.and_then(|from| name.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    })
}

fn bare_end(rest: &str) -> usize {
    let end_of = |text: &str| {
        text.find(|letter: char| {
            letter.is_whitespace() || matches!(letter, '&' | ',' | ';' | '"' | '\'' | '<' | '`')
        })
        .unwrap_or(text.len())
    };
    let first = end_of(rest);
    let word = rest.get(..first).unwrap_or_default();
    let is_scheme = SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    let after = rest.get(first + 1..).filter(|_| is_scheme && rest.as_bytes().get(first) == Some(&b' '));
    after.map_or(first, |after| first + 1 + end_of(after))
}

/// Where a quoted text ends whose quotes stand after so many backslashes; those inside stand after more.
fn quoted_end(inside: &[u8], quote: u8, escapes: usize) -> usize {
    let mut backslashes = 0;
    for (at, byte) in inside.iter().enumerate() {
        let ends = if escapes == 0 { backslashes % 2 == 0 } else { backslashes <= escapes };
        if *byte == quote && ends {
            return at - backslashes.min(escapes);
        }
        backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
    }
    inside.len()
}

/// Where the container that begins here ends; strings in it may hold brackets.
pub(super) fn container_end(bytes: &[u8]) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        let was_escaped = std::mem::take(&mut escaped);
        match byte {
            b'\\' => escaped = !was_escaped,
            b'"' => in_string ^= !was_escaped,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    bytes.len()
}
