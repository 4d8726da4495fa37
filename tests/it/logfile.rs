//! Lines reach their files whole and in order, and nothing that blocks, fills up or breaks harms a request.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sightglass::config::{Config, LogFile, LogLevel};
use sightglass::export::{Console, Exporter, Line, Log, Losses, QueueName};
use sightglass::observe::{DropReason, DroppedWhat};

use crate::support::logged::{LONG, Logged, Tape};
use crate::support::observed::one_server;

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo"}}"#;
const GOOD: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;

/// A folder of its own, removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sightglass-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of what is in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn settings(path: &Path) -> LogFile {
    LogFile { path: path.to_owned(), max_size: 10 * 1024 * 1024, max_files: 5, compress: true }
}

/// A log to a file, and what is written to its console.
fn log_to(file: LogFile) -> (Log, Tape, Arc<Losses>) {
    let (tape, losses) = (Tape::default(), Arc::new(Losses::default()));
    let console = Console { out: Box::new(tape.clone()), pretty: true, color: false };
    let log = Log::start(&with_file(file), Arc::clone(&losses), console, None).expect("a log");
    (log, tape, losses)
}

fn with_file(file: LogFile) -> Config {
    let mut config = one_server();
    config.logs.file = Some(file);
    config
}

fn say(log: &Log, number: usize) {
    log.line(Line::new(LogLevel::Info, "numbered", format!("line {number}")));
}

/// The numbers of the lines in `text`, each of which must be whole.
fn numbers(text: &str) -> Vec<usize> {
    let number = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a whole line");
        line["message"].as_str().and_then(|text| text.strip_prefix("line ")?.parse().ok()).expect("a number")
    };
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(number).collect()
}

fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    let file = fs::File::open(path).expect("a compressed file");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("text");
    text
}

fn dropped(losses: &Losses, reason: DropReason) -> u64 {
    losses.dropped(DroppedWhat::Log, reason)
}

/// Waits for a condition that other threads bring about.
#[track_caller]
fn wait_until(what: &str, met: impl Fn() -> bool) {
    let started = Instant::now();
    while !met() {
        assert!(started.elapsed() < LONG, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_file_always_gets_json() {
    let folder = Folder::new("json");
    let path = folder.file("a.log");
    let (log, tape, _) = log_to(settings(&path));
    say(&log, 1);
    log.stop(LONG);
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [1]);
    assert!(tape.text().ends_with("INFO  line 1\n"), "{}", tape.text());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o640, 0);
}

#[test]
fn files_are_rotated_by_size_and_no_line_is_lost_or_cut() {
    const LINES: usize = 5000;
    let folder = Folder::new("rotated");
    let path = folder.file("a.log");
    let (log, _, losses) = log_to(LogFile { max_size: 20_000, max_files: 100, ..settings(&path) });
    (0..LINES).for_each(|number| say(&log, number));
    log.stop(LONG);
    let mut found = Vec::new();
    let count = folder.names().len();
    for number in (1..count).rev() {
        let text = gunzip(&folder.file(&format!("a.log.{number}.gz")));
        assert!(text.len() <= 20_000 && text.len() > 19_000, "{number}: {}", text.len());
        found.extend(numbers(&text));
    }
    found.extend(numbers(&fs::read_to_string(&path).unwrap()));
    assert_eq!(found, (0..LINES).collect::<Vec<_>>());
    assert!(count > 10, "{count}");
    assert_eq!(dropped(&losses, DropReason::QueueFull) + dropped(&losses, DropReason::DiskFull), 0);
}

#[test]
fn only_so_many_files_are_kept() {
    let folder = Folder::new("count");
    let path = folder.file("a.log");
    let file = LogFile { max_size: 2000, max_files: 3, compress: false, ..settings(&path) };
    let (log, _, _) = log_to(file.clone());
    (0..500).for_each(|number| say(&log, number));
    log.stop(LONG);
    assert_eq!(folder.names(), ["a.log", "a.log.1", "a.log.2"]);
    let last = numbers(&fs::read_to_string(&path).unwrap());
    assert_eq!(last.last(), Some(&499));
    // Fewer are wanted after a restart, and compressed.
    let (log, _, _) = log_to(LogFile { max_files: 2, compress: true, ..file.clone() });
    (0..50).for_each(|number| say(&log, number));
    log.stop(LONG);
    assert_eq!(folder.names(), ["a.log", "a.log.1.gz"]);
    // Only the current one is.
    let (log, _, _) = log_to(LogFile { max_files: 1, ..file });
    (0..50).for_each(|number| say(&log, number));
    log.stop(LONG);
    assert_eq!(folder.names(), ["a.log"]);
    assert!(fs::metadata(&path).unwrap().len() <= 2000);
}

#[test]
fn a_line_longer_than_a_file_may_be_has_one_of_its_own() {
    let folder = Folder::new("long");
    let path = folder.file("a.log");
    let (log, _, _) = log_to(LogFile { max_size: 10, compress: false, ..settings(&path) });
    (0..3).for_each(|number| say(&log, number));
    log.stop(LONG);
    for (name, number) in [("a.log", 2), ("a.log.1", 1), ("a.log.2", 0)] {
        assert_eq!(numbers(&fs::read_to_string(folder.file(name)).unwrap()), [number]);
    }
}

#[test]
fn after_a_restart_the_file_goes_on() {
    let folder = Folder::new("restart");
    let path = folder.file("a.log");
    for number in 0..3 {
        let (log, _, _) = log_to(settings(&path));
        say(&log, number);
        log.stop(LONG);
    }
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [0, 1, 2]);
}

