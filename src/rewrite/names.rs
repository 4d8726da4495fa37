//! The names a server published outside its mount: a bounded registry, so that only what the server itself named is
//! served under `_origin`.

use std::sync::{Mutex, PoisonError};

/// Names kept for one mount; the one that was named or used longest ago goes first.
const NAMES_MAX: usize = 1_024;
/// Longest name kept, in bytes: with [`NAMES_MAX`] the registry holds at most 2 MiB.
const NAME_BYTES_MAX: usize = 2_048;

/// Paths that a server named outside its mount. A path is registered as its directory (`/messages/` for
/// `/messages/abc`), as session ids often are the last segment; directly under the root, as itself.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The latest named or used last. A directory ends in `/`, save the path `/` itself.
    entries: Mutex<Vec<String>>,
}

impl Names {
    /// Registers what `path` (without its query) stands for, unless it is found here already: a client that asks for
    /// ever deeper places in a directory must not push other names out. Longer ones than 2 KiB are not registered.
    pub(super) fn publish(&self, path: &str) {
        let name = directory(path);
        if name.len() > NAME_BYTES_MAX {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if touch(&mut entries, |entry| opens(entry, name)) {
            return;
        }
        if entries.len() >= NAMES_MAX {
            entries.remove(0);
        }
        entries.push(name.to_owned());
    }

    /// Whether the server named `path` (without its query), or the directory it is in.
    pub(super) fn has(&self, path: &str) -> bool {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        touch(&mut entries, |entry| opens(entry, path))
    }
}

/// Moves the latest entry that `fits` to the end; false when none does.
fn touch(entries: &mut [String], fits: impl Fn(&str) -> bool) -> bool {
    let Some(at) = entries.iter().rposition(|entry| fits(entry)) else { return false };
    if let Some(tail) = entries.get_mut(at..) {
        tail.rotate_left(1);
    }
    true
}

/// The path up to its last `/`; where that is the root, the path itself.
fn directory(path: &str) -> &str {
    match path.rfind('/') {
        Some(at) if at > 0 => path.get(..=at).unwrap_or(path),
        Some(_) | None => path,
    }
}

/// Whether an entry opens `path`.
fn opens(entry: &str, path: &str) -> bool {
    entry == path || (is_directory(entry) && path.starts_with(entry))
}

/// Directories end in `/`; the root never counts as one, or it would publish the whole server.
fn is_directory(entry: &str) -> bool {
    entry.len() > 1 && entry.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_opens_its_directory_and_nothing_beside_it() {
        let names = Names::default();
        names.publish("/messages/abc");
        assert!(names.has("/messages/xyz"));
        assert!(names.has("/messages/"));
        assert!(names.has("/messages/a/b"));
        assert!(!names.has("/messages"));
        assert!(!names.has("/messagesx/abc"));
        assert!(!names.has("/"));
    }

    #[test]
    fn a_name_under_the_root_opens_itself_alone() {
        let names = Names::default();
        names.publish("/message");
        names.publish("/");
        assert!(names.has("/message"));
        assert!(names.has("/"));
        assert!(!names.has("/message/x"));
        assert!(!names.has("/admin"));
    }

    #[test]
    fn the_name_unused_longest_goes_first() {
        let names = Names::default();
        names.publish("/used");
        names.publish("/unused");
        for number in 0..NAMES_MAX - 2 {
            names.publish(&format!("/{number}/x"));
        }
        assert!(names.has("/used"));
        names.publish("/one-more");
        assert!(names.has("/used"));
        assert!(!names.has("/unused"));
        assert_eq!(names.entries.lock().unwrap().len(), NAMES_MAX);
    }

    #[test]
    fn what_is_open_already_pushes_nothing_out() {
        let names = Names::default();
        names.publish("/other/x");
        names.publish("/messages/abc");
        for number in 0..NAMES_MAX {
            names.publish(&format!("/messages/{number}/x"));
        }
        assert!(names.has("/other/x"));
        assert_eq!(names.entries.lock().unwrap().len(), 2);
    }

    #[test]
    fn an_endless_name_is_not_kept() {
        let names = Names::default();
        let path = format!("/{}", "x".repeat(NAME_BYTES_MAX));
        names.publish(&path);
        assert!(!names.has(&path));
    }
}
