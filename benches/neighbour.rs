//! What calls to a quiet server feel of another server behind the same proxy that hangs, is slow, floods or fails: p50 and
//! p99 alone and beside it, in one run, rounds interleaved. `cargo bench --bench neighbour`.
//!
//! Calls come at a fixed rate, and count from the moment they were due. The same is done with nginx, where it is installed,
//! in the proxy's place. Beside them the same calls go to the quiet server directly, which shows what the machine, whose
//! cores all share, makes of the noise.

#![expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^53")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[path = "raw.rs"]
#[expect(dead_code, reason = "not all of it is asked for here")]
mod raw;

use raw::{Started, median, micros};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(4);
const WARM_UP: Duration = Duration::from_millis(500);

/// Connections to the quiet server, and how often each of them calls.
const CLIENTS: u32 = 4;
const EVERY: Duration = Duration::from_millis(10);

/// What the noisy server may have under way, and what waits before it.
const RUNNING: usize = 100;
const WAITING: usize = 300;

/// What the noisy server does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noise {
    None,
    /// Takes every call and answers none.
    Hangs,
    /// Answers after half a second.
    Slow,
    /// Answers with events without end.
    Floods,
    /// Closes what it is asked on.
    Fails,
}

const NOISES: [(Noise, &str); 5] = [
    (Noise::None, "alone"),
    (Noise::Hangs, "hangs: 400 calls in its places and its queue, 800 a second refused"),
    (Noise::Slow, "slow: 400 calls at once, each answered after 500 ms"),
    (Noise::Floods, "floods: 4 streams of events without end"),
    (Noise::Fails, "fails: 800 calls a second, its circuit opens"),
];

/// What stands before the two servers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proxy {
    Sightglass,
    Nginx,
}

/// What a round showed.
#[derive(Default)]
struct Figures {
    proxied: [Vec<f64>; 2],
    direct: [Vec<f64>; 2],
    answered: Vec<f64>,
    refused: Vec<f64>,
    megabytes: Vec<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let quiet = raw::stub()?;
    let proxies: &[Proxy] =
        if raw::has_nginx() { &[Proxy::Sightglass, Proxy::Nginx] } else { &[Proxy::Sightglass] };
    let mut all: Vec<_> = NOISES
        .iter()
        .flat_map(|noise| proxies.iter().map(move |proxy| (noise, *proxy, Figures::default())))
        .collect();
    for _ in 0..ROUNDS {
        for ((noise, _), proxy, figures) in &mut all {
            round(*noise, *proxy, quiet, figures)?;
        }
    }
    println!(
        "{} calls a second to the quiet server, {ROUNDS} interleaved rounds of {ROUND:?}, medians; µs\n",
        u128::from(CLIENTS) * 1000 / EVERY.as_millis()
    );
    println!(
        "| the other server | behind | p50 | p99 | p50 directly | p99 directly | it: answered/s | refused/s | MB/s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for ((_, name), proxy, figures) in &mut all {
        let [p50, p99] = figures.proxied.each_mut().map(|values| median(values));
        let [direct_p50, direct_p99] = figures.direct.each_mut().map(|values| median(values));
        let (answered, refused) = (median(&mut figures.answered), median(&mut figures.refused));
        let (megabytes, proxy) = (median(&mut figures.megabytes), proxy.name());
        println!(
            "| {name} | {proxy} | {p50:.0} | {p99:.0} | {direct_p50:.0} | {direct_p99:.0} | {answered:.0} | {refused:.0} | {megabytes:.0} |"
        );
    }
    Ok(())
}

impl Proxy {
    fn name(self) -> &'static str {
        match self {
            Self::Sightglass => "sightglass",
            Self::Nginx => "nginx",
        }
    }

    fn start(
        self,
        quiet: SocketAddr,
        other: SocketAddr,
    ) -> Result<(Child, SocketAddr), Box<dyn std::error::Error>> {
        match self {
            Self::Sightglass => {
                let Started { child, address, .. } = raw::start(&configuration(quiet, other))?;
                Ok((child, address))
            }
            Self::Nginx => {
                raw::nginx(&[("/quiet", quiet), ("/noisy", other)])?.ok_or_else(|| "nginx is gone".into())
            }
        }
    }
}

fn round(
    noise: Noise,
    proxy: Proxy,
    quiet: SocketAddr,
    figures: &mut Figures,
) -> Result<(), Box<dyn std::error::Error>> {
    let (mut child, address) = proxy.start(quiet, other(noise)?)?;
    let crowd = Crowd::of(noise, address)?;
    thread::sleep(WARM_UP);
    crowd.counts.reset();
    let over = Instant::now() + ROUND;
    let proxied = raw::callers((address, "/quiet"), CLIENTS, EVERY, over)?;
    let direct = raw::callers((quiet, "/mcp"), CLIENTS, EVERY, over)?;
    let took = ROUND.as_secs_f64();
    let (proxied, direct) = (raw::times(proxied)?, raw::times(direct)?);
    let per_second = |count: &AtomicUsize| count.load(Ordering::Relaxed) as f64 / took;
    figures.answered.push(per_second(&crowd.counts.answered));
    figures.refused.push(per_second(&crowd.counts.refused));
    figures.megabytes.push(per_second(&crowd.counts.bytes) / 1e6);
    for (times, kept) in [(proxied, &mut figures.proxied), (direct, &mut figures.direct)] {
        for (share, kept) in [50, 99].into_iter().zip(kept) {
            kept.push(micros(times[times.len() * share / 100]));
        }
    }
    raw::end(&mut child);
    crowd.stop();
    Ok(())
}

