//! Added latency and requests a second: direct, nginx (where it is installed), the proxy without observation, with
//! metrics, with traces and log lines beside them, and with all that only a configuration can ask for, in one run, rounds
//! interleaved. `cargo bench --bench wire`; quote ratios, machines are noisy. `-- --insight` compares what callers, custom
//! metrics and prices cost, alone: in short rounds of many launches, since two processes that do the same differ by more
//! than what is looked for.
//!
//! A raw keep-alive client and a raw stub server, so that what is measured is the proxy. Spans go to a collector that
//! throws them away, log lines into a pipe whose reader does. All share the machine's cores.

#![expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^53")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[path = "raw.rs"]
#[expect(dead_code, reason = "not all of it is asked for here")]
mod raw;

use raw::{Started, median, micros, read_message};

/// How often what is compared is started, how many rounds each time, and of what.
struct Plan {
    launches: usize,
    rounds: usize,
    round: Duration,
    /// Connections at once.
    concurrencies: &'static [usize],
}

const EVERYTHING: Plan =
    Plan { launches: 1, rounds: 5, round: Duration::from_secs(2), concurrencies: &[1, 32] };
/// One process differs from the next that does the same by up to a tenth, for as long as it runs.
const INSIGHT_ALONE: Plan =
    Plan { launches: 24, rounds: 16, round: Duration::from_millis(120), concurrencies: &[32] };
const WARM_UP: Duration = Duration::from_millis(300);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let is_insight = std::env::args().any(|argument| argument == "--insight");
    let plan = if is_insight { INSIGHT_ALONE } else { EVERYTHING };
    let (upstream, collector) = (raw::stub()?, Collector::start()?);
    println!(
        "1 KiB tools/call, keep-alive, {} × {} interleaved rounds of {:?} each, medians\n",
        plan.launches, plan.rounds, plan.round
    );
    let mut all: Vec<Vec<Figures>> = plan.concurrencies.iter().map(|_| Vec::new()).collect();
    for launch in 0..plan.launches {
        let targets = targets(is_insight, upstream, &collector)?;
        for (concurrency, figures) in plan.concurrencies.iter().zip(&mut all) {
            if launch == 0 {
                figures.extend(targets.iter().map(|target| Figures::of(target.name)));
            }
            measure(&targets, *concurrency, &plan, figures)?;
        }
        tell_lost(&targets)?;
    }
    for (concurrency, figures) in plan.concurrencies.iter().zip(&mut all) {
        if is_insight {
            compare(figures, plan.rounds);
        }
        report(*concurrency, figures);
    }
    println!("the collector was sent {}", collector.summary());
    Ok(())
}

fn targets(
    is_insight: bool,
    upstream: SocketAddr,
    collector: &Collector,
) -> Result<Vec<Target>, Box<dyn std::error::Error>> {
    let mut targets = vec![Target { name: "direct", address: upstream, admin: None, child: None }];
    if !is_insight {
        targets.extend(nginx(upstream)?);
    }
    for setup in setups(collector.address).iter().filter(|setup| !is_insight || setup.compares_insight) {
        targets.push(sightglass(setup, upstream)?);
    }
    Ok(targets)
}

fn tell_lost(targets: &[Target]) -> std::io::Result<()> {
    for target in targets {
        if let Some(lost) = target.admin.map(lost).transpose()?.filter(|lost| *lost > 0.0) {
            println!("{}: {lost} spans or lines were dropped, whose cost is not in the figures", target.name);
        }
    }
    Ok(())
}

struct Target {
    name: &'static str,
    address: SocketAddr,
    /// Where the proxy tells what it dropped.
    admin: Option<SocketAddr>,
    child: Option<Child>,
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            raw::end(child);
        }
    }
}

/// What one target showed, one entry a round.
struct Figures {
    name: &'static str,
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    /// Processor time of a call.
    cpu: Vec<f64>,
    cpu_seconds: f64,
    calls: usize,
}

