//! Promise: a server that is in trouble takes its own places, and none of another's. `cargo bench --bench neighbour` says
//! what its neighbour feels of it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::mixed::page;
use crate::support::program::Program;
use crate::support::scrape::Scrape;
use crate::support::{Raw, Upstream, within};

/// Calls to the noisy server that are under way at once, and those that wait behind them.
const RUNNING: u32 = 400;
const WAITING: u32 = 600;
/// Calls to the quiet one meanwhile.
const QUIET: u32 = 200;

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// The program before a quiet and a noisy server, whose block says this, too.
async fn start(noisy: SocketAddr, more: &str) -> Program {
    let quiet = Upstream::json(ANSWER).await.address;
    let mut config =
        "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[logs]\nformat = \"json\"\n"
            .to_owned();
    for (name, address, more) in [("quiet", quiet, ""), ("noisy", noisy, more)] {
        let _ = write!(
            config,
            "[[server]]\nname = \"{name}\"\npath = \"/{name}\"\nurl = \"http://{address}/mcp\"\n{more}\n"
        );
    }
    let file = std::env::temp_dir().join(format!(
        "sightglass-neighbour-{}-{}.toml",
        std::process::id(),
        noisy.port()
    ));
    std::fs::write(&file, config).unwrap();
    let path = file.clone();
    let program = tokio::task::spawn_blocking(move || Program::with_file(&path, None)).await.unwrap();
    std::fs::remove_file(file).unwrap();
    program
}

fn call(mount: &str) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}"#;
    format!(
        "POST /{mount} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Every call to the quiet server is answered, over connections of all kinds: one that is kept, and new ones.
async fn all_is_quiet(program: &Program) {
    let mut kept = Raw::connect(program.proxy).await;
    for number in 0..QUIET {
        let mut new;
        let client = if number % 5 == 0 {
            new = Raw::connect(program.proxy).await;
            &mut new
        } else {
            &mut kept
        };
        client.write(call("quiet")).await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(client.read(ANSWER.len()).await, ANSWER.as_bytes());
    }
}

/// Waits until the page says so.
async fn until(program: &Program, what: impl Fn(&Scrape) -> bool) -> Scrape {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let page = page(program.admin).await;
        if what(&page) {
            return page;
        }
        assert!(Instant::now() < patience, "nothing of it is told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// So many calls to the noisy server run, and so many wait for them to end.
fn stand_there(page: &Scrape, running: u32, waiting: u32) -> bool {
    let is = |sum: f64, expected: u32| (sum - f64::from(expected)).abs() < 0.5;
    // Lines and spans have queues of their own.
    let queue = page.metric("mcp_queue_depth").label("queue_name", "bulkhead");
    is(page.metric("mcp_bulkhead_running").sum(), running) && is(queue.sum(), waiting)
}

fn quiet_calls_are_told(page: &Scrape) {
    let quiet = || page.metric("mcp_requests_total").label("server", "quiet");
    quiet().is(QUIET);
    quiet().label("outcome", "ok").is(QUIET);
    page.metric("mcp_proxy_dropped_total").is(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_with_a_thousand_calls_leaves_its_neighbour_alone() {
    // It takes connections, and reads nothing of them.
    let noisy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let more = format!("bulkhead = {{ max = {RUNNING}, queue = {WAITING}, wait = \"1h\" }}");
    let program = start(noisy.local_addr().unwrap(), &more).await;
    let mut hanging = Vec::new();
    for _ in 0..RUNNING + WAITING {
        let mut client = Raw::connect(program.proxy).await;
        client.write(call("noisy")).await;
        hanging.push(client);
    }
    let full = |page: &Scrape| stand_there(page, RUNNING, WAITING);
    until(&program, full).await;
    // The next one is refused at once, and the neighbour's are not.
    let mut next = Raw::connect(program.proxy).await;
    next.write(call("noisy")).await;
    let head = next.read_head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503") && head.contains("bulkhead_full"), "{head}");
    all_is_quiet(&program).await;
    let page = page(program.admin).await;
    assert!(full(&page), "they still hang");
    quiet_calls_are_told(&page);
    drop(hanging);
    until(&program, |page| stand_there(page, 0, 0)).await;
}

/// A server that says this on every connection, for as long as somebody reads it; or once, and closes.
async fn says(text: &'static str, for_ever: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut head = vec![0; 1024];
                let _ = stream.read(&mut head).await;
                let start =
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                if !for_ever {
                    return drop(stream.write_all(text.as_bytes()).await);
                }
                let chunk = format!("{:x}\r\n{text}\r\n", text.len());
                let _ = stream.write_all(start.as_bytes()).await;
                while stream.write_all(chunk.as_bytes()).await.is_ok() {
                    tokio::task::yield_now().await;
                }
            });
        }
    });
    address
}

/// Clients of the noisy server that read whatever comes and call again, until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
    clients: JoinSet<()>,
}

impl Crowd {
    fn of(size: usize, proxy: SocketAddr) -> Self {
        let mut crowd = Self {
            stop: Arc::default(),
            answers: Arc::default(),
            bytes: Arc::default(),
            clients: JoinSet::new(),
        };
        for _ in 0..size {
            let (stop, answers, bytes) =
                (Arc::clone(&crowd.stop), Arc::clone(&crowd.answers), Arc::clone(&crowd.bytes));
            crowd.clients.spawn(async move {
                let is_over = || stop.load(Ordering::Relaxed);
                let mut read = vec![0; 16 << 10];
                while !is_over() {
                    let mut stream = TcpStream::connect(proxy).await.unwrap();
                    let call = call("noisy").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
                    let _ = stream.write_all(call.as_bytes()).await;
                    while let Ok(more @ 1..) = stream.read(&mut read).await {
                        bytes.fetch_add(more, Ordering::Relaxed);
                        // The others of this process have their turn.
                        tokio::task::yield_now().await;
                        if is_over() {
                            return;
                        }
                    }
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        crowd
    }

    /// Waits until they have come so far.
    async fn until(&self, is_far: impl Fn(&Self) -> bool) {
        within(async {
            while !is_far(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while within(self.clients.join_next()).await.is_some() {}
    }
}

const EVENT: &str = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_floods_its_clients_leaves_its_neighbour_alone() {
    let noisy = says(EVENT, true).await;
    let program = start(noisy, "").await;
    let crowd = Crowd::of(4, program.proxy);
    crowd.until(|crowd| crowd.bytes.load(Ordering::Relaxed) > 1 << 20).await;
    all_is_quiet(&program).await;
    let before = crowd.bytes.load(Ordering::Relaxed);
    crowd.until(|crowd| crowd.bytes.load(Ordering::Relaxed) > before).await;
    quiet_calls_are_told(&page(program.admin).await);
    crowd.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_every_call_leaves_its_neighbour_alone() {
    let noisy = says("nothing of HTTP\r\n\r\n", false).await;
    let more = "circuit_breaker = { failures = 20, open_for = \"1s\" }";
    let program = start(noisy, more).await;
    let crowd = Crowd::of(16, program.proxy);
    crowd.until(|crowd| crowd.answers.load(Ordering::Relaxed) > 200).await;
    all_is_quiet(&program).await;
    let before = crowd.answers.load(Ordering::Relaxed);
    crowd.until(|crowd| crowd.answers.load(Ordering::Relaxed) > before).await;
    let page = page(program.admin).await;
    quiet_calls_are_told(&page);
    let refused = page.metric("mcp_proxy_refused_total").label("reason", "circuit_open").sum();
    assert!(refused > 0.0, "the circuit opened");
    crowd.stop().await;
}
