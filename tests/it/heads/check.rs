//! What must hold for any bytes that somebody sends as a head; the tests and the fuzz target ask the same.

use std::fmt::Debug;
use std::net::IpAddr;

use http::header::{ACCEPT, CONNECTION, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::header::{HOST, WWW_AUTHENTICATE};
use http::{Method, StatusCode, Version, request, response};
use sightglass::config::{Config, Network, Server, Tracing, Url};
use sightglass::guard::host::HostGuard;
use sightglass::mcp::b3::{B3, Separate};
use sightglass::mcp::trace::{Context, Sampler};
use sightglass::mcp::{
    Media, baggage, challenge_error, challenge_parameters, claims, decode, scheme_of, server_timing,
};
use sightglass::rewrite::forwarded::{self, Client};
use sightglass::rewrite::mount::{Kind, Mount, Mounts};
use sightglass::rewrite::trace::Propagation;
use sightglass::rewrite::{endpoint, hop, location, oauth};
use sightglass::wire::reading::{self, End, Framing, Message};

/// A message, and the value of any field. The first byte says how long the pieces are in which the message comes.
pub(crate) fn input(input: &[u8]) {
    let Some((&piece, rest)) = input.split_first() else { return };
    of_client(rest, piece.into());
    of_server(rest, piece.into());
    field(rest);
}

/// A request is the same however it is cut, and if it is one, all who read it strictly read the same one.
pub(crate) fn of_client(bytes: &[u8], piece: usize) {
    let whole = reading::request([bytes]);
    for size in [1, piece.max(1)] {
        is_same(bytes, &whole, &reading::request(bytes.chunks(size)));
    }
    let Ok(Some(message)) = whole else { return };
    let (head, behind) = split(bytes).expect("a head that ends");
    let mut lines = lines(head);
    let start = lines.next().expect("a start line");
    assert_eq!(start.split(|byte| *byte == b' ').count(), 3, "one target");
    let said = Said::of(lines);
    let expected = match (said.codings.last(), said.length) {
        (Some(last), _) => {
            assert_eq!((last.as_slice(), message.head.version), (&b"chunked"[..], Version::HTTP_11));
            Framing::Chunked
        }
        (None, length) => Framing::Bytes(length.unwrap_or(0)),
    };
    assert_eq!(message.framing, expected);
    assert!(!(message.keep_alive && said.is_doubtful()), "what follows is in doubt");
    ends(&message, behind);
    goes_on(&message.head);
}

/// The same of an answer.
pub(crate) fn of_server(bytes: &[u8], piece: usize) {
    let method = if piece.is_multiple_of(2) { Method::GET } else { Method::HEAD };
    let whole = reading::response([bytes], &method);
    for size in [1, piece.max(1)] {
        is_same(bytes, &whole, &reading::response(bytes.chunks(size), &method));
    }
    let Ok(Some(message)) = whole else { return };
    let (head, behind) = split(bytes).expect("a head that ends");
    let said = Said::of(lines(head).skip(1));
    let status = message.head.status;
    let is_bodyless = method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let expected = match (said.codings.last(), said.length) {
        _ if is_bodyless => Framing::Bytes(0),
        (Some(last), _) if last == b"chunked" => Framing::Chunked,
        (None, Some(length)) => Framing::Bytes(length),
        (Some(_) | None, _) => Framing::UntilEnd,
    };
    assert_eq!(message.framing, expected);
    let is_doubtful = said.is_doubtful() || message.framing == Framing::UntilEnd;
    assert!(!(message.keep_alive && is_doubtful), "what follows is in doubt");
    ends(&message, behind);
    answered(&message.head);
}

/// What came in pieces is what came at once. A head that has not ended may be found wrong later in pieces: it is not
/// read again with every byte.
fn is_same<H: Debug>(bytes: &[u8], whole: &Read<H>, cut: &Read<H>) {
    match (whole, cut) {
        (Ok(None), Ok(None)) | (Err(_), Err(_)) => {}
        (Err(_), Ok(None)) => assert!(split(bytes).is_none(), "it has ended"),
        (Ok(Some(whole)), Ok(Some(cut))) => {
            assert_eq!(format!("{:?}", whole.head), format!("{:?}", cut.head));
            assert_eq!((whole.framing, whole.keep_alive), (cut.framing, cut.keep_alive));
            assert_eq!(whole.end, cut.end);
            if whole.end != End::Broken {
                assert_eq!((&whole.body, &whole.trailers), (&cut.body, &cut.trailers));
                assert_eq!(whole.rest, cut.rest);
            }
        }
        (whole, cut) => panic!("{whole:?} at once, {cut:?} in pieces"),
    }
}

type Read<H> = Result<Option<Message<H>>, StatusCode>;

/// A head without empty lines before it, and what stands behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut head = bytes;
    while let Some(rest) = head.strip_prefix(b"\n").or_else(|| head.strip_prefix(b"\r\n")) {
        head = rest;
    }
    let mut at = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if matches!(line, b"\n" | b"\r\n") {
            return head.split_at_checked(at);
        }
    }
    None
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.take_while(|line| !line.is_empty())
}