fn measure(targets: &[Target], concurrency: usize, plan: &Plan, all: &mut [Figures]) -> std::io::Result<()> {
    for target in targets {
        raw::round(target.address, concurrency, WARM_UP)?;
    }
    for round in 0..plan.rounds {
        let mut pairs: Vec<_> = targets.iter().zip(&mut *all).collect();
        // Who comes first has no part in what is compared.
        if round % 2 == 1 {
            pairs.reverse();
        }
        for (target, figures) in pairs {
            let before = cpu(target);
            let mut times = raw::round(target.address, concurrency, plan.round)?;
            let used = cpu(target) - before;
            figures.cpu_seconds += used;
            figures.cpu.push(used / times.len() as f64);
            times.sort_unstable();
            figures.calls += times.len();
            figures.per_second.push(times.len() as f64 / plan.round.as_secs_f64());
            figures.p50.push(micros(times[times.len() / 2]));
            figures.p99.push(micros(times[times.len() * 99 / 100]));
        }
    }
    Ok(())
}

/// Each pair of the proxies, by the ratios of its rounds: the median of each launch, of which there are `rounds` together.
fn compare(all: &[Figures], rounds: usize) {
    for pair in all[1..].chunks_exact(2) {
        println!("{} × {}", pair[1].name, pair[0].name);
        for (what, of) in [
            ("requests a second", (|figures| &figures.per_second) as fn(&Figures) -> &[f64]),
            ("processor time of the proxy a call", |figures| &figures.cpu),
        ] {
            let ratios: Vec<f64> =
                of(&pair[1]).iter().zip(of(&pair[0])).map(|(with, without)| with / without).collect();
            let mut launches: Vec<f64> =
                ratios.chunks(rounds).map(|launch| median(&mut launch.to_vec())).collect();
            launches.sort_unstable_by(f64::total_cmp);
            let [low, middle, high] = [1, 2, 3].map(|quarter| launches[launches.len() * quarter / 4]);
            let mean = launches.iter().sum::<f64>() / launches.len() as f64;
            println!("    {what}: mean {mean:.3}, median {middle:.3} (quartiles {low:.3} and {high:.3})");
        }
    }
    println!();
}

impl Figures {
    fn of(name: &'static str) -> Self {
        Self { name, per_second: vec![], p50: vec![], p99: vec![], cpu: vec![], cpu_seconds: 0.0, calls: 0 }
    }
}

fn report(concurrency: usize, all: &mut [Figures]) {
    println!("| at {concurrency} | req/s | × direct | p50 µs | added p50 | p99 µs | proxy CPU s per 100k |");
    println!("|---|---|---|---|---|---|---|");
    let direct = (median(&mut all[0].per_second), median(&mut all[0].p50));
    for figures in all {
        let (per_second, p50) = (median(&mut figures.per_second), median(&mut figures.p50));
        println!(
            "| {} | {per_second:.0} | {:.2} | {p50:.0} | {:.0} | {:.0} | {:.1} |",
            figures.name,
            per_second / direct.0,
            p50 - direct.1,
            median(&mut figures.p99),
            figures.cpu_seconds * 100_000.0 / figures.calls as f64,
        );
    }
    println!();
}

/// One row: the proxy with these tables in its configuration.
struct Setup {
    name: &'static str,
    metrics: bool,
    /// The share of traces that are sampled; `None` = trace headers pass untouched.
    tracing: Option<f64>,
    lines: bool,
    /// More tables.
    more: &'static str,
    /// One of a pair of which one asks for callers, custom metrics and prices.
    compares_insight: bool,
    collector: SocketAddr,
}

/// Callers, sessions, custom metrics and prices.
const INSIGHT: &str = include_str!("../tests/it/support/insight.toml");

/// The same with tokens counted exactly.
const EXACT: &str = "[tokens]\ncounter = \"o200k\"\n";

