//! Promise: thousands of event streams on which nothing is said cost little, and each is there when its turn comes.
//! `SOAK_MINUTES=10 cargo test idle -- --nocapture` leaves them alone for so long in between, and says what they hold.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::mixed::{count, page};
use crate::support::program::Program;
use crate::support::within;

const STREAMS: usize = 5_000;

/// So many are opened at once.
const BATCH: usize = 50;

/// What one may hold, bytes; the program here is built without optimization.
const HELD: u64 = 16 << 10;

/// Files that a process has open beside its streams.
const OTHERS: u64 = 500;

/// So many as this process and the program may open, who both have two files a stream.
fn streams() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let may = limit.maximum.unwrap_or(u64::MAX);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let fit = usize::try_from(may.saturating_sub(OTHERS) / 2).unwrap();
    if fit < STREAMS {
        println!("only {fit} streams rather than {STREAMS}: `ulimit -Hn` is {may}");
    }
    assert!(fit >= 100, "with {may} files nothing is shown: raise `ulimit -Hn`");
    fit.min(STREAMS)
}

/// An idle stream, both ends of it.
struct Held {
    client: TcpStream,
    server: TcpStream,
}

/// A stream of a session of its own.
async fn open(proxy: SocketAddr, number: usize) -> TcpStream {
    let mut stream = within(TcpStream::connect(proxy)).await.unwrap();
    let head = format!(
        "GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nmcp-session-id: session-{number}\r\nx-number: {number}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// The number in a request for a stream, which is answered with the head alone.
async fn accept(listener: &TcpListener) -> (usize, TcpStream) {
    let (mut stream, _) = within(listener.accept()).await.unwrap();
    let head = read_head(&mut stream).await;
    let number = head.split("x-number: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.unwrap();
    (number, stream)
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(within(stream.read_buf(&mut head)).await.unwrap() > 0, "it ended early");
    }
    String::from_utf8(head).unwrap()
}

/// The event of this stream, in a chunk.
fn event(number: usize) -> String {
    let event = format!(
        "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":{number}}}}}\n\n"
    );
    format!("{:X}\r\n{event}\r\n", event.len())
}

/// Opens so many, one batch after the other.
async fn hold(proxy: SocketAddr, listener: &TcpListener, streams: usize) -> Vec<Held> {
    let mut held = Vec::with_capacity(streams);
    for first in (0..streams).step_by(BATCH) {
        let numbers = first..streams.min(first + BATCH);
        let clients = join_all(numbers.clone().map(|number| open(proxy, number)));
        let accepted = async {
            let mut accepted = Vec::new();
            for _ in numbers.clone() {
                accepted.push(accept(listener).await);
            }
            accepted.sort_by_key(|(number, _)| *number);
            accepted
        };
        let (clients, servers) = tokio::join!(clients, accepted);
        for (number, (mut client, (asked, server))) in numbers.zip(clients.into_iter().zip(servers)) {
            assert_eq!(asked, number);
            let answer = read_head(&mut client).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            held.push(Held { client, server });
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_idle_streams_hold_little_and_each_delivers_when_its_turn_comes() {
    let streams = streams();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let program = tokio::task::spawn_blocking(move || Program::start(upstream)).await.unwrap();
    // What is made once is there before memory is compared.
    drop(hold(program.proxy, &listener, BATCH).await);
    until_streams(&program, 0).await;
    let before = program.resident();

    let mut held = hold(program.proxy, &listener, streams).await;
    until_streams(&program, streams).await;
    let each = (program.resident() - before) / u64::try_from(streams).unwrap();
    println!("{streams} streams: {each} bytes each, {} files open", program.open_files());
    assert!(each < HELD, "an idle stream holds {each} bytes");
    if let Some(minutes) = std::env::var("SOAK_MINUTES").ok().and_then(|text| text.parse::<u64>().ok()) {
        tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
    }

    // Not in the order in which they came: each number comes once, as both numbers have no common divisor.
    for turn in 0..streams {
        let number = turn * 1_999 % streams;
        let stream = &mut held[number];
        let expected = event(number);
        stream.server.write_all(expected.as_bytes()).await.unwrap();
        let mut got = vec![0; expected.len()];
        within(stream.client.read_exact(&mut got)).await.unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), expected);
    }
    // Nobody got what was another's, and nobody is gone.
    for (number, stream) in held.iter().enumerate() {
        let more = stream.client.try_read(&mut [0; 64]);
        assert!(more.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "{number}");
    }
    let told = page(program.admin).await;
    told.metric("mcp_stream_events_total").is(count(streams));
    drop(held);
    until_streams(&program, 0).await;
}

/// Waits until the page tells of so many.
async fn until_streams(program: &Program, streams: usize) {
    within(async {
        while (page(program.admin).await.metric("mcp_active_streams").sum() - f64::from(count(streams))).abs()
            > 0.5
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}
