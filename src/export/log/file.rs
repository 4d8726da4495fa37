//! A file that is rotated by size: `sightglass.log`, `sightglass.log.1.gz`, `sightglass.log.2.gz`, …
//!
//! # Why
//! The crates that rotate by size and count (file-rotate, logroller, tracing-rolling-file) swallow what goes wrong
//! while rotating, go on in a file that somebody moved, or compress before the next line can be written. A full disk
//! has to be told here, and no line may be cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::batch::Batch;
use crate::config::LogFile;
use crate::export::losses::{Exporter, Losses};

/// Whoever may read logs belongs to the file's group; nobody else reads them.
const MODE: u32 = 0o640;

/// The current file and those before it.
pub(super) struct RotatingFile {
    settings: LogFile,
    losses: Arc<Losses>,
    open: Option<Open>,
    compressing: Option<JoinHandle<()>>,
}

/// Part of a batch was not written.
#[derive(Debug)]
pub(super) struct Failure {
    /// So many lines.
    pub(super) lost: usize,
    pub(super) error: io::Error,
}

struct Open {
    file: File,
    /// Its length; of a device, always 0.
    length: u64,
    /// Neither a device nor a pipe: it has a length, and can be moved.
    is_regular: bool,
    identity: (u64, u64),
}

impl RotatingFile {
    /// Opens the file and appends to what is there; its folder must exist.
    pub(super) fn open(settings: LogFile, losses: Arc<Losses>) -> io::Result<Self> {
        let explained = |error: io::Error| {
            let path = settings.path.display();
            io::Error::new(error.kind(), format!("cannot open the log file {path}: {error}"))
        };
        let open = Open::at(&settings.path).map_err(explained)?;
        Ok(Self { settings, losses, open: Some(open), compressing: None })
    }

    pub(super) fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Appends whole lines, in as few writes as rotating allows. After a failure the file is opened anew.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), Failure> {
        let mut done = 0;
        while done < batch.lines() {
            match self.write_some(batch, done) {
                Ok(lines) => done += lines,
                Err(error) => {
                    self.open = None;
                    return Err(Failure { lost: batch.lines() - done, error });
                }
            }
        }
        Ok(())
    }

    /// Writes what fits into the current file; nothing, where it had to be rotated first.
    fn write_some(&mut self, batch: &Batch, first: usize) -> io::Result<usize> {
        let max_size = self.settings.max_size;
        let open = self.current()?;
        let mut lines = batch.fitting(first, max_size.saturating_sub(open.length));
        if lines == 0 && open.length > 0 {
            self.rotate()?;
            return Ok(0);
        }
        // A line that is longer than a file may be has one of its own.
        lines = lines.max(1);
        open.append(batch.slice(first, lines))?;
        Ok(lines)
    }

    /// The file that stands at the path: somebody may have moved or removed the one that was open.
    fn current(&mut self) -> io::Result<&mut Open> {
        let path = &self.settings.path;
        let is_there = |open: &Open| fs::metadata(path).is_ok_and(|found| identity(&found) == open.identity);
        let open = match self.open.take().filter(is_there) {
            Some(open) => open,
            None => Open::at(path)?,
        };
        Ok(self.open.insert(open))
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Compressing is faster than writing: the file before the last is long done, unless lines come too fast for
        // the disk anyway.
        self.wait_for_compression();
        let oldest = self.settings.max_files.saturating_sub(1);
        self.remove_from(oldest.max(1))?;
        if oldest == 0 {
            // Only one file is kept: it starts over.
            return self.open.take().map_or(Ok(()), |open| open.file.set_len(0));
        }
        for number in (1..oldest).rev() {
            for ending in ["", ".gz"] {
                if_there(fs::rename(self.rotated(number, ending), self.rotated(number + 1, ending)))?;
            }
        }
        let last = self.rotated(1, "");
        fs::rename(&self.settings.path, &last)?;
        self.open = None;
        if self.settings.compress {
            self.compress(last);
        }
        Ok(())
    }

    /// Compresses `last` on a thread of its own. What cannot be compressed stays as it is.
    fn compress(&mut self, last: PathBuf) {
        let (partial, compressed) = (self.rotated(1, ".gz.partial"), self.rotated(1, ".gz"));
        let losses = Arc::clone(&self.losses);
        let work = move || {
            if compress(&last, &partial, &compressed).is_err() {
                losses.fail(Exporter::LogFile);
                let _ = fs::remove_file(partial);
            }
        };
        self.compressing = std::thread::Builder::new().name("log-gzip".to_owned()).spawn(work).ok();
    }

    /// Removes the files numbered so and higher: there may have been more once.
    fn remove_from(&self, number: usize) -> io::Result<()> {
        for number in number.. {
            let found = ["", ".gz"].map(|ending| if_there(fs::remove_file(self.rotated(number, ending))));
            let [plain, compressed] = found;
            if !plain? & !compressed? {
                break;
            }
        }
        Ok(())
    }

    fn rotated(&self, number: usize, ending: &str) -> PathBuf {
        let mut name = self.settings.path.clone().into_os_string();
        name.push(format!(".{number}{ending}"));
        name.into()
    }

    fn wait_for_compression(&mut self) {
        if let Some(thread) = self.compressing.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for RotatingFile {
    fn drop(&mut self) {
        self.wait_for_compression();
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
        let found = file.metadata()?;
        let is_regular = found.is_file();
        let length = if is_regular { found.len() } else { 0 };
        Ok(Self { file, length, is_regular, identity: identity(&found) })
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let appended = self.file.write_all(text);
        if self.is_regular {
            if appended.is_err() {
                // Half a line would spoil the next one, too.
                let _ = self.file.set_len(self.length);
            } else {
                self.length += text.len() as u64;
            }
        }
        appended
    }
}

/// Compresses `from` by way of `partial`, so that what has the name `to` is whole.
fn compress(from: &Path, partial: &Path, to: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(partial)?;
    let mut encoder = GzEncoder::new(file, Compression::fast());
    io::copy(&mut File::open(from)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::rename(partial, to)?;
    fs::remove_file(from)
}

/// Whether there was anything to do it to.
fn if_there(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}