/// What fields say of the length, to a reader that lets nothing pass.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    lengths: usize,
    /// In lower case.
    codings: Vec<Vec<u8>>,
}

impl Said {
    fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut said = Self::default();
        for line in lines {
            assert!(!line.iter().any(|byte| matches!(byte, b'\r' | 0)), "a line that is two for some");
            let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
            assert!(!name.is_empty() && name.iter().all(is_token), "{name:?} is no name");
            let members = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            if name.eq_ignore_ascii_case(b"content-length") {
                said.lengths += 1;
                for member in members {
                    assert!(!member.is_empty() && member.iter().all(u8::is_ascii_digit), "{member:?}");
                    let length = std::str::from_utf8(member).expect("digits").parse().expect("a length");
                    assert_eq!(*said.length.get_or_insert(length), length, "two lengths");
                }
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                said.codings.extend(members.map(<[u8]>::to_ascii_lowercase));
            }
        }
        said
    }

    /// Whether somebody may think that the message ends elsewhere.
    fn is_doubtful(&self) -> bool {
        !self.codings.is_empty() && (self.lengths > 0 || self.codings != [b"chunked"])
    }
}

/// A body ends where a strict reader says, and not a byte is lost.
fn ends<H>(message: &Message<H>, behind: &[u8]) {
    let came = message.body.len() + message.rest.len();
    match message.framing {
        Framing::Bytes(length) => {
            let is_whole = behind.len() as u64 >= length;
            assert_eq!(message.end, if is_whole { End::Whole } else { End::Open });
            assert_eq!(came, behind.len());
        }
        Framing::UntilEnd => assert_eq!((message.end, came), (End::Open, behind.len())),
        Framing::Chunked if message.end == End::Whole => {
            let (body, rest) = chunks(behind).expect("chunks that all read alike");
            assert_eq!((&message.body, message.rest.as_slice()), (&body, rest));
        }
        Framing::Chunked => {}
    }
}

/// The body and what follows it; `None` where a strict reader finds no end.
fn chunks(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let (line, rest) = line(bytes)?;
        let size = line.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            bytes = rest;
            break;
        }
        let (data, rest) = rest.split_at_checked(size)?;
        body.extend_from_slice(data);
        bytes = rest.strip_prefix(b"\r\n")?;
    }
    loop {
        let (trailer, rest) = line(bytes)?;
        bytes = rest;
        if trailer.is_empty() {
            return Some((body, bytes));
        }
    }
}

/// What stands before a CRLF, and behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = bytes[..end].strip_suffix(b"\r")?;
    (!line.contains(&b'\r')).then_some((line, &bytes[end + 1..]))
}

/// What becomes of a request's head on its way to a server.
fn goes_on(head: &request::Parts) {
    for upgrade in [false, true] {
        let fields = hop::request_fields(head.headers.clone(), upgrade);
        assert!(!fields.contains_key(TRANSFER_ENCODING) && !fields.contains_key("keep-alive"));
        assert!(upgrade || !fields.contains_key(CONNECTION));
    }
    hop::wants_upgrade(&head.headers);
    hop::is_in_another_coding(&head.headers);
    if let Some(target) = head.uri.path_and_query() {
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
        routed(host, target.as_str());
    }
}

