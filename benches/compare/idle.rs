//! What a target costs while nothing happens: how soon it is ready, what it holds at rest, and what each event stream adds
//! on which nothing is said. Measured on processes of its own, whose memory no load has grown.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::client::connect;
use super::http::Reader;
use super::process::Process;
use super::scenario::{Era, Request};
use super::statistics::Spread;
use super::targets::{Definition, Ground};

/// How long memory is left alone before it is read.
const SETTLE: Duration = Duration::from_millis(500);

/// One start of one target.
pub(crate) struct Idle {
    pub(crate) target: &'static str,
    pub(crate) round: usize,
    pub(crate) ready_ms: f64,
    /// Resident after its first answer.
    pub(crate) rest_kib: u64,
    pub(crate) streams: usize,
    /// Resident with these streams open.
    pub(crate) streams_kib: u64,
}

impl Idle {
    #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^53")]
    pub(crate) fn rest_mib(&self) -> f64 {
        self.rest_kib as f64 / 1024.0
    }

    #[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^53")]
    pub(crate) fn kib_per_stream(&self) -> f64 {
        self.streams_kib.saturating_sub(self.rest_kib) as f64 / self.streams as f64
    }
}

/// The median over a target's starts, and how far they lie apart.
pub(crate) fn spread(all: &[Idle], target: &str, figure: impl Fn(&Idle) -> f64) -> Option<Spread> {
    let of_target: Vec<f64> = all.iter().filter(|idle| idle.target == target).map(figure).collect();
    Spread::of(&of_target)
}

pub(crate) fn csv(all: &[Idle]) -> String {
    let mut page = String::from("target,round,ready_ms,rest_kib,streams,streams_kib\n");
    for Idle { target, round, ready_ms, rest_kib, streams, streams_kib } in all {
        let _ = writeln!(page, "{target},{round},{ready_ms:.2},{rest_kib},{streams},{streams_kib}");
    }
    page
}

/// Starts the target, looks at it, and ends it.
pub(crate) fn measure(
    definition: &Definition,
    ground: &Ground,
    round: usize,
    streams: usize,
) -> Result<Option<Idle>> {
    if !definition.has_process() {
        return Ok(None);
    }
    let target = definition.start(ground)?;
    let resident = || {
        thread::sleep(SETTLE);
        target.process().map_or(0, Process::resident_kib)
    };
    let rest_kib = resident();
    let open: Vec<TcpStream> = (0..streams).map(|_| open_stream(target.address)).collect::<Result<_>>()?;
    let streams_kib = resident();
    drop(open);
    let ready_ms = target.ready.as_secs_f64() * 1000.0;
    Ok(Some(Idle { target: target.name, round, ready_ms, rest_kib, streams, streams_kib }))
}

/// A session of the older era whose `GET` stream is open: something came on it, nothing will.
fn open_stream(address: SocketAddr) -> Result<TcpStream> {
    let (mut stream, session) = connect(address, Era::Sessions)?;
    stream.write_all(&Request::listen(&address.to_string(), session.as_deref()))?;
    let (mut reader, mut buffer) = (Reader::default(), [0; 1024]);
    while reader.body_bytes() == 0 {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "an event stream was closed");
        reader.feed(&buffer[..read], |_| ())?;
        ensure!(matches!(reader.status(), 0 | 200), "status {} for an event stream", reader.status());
    }
    Ok(stream)
}
