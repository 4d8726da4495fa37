//! What clients ask.

use http::{Request, Version};

use super::{answers, told};
use crate::support::{Client, Proxy, Raw, RawServer, Upstream, fed, proxy, within};

#[tokio::test]
async fn a_length_that_could_be_read_differently_is_a_400() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    for length in
        ["+5", "-5", "5, 6", "5,", ",5", "", "0x5", "5 5", "5.0", "18446744073709551616", "\u{ff15}"]
    {
        let request = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\nhello");
        let told = told(&proxy, request).await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{length:?}: {told}");
        assert_eq!(answers(&told), 1, "{length:?}: {told}");
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn a_length_said_more_than_once_is_sent_on_once() {
    for length in ["5, 5", "5,5 , 5", "5\r\ncontent-length: 5", " 5 \r\nContent-Length: 5, 5"] {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Raw::connect(proxy.address).await;
        client.write(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\nhello")).await;
        let mut server_side = server.accept().await;
        let head = server_side.read_head().await.to_ascii_lowercase();
        assert_eq!(head.matches("content-length").count(), 1, "{length:?}: {head}");
        assert!(head.contains("\r\ncontent-length: 5\r\n"), "{length:?}: {head}");
        assert!(!head.contains("transfer-encoding"), "{length:?}: {head}");
        assert_eq!(server_side.read(5).await, b"hello");
    }
}

#[tokio::test]
async fn two_lengths_that_come_over_http_2_do_not_both_go_on() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let ask = async |second: &str| {
        let mut client = Client::connect(proxy.address, Version::HTTP_2).await;
        let (feed, body) = fed();
        let request = Request::post("/").header("content-length", "5").header("content-length", second);
        let answer = tokio::spawn(client.start(request.body(body).unwrap()));
        feed.data("hello").await;
        (client, answer)
    };
    let (_client, answer) = ask("50").await;
    assert!(within(answer).await.unwrap().is_err(), "they differ");
    let (_client, answer) = ask("5").await;
    let mut server_side = server.accept().await;
    let head = server_side.read_head().await;
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(server_side.read_until("0\r\n\r\n").await, "5\r\nhello\r\n0\r\n\r\n");
    server_side.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(within(answer).await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_head_that_could_be_read_differently_is_a_400() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    for head in [
        "GET / HTTP/1.1\r\nhost : a\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length : 5\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n",
        "GET / HTTP/1.1\r\n host: a\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: 1\rcontent-length: 5\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: \x0b\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n: 1\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx(y): 1\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n",
        "GET / x HTTP/1.1\r\nhost: a\r\n",
        "GET / HTTP/1.2\r\nhost: a\r\n",
        "GET / HTTP/0.9\r\nhost: a\r\n",
        "GET / HTTP/2.0\r\nhost: a\r\n",
        "GET /\r\nhost: a\r\n",
        "G\x7fT / HTTP/1.1\r\nhost: a\r\n",
        "\rGET / HTTP/1.1\r\nhost: a\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked,\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \"chunked\"\r\n",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n",
        "POST / HTTP/1.0\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n",
    ] {
        let told = told(&proxy, format!("{head}\r\n0\r\n\r\nGET /second HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(told.starts_with("HTTP/1.1 400 ") || told.starts_with("HTTP/1.0 400 "), "{head:?}: {told}");
        assert_eq!(told.matches(" 400 ").count(), 1, "{head:?}: {told}");
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn a_line_may_end_in_a_bare_line_feed_and_goes_on_as_it_should() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET /first HTTP/1.1\nhost: a\nx: 1\n\nGET /second HTTP/1.1\r\nhost: a\r\n\n").await;
    let mut server_side = server.accept().await;
    for name in ["/first", "/second"] {
        let head = server_side.read_head().await;
        assert!(head.starts_with(&format!("GET {name} HTTP/1.1\r\n")), "{head}");
        assert_eq!(head.matches('\n').count(), head.matches("\r\n").count());
        server_side.write("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(client.read_head().await.starts_with("HTTP/1.1 204 "));
    }
}

#[tokio::test]
async fn what_no_text_holds_passes_in_a_value() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\nx: \u{e9}\t\u{fc} !\r\ny:\r\nz: \t \r\n\r\n").await;
    let head = server.accept().await.read_head().await;
    assert!(head.ends_with("\r\nx: \u{e9}\t\u{fc} !\r\ny: \r\nz: \r\n\r\n"), "{head}");
}

#[tokio::test]
async fn empty_lines_before_a_request_are_ignored() {
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    let blank = "\r\n".repeat(50_000) + &"\n".repeat(50_000);
    let request = format!("{blank}GET / HTTP/1.1\r\nhost: a\r\n\r\n{blank}");
    let told = told(&proxy, format!("{request}GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
    assert_eq!(answers(&told), 2, "{told}");
    assert_eq!(told.matches(" 200 OK").count(), 2, "{told}");
}

#[tokio::test]
async fn a_target_past_its_limit_is_a_414() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.limits.header_bytes = 1 << 20;
    let proxy = Proxy::start(config);
    let told = told(&proxy, format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(65_534))).await;
    assert!(told.starts_with("HTTP/1.1 414 "), "{told}");
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn fields_without_end_are_a_431() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.limits.max_headers = 10_000;
    config.limits.header_bytes = 16 << 10;
    let proxy = Proxy::start(config);
    let told = told(&proxy, format!("GET / HTTP/1.1\r\nhost: a\r\n{}", "x: 1\r\n".repeat(10_000))).await;
    assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn the_user_in_a_target_is_no_host() {
    for (target, status) in [
        ("http://good.example/", 200),
        ("http://user@good.example/", 200),
        ("http://good.example@evil.example/", 403),
        ("http://good.example:80@evil.example/", 403),
        ("http://evil.example/", 403),
    ] {
        let upstream = Upstream::json("{}").await;
        let mut config = proxy::config(upstream.address);
        config.proxy.allowed_hosts = Some(vec!["good.example".to_owned()]);
        let proxy = Proxy::start(config);
        let request = format!("GET {target} HTTP/1.1\r\nhost: good.example\r\nconnection: close\r\n\r\n");
        let told = told(&proxy, request).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {told}");
    }
}

#[tokio::test]
async fn what_was_pipelined_is_answered_in_order() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    client
        .write(
            "POST /0 HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello\
             POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n\
             POST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\
             HEAD /3 HTTP/1.1\r\nhost: a\r\n\r\n\
             GET /4 HTTP/1.1\r\nhost: a\r\n\r\n",
        )
        .await;
    for (number, body) in ["hello", "", "x", "", ""].into_iter().enumerate() {
        let mut call = upstream.call().await;
        assert_eq!(call.head.uri.path(), format!("/{number}"));
        assert_eq!(call.read().await, body);
        let answer = http::Response::builder().header("x-number", number);
        call.answer(answer.body(crate::support::full("ok")).unwrap());
        let head = client.read_head().await;
        assert!(head.contains(&format!("x-number: {number}\r\n")), "{head}");
        if number != 3 {
            assert_eq!(client.read(2).await, b"ok");
        }
    }
}

#[tokio::test]
async fn a_head_that_comes_in_single_bytes_is_understood() {
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    client.stream.set_nodelay(true).unwrap();
    for byte in "PROPFIND / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".bytes() {
        client.write([byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(client.read_to_end().await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn http_2_is_understood_however_its_first_words_come() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    for size in [1, 2, 5, 14, 24, 33] {
        let mut client = Raw::connect(proxy.address).await;
        client.stream.set_nodelay(true).unwrap();
        for piece in PREFACE.chunks(size) {
            client.write(piece).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(client.read(9).await[3], 4, "SETTINGS");
    }
}

#[tokio::test]
async fn http_1_0_is_kept_alive_where_it_asks_for_it() {
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    for _ in 0..2 {
        client.write("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").await;
        let head = client.read_until("{}").await;
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(head.contains("connection: keep-alive\r\n"), "{head}");
    }
    client.write("GET / HTTP/1.0\r\n\r\n").await;
    let told = client.read_to_end().await;
    assert!(!told.contains("keep-alive"), "{told}");
}

#[tokio::test]
async fn close_wins_over_keep_alive() {
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    for fields in ["connection: close, keep-alive\r\n", "connection: keep-alive\r\nconnection: x, Close\r\n"]
    {
        let told = told(&proxy, format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")).await;
        assert!(told.contains("connection: close\r\n"), "{told}");
    }
}

#[tokio::test]
async fn a_client_may_leave_at_any_byte() {
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    let whole =
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2;x\r\n{}\r\n0\r\nx: 1\r\n\r\n";
    for end in 0..whole.len() {
        let mut client = Raw::connect(proxy.address).await;
        client.write(&whole.as_bytes()[..end]).await;
    }
    let mut client = Raw::connect(proxy.address).await;
    client.write(whole).await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 200 "));
}
