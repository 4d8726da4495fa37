//! Promise: no secret that its name or its shape tells is told in a line or a span; what is harmless stays as it is.

use std::borrow::Cow;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sightglass::observe::{Captured, Redactor};

use crate::support::secrets::{secrets, word};

fn redactor() -> Redactor {
    Redactor::new(&["employee_number".to_owned()])
}

fn captured(json: &str) -> Captured {
    Captured { bytes: json.as_bytes().to_vec().into(), cut: false }
}

fn json(text: &str) -> String {
    redactor().json(&captured(text), 1 << 20)
}

#[test]
fn no_secret_survives_however_it_is_wrapped() {
    let redactor = redactor();
    let secrets = secrets();
    assert!(secrets.len() >= 60);
    for (secret, text) in &secrets {
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        let within = serde_json::Value::from(format!(r#"{{"found":[{quoted}],"n":1}}"#)).to_string();
        let deeper = serde_json::Value::from(format!(r#"{{"again":{within}}}"#)).to_string();
        for wrapped in [
            text.clone(),
            format!("The call failed: {text} was refused, try again"),
            format!("({text})"),
            format!("failed with\n{text}"),
            format!("https://example.com/find?q={text}"),
            format!("X-Said: {text}"),
        ] {
            let told = redactor.text(&wrapped);
            assert!(!told.contains(&**secret), "{wrapped}\n{told}");
            assert_eq!(redactor.text(&told), told, "the second time nothing is left to do");
        }
        for wrapped in [
            format!(r#"{{"content":[{{"type":"text","text":{quoted}}}]}}"#),
            format!(r#"{{"content":[{{"type":"text","text":{within}}}]}}"#),
            format!(r#"{{"content":[{{"type":"text","text":{deeper}}}]}}"#),
            format!("[{quoted}]"),
            quoted.clone(),
        ] {
            let told = json(&wrapped);
            assert!(!told.contains(&**secret), "{wrapped}\n{told}");
            assert!(serde_json::from_str::<serde_json::Value>(&told).is_ok(), "{told}");
        }
    }
}

#[test]
fn what_is_harmless_stays_as_it_is() {
    let redactor = redactor();
    for text in [
        "",
        "The quick brown fox jumps over the lazy dog.",
        "File not found: /home/user/tokens.md",
        "Basic authentication is required here",
        "the bearer of this letter",
        "max_tokens=4096, token_count: 17, total_tokens=12",
        "author: Somebody; passenger: 3",
        "2026-11-20T19:13:22.123Z took 1700000000000 ms",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "call +1 (555) 010-9999 or 555-0199",
        "https://example.com/docs/page?sort=name#top",
        "react@18.2.0 and @types/node@20.1.0",
        "class=\"sk-toggleable-container\"",
        "a.b.c.d 192.168.0.1:8080 [::1]:443",
        "4111 1111 1111 1112",
        "1234567890123456789",
        "SKU AC-1234 SK-12",
        "reset_password",
        "Ωμέγα 漢字 😀",
        "Unexpected token } in JSON at position 7",
        "password:",
        "token: null",
        "[INFO] he said \"hello",
    ] {
        assert!(matches!(redactor.text(text), Cow::Borrowed(_)), "{text}: {}", redactor.text(text));
        let quoted = serde_json::Value::from(text).to_string();
        assert_eq!(json(&quoted), quoted);
    }
    for text in [
        r#"{"progressToken":"abc","nextCursor":"eyJwYWdlIjoyfQ==","max_tokens":100,"token_count":5,"tokenType":"x"}"#,
        r#"{"usage":{"input_tokens":12,"output_tokens":3},"id":1700000000000,"ok":true,"token":null}"#,
        r#"{ "a" : [ 1 , 2.5e3 , "x\u00e9\n" ] , "pinned" : false }"#,
        r#"{"name":"echo","value":"x","author":"me","key":"color"}"#,
        "[]",
        "null",
    ] {
        assert_eq!(json(text), text);
    }
}

#[test]
fn the_value_of_a_secret_name_goes_whole() {
    for (text, told) in [
        (r#"{"password":"a","n":1}"#, r#"{"password":"[redacted]","n":1}"#),
        (r#"{"pin": 1234, "n":1}"#, r#"{"pin": "[redacted]", "n":1}"#),
        (r#"{"a":[{"credentials":{"x":["}",1]},"n":1}]}"#, r#"{"a":[{"credentials":"[redacted]","n":1}]}"#),
        (r#"{"tokens":["a","b"],"n":1}"#, r#"{"tokens":"[redacted]","n":1}"#),
        (r#"{"pass\u0077ord":"a"}"#, r#"{"pass\u0077ord":"[redacted]"}"#),
        (r#"{"employeeNumber":7}"#, r#"{"employeeNumber":"[redacted]"}"#),
        (r#"{"name":"DB_PASSWORD","value":"a"}"#, r#"{"name":"DB_PASSWORD","value":"[redacted]"}"#),
        (r#"{"card":4111111111111111}"#, r#"{"card":"[redacted]"}"#),
        (r#"{"t":"{\"secret\":\"a\"}"}"#, r#"{"t":"{\"secret\":\"[redacted]\"}"}"#),
        (r#"{"t":"see {\"secret\":\"a\"}!"}"#, r#"{"t":"see {\"secret\":\"[redacted]\"}!"}"#),
        (
            r#"{"requestState":"a","clientSecret":"b"}"#,
            r#"{"requestState":"[redacted]","clientSecret":"[redacted]"}"#,
        ),
    ] {
        assert_eq!(json(text), told);
    }
}

#[test]
fn only_the_secret_goes_from_a_text() {
    let redactor = redactor();
    for (text, told) in [
        ("login failed: password=hunter2, retry", "login failed: password=[redacted], retry"),
        ("Authorization: Bearer abc\nAccept: x", "Authorization: [redacted]\nAccept: x"),
        ("mail to a@example.com or b@example.com.", "mail to [redacted] or [redacted]."),
        ("postgres://u:p@db/app?sslmode=off", "postgres://[redacted]@db/app?sslmode=off"),
        ("card 4111 1111 1111 1111 123", "card [redacted] 123"),
        (r#"{\"token\":\"a\",\"n\":1}"#, r#"{\"token\":\"[redacted]\",\"n\":1}"#),
        ("client secret = x; n = 1", "client secret = [redacted]; n = 1"),
    ] {
        assert_eq!(redactor.text(text), told);
    }
}

#[test]
fn a_uri_has_no_query_no_fragment_and_no_user() {
    let redactor = redactor();
    for (uri, told) in [
        ("https://u:p@host/a/b?token=x#y", "https://host/a/b"),
        ("file:///home/a#b", "file:///home/a"),
        ("test://static/resource/1", "test://static/resource/1"),
        ("mailto:somebody@example.com", "mailto:[redacted]"),
        ("?", ""),
    ] {
        assert_eq!(redactor.uri(uri), told);
    }
}

#[test]
fn what_a_capture_cuts_in_two_is_not_told_by_half() {
    let redactor = redactor();
    let token = ["gh", "p_", &word(36)].concat();
    let long =
        format!("a mail {token} and password=hunter2 then 4111 1111 1111 1111 from somebody@example.com");
    let plain = serde_json::Value::from(format!("{long} the end")).to_string();
    let nested = serde_json::Value::from(format!(r#"{{"secret":"hunter2","x":{plain}}}"#)).to_string();
    for whole in
        [format!(r#"{{"a":"hunter2xyz secret","t":{plain}}}"#), format!(r#"{{"t":{nested},"pin":1234}}"#)]
    {
        let whole = whole.replace("hunter2xyz", "x");
        for end in 0..whole.len() {
            let cut = Captured { bytes: whole.as_bytes()[..end].to_vec().into(), cut: true };
            let told = redactor.json(&cut, 1 << 20);
            for secret in ["ghp_", "hunter", "4111", "somebody", "1234"] {
                assert!(!told.contains(secret), "{told}");
            }
            assert!(told.ends_with('…'));
        }
    }
}

#[test]
fn a_long_text_that_was_cut_is_told_as_far_as_it_goes() {
    let text = "The quick brown fox. ".repeat(100);
    let cut = Captured { bytes: format!(r#"{{"text":"{text}and some"#).into_bytes().into(), cut: true };
    let told = redactor().json(&cut, 100);
    assert_eq!(told.len(), 100 + '…'.len_utf8());
    assert!(told.starts_with(r#"{"text":"The quick brown fox."#), "{told}");
}

#[test]
fn a_cut_is_made_between_characters() {
    let told = redactor().json(&captured(r#""ééééé""#), 4);
    assert_eq!(told, "\"é…");
}

#[test]
fn hostile_texts_take_no_longer_than_others() {
    let redactor = redactor();
    for piece in [
        "password:{",
        "\"a\":{",
        "{\"tokens\":[",
        "a@a.",
        "a://",
        "4 ",
        "--token ",
        "\\\"",
        "eyJ.",
        "authorization:[redacted]",
    ] {
        let text = piece.repeat(20_000 / piece.len());
        let _ = redactor.text(&text);
        let _ = redactor.json(&captured(&text), 4096);
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(20_261_120),
        failure_persistence: None,
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_something(text in any::<String>(), scattered in "[\"\\\\{}\\[\\]:=a@. 4é\n-]{0,80}") {
        let redactor = Redactor::new(&[]);
        for text in [text, scattered] {
            let told = redactor.text(&text).into_owned();
            prop_assert_eq!(&redactor.text(&told), &told);
            redactor.uri(&text);
        }
    }

    #[test]
    fn a_payload_is_never_longer_than_its_cap_and_the_mark(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), scattered in "[\"\\\\{}\\[\\]:,a1é \n-]{0,80}",
        cut in any::<bool>(), max_bytes in 0_usize..120,
    ) {
        let redactor = Redactor::new(&[]);
        for bytes in [bytes, scattered.into_bytes()] {
            let told = redactor.json(&Captured { bytes: bytes.into(), cut }, max_bytes);
            prop_assert!(told.len() <= max_bytes + '…'.len_utf8());
        }
    }
}