/// Nobody leaves the prefix of a mount.
fn routed(host: Option<&str>, target: &str) {
    let Ok(routed) = mounts().route(host, target) else { return };
    let place = routed.upstream.path_and_query;
    let path = place.split('?').next().unwrap_or_default();
    assert!(path.starts_with('/'), "{place}");
    let plain = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    assert!(!plain.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")), "{place}");
    if routed.upstream.kind == Kind::Mount {
        let rest = path.strip_prefix("/mcp").expect("under the mount's url");
        assert!(rest.is_empty() || rest.starts_with('/'), "{place}");
    }
}

fn mounts() -> Mounts {
    Mounts::new(&Config { servers: vec![server()], ..Config::default() })
}

fn server() -> Server {
    let url = Url { tls: true, host: "api.example.com".to_owned(), port: None, path: "/mcp".to_owned() };
    Server { path: Some("/github".to_owned()), ..Server::new("github", url) }
}

/// What becomes of an answer's head on its way to a client.
fn answered(head: &response::Parts) {
    let fields = hop::response_fields(head.headers.clone(), false);
    assert!(!fields.contains_key(TRANSFER_ENCODING) && !fields.contains_key(CONNECTION));
    let mount = Mount::new(&server());
    let count = fields.len();
    let mut fields = location::rewrite(fields, &mount, "/mcp", PUBLIC);
    oauth::challenges(&mut fields, &mount, PUBLIC);
    assert_eq!(fields.len(), count, "no field comes or goes");
    for path in ["/mcp", "/.well-known/oauth-protected-resource/mcp"] {
        oauth::holds(&Method::GET, path, head);
    }
    endpoint::applies(&Method::GET, head);
}

const PUBLIC: &str = "https://public.example:8443";

/// Any bytes as the value of any field.
pub(crate) fn field(value: &[u8]) {
    scheme_of(value);
    challenge_error(value);
    server_timing(value, &mut |timing| assert!((1..=64).contains(&timing.name.length())));
    assert_eq!(claims(value, &["sub", "tier"]).len(), 2);
    Media::of(Some(value));
    name(value);
    parameters(value);
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    for trusted in [false, true] {
        claimed(&value, trusted);
    }
    let mut fields = HeaderMap::new();
    fields.append(ACCEPT, value.clone());
    endpoint::may_apply(&Method::GET, &fields);
    challenged(&value);
    origin(&value);
    placed(&value);
    if let Ok(text) = value.to_str() {
        host(text);
        context(text);
        baggage(text, "key");
        routed(Some("localhost"), &format!("/github/{text}"));
    }
}

/// `Mcp-Name`: plain values are themselves, encoded ones as long as base64 says.
fn name(value: &[u8]) {
    let Some(name) = decode(value) else { return };
    let encoded = value.strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?="));
    match encoded {
        Some(encoded) => {
            let digits = encoded.iter().filter(|byte| **byte != b'=').count();
            assert_eq!(name.len(), digits * 6 / 8);
        }
        None => assert_eq!(name.as_bytes(), value),
    }
}

/// Parameters of challenges stand one behind the other, and mean no more than is there.
fn parameters(value: &[u8]) {
    let mut end = 0;
    for parameter in challenge_parameters(value) {
        assert!(parameter.place.start >= end && parameter.place.end <= value.len());
        assert!(parameter.means.len() <= parameter.place.len());
        end = parameter.place.end;
    }
}

/// A challenge whose metadata is found here says the same of everything else.
fn challenged(value: &HeaderValue) {
    let mut fields = HeaderMap::new();
    fields.append(WWW_AUTHENTICATE, value.clone());
    oauth::challenges(&mut fields, &Mount::new(&server()), PUBLIC);
    let others = |value: &[u8]| -> Vec<Option<Vec<u8>>> {
        let parameters = challenge_parameters(value);
        parameters
            .map(|parameter| (!parameter.is_named("resource_metadata")).then(|| parameter.means.to_vec()))
            .collect()
    };
    assert_eq!(others(fields[WWW_AUTHENTICATE].as_bytes()), others(value.as_bytes()));
}

/// What a client claims of who asks: nothing of it stays of one that nobody trusts, and no origin is more than one.
fn claimed(value: &HeaderValue, trusted: bool) {
    const CLAIMS: [&str; 7] = [
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-server",
        "x-real-ip",
    ];
    let address = IpAddr::from([192, 0, 2, 7]);
    let host = value.to_str().ok().map(str::to_owned);
    let client = Client { address, tls: true, version: Version::HTTP_11, trusted, host };
    let mut fields = HeaderMap::new();
    for name in CLAIMS {
        fields.append(HeaderName::from_static(name), value.clone());
    }
    let origin = forwarded::public_origin(&client, &fields, None);
    let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    assert!(origin.is_empty() || rest.is_some_and(is_authority), "{origin}");
    let networks = [Network { address, prefix: 24 }];
    forwarded::client_address(&fields, address, &networks);
    forwarded::add(&mut fields, &client);
    let (list, element) = (&fields["x-forwarded-for"], &fields["forwarded"]);
    if trusted {
        assert!(list.as_bytes().ends_with(b", 192.0.2.7"), "{list:?}");
        return;
    }
    assert_eq!(list, "192.0.2.7");
    assert!(!fields.contains_key("x-real-ip") && !fields.contains_key("x-forwarded-port"));
    let element = element.to_str().expect("text").to_owned();
    let host = element.strip_prefix("for=192.0.2.7;").and_then(|rest| rest.strip_suffix("proto=https"));
    let host = host.expect("our own element").trim_end_matches(';').strip_prefix("host=");
    assert!(host.is_none_or(|host| is_authority(host.trim_matches('"'))), "{element}");
}

/// Nothing that could break out of a URL or of quotes.
fn is_authority(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte))
}