#[test]
fn a_file_that_somebody_moved_is_made_anew() {
    let folder = Folder::new("moved");
    let path = folder.file("a.log");
    let (log, tape, losses) = log_to(settings(&path));
    say(&log, 0);
    wait_until("the first line", || fs::metadata(&path).is_ok_and(|found| found.len() > 0));
    fs::rename(&path, folder.file("moved.log")).unwrap();
    say(&log, 1);
    log.stop(LONG);
    assert_eq!(numbers(&fs::read_to_string(folder.file("moved.log")).unwrap()), [0]);
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [1]);
    assert_eq!((losses.failures(Exporter::LogFile), tape.text().lines().count()), (0, 2));
}

#[test]
fn a_folder_that_is_not_there_is_said_at_once() {
    let file = settings(Path::new("/nowhere/a.log"));
    let console = Console { out: Box::new(std::io::sink()), pretty: false, color: false };
    let error = Log::start(&with_file(file), Arc::default(), console, None).err().expect("an error");
    assert_eq!(
        error.to_string(),
        "cannot open the log file /nowhere/a.log: No such file or directory (os error 2)"
    );
}

#[test]
fn a_full_disk_is_told_and_counted_and_the_console_goes_on() {
    let (log, tape, losses) = log_to(settings(Path::new("/dev/full")));
    for number in 0..10 {
        say(&log, number);
    }
    tape.wait_for("WARN  /dev/full cannot be written: lines are missing there error_message=\"No space left");
    tape.wait_for("line 9");
    tape.wait_for("telemetry was dropped");
    say(&log, 10);
    log.stop(LONG);
    assert!(losses.failures(Exporter::LogFile) >= 1);
    assert!(dropped(&losses, DropReason::DiskFull) >= 11);
    assert_eq!(tape.text().matches("cannot be written").count(), 1);
    assert!(tape.text().contains("line 10"));
}

#[test]
fn a_file_that_can_be_written_again_is_written_again() {
    let folder = Folder::new("again");
    let inner = folder.file("inner");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("a.log");
    let (log, tape, losses) = log_to(settings(&path));
    fs::remove_dir_all(&inner).unwrap();
    say(&log, 0);
    tape.wait_for("cannot be written");
    fs::create_dir(&inner).unwrap();
    let mut number = 0;
    // The file is tried again when there is something to write; the console, which works, says that this was taken.
    while fs::metadata(&path).map_or(true, |found| found.len() == 0) {
        number += 1;
        say(&log, number);
        tape.wait_for(&format!("line {number}\n"));
    }
    tape.wait_for("can be written again");
    log.stop(LONG);
    assert!(dropped(&losses, DropReason::ExporterFailed) >= 1);
}

/// A console that takes nothing until it is let go.
struct Blocked(Arc<AtomicBool>);

