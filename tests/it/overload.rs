//! Limits: nothing grows without a cap, and who says nothing is not waited for.

use std::time::Duration;

use http::{Request, Response, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Proxy, Raw, Upstream, VERSIONS, empty, full, proxy, within};

const SHORT: Option<Duration> = Some(Duration::from_millis(300));

#[tokio::test]
async fn a_connection_past_the_limit_is_closed() {
    for per_address in [false, true] {
        let upstream = Upstream::json("{}").await;
        let mut config = proxy::config(upstream.address);
        if per_address {
            config.limits.max_connections_per_address = Some(1);
        } else {
            config.limits.max_connections = Some(1);
        }
        let proxy = Proxy::start(config);
        let mut first = Client::connect(proxy.address, Version::HTTP_11).await;
        first.send(Request::get("/").body(empty()).unwrap()).await;
        Raw::connect(proxy.address).await.closed().await;
        first.vanish();
        // The place is free again as soon as the proxy has seen the first one go.
        loop {
            let mut next = Raw::connect(proxy.address).await;
            let _refused = AsyncWriteExt::write_all(
                &mut next.stream,
                b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            )
            .await;
            if next.read_to_end().await.starts_with("HTTP/1.1 200") {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_past_the_limit_is_a_503_and_ordinary_answers_pass() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.limits.max_streams = Some(1);
        let proxy = Proxy::start(config);
        let get = || Request::get("/").body(empty()).unwrap();

        let mut first = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(first.start(get()));
        let feed = upstream.call().await.events();
        let open = within(answer).await.unwrap().unwrap();
        assert_eq!(open.status(), 200);

        let mut second = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(second.start(get()));
        let refused_feed = upstream.call().await.events();
        let response = within(answer).await.unwrap().unwrap();
        assert_eq!(response.status(), 503, "{version:?}");
        assert_eq!(response.headers()["x-sightglass-error"], "limit");
        assert!(response.headers().contains_key("retry-after"));
        refused_feed.aborted().await;

        let mut third = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(third.start(get()));
        upstream.call().await.answer(Response::new(full("x")));
        assert_eq!(within(answer).await.unwrap().unwrap().status(), 200);

        drop(open);
        feed.aborted().await;
        let mut fourth = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(fourth.start(get()));
        let _feed = upstream.call().await.events();
        assert_eq!(within(answer).await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let upstream = Upstream::json("{}").await;
    let mut config = proxy::config(upstream.address);
    config.limits.first_byte_timeout = SHORT;
    let proxy = Proxy::start(config);
    Raw::connect(proxy.address).await.closed().await;
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.limits.header_timeout = SHORT;
    let proxy = Proxy::start(config);
    for begun in ["G", "GET / HTTP/1.1\r\nhost: a\r\n", "PRI * HT"] {
        let mut client = Raw::connect(proxy.address).await;
        client.write(begun).await;
        client.closed().await;
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn a_slow_second_head_is_cut_off_too() {
    let upstream = Upstream::json("{}").await;
    let mut config = proxy::config(upstream.address);
    config.limits.header_timeout = SHORT;
    let proxy = Proxy::start(config);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    client.read_until("{}").await;
    client.write("GET ").await;
    client.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.limits.keep_alive = SHORT;
        config.limits.header_timeout = SHORT;
        config.limits.first_byte_timeout = SHORT;
        let proxy = Proxy::start(config);
        let mut idle = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(idle.start(Request::get("/").body(empty()).unwrap()));
        let call = upstream.call().await;

        // A second one shows that the limits have passed: it is closed, and the call still waits.
        let mut other = Client::connect(proxy.address, version).await;
        let ordinary = tokio::spawn(other.start(Request::get("/").body(empty()).unwrap()));
        upstream.call().await.answer(Response::new(empty()));
        assert_eq!(within(ordinary).await.unwrap().unwrap().status(), 200);
        other.closed().await;

        call.answer(Response::new(full("late")));
        let response = within(answer).await.unwrap().unwrap();
        assert_eq!(crate::support::client::collect(response).await, "late", "{version:?}");
        idle.closed().await;
    }
}

#[tokio::test]
async fn a_call_that_crosses_the_end_of_an_idle_http_2_connection_is_answered() {
    const SETTINGS: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    // GET http / with `:authority: a`, ending stream 1.
    const CALL: &[u8] = b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a";
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.limits.keep_alive = SHORT;
    let proxy = Proxy::start(config);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    client.write_all(SETTINGS).await.unwrap();
    // The proxy says GOAWAY; a client that has not heard of it yet calls.
    assert!(frame(&mut client, 7).await);
    client.write_all(CALL).await.unwrap();
    let mut call = upstream.call().await;
    // Longer than the last words of a connection that is told to end.
    let cut = tokio::time::timeout(Duration::from_millis(1500), call.aborted()).await;
    assert!(cut.is_err(), "the call was cut off");
    call.answer(Response::new(full("late")));
    assert!(frame(&mut client, 1).await, "no answer");
}

#[cfg(target_os = "linux")]
#[test]
fn as_many_files_are_opened_as_the_system_allows() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let serve = format!(
        "ulimit -Sn 100; ulimit -Hn 500; exec {} serve --listen 127.0.0.1:0 --admin 127.0.0.1:0 --upstream http://127.0.0.1:9/",
        env!("CARGO_BIN_EXE_sightglass")
    );
    let mut program = Command::new("sh").args(["-c", &serve]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.id())).unwrap();
    program.kill().unwrap();
    program.wait().unwrap();
    let open_files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limits: Vec<&str> = open_files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(limits, ["500", "500"]);
}

/// Reads up to an HTTP/2 frame of this type; false where the connection ends before.
async fn frame(client: &mut TcpStream, wanted: u8) -> bool {
    loop {
        let mut head = [0; 9];
        if within(client.read_exact(&mut head)).await.is_err() {
            return false;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut rest = vec![0; usize::try_from(length).unwrap()];
        within(client.read_exact(&mut rest)).await.unwrap();
        if head[3] == wanted {
            return true;
        }
    }
}
