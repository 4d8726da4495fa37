//! Instructions that the parts of the path cost, and a gate: each has a limit in `limits.toml`, and what is done among
//! many must not cost more than among few.
//!
//! `cargo bench --profile instructions --bench instructions` counts them and fails where a limit is exceeded;
//! with `-- --write` it writes what it counted, and 10 % for good measure, as the new limits. Needs valgrind, named by
//! `VALGRIND` where it is not in the `PATH`.
//!
//! # Why
//! Nanoseconds depend on the machine and on its mood, instructions on the compiler and the C library alone: a gate can be
//! 10 % narrow. Each figure is the difference between running something often and seldom in this program under
//! cachegrind, over how much oftener, so what begins and ends the process is not in it, and the threads that format lines
//! and send spans are: work that is moved off the path is not gone.
//!
//! gungraun, the field's own tool for it, counts within one function of one thread. It costs every `cargo test` its
//! crates (13 s of one core, measured alone), and every gate a runner that must first be compiled (160 s of one core):
//! longer than the gate itself takes.
//!
//! Profile `instructions` is `release` without optimization across crates, which takes minutes and moves all figures alike.

#[path = "../bodies.rs"]
mod bodies;
#[path = "../../tests/it/support/canned.rs"]
mod canned;
mod observed;
mod parts;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parts::{GROWTH, Growth, PARTS, Part};

const LIMITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions/limits.toml");

/// What a limit leaves above what was counted when it was written.
const HEADROOM: f64 = 1.1;

/// A limit that is so much higher than what is counted now guards nothing.
const SLACK: f64 = 1.2;

const HOW_TO_WRITE: &str = "cargo bench --profile instructions --bench instructions -- --write";

const HEAD: &str = "\
# Instructions that each part may cost: 10 % above what was counted (`benches/instructions`).
#
#     cargo bench --profile instructions --bench instructions -- --write
#
# counts again and rewrites this file.

";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, times] = &*arguments
        && let (Some(part), Ok(times)) = (PARTS.iter().find(|part| part.name == *name), times.parse())
    {
        (part.run)(times);
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` passes nothing.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    arguments.retain(|argument| argument != "--bench");
    let write = arguments.iter().any(|argument| argument == "--write");
    match counted().and_then(|counts| if write { rewritten(&counts) } else { judged(&counts) }) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("FAIL: instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

type Counts = BTreeMap<&'static str, u64>;

/// What each part costs, counted on all cores.
fn counted() -> Result<Counts, String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("the limits are for x86-64".to_owned());
    }
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || {
        while let Some(part) = PARTS.get(next.fetch_add(1, Ordering::Relaxed)) {
            let count = count(part);
            if let Ok(mut counts) = counts.lock() {
                counts.insert(part.name, count);
            }
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let counts: BTreeMap<_, _> = counts.into_inner().map_err(|error| error.to_string())?;
    let known = |(name, count): (&'static str, Result<u64, String>)| match count {
        Ok(count) => Some((name, count)),
        Err(error) => {
            println!("note: {name} could not be counted: {error}");
            None
        }
    };
    Ok(counts.into_iter().filter_map(known).collect())
}

fn count(part: &Part) -> Result<u64, String> {
    let [seldom, often] = part.times;
    let few = instructions(part, seldom)?;
    let many = instructions(part, often)?;
    Ok(many.saturating_sub(few) / (often - seldom))
}

/// Instructions of a whole process that does it so often.
fn instructions(part: &Part, times: u64) -> Result<u64, String> {
    let valgrind = std::env::var("VALGRIND").unwrap_or_else(|_| "valgrind".to_owned());
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(&valgrind);
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    let output = command.arg(this).args([part.name, &times.to_string()]).output();
    let output = output.map_err(|error| format!("{valgrind} cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let refs =
        said.lines().find_map(|line| line.split_once("I refs:").or_else(|| line.split_once("I   refs:")));
    let refs = refs.and_then(|(_, count)| count.trim().replace(',', "").parse().ok());
    refs.filter(|_| output.status.success()).ok_or_else(|| format!("{}: no count in\n{said}", part.name))
}

/// Writes the counts as limits; the growth is judged all the same.
fn rewritten(counts: &Counts) -> Result<usize, String> {
    let mut text = HEAD.to_owned();
    for (part, count) in limited().filter_map(|part| Some((part, counts.get(part.name)?))) {
        let _ = writeln!(text, "{} = {}", part.name, scaled(*count, HEADROOM));
    }
    let written = std::fs::File::create(LIMITS).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{LIMITS}: {error}"))?;
    judged(counts)
}

fn limited() -> impl Iterator<Item = &'static Part> {
    PARTS.iter().filter(|part| part.is_limited())
}

/// How many limits are exceeded.
fn judged(counts: &Counts) -> Result<usize, String> {
    let limits = std::fs::read_to_string(Path::new(LIMITS)).map_err(|error| format!("{LIMITS}: {error}"))?;
    let limits: BTreeMap<String, u64> =
        toml::from_str(&limits).map_err(|error| format!("{LIMITS}: {error}"))?;
    let mut failed = 0;
    for part in limited() {
        let holds = match (counts.get(part.name), limits.get(part.name)) {
            (Some(count), Some(limit)) => part.holds(*count, *limit),
            (None, _) => part.fails("there is no count"),
            (Some(count), None) => part.fails(&format!("{count}, but there is no limit: {HOW_TO_WRITE}")),
        };
        failed += usize::from(!holds);
    }
    for growth in GROWTH {
        failed += usize::from(!growth.holds(counts));
    }
    Ok(failed)
}

impl Part {
    /// Says whether the count is within the limit.
    fn holds(&self, count: u64, limit: u64) -> bool {
        let name = self.name;
        if count > limit {
            let over = percent(count, limit);
            println!("  where it must be so, or the compiler is another one: {HOW_TO_WRITE}");
            return self.fails(&format!("{count}, {over} % over the limit of {limit}"));
        }
        println!("pass: instructions of {name}: {count} of {limit}");
        if limit > scaled(count, SLACK) {
            println!("  note: the limit is {} % higher; lower it: {HOW_TO_WRITE}", percent(limit, count));
        }
        true
    }

    fn fails(&self, why: &str) -> bool {
        println!("FAIL: instructions of {}: {why}", self.name);
        false
    }
}

impl Growth {
    /// Says whether many cost at most so many times what few do.
    fn holds(&self, counts: &Counts) -> bool {
        let Self { few, many, times, why } = *self;
        let [Some(small), Some(large)] = [few, many].map(|name| counts.get(name).copied()) else {
            println!("FAIL: growth from {few} to {many}: there is no count");
            return false;
        };
        if large > small.saturating_mul(times) {
            println!("FAIL: growth from {few} to {many}: {large} is more than {times} × {small}: {why}");
            return false;
        }
        println!("pass: growth from {few} to {many}: {large} is at most {times} × {small}");
        true
    }
}

fn percent(more: u64, less: u64) -> u64 {
    more.saturating_sub(less).saturating_mul(100).div_ceil(less.max(1))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive count far below 2^53"
)]
fn scaled(count: u64, factor: f64) -> u64 {
    (count as f64 * factor).ceil() as u64
}