fn guard() -> HostGuard {
    let mut config = Config::default();
    config.proxy.listen = vec![([127, 0, 0, 1], 8080).into()];
    HostGuard::new(&config)
}

/// On loopback only names of loopback are answered for.
fn host(text: &str) {
    if guard().check_hosts([text]).is_ok() {
        assert!(is_loopback(text), "{text}");
    }
}

fn origin(value: &HeaderValue) {
    if guard().check_origins([value]).is_ok() {
        let text = value.to_str().expect("text").to_ascii_lowercase();
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        assert!(host.is_some_and(is_loopback), "{text}");
    }
}

fn is_loopback(text: &str) -> bool {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        Some(_) | None => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A context that is read is written as itself.
fn context(text: &str) {
    let is_itself = |context: Context| assert_eq!(Context::parse(&context.traceparent()), Some(context));
    Context::parse(text).into_iter().for_each(is_itself);
    let sampler = Sampler { ratio: 0.5, parent_based: true };
    let halves = text.split_once('-').unwrap_or((text, text));
    let separate =
        Separate { trace: Some(halves.0), span: Some(halves.1), sampled: Some(text), flags: Some(text) };
    for b3 in [B3::single(text, sampler), B3::separate(separate, sampler)].into_iter().flatten() {
        match b3 {
            B3::Span(context) => is_itself(context),
            B3::Decision(_) => {}
        }
    }
}

/// Whatever carriers say, the server gets one `traceparent`, and it is one.
fn placed(value: &HeaderValue) {
    let propagation =
        Propagation::new(&Tracing { read_b3: true, ..Tracing::default() }).expect("it is switched on");
    let mut fields = HeaderMap::new();
    for name in ["traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"] {
        fields.append(HeaderName::from_static(name), value.clone());
    }
    let placed = propagation.place(&fields, None, None, || 7).expect("it may be a request");
    placed.write(&mut fields);
    let lines: Vec<&HeaderValue> = fields.get_all("traceparent").iter().collect();
    assert_eq!(lines.len(), 1);
    assert!(Context::parse(lines[0].to_str().expect("text")).is_some(), "{lines:?}");
}
