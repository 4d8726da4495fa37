//! What servers answer.

use crate::support::{Proxy, Raw, RawServer};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn ask(method: &str) -> String {
    format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// What a client hears of a server that says these bytes and closes.
async fn answered(bytes: &[u8]) -> String {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    server_side.write(bytes).await;
    drop(server_side);
    client.read_to_end().await
}

#[tokio::test]
async fn an_answer_that_could_be_read_differently_is_a_502() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length : 5\r\n",
        "HTTP/1.1 200 OK\r\nx: 1\r\n 2\r\n",
        "HTTP/1.1 200 OK\r\nx: 1\rset-cookie: 2\r\n",
        "HTTP/1.1 200 OK\r\nx: \0\r\n",
        "HTTP/1.1 200 OK\r\n: 1\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 099 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/2.0 200 OK\r\n",
        "ICY 200 OK\r\n",
    ] {
        let told = answered(format!("{head}\r\nhello").as_bytes()).await;
        assert!(told.starts_with("HTTP/1.1 502 "), "{head:?}: {told}");
        assert!(told.contains("x-sightglass-error: upstream_invalid"), "{head:?}: {told}");
    }
}

#[tokio::test]
async fn a_length_said_more_than_once_is_told_once() {
    for length in ["5, 5", "5\r\ncontent-length: 5", "5\r\nContent-Length: 5,5"] {
        let told =
            answered(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhello").as_bytes()).await;
        assert_eq!(
            told, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
            "{length:?}"
        );
    }
}

#[tokio::test]
async fn a_head_past_its_limit_is_a_502() {
    let told = answered(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(70_000)).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 502 "), "{told}");
    let told = answered(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: 1\r\n".repeat(200)).as_bytes()).await;
    assert!(told.starts_with("HTTP/1.1 502 "), "{told}");
}

/// What a server says to this method, after which nothing shall be asked on its connection.
#[tokio::test]
async fn a_connection_on_which_too_much_was_said_is_not_used_again() {
    for (method, said) in [
        (
            "GET",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
        ),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil"),
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\nevil"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nevil"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"),
        ("HEAD", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"),
        // What may follow is not there yet.
        ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n"),
        (
            "GET",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        (
            "GET",
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        ("GET", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"),
        ("GET", "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    ] {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Raw::connect(proxy.address).await;
        client.write(ask(method)).await;
        let mut first = server.accept().await;
        first.read_head().await;
        first.write(said).await;
        client.read_head().await;
        // The first one stays open: who would use it again hangs here.
        client.write(ask("GET")).await;
        let mut second = server.accept().await;
        second.read_head().await;
        second.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood").await;
        let told = client.read_until("good").await;
        assert!(!told.contains("evil"), "{said}: {told}");
        first.closed().await;
    }
}

#[tokio::test]
async fn a_connection_on_which_all_went_well_is_used_again() {
    for said in [
        OK,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Raw::connect(proxy.address).await;
        let mut server_side = None;
        for _ in 0..3 {
            client.write(ask("GET")).await;
            if server_side.is_none() {
                server_side = Some(server.accept().await);
            }
            let server_side = server_side.as_mut().unwrap();
            server_side.read_head().await;
            server_side.write(said).await;
            client.read_head().await;
            if said.contains("ok\r\n0") {
                client.read_until("0\r\n\r\n").await;
            } else if said.ends_with("ok") {
                assert_eq!(client.read(2).await, b"ok");
            }
        }
    }
}

#[tokio::test]
async fn what_a_server_says_unasked_is_nobodys_answer() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write(ask("GET")).await;
    let mut first = server.accept().await;
    first.read_head().await;
    first.write(OK).await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200 "));
    first.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").await;
    client.write(ask("GET")).await;
    let mut second = server.accept().await;
    second.read_head().await;
    second.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood").await;
    assert!(!client.read_until("good").await.contains("evil"));
}

#[tokio::test]
async fn interim_answers_are_not_passed_on_and_not_without_end() {
    for (count, status) in [(3, 200), (1000, 200), (1001, 502)] {
        let interim =
            "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n".repeat(count / 2);
        let last = "HTTP/1.1 102 Processing\r\n\r\n".repeat(count % 2);
        let told = answered(format!("{interim}{last}{OK}").as_bytes()).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{count}: {told}");
        assert!(!told.contains("link"), "{told}");
    }
}

#[tokio::test]
async fn no_protocol_is_switched_before_the_request_is_there() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    let fields = "connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 10\r\n";
    client.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\nhello")).await;
    let mut server_side = server.accept().await;
    server_side.read_until("hello").await;
    server_side
        .write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    server_side.closed().await;
}

#[tokio::test]
async fn what_comes_along_with_a_switch_is_the_first_of_the_tunnel() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    let fields = "connection: upgrade\r\nupgrade: websocket\r\n";
    client.write(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\nahead")).await;
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    server_side
        .write(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}content-length: 5\r\n\r\nhello"))
        .await;
    client.read_head().await;
    assert_eq!(client.read(5).await, b"hello");
    assert_eq!(server_side.read(5).await, b"ahead");
}

#[tokio::test]
async fn a_server_may_leave_at_any_byte() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x\r\nok\r\n0\r\nx: 1\r\n\r\n";
    for whole in [OK, chunked] {
        let head = whole.find("\r\n\r\n").unwrap() + 4;
        for end in 0..=whole.len() {
            let mut client = Raw::connect(proxy.address).await;
            client.write(ask("GET")).await;
            let mut server_side = server.accept().await;
            server_side.read_head().await;
            server_side.write(&whole.as_bytes()[..end]).await;
            drop(server_side);
            if end < head {
                assert!(client.read_head().await.starts_with("HTTP/1.1 502 "), "{whole} {end}");
            } else if end < whole.len() {
                let told = client.read_to_end().await;
                assert!(told.starts_with("HTTP/1.1 200 "), "{whole} {end}: {told}");
                assert!(!told.ends_with("ok") && !told.ends_with("0\r\n\r\n"), "{whole} {end}: {told}");
            } else {
                let last = if whole == OK { "ok" } else { "0\r\n\r\n" };
                client.read_until(last).await;
            }
        }
    }
}