fn setups(collector: SocketAddr) -> [Setup; 9] {
    let row = |name, metrics, tracing, lines| Setup {
        name,
        metrics,
        tracing,
        lines,
        more: "",
        compares_insight: false,
        collector,
    };
    let with = |setup: Setup, name, more| Setup { name, more, ..setup };
    let pair = |setup: Setup| Setup { compares_insight: true, ..setup };
    let all = || row("… and traces, 10 % sampled, and log lines", true, Some(0.1), true);
    [
        row("sightglass, observation off", false, None, false),
        pair(row("sightglass, metrics on", true, None, false)),
        row("… and traces, 10 % sampled", true, Some(0.1), false),
        row("… and traces, all sampled", true, Some(1.0), false),
        row("… and log lines", true, None, true),
        pair(with(row("", true, None, false), "metrics on, callers, custom metrics, prices", INSIGHT)),
        pair(all()),
        pair(with(all(), "… and callers, custom metrics, prices", INSIGHT)),
        with(all(), "… and tokens counted exactly", EXACT),
    ]
}

impl Setup {
    fn configuration(&self, upstream: SocketAddr) -> String {
        let tracing = match self.tracing {
            None => "enabled = false".to_owned(),
            Some(ratio) => {
                format!("sample_ratio = {ratio}\notlp = {{ endpoint = \"http://{}\" }}", self.collector)
            }
        };
        format!(
            "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[metrics]\nenabled = {}\n\
             [tracing]\n{tracing}\n[logs]\nformat = \"json\"\ncalls = {}\n\
             [[server]]\nname = \"stub\"\nurl = \"http://{upstream}/mcp\"\n{}",
            self.metrics, self.lines, self.more,
        )
    }
}

fn sightglass(setup: &Setup, upstream: SocketAddr) -> Result<Target, Box<dyn std::error::Error>> {
    let Started { child, address, admin } = raw::start(&setup.configuration(upstream))?;
    Ok(Target { name: setup.name, address, admin: Some(admin), child: Some(child) })
}

/// How many spans and lines a proxy has dropped.
fn lost(admin: SocketAddr) -> std::io::Result<f64> {
    let mut stream = TcpStream::connect(admin)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    let series = page.lines().filter(|line| line.starts_with("mcp_proxy_dropped_total{"));
    Ok(series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// Takes OTLP over HTTP and throws it away.
struct Collector {
    address: SocketAddr,
    sent: Arc<Sent>,
}

#[derive(Default)]
struct Sent {
    exports: AtomicUsize,
    bytes: AtomicUsize,
}

impl Collector {
    fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let collector = Self { address: listener.local_addr()?, sent: Arc::default() };
        let sent = Arc::clone(&collector.sent);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sent = Arc::clone(&sent);
                thread::spawn(move || sent.take(stream));
            }
        });
        Ok(collector)
    }

    /// Zero would mean that the rows with traces show nothing of their cost.
    fn summary(&self) -> String {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        format!("{} exports, {} kB", of(&self.sent.exports), of(&self.sent.bytes) / 1000)
    }
}

impl Sent {
    fn take(&self, mut stream: TcpStream) -> std::io::Result<()> {
        // The largest export: 512 spans at some kilobytes.
        let mut buffer = vec![0; 4 * 1024 * 1024];
        while let Some(length) = read_message(&mut stream, &mut buffer)? {
            self.exports.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(length, Ordering::Relaxed);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
        Ok(())
    }
}

/// nginx as a plain reverse proxy that keeps its connections, where it is installed.
fn nginx(upstream: SocketAddr) -> Result<Option<Target>, Box<dyn std::error::Error>> {
    let started = raw::nginx(&[("/", upstream)])?;
    Ok(started.map(|(child, address)| Target { name: "nginx", address, admin: None, child: Some(child) }))
}

/// CPU seconds of a target and its direct children; 0 where there is none.
fn cpu(target: &Target) -> f64 {
    let Some(child) = &target.child else { return 0.0 };
    let children =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap_or_default();
    let ids = children.split_whitespace().filter_map(|id| id.parse().ok()).chain([child.id()]);
    ids.map(raw::cpu_of).sum()
}
