//! Promise: what anybody sends as a head is read as all others read it, or refused, however it is cut.

pub(crate) mod check;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The same cases in every run, few enough for every run.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_128),
        failure_persistence: None,
        ..Default::default()
    }
}

const STARTS: &[&str] = &[
    "POST /github/%2e%2e/x?y HTTP/1.1\r\n",
    "\r\nGET http://a/github HTTP/1.0\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204\r\n",
    "HTTP/1.0 304 Not Modified\n",
];

const FIELDS: &[&str] = &[
    "Host: localhost\r\n",
    "content-length: 5\r\n",
    "Content-Length: 05, 5\r\n",
    "content-length: +5\r\n",
    "content-length: 18446744073709551616\r\n",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "transfer-encoding: identity\r\n",
    "transfer-encoding:\u{b}chunked\r\n",
    "transfer-encoding : chunked\r\n",
    "transfer-encoding:\r\n chunked\r\n",
    "Connection: close, te, x-forwarded-for\r\n",
    "connection: keep-alive\r\n",
    "te: trailers\r\n",
    "location: ../x#y\r\n",
    "www-authenticate: Bearer resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/mcp\", error=x\r\n",
    "x: \u{e9}\t1\n",
    "x:\r",
    "\r\n",
];

const BODIES: &[&str] =
    &["5\r\nhello\r\n", "5;a=b\r\nhello\r\n", "5\nhello\r\n", "0\r\n", "x: 1\r\n\r\n", "\r\n", "hello", "\n"];

const VALUES: &[&str] = &[
    "for=10.0.0.1;host=\"a.example:1\";proto=https, for=b",
    "a.example, b.example:80",
    "[::ffff:127.0.0.1]:9",
    "http://localhost.:80",
    "null",
    "00-5a4f8cbb9a1d4e0f8d3b6f0c9e7a2b41-c3d9e1f2a4b5c6d7-03",
    "01-5a4f8cbb9a1d4e0f8d3b6f0c9e7a2b41-c3d9e1f2a4b5c6d7-ff-more",
    "5a4f8cbb9a1d4e0f8d3b6f0c9e7a2b41-c3d9e1f2a4b5c6d7-d",
    "key=a%2Cb;p=1,key=c",
    "=?base64?w6nDqQ==?=",
    "cache;desc=hit;dur=1.5, db;dur=\"2\"",
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.",
    "text/event-stream;q=0.1, */*",
    "",
];

fn pieces(of: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(of), 0..most).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn a_message_is_what_everybody_reads(
        start in prop::sample::select(STARTS),
        fields in pieces(FIELDS, 6),
        body in pieces(BODIES, 6),
        piece in 1_usize..40,
    ) {
        let bytes = [start.as_bytes(), &fields, b"\r\n", &body].concat();
        check::of_client(&bytes, piece);
        check::of_server(&bytes, piece);
    }

    #[test]
    fn a_value_does_nothing_but_what_it_says(value in pieces(VALUES, 3), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        check::field(&value);
        let mut changed = value;
        if !changed.is_empty() {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        check::field(&changed);
    }

    #[test]
    fn any_bytes_leave_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        check::input(&bytes);
    }
}

/// What the checks look for is found: a head that is a request to one reader and none to another would not pass them.
#[test]
fn a_message_that_is_accepted_is_checked() {
    let request = b"POST /github HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: 1\r\n\r\nGET";
    let read = sightglass::wire::reading::request([&request[..]]).unwrap().unwrap();
    assert_eq!((read.body.as_slice(), read.rest.as_slice()), (&b"hello"[..], &b"GET"[..]));
    assert_eq!(read.trailers.unwrap()["x"], "1");
    check::of_client(request, 3);
}
