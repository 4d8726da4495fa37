//! TLS settings whose files are read again while they are used.
//!
//! # Why
//! Certificates live for weeks and days, a proxy for longer. Contents are compared, not times: a secret that Kubernetes
//! mounts changes by a symbolic link, and a copy can keep the time of its original. A pair of which one file is new
//! does not load and changes nothing; when the other one has come, it does.

use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::files::{Files, Fingerprint};
use super::tls::TlsError;

/// How often files are looked at.
pub const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How a setting is made of its files.
type Make<T> = Box<dyn Fn(&Files) -> Result<T, TlsError> + Send + Sync>;

/// Calls `look` again and again while it is wanted, where it may wait for the disk: never twice at once.
pub async fn keep_looking(wanted: impl Fn() -> bool, look: impl Fn() + Clone + Send + 'static) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if !wanted() {
            continue;
        }
        let look = look.clone();
        // A panic in there has been reported; the next look may have none.
        let _looked = tokio::task::spawn_blocking(look).await;
    }
}

/// What was made of files, and is made of them again when they have changed.
pub(super) struct Renewable<T> {
    paths: Vec<PathBuf>,
    make: Make<T>,
    current: ArcSwap<T>,
    known: Mutex<Known>,
}

/// What the files held.
struct Known {
    used: Fingerprint,
    /// What was told to be of no use.
    refused: Option<Fingerprint>,
}

/// What came of looking at files again.
#[derive(Debug)]
pub enum Renewal {
    /// Nothing that was not known.
    Unchanged,
    /// What they hold now is used from now on, for new connections.
    Renewed,
    /// What they hold now cannot be used; what they held before still is. Told once for each change.
    Refused(TlsError),
}

impl<T> Renewable<T> {
    /// Made of the files at `paths`.
    pub(super) fn new(
        paths: Vec<PathBuf>,
        make: impl Fn(&Files) -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        let files = Files::read(paths.iter().map(PathBuf::as_path))?;
        let current = ArcSwap::from_pointee(make(&files)?);
        let known = Mutex::new(Known { used: files.fingerprint(), refused: None });
        Ok(Self { paths, make: Box::new(make), current, known })
    }

    /// What is used now.
    pub(super) fn current(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Whether there is anything to look at.
    pub(super) fn has_files(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Looks at the files, and waits for the disk.
    pub(super) fn look(&self) -> Renewal {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let read = Files::read(self.paths.iter().map(PathBuf::as_path));
        let found = read.as_ref().map_or_else(Fingerprint::of_error, Files::fingerprint);
        if found == known.used {
            known.refused = None;
            return Renewal::Unchanged;
        }
        match read.and_then(|files| (self.make)(&files)) {
            Ok(made) => {
                self.current.store(Arc::new(made));
                *known = Known { used: found, refused: None };
                Renewal::Renewed
            }
            Err(_) if known.refused == Some(found) => Renewal::Unchanged,
            Err(error) => {
                known.refused = Some(found);
                Renewal::Refused(error)
            }
        }
    }
}

impl Renewal {
    /// Whether something else is used from now on.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::Renewed)
    }

    /// Says so, if there is anything to be said, of the setting that is called `what`.
    pub fn tell(&self, what: &str) {
        match self {
            Self::Unchanged => {}
            Self::Renewed => {
                tracing::info!(
                    event = "certificate",
                    "{what}: the files have changed and are used from now on"
                );
            }
            Self::Refused(error) => {
                let mut reason = error.to_string();
                let mut next = error.source();
                while let Some(source) = next {
                    reason = format!("{reason}: {source}");
                    next = source.source();
                }
                tracing::warn!(
                    event = "certificate",
                    error = %reason,
                    "{what}: the files have changed and cannot be used; what they held before stays in use until they are mended"
                );
            }
        }
    }
}
