//! Observers as `serve` makes them, and who is told.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use sightglass::cli::telemetry::Telemetry;
use sightglass::config::{Config, LogFile, Otlp};
use sightglass::export::{Console, Started};
use sightglass::mcp::trace::Trace;
use sightglass::observe::Observer;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::canned::{place, servers};

/// The share of traces that are sampled where everything is on.
const RATIO: f64 = 0.1;

/// Longer than anything takes: only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

/// An observer and all who are told. Dropping it has what waits written and sent, so that the cost of that counts.
pub(super) struct Telling {
    pub(super) observer: Observer,
    telemetry: Telemetry,
    exports: Option<(Runtime, Started)>,
    calls: u64,
}

/// Metrics, and nothing else.
pub(super) fn metrics(mut config: Config) -> Telling {
    config.tracing.enabled = false;
    config.logs.calls = false;
    tell(&config, None)
}

/// Metrics, 10 % of the spans to a collector, a JSON line per call to a file.
pub(super) fn everything() -> Telling {
    let mut config = servers(1, 0);
    let traces = format!("http://{}/v1/traces", collector());
    config.tracing.sample_ratio = RATIO;
    config.tracing.otlp = Some(Otlp { traces: Some(traces), ..Otlp::default() });
    let file = std::env::temp_dir().join(format!("sightglass-instructions-{}.log", std::process::id()));
    config.logs.file = Some(LogFile { path: file, max_size: 1 << 30, max_files: 1, compress: false });
    tell(&config, Some(Console { out: Box::new(io::sink()), pretty: false, color: false }))
}

/// What only a configuration can ask for.
const INSIGHT: &str = r#"
[identity]
user = { header = "X-User" }
tier = { header = "X-Plan", allowed = ["free", "pro"] }
session = ["meta:openai/session"]
[[metric]]
name = "mcp_echoes_total"
type = "counter"
when = { tool = "echo", outcome = "ok" }
labels = { message = { pointer = "/params/arguments/message", allowed = ["hello"] } }
[[metric]]
name = "mcp_amount"
type = "histogram"
when = { tool = "echo" }
value = "/result/structuredContent/amount"
labels = { tier = { fact = "user_tier" } }
[[price]]
tool = "echo"
per_call = 0.001
per_1k_tokens = 0.01
[[server]]
name = "s0"
url = "http://127.0.0.1:1/mcp"
"#;

/// Callers, sessions, custom metrics and prices.
pub(super) fn insight() -> Config {
    let config = sightglass::config::parse(INSIGHT, "insight.toml", &|_| None);
    config.unwrap_or_else(|error| stop(&error.to_string()))
}

fn tell(config: &Config, console: Option<Console>) -> Telling {
    let start = || {
        let telemetry = Telemetry::start(config, console)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (observer, started) = {
            let _entered = runtime.enter();
            telemetry.observer(config)?
        };
        let exports = started.map(|started| (runtime, started));
        Ok::<_, anyhow::Error>(Telling { observer, telemetry, exports, calls: 0 })
    };
    start().unwrap_or_else(|error| stop(&format!("telemetry cannot be started: {error}")))
}

impl Telling {
    /// The place of the next call, where there are traces.
    pub(super) fn place(&mut self) -> Option<Trace> {
        self.calls += 1;
        self.exports.as_ref().map(|_| place(RATIO, self.calls * 4))
    }

    pub(super) fn page(&self) -> String {
        self.telemetry.prometheus.page(self.observer.usage())
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if let Some((runtime, started)) = self.exports.take() {
            runtime.block_on(started.stop(Instant::now() + LONG));
        }
        self.telemetry.stop(LONG);
    }
}

/// A collector that takes everything and looks at nothing.
fn collector() -> SocketAddr {
    let listen = || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || answer(stream));
            }
        });
        Ok::<_, io::Error>(address)
    };
    listen().unwrap_or_else(|error| stop(&format!("no collector: {error}")))
}

/// Answers requests whose length is declared, until the connection closes.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let (mut buffer, mut filled) = (vec![0; 1 << 20], 0);
    loop {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default())?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let request = buffer.get(..filled).unwrap_or_default();
        let head = memchr::memmem::find(request, b"\r\n\r\n").and_then(|end| request.get(..end));
        if head.is_some_and(|head| filled >= head.len() + 4 + length(&String::from_utf8_lossy(head))) {
            filled = 0;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
    }
}

fn length(head: &str) -> usize {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut length = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.find_map(|(_, value)| value.trim().parse().ok()).unwrap_or_default()
}

fn stop(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(1)
}