impl Write for Blocked {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        wait_until("let go", || self.0.load(Ordering::Acquire));
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_pipe_that_nobody_reads_delays_neither_requests_nor_the_file() {
    const QUEUE: usize = 50;
    let folder = Folder::new("pipe");
    let path = folder.file("a.log");
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let console = Console { out: Box::new(writer), pretty: false, color: false };
    let logged = Logged::on(console, |config| {
        config.logs.queue = QUEUE;
        config.logs.file = Some(settings(&path));
    });
    let in_file = || fs::read_to_string(&path).map_or(0, |text| text.matches("tool_invocation").count());
    let mut sent = 0;
    // A pipe holds 64 KiB; then it is the queue that fills.
    while dropped(&logged.losses, DropReason::QueueFull) == 0 {
        assert!(sent < 10_000, "nothing was dropped");
        logged.post(&[], CALL).json(200, GOOD);
        sent += 1;
        wait_until("the file has the line", || in_file() == sent);
    }
    wait_until("the depth is told", || logged.losses.depth(QueueName::Logs) >= QUEUE / 2);
    let began = Instant::now();
    logged.log.stop(Duration::from_millis(10));
    assert!(began.elapsed() < LONG / 2, "stopping took {:?}", began.elapsed());
    assert!(dropped(&logged.losses, DropReason::ExporterFailed) >= 1, "what still waits is counted");
    drop(reader);
}

#[test]
fn a_full_queue_drops_and_counts_exactly_and_says_so() {
    const QUEUE: usize = 20;
    let go = Arc::new(AtomicBool::new(false));
    let console = Console { out: Box::new(Blocked(Arc::clone(&go))), pretty: false, color: false };
    let mut config = one_server();
    config.logs.queue = QUEUE;
    let losses = Arc::new(Losses::default());
    let written = Arc::new(std::sync::Mutex::new(Vec::new()));
    let lines = Arc::clone(&written);
    let also = Arc::new(move |line: &Line| lines.lock().unwrap().push(line.event.to_string()));
    let log = Log::start(&config, Arc::clone(&losses), console, Some(also)).expect("a log");
    for number in 0..1000 {
        say(&log, number);
    }
    wait_until("losses are told", || {
        written.lock().unwrap().iter().any(|event| event == "telemetry_dropped")
    });
    go.store(true, Ordering::Release);
    log.stop(LONG);
    assert!(dropped(&losses, DropReason::QueueFull) >= 1000 - 3 * QUEUE as u64);
    assert_eq!(losses.depth(QueueName::Logs), 0);
    assert_eq!(written.lock().unwrap().iter().filter(|event| *event == "telemetry_dropped").count(), 1);
}

#[test]
fn a_console_that_nobody_reads_any_more_is_survived_silently() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let folder = Folder::new("closed");
    let path = folder.file("a.log");
    let losses = Arc::new(Losses::default());
    let console = Console { out: Box::new(writer), pretty: false, color: false };
    let log = Log::start(&with_file(settings(&path)), Arc::clone(&losses), console, None).expect("a log");
    (0..100).for_each(|number| say(&log, number));
    log.stop(LONG);
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), (0..100).collect::<Vec<_>>());
    assert_eq!(dropped(&losses, DropReason::ExporterFailed), 0);
}

#[test]
fn a_console_that_somebody_made_non_blocking_gets_whole_lines() {
    let (mut reader, writer) = std::os::unix::net::UnixStream::pair().expect("a pair");
    writer.set_nonblocking(true).expect("a socket");
    let console = Console { out: Box::new(writer), pretty: false, color: false };
    let log = Log::start(&one_server(), Arc::default(), console, None).expect("a log");
    (0..5000).for_each(|number| say(&log, number));
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    });
    log.stop(LONG);
    drop(log);
    assert_eq!(numbers(&reading.join().unwrap().unwrap()), (0..5000).collect::<Vec<_>>());
}

#[test]
fn stopping_writes_what_waits() {
    let (tape, losses) = (Tape::default(), Arc::new(Losses::default()));
    let console = Console { out: Box::new(tape.clone()), pretty: false, color: false };
    let log = Log::start(&one_server(), Arc::clone(&losses), console, None).expect("a log");
    (0..10_000).for_each(|number| say(&log, number));
    log.stop(LONG);
    assert_eq!(numbers(&tape.text()), (0..10_000).collect::<Vec<_>>());
    assert_eq!(losses.depth(QueueName::Logs), 0);
}

#[test]
fn no_line_is_less_severe_than_wanted_whoever_says_it() {
    let tape = Tape::default();
    let console = Console { out: Box::new(tape.clone()), pretty: true, color: false };
    let mut config = with_file(settings(Path::new("/dev/full")));
    config.logs.level = LogLevel::Error;
    let log = Log::start(&config, Arc::default(), console, None).expect("a log");
    for level in [LogLevel::Info, LogLevel::Error, LogLevel::Warn] {
        log.line(Line::new(level, "said", format!("{level:?}")));
    }
    log.stop(LONG);
    assert!(tape.text().ends_with("ERROR Error\n") && tape.text().lines().count() == 1, "{}", tape.text());
}

#[test]
fn what_libraries_say_is_written_but_not_exported() {
    let (tape, lines) = (Tape::default(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let kept = Arc::clone(&lines);
    let also = Arc::new(move |line: &Line| kept.lock().unwrap().push(line.message.clone()));
    let console = Console { out: Box::new(tape.clone()), pretty: false, color: false };
    let log = Log::start(&one_server(), Arc::default(), console, Some(also)).expect("a log");
    log.line(Line::new(LogLevel::Warn, Line::LIBRARY, "the exporter failed"));
    say(&log, 1);
    log.stop(LONG);
    assert_eq!(*lines.lock().unwrap(), ["line 1"]);
    assert_eq!(tape.text().lines().count(), 2);
}

#[tokio::test]
async fn what_was_left_can_be_waited_for_by_whoever_exports_lines() {
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let also = Arc::new(move |line: &Line| kept.lock().unwrap().push(line.message.clone()));
    let console = Console { out: Box::new(Tape::default()), pretty: false, color: false };
    let log = Log::start(&one_server(), Arc::default(), console, Some(also)).expect("a log");
    (0..3000).for_each(|number| say(&log, number));
    log.handed_on().await;
    assert_eq!(lines.lock().unwrap().len(), 3000);
    log.stop(LONG);
}
