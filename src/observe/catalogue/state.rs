//! The file that remembers the tools of servers across restarts, and that replicas may share.
//!
//! # Why a lock beside it
//! It is replaced as a whole, so that a reader never sees half of it, and a lock on what is replaced would be on the old
//! one. Whoever sees a change reads the file first, under the lock: of several replicas the first tells it, and the
//! others find that it is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde_json::{Map, Value, json};

use super::{PARTS, Part, Tool};

/// A larger file is not of our making.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// How long the lock is waited for: others hold it for as long as it takes to write a file.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Bytes of a hash that are kept.
const HASH_BYTES: usize = 16;

/// What is remembered of one server.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) tools: BTreeMap<String, Tool>,
    /// Names of those that whoever asks without credentials got last.
    pub(super) open: BTreeSet<String>,
}

/// The file.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
}

impl State {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Replaces what is remembered of `server` by what `change` makes of it; nobody else does so meanwhile. A file that
    /// cannot be read counts as empty. Says what went wrong.
    pub(super) fn update(
        &mut self,
        server: &str,
        change: impl FnOnce(Option<Remembered>) -> Remembered,
    ) -> Option<io::Error> {
        let lock = match self.lock() {
            Ok(lock) => lock,
            Err(error) => return Some(error),
        };
        let (mut servers, unread) = match self.read() {
            Ok(servers) => (servers, None),
            Err(error) => (Map::new(), Some(error)),
        };
        let remembered = change(servers.get(server).map(Remembered::of));
        servers.insert(server.to_owned(), remembered.written());
        let unwritten = self.write(&json!({ "version": 1, "servers": servers })).err();
        drop(lock);
        unread.or(unwritten)
    }

    fn lock(&self) -> io::Result<File> {
        let path = self.beside("lock");
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        for _ in 0..LOCK_TRIES {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(Errno::WOULDBLOCK) => thread::sleep(LOCK_PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::new(io::ErrorKind::WouldBlock, "somebody else does not let go of its lock"))
    }

    fn read(&self) -> io::Result<Map<String, Value>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(FILE_MAX).read_to_end(&mut text)?;
        let mut state: Value = serde_json::from_slice(&text)?;
        match state.get_mut("servers").map(Value::take) {
            Some(Value::Object(servers)) => Ok(servers),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it is no state of tools")),
        }
    }

    fn write(&self, state: &Value) -> io::Result<()> {
        let new = self.beside(&format!("{}.new", std::process::id()));
        let write = || {
            let mut file = File::create(&new)?;
            serde_json::to_writer_pretty(&mut file, state)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&new, &self.path)
        };
        write().inspect_err(|_| drop(fs::remove_file(&new)))
    }

    /// The file's name with an ending.
    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{ending}"));
        self.path.with_file_name(name)
    }
}

impl Remembered {
    fn of(written: &Value) -> Self {
        let tools = written.get("tools").and_then(Value::as_object).into_iter().flatten();
        let open = written.get("open").and_then(Value::as_array).into_iter().flatten();
        Self {
            tools: tools.map(|(name, tool)| (name.clone(), Tool::of(tool))).collect(),
            open: open.filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        }
    }

    fn written(&self) -> Value {
        let tools: Map<String, Value> =
            self.tools.iter().map(|(name, tool)| (name.clone(), tool.written())).collect();
        json!({ "tools": tools, "open": self.open })
    }
}

impl Tool {
    fn of(written: &Value) -> Self {
        let part = |name: &str| {
            let part = written.get(name)?;
            let hash = part.get("hash")?.as_str()?.to_owned();
            Some(Part { hash, text: part.get("text").and_then(Value::as_str).map(str::to_owned) })
        };
        let misses = written.get("misses").and_then(Value::as_u64).unwrap_or(0);
        Self {
            parts: PARTS.map(|change| part(change.as_str())),
            misses: u32::try_from(misses).unwrap_or(0),
            is_removed: written.get("removed").and_then(Value::as_bool).unwrap_or(false),
        }
    }

    fn written(&self) -> Value {
        let mut tool = Map::new();
        for (change, part) in PARTS.into_iter().zip(&self.parts) {
            if let Some(part) = part {
                tool.insert(change.as_str().to_owned(), json!({ "hash": part.hash, "text": part.text }));
            }
        }
        tool.insert("misses".to_owned(), self.misses.into());
        tool.insert("removed".to_owned(), self.is_removed.into());
        Value::Object(tool)
    }
}

/// The same in every process and every version.
pub(super) fn hash(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(HASH_BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
