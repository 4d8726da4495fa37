//! Secrets that tell themselves: by a prefix that their makers gave them so that they are found, by a checksum, by
//! the scheme before them.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A prefix, what follows it, and how many of those at least. One that is cut off at the end of the text counts from
/// [`CUT_MIN`] characters on.
struct Token(&'static str, &'static str, usize);

/// Of a token that the text's end cuts off, so much must be there: less is of no use to anybody.
const CUT_MIN: usize = 16;

const WORD: &str = "[A-Za-z0-9]";
const URL_SAFE: &str = r"[A-Za-z0-9_\-]";
const HEX: &str = "[A-Fa-f0-9]";

const TOKENS: &[Token] = &[
    // AWS; GitHub; GitLab.
    Token("(?:AKIA|ASIA|ABIA|ACCA)", "[A-Z0-9]", 16),
    Token("gh[pousr]_", WORD, 20),
    Token("github_pat_", "[A-Za-z0-9_]", 20),
    Token("gl(?:pat|oas|dt|rt|cbt|ptt|ft|soat|agent|imt)-", URL_SAFE, 18),
    // Slack, its tokens and webhooks; Discord's and Microsoft Teams' webhooks.
    Token(r"xox[abeoprs](?:\.xox[abp])?-", r"[A-Za-z0-9\-]", 10),
    Token(r"xapp-[0-9]-", r"[A-Za-z0-9\-]", 10),
    Token(r"https?://hooks\.slack(?:-gov)?\.com/", r"[A-Za-z0-9_/\-]", 10),
    Token(r"https?://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/", r"[A-Za-z0-9_/\-]", 10),
    Token(r"https?://[a-z0-9\-]+\.webhook\.office\.com/", r"[A-Za-z0-9_/@\-]", 10),
    // Anthropic, OpenAI and who writes keys alike; others of that trade.
    Token("sk-(?:proj|ant|svcacct|admin|or|lf|None)-", URL_SAFE, 16),
    Token("sk-", WORD, 20),
    Token("(?:gsk_|xai-|pplx-|r8_|fw_|tgp_v1_|csk-)", WORD, 30),
    Token("hf_", WORD, 20),
    // Google: API keys, OAuth tokens, client secrets, refresh tokens.
    Token("AIza", URL_SAFE, 30),
    Token(r"ya29\.", r"[A-Za-z0-9_.\-]", 16),
    Token("GOCSPX-", URL_SAFE, 20),
    Token("1//0", URL_SAFE, 30),
    // Payments: Stripe, Square, Braintree, Flutterwave.
    Token("(?:sk|rk)_(?:live|test)_", WORD, 10),
    Token("whsec_", "[A-Za-z0-9+/=]", 20),
    Token("sq0[a-z]{3}-", URL_SAFE, 20),
    Token("EAAA", URL_SAFE, 50),
    Token(r"access_token\$production\$", r"[a-z0-9$]", 20),
    Token("FLWSECK(?:_TEST)?-", WORD, 12),
    // Mail and messages: SendGrid, Twilio, Mailgun, Mailchimp, Brevo, Telegram, Discord.
    Token(r"SG\.", r"[A-Za-z0-9_.\-]", 40),
    Token("(?:SK|AC)", "[a-f0-9]", 32),
    Token("key-", HEX, 32),
    Token(r"[a-f0-9]{32}-us", "[0-9]", 1),
    Token("xkeysib-", HEX, 40),
    Token("[0-9]{8,10}:", URL_SAFE, 35),
    Token(r"[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.", URL_SAFE, 27),
    // Registries.
    Token("npm_", WORD, 30),
    Token("pypi-", URL_SAFE, 40),
    Token("(?:rubygems_|dckr_pat_|dckr_oat_|cio)", URL_SAFE, 24),
    // Clouds and what runs on them.
    Token("do[opr]_v1_", HEX, 32),
    Token("(?:dapi|doserpat)", HEX, 32),
    Token("shp(?:at|ca|pa|ss|tka)_", HEX, 32),
    Token("(?:NRAK|NRJS|NRII|NRIQ|NRRA)-", WORD, 18),
    Token("[a-f0-9]{36}NRA", "L", 1),
    Token(r"hv[sbr]\.", URL_SAFE, 20),
    Token("(?:glsa_|glc_)", "[A-Za-z0-9_+/=]", 30),
    Token(
        "(?:lin_api_|lin_oauth_|figd_|ntn_|sntrys_|sntryu_|sbp_|nfp_|pscale_tkn_|pscale_pw_)",
        "[A-Za-z0-9_=+/-]",
        30,
    ),
    Token("PMAK-", r"[a-f0-9\-]", 50),
    Token("ATATT3", r"[A-Za-z0-9_=\-]", 30),
    Token(r"pat[A-Za-z0-9]{14}\.", HEX, 60),
    Token(r"dp\.(?:pt|st|ct|sa|scim|audit)\.", WORD, 38),
    Token("pat-(?:na|eu)[0-9]-", r"[a-f0-9\-]", 30),
    Token(r"[A-Za-z0-9]{14}\.atlasv1\.", r"[A-Za-z0-9_=\-]", 50),
    Token("AGE-SECRET-KEY-1", "[A-Z0-9]", 50),
    Token("dt0[a-z][0-9]{2}\\.[A-Z0-9]{24}\\.", "[A-Z0-9]", 50),
    // A JSON Web Token: two parts, or the beginning of a header as only such tokens have it.
    Token(r"eyJ[A-Za-z0-9_\-]{6,}\.", r"[A-Za-z0-9_.\-]", 4),
    Token("eyJ(?:hbGci|0eXAi|raWQi|lbmMi|jdHki|4NXQ|qa3Ui)", r"[A-Za-z0-9_.=\-]", 0),
];

