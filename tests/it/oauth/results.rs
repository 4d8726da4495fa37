//! Challenges in bodies that pass, at any chunking, for any bytes.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body::Body;
use proptest::collection::vec;
use proptest::prelude::*;
use sightglass::config::{Server, Url};
use sightglass::rewrite::mount::Mount;
use sightglass::rewrite::oauth::{self, ChallengeBody};

use crate::support::pieces::{Pieces, read_at_once};

fn mount() -> Arc<Mount> {
    let url = Url { tls: false, host: "up".to_owned(), port: None, path: "/mcp".to_owned() };
    Arc::new(Mount::new(&Server { path: Some("/s".to_owned()), ..Server::new("s", url) }))
}

/// What a client reads of a body that comes in pieces, and how often something was left alone.
fn read(body: &[u8], cuts: &[usize], is_fixed: bool) -> (Vec<u8>, usize) {
    let left = Arc::new(Mutex::new(0));
    let count = Arc::clone(&left);
    let pieces = Pieces::of(body, cuts, is_fixed);
    let mut body =
        ChallengeBody::new(pieces, mount(), "http://public", Box::new(move || *count.lock().unwrap() += 1));
    let read = read_at_once(&mut body);
    assert!(body.is_end_stream());
    let left = *left.lock().unwrap();
    (read, left)
}

const OWN: &str = "http://up/.well-known/oauth-protected-resource/mcp";
const PUBLIC: &str = "http://public/.well-known/oauth-protected-resource/s";

fn escaped(text: &str) -> String {
    text.replace('/', r"\/")
}

#[test]
fn only_the_url_of_a_challenge_changes() {
    let challenge = |url: &str| {
        format!(r#"Bearer a=\"\u00e9\/\n\ud83d\ude00\",resource_metadata=\"{url}\" , b=\u0022x\""#)
    };
    for (key, gap) in [("mcp/www_authenticate", ""), (r"mcp\/www_authenticate", " \r\n\t")] {
        for (own, public) in [(OWN.to_owned(), PUBLIC.to_owned()), (escaped(OWN), String::new())] {
            let body = |url: &str| {
                let challenge = challenge(url);
                format!(
                    r#"{{"a":["x"],"{key}"{gap}:{gap}[{gap}"Basic",{gap}"{challenge}","{challenge}"],"z":"{url}"}}"#
                )
            };
            let (read, _) = read(body(&own).as_bytes(), &[], false);
            let read = String::from_utf8(read).unwrap();
            if public.is_empty() {
                // What was escaped may be written without: the rest keeps its escapes.
                assert_eq!(read.matches(r"public").count(), 2, "{read}");
                assert!(read.ends_with(&format!(r#""z":"{own}"}}"#)), "{read}");
                assert_eq!(read.matches(r"\u00e9\/\n\ud83d\ude00").count(), 2, "{read}");
            } else {
                let expected =
                    body(&public).replace(&format!(r#""z":"{public}""#), &format!(r#""z":"{own}""#));
                assert_eq!(read, expected);
            }
        }
    }
    let single = format!(r#"{{"mcp/www_authenticate":"Bearer resource_metadata=\"{OWN}\""}}"#);
    assert_eq!(read(single.as_bytes(), &[], false).0, single.replace(OWN, PUBLIC).as_bytes());
}

#[test]
fn what_is_no_challenge_of_the_server_passes() {
    let long =
        format!(r#"{{"mcp/www_authenticate":["{}resource_metadata=\"{OWN}\""]}}"#, "x".repeat(16 * 1024));
    for body in [
        format!(r#"{{"www_authenticate":["Bearer resource_metadata=\"{OWN}\""]}}"#),
        format!(r#"{{"a":"\"mcp/www_authenticate\":[\"Bearer resource_metadata=\\\"{OWN}\\\"\"]"}}"#),
        format!(r#"{{"mcp/www_authenticate":[["Bearer resource_metadata=\"{OWN}\""]]}}"#),
        format!(r#"{{"mcp/www_authenticate":{{"a":"Bearer resource_metadata=\"{OWN}\""}}}}"#),
        format!(r#"{{"mcp/www_authenticate":["x"],"a":["Bearer resource_metadata=\"{OWN}\""]}}"#),
        r#"{"mcp/www_authenticate":["Bearer resource_metadata=\"https://elsewhere/\""]}"#.to_owned(),
        format!("{{\"mcp/www_authenticate\":[\"Bearer \nresource_metadata=\\\"{OWN}\\\"\"]}}"),
        format!(r#"["mcp/www_authenticate","Bearer resource_metadata=\"{OWN}\""]"#),
        r#"{"mcp/www_authenticate":["Bearer resource_metadata=\"http://up"#.to_owned(),
        long,
    ] {
        let each: Vec<usize> = (0..body.len().min(2_000)).collect();
        for cuts in [&[][..], &each] {
            assert_eq!(String::from_utf8(read(body.as_bytes(), cuts, false).0).unwrap(), body);
        }
        assert_eq!(oauth::result(&Bytes::from(body), &mount(), "http://public"), None);
    }
}

/// Parts of messages in random order, so that random sequences meet every state.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let challenge = format!(r#""Bearer resource_metadata=\"{OWN}\"""#);
    let parts = [
        r#""mcp/www_authenticate""#,
        r#""mcp\/www_authenticate""#,
        r#""mcp/www_"#,
        ":",
        "[",
        "]",
        ",",
        "{",
        "}",
        "\"",
        "\\",
        " ",
        "\n",
        "\n\ndata: ",
        challenge.as_str(),
        challenge.as_str(),
        "x",
    ]
    .map(|part| part.as_bytes().to_vec())
    .to_vec();
    let piece = prop_oneof![30 => proptest::sample::select(parts), 1 => vec(any::<u8>(), 1..4)];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes(body in body(), cuts in vec(any::<usize>(), 0..20)) {
        let (whole, _) = read(&body, &[], false);
        prop_assert_eq!(&read(&body, &cuts, false).0, &whole);
        let each: Vec<usize> = (0..body.len()).collect();
        prop_assert_eq!(&read(&body, &each, false).0, &whole);
        let held = oauth::result(&Bytes::from(body.clone()), &mount(), "http://public");
        prop_assert_eq!(held.unwrap_or_else(|| body.clone()), whole.clone());
        let (fixed, left) = read(&body, &cuts, true);
        prop_assert_eq!(&fixed, &body);
        prop_assert_eq!(left > 0, whole != body);
    }

    #[test]
    fn without_the_key_any_bytes_pass(bytes in vec(any::<u8>(), 0..2_000), cuts in vec(any::<usize>(), 0..20)) {
        prop_assert_eq!(read(&bytes, &cuts, false).0, bytes);
    }

    #[test]
    fn a_challenge_is_found_wherever_it_is_cut(cuts in vec(any::<usize>(), 0..20), key in r"mcp\\?/www_authenticate") {
        let body = format!(r#"{{"{key}" : [ "Bearer resource_metadata=\"{OWN}\"" ]}}"#);
        prop_assert_eq!(read(body.as_bytes(), &cuts, false).0, body.replace(OWN, PUBLIC).into_bytes());
    }
}