fn configuration(quiet: SocketAddr, other: SocketAddr) -> String {
    format!(
        "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[logs]\nformat = \"json\"\n\
         [[server]]\nname = \"quiet\"\npath = \"/quiet\"\nurl = \"http://{quiet}/mcp\"\n\
         [[server]]\nname = \"noisy\"\npath = \"/noisy\"\nurl = \"http://{other}/mcp\"\n\
         bulkhead = {{ max = {RUNNING}, queue = {WAITING}, wait = \"1h\" }}\n\
         circuit_breaker = {{ failures = 20, open_for = \"1s\" }}\n"
    )
}

/// A server that does so on each connection.
fn other(noise: Noise) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || be(noise, stream));
        }
    });
    Ok(address)
}

fn be(noise: Noise, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 8192];
    while raw::read_message(&mut stream, &mut buffer)?.is_some() {
        match noise {
            Noise::None | Noise::Fails => return Ok(()),
            // It ends when the proxy ends it.
            Noise::Hangs => drop(stream.read(&mut buffer)?),
            Noise::Slow => {
                thread::sleep(Duration::from_millis(500));
                stream.write_all(&raw::answer())?;
            }
            Noise::Floods => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")?;
                let event = format!(
                    "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"data\":\"{}\"}}}}\n\n",
                    "x".repeat(900)
                );
                loop {
                    stream.write_all(event.as_bytes())?;
                }
            }
        }
    }
    Ok(())
}

/// What became of the noisy calls.
#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    refused: AtomicUsize,
    bytes: AtomicUsize,
}

impl Counts {
    fn reset(&self) {
        for count in [&self.answered, &self.refused, &self.bytes] {
            count.store(0, Ordering::Relaxed);
        }
    }

    fn count(&self, read: &[u8]) {
        self.bytes.fetch_add(read.len(), Ordering::Relaxed);
        if read.starts_with(b"HTTP/1.1 503") || read.starts_with(b"HTTP/1.1 502") {
            self.refused.fetch_add(1, Ordering::Relaxed);
        } else if read.starts_with(b"HTTP/1.1 200") {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Clients of the noisy server.
struct Crowd {
    counts: Arc<Counts>,
    over: Arc<AtomicBool>,
    /// Calls that nobody answers.
    held: Vec<TcpStream>,
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn of(noise: Noise, address: SocketAddr) -> std::io::Result<Self> {
        let (held, clients, pause) = match noise {
            Noise::None => (0, 0, Duration::ZERO),
            Noise::Hangs => (RUNNING + WAITING, 8, EVERY),
            Noise::Slow => (0, RUNNING + WAITING, Duration::ZERO),
            Noise::Floods => (0, 4, Duration::ZERO),
            Noise::Fails => (0, 8, EVERY),
        };
        let mut crowd = Self {
            counts: Arc::default(),
            over: Arc::default(),
            held: Vec::with_capacity(held),
            clients: Vec::with_capacity(clients),
        };
        for _ in 0..held {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(&raw::request("/noisy", 0))?;
            crowd.held.push(stream);
        }
        if held > 0 {
            // They are to have the places, not those who come after.
            thread::sleep(WARM_UP);
        }
        for _ in 0..clients {
            let (counts, over) = (Arc::clone(&crowd.counts), Arc::clone(&crowd.over));
            crowd.clients.push(thread::spawn(move || {
                while !over.load(Ordering::Relaxed) && call(address, pause, &counts, &over).is_ok() {}
            }));
        }
        Ok(crowd)
    }

    fn stop(self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.held);
        for client in self.clients {
            let _ = client.join();
        }
    }
}

/// Calls over one connection, until it is over.
fn call(address: SocketAddr, pause: Duration, counts: &Counts, over: &AtomicBool) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let (request, mut buffer) = (raw::request("/noisy", 0), vec![0; 16 << 10]);
    while !over.load(Ordering::Relaxed) {
        stream.write_all(&request)?;
        let read = stream.read(&mut buffer)?;
        counts.count(&buffer[..read]);
        // A stream of events goes on until nobody reads it.
        let is_stream = buffer[..read].windows(12).any(|part| part == b"event-stream");
        while is_stream && !over.load(Ordering::Relaxed) {
            let more = stream.read(&mut buffer)?;
            if more == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            counts.bytes.fetch_add(more, Ordering::Relaxed);
        }
        thread::sleep(pause);
    }
    Ok(())
}