/// All that [`TOKENS`] describe; and a private key, to its end or the end of the text.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let end = format!("{{{CUT_MIN},}}\\z");
    let token =
        |Token(prefix, class, min): &Token| format!(r"(?-u:\b){prefix}(?:{class}{{{min},}}|{class}{end})");
    let tokens: Vec<_> = TOKENS.iter().map(token).collect();
    compiled(&tokens.join("|"))
});

static PRIVATE_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let kind = "[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----";
    compiled(&format!(r"-----BEGIN {kind}(?s:.)*?(?:-----END {kind}|\z)"))
});

/// A scheme of `Authorization` and what follows it.
static BEARER: LazyLock<Option<Regex>> =
    LazyLock::new(|| compiled(r"(?i)(?-u:\b)(?:(bearer)|basic)[ \t]{1,4}([A-Za-z0-9._~+/\-]{6,}={0,2})"));

/// Who logs in, in a URL.
static USER: LazyLock<Option<Regex>> =
    LazyLock::new(|| compiled(r#"[A-Za-z][A-Za-z0-9+.\-]*://([^\s/?#"'<>\\]+)@"#));

static EMAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(
        r"[A-Za-z0-9._%+'\-\x{80}-\x{10FFFF}]+(?:@|%40)[A-Za-z0-9\-\x{80}-\x{10FFFF}]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}",
    )
});

/// Digits in groups, enough for a card or a number of the US social security.
static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| compiled(r"[0-9](?:[ \-]?[0-9]){8,}"));

/// AWS's secret keys have no prefix: forty characters not far from its name.
static AWS_SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(r"(?i:aws)[^\n]{0,60}?[^A-Za-z0-9/+\n]([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|\z)")
});

fn compiled(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// Finds what has the shape of a secret.
pub(super) fn find(text: &str, secrets: &mut Vec<Range<usize>>) {
    secrets.extend(matches(&TOKEN, 0, text, has_digit_or_prefix));
    if text.contains("-----BEGIN") {
        secrets.extend(matches(&PRIVATE_KEY, 0, text, |_| true));
    }
    secrets.extend(matches(&BEARER, 2, text, is_credential));
    if text.contains("://") {
        secrets.extend(matches(&USER, 1, text, |_| true));
    }
    if text.contains('@') || text.contains("%40") {
        secrets.extend(matches(&EMAIL, 0, text, |_| true));
    }
    secrets.extend(matches(&AWS_SECRET, 1, text, |key| key.bytes().any(|byte| byte.is_ascii_digit())));
    for digits in matches(&DIGITS, 0, text, |_| true) {
        numbers(text, digits, secrets);
    }
}

/// The ranges of a group of each match that is `wanted`.
fn matches<'a>(
    regex: &'static LazyLock<Option<Regex>>,
    group: usize,
    text: &'a str,
    wanted: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let all = regex.as_ref().into_iter().flat_map(move |regex| regex.captures_iter(text));
    all.filter_map(move |found| found.get(group))
        .filter(move |found| wanted(found.as_str()))
        .map(|found| found.range())
}

