//! What calls feel of people who look at the console: none, one, ten. `cargo bench --bench console`; rounds interleaved.
//!
//! A console is who asks what the page asks, as often: the overview, and beside it the live tail of all calls. Once 2,000
//! calls a second pass, once as many as can. What the browser does with the answers happens elsewhere and is not in it.

#![expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^53")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
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

/// How many look.
const CONSOLES: [usize; 3] = [0, 1, 10];

/// Connections at the fixed rate, and how often each of them calls: 2,000 a second together.
const CLIENTS: u32 = 20;
const EVERY: Duration = Duration::from_millis(10);

/// Connections that call as often as they can.
const CROWD: usize = 32;

/// What the overview asks, and every how many seconds.
const ASKED: [(&str, u32); 4] = [
    ("/api/history?every=1&last=2", 1),
    ("/api/servers", 5),
    ("/api/tools", 5),
    ("/api/calls?status=error&limit=8", 5),
];

/// What a number of consoles showed.
#[derive(Default)]
struct Figures {
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Seconds of processor time that the proxy used for each second at the fixed rate.
    cpu: Vec<f64>,
    per_second: Vec<f64>,
    kilobytes: Vec<f64>,
    /// How long the page waited for an answer while as many calls passed as can.
    slowest: Vec<f64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = raw::stub()?;
    let mut all: Vec<Figures> = CONSOLES.iter().map(|_| Figures::default()).collect();
    let Started { child, address, admin } = raw::start(&format!(
        "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[logs]\nformat = \"json\"\n\
         [[server]]\nname = \"stub\"\nurl = \"http://{server}/mcp\"\n"
    ))?;
    let program = Program(child);
    raw::round(address, CROWD, WARM_UP)?;
    for _ in 0..ROUNDS {
        for (many, figures) in CONSOLES.iter().zip(&mut all) {
            let consoles = Consoles::open(*many, admin);
            thread::sleep(WARM_UP);
            let (read, before) = (consoles.read.load(Ordering::Relaxed), raw::cpu_of(program.0.id()));
            let over = Instant::now() + ROUND;
            let times = raw::times(raw::callers((address, "/mcp"), CLIENTS, EVERY, over)?)?;
            let seconds = ROUND.as_secs_f64();
            figures.cpu.push((raw::cpu_of(program.0.id()) - before) / seconds);
            figures.kilobytes.push((consoles.read.load(Ordering::Relaxed) - read) as f64 / seconds / 1000.0);
            figures.p50.push(micros(times[times.len() / 2]));
            figures.p99.push(micros(times[times.len() * 99 / 100]));
            consoles.slowest.store(0, Ordering::Relaxed);
            figures.per_second.push(raw::round(address, CROWD, ROUND)?.len() as f64 / seconds);
            figures.slowest.push(consoles.slowest.load(Ordering::Relaxed) as f64 / 1000.0);
            consoles.close();
        }
    }
    drop(program);
    println!(
        "1 KiB tools/call with metrics and log lines, {ROUNDS} interleaved rounds of {ROUND:?}, medians\n"
    );
    println!(
        "| consoles | p50 µs at 2,000/s | p99 µs | proxy CPU s/s | kB/s to them | at {CROWD} connections: calls/s | × none | slowest answer to a page, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let none = median(&mut all[0].per_second);
    for (many, figures) in CONSOLES.iter().zip(&mut all) {
        let per_second = median(&mut figures.per_second);
        println!(
            "| {many} | {:.0} | {:.0} | {:.3} | {:.0} | {per_second:.0} | {:.3} | {:.1} |",
            median(&mut figures.p50),
            median(&mut figures.p99),
            median(&mut figures.cpu),
            median(&mut figures.kilobytes),
            per_second / none,
            median(&mut figures.slowest),
        );
    }
    Ok(())
}

/// The proxy; it ends with the benchmark, however that ends.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        raw::end(&mut self.0);
    }
}

/// Who looks.
struct Consoles {
    over: Arc<AtomicBool>,
    read: Arc<AtomicUsize>,
    /// Microseconds.
    slowest: Arc<AtomicUsize>,
    readers: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Consoles {
    fn open(many: usize, admin: SocketAddr) -> Self {
        let mut consoles =
            Self { over: Arc::default(), read: Arc::default(), slowest: Arc::default(), readers: Vec::new() };
        for _ in 0..many {
            let (over, read) = (Arc::clone(&consoles.over), Arc::clone(&consoles.read));
            let slowest = Arc::clone(&consoles.slowest);
            consoles.readers.push(thread::spawn(move || overview(admin, &over, &read, &slowest)));
            let (over, read) = (Arc::clone(&consoles.over), Arc::clone(&consoles.read));
            consoles.readers.push(thread::spawn(move || tail(admin, &over, &read)));
        }
        consoles
    }

    fn close(self) {
        self.over.store(true, Ordering::Relaxed);
        for reader in self.readers {
            assert!(reader.join().is_ok_and(|read| read.is_ok()), "a console was not answered");
        }
    }
}

fn overview(
    admin: SocketAddr,
    over: &AtomicBool,
    read: &AtomicUsize,
    slowest: &AtomicUsize,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 4 << 20];
    for second in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        for (path, _) in ASKED.iter().filter(|(_, every)| second % every == 0) {
            let asked = Instant::now();
            write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")?;
            let answered = raw::read_message(&mut stream, &mut buffer)?.unwrap_or_default();
            assert!(buffer.starts_with(b"HTTP/1.1 200"), "{path} is not answered");
            read.fetch_add(answered, Ordering::Relaxed);
            let took = usize::try_from(asked.elapsed().as_micros()).unwrap_or(usize::MAX);
            slowest.fetch_max(took, Ordering::Relaxed);
        }
        wait(Duration::from_secs(1), over);
    }
    Ok(())
}

fn tail(admin: SocketAddr, over: &AtomicBool, read: &AtomicUsize) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(admin)?;
    write!(stream, "GET /api/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut buffer = vec![0; 1 << 20];
    while !over.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(some) => _ = read.fetch_add(some, Ordering::Relaxed),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait(most: Duration, over: &AtomicBool) {
    let until = Instant::now() + most;
    while Instant::now() < until && !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(20));
    }
}