/// Names of styles and files may begin like a token (`sk-container…`); no token is of letters alone.
fn has_digit_or_prefix(token: &str) -> bool {
    token.bytes().any(|byte| byte.is_ascii_digit()) || token.starts_with("eyJ") || token.contains("://")
}

/// What follows "basic" or "bearer" is an English word, or a credential.
fn is_credential(said: &str) -> bool {
    let hump = |pair: &[u8]| matches!(pair, [before, after] if before.is_ascii_lowercase() && after.is_ascii_uppercase());
    said.len() >= 24
        || said.ends_with('=')
        || said.bytes().any(|byte| byte.is_ascii_digit())
        || said.as_bytes().windows(2).any(hump)
}

/// Cards and social security numbers within a run of digits, blanks and dashes.
pub(super) fn numbers(text: &str, run: Range<usize>, secrets: &mut Vec<Range<usize>>) {
    let Some(digits) = text.get(run.clone()) else { return };
    if beside_word(text, &run) {
        return;
    }
    if is_social_security(digits) {
        secrets.push(run);
        return;
    }
    let mut from = 0;
    while from < digits.len() {
        match card(digits.as_bytes().get(from..).unwrap_or_default()) {
            Some(length) => {
                secrets.push(run.start + from..run.start + from + length);
                from += length;
            }
            // The next group.
            None => from += digits.get(from..).and_then(|rest| rest.find([' ', '-'])).unwrap_or(digits.len()),
        }
        from += usize::from(matches!(digits.as_bytes().get(from), Some(b' ' | b'-')));
    }
}

/// Whether it is part of a word: an id, not a number.
fn beside_word(text: &str, run: &Range<usize>) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = text.as_bytes();
    is_word(run.start.checked_sub(1).and_then(|before| bytes.get(before))) || is_word(bytes.get(run.end))
}

fn is_social_security(digits: &str) -> bool {
    let dashes: Vec<_> = digits.bytes().enumerate().filter(|(_, byte)| !byte.is_ascii_digit()).collect();
    let grouped =
        digits.len() == 11 && matches!(&dashes[..], [(3, b'-'), (6, b'-')] | [(3, b' '), (6, b' ')]);
    grouped && !digits.starts_with("000") && !digits.starts_with("666") && !digits.starts_with('9')
}

/// How long the card's number is that begins here and ends with a group, if one does: thirteen to nineteen digits that
/// a network gives out, with their check digit (Luhn's).
fn card(run: &[u8]) -> Option<usize> {
    let mut digits = Vec::with_capacity(CARD_MAX);
    let mut longest = None;
    for (at, byte) in run.iter().enumerate() {
        if byte.is_ascii_digit() {
            digits.push(byte - b'0');
        }
        let ends = run.get(at + 1).is_none_or(|next| !next.is_ascii_digit());
        if ends && byte.is_ascii_digit() && is_card(&digits) {
            longest = Some(at + 1);
        }
        if digits.len() == CARD_MAX {
            break;
        }
    }
    longest
}

const CARD_MAX: usize = 19;

fn is_card(digits: &[u8]) -> bool {
    let known = matches!(
        (digits, digits.len()),
        ([4, ..], 13 | 16 | 19)
            | ([5, 1..=5, ..] | [2, 2..=7, ..], 16)
            | ([3, 4 | 7, ..], 15)
            | ([3, 0 | 6 | 8 | 9, ..], 14..=19)
            | ([3, 5, ..] | [6, ..], 16..=19)
    );
    known && luhn(digits) && digits.iter().any(|digit| *digit != digits[0])
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        for pattern in [&TOKEN, &PRIVATE_KEY, &BEARER, &USER, &EMAIL, &DIGITS, &AWS_SECRET] {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn a_card_is_told_by_its_check_digit() {
        for (text, found) in [
            ("4111 1111 1111 1111", true),
            ("4111111111111111", true),
            ("4111-1111-1111-1112", false),
            ("paid 4111111111111111 123", true),
            ("378282246310005", true),
            ("1700000000000", false),
            ("0000000000000000", false),
            ("id_4111111111111111", false),
        ] {
            let mut secrets = Vec::new();
            find(text, &mut secrets);
            assert_eq!(!secrets.is_empty(), found, "{text}");
        }
    }
}
