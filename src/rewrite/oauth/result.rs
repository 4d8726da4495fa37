//! Challenges in the results of tools: the strings under the key `mcp/www_authenticate`, in JSON and in the data of
//! events, at any chunking.
//!
//! # Why
//!
//! A client reads a message only once all of it is there, so to hold one string of it until its closing quote delays
//! nothing. That is all that is held, and only under this key: everything else passes at once and by reference. The key
//! stands for itself wherever it stands in a message: an unescaped quote begins or ends a string, so text that merely
//! speaks of it is none.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use memchr::memmem;

use super::super::changed::{Change, ChangedBody};
use super::super::mount::Mount;
use super::challenge;
use crate::mcp::Spelled;

/// The key as it is written; some languages escape every slash.
const KEYS: [&[u8]; 2] = [br#""mcp/www_authenticate""#, br#""mcp\/www_authenticate""#];

/// The longest key, less one byte: what of it may have come by the end of a chunk.
const SEAM: usize = 22;

/// The longest string held; a longer one passes as it is.
const HELD_BYTES_MAX: usize = 16 * 1024;

/// A whole body with its challenges put right; `None` where there is nothing to change.
pub fn rewrite(body: &Bytes, mount: &Mount, public_origin: &str) -> Option<Vec<u8>> {
    let mut finder = Finder::default();
    let mut out = VecDeque::new();
    finder.feed(body, &|inside| in_string(inside, mount, public_origin), &mut out);
    finder.finish(&mut out);
    (finder.changes > 0).then(|| out.iter().flatten().copied().collect())
}

/// The inside of a JSON string that holds a challenge, put right.
fn in_string(inside: &[u8], mount: &Mount, public_origin: &str) -> Option<Vec<u8>> {
    let spelled = Spelled::of(inside)?;
    let rewritten = challenge::rewrite(&spelled.bytes, mount, public_origin)?;
    // One line is like the other up to what was replaced, and after it: only that is written anew.
    let (before, after) = (&spelled.bytes, &rewritten);
    let head = before.iter().zip(after).take_while(|(ours, theirs)| ours == theirs).count();
    let most = before.len().min(after.len()) - head;
    let tails = before.iter().rev().zip(after.iter().rev());
    let tail = tails.take(most).take_while(|(ours, theirs)| ours == theirs).count();
    let place = spelled.written(head..before.len() - tail)?;
    let replaced = std::str::from_utf8(after.get(head..after.len() - tail)?).ok()?;
    let quoted = crate::mcp::quoted(replaced);
    let replaced = quoted.get(1..quoted.len() - 1)?.as_bytes();
    Some([inside.get(..place.start)?, replaced, inside.get(place.end..)?].concat())
}

/// The position in a body, and what is held of it.
#[derive(Debug, Default)]
struct Finder {
    state: State,
    /// The last bytes that passed, which may begin a key.
    seam: Vec<u8>,
    /// The beginning of a string, its opening quote included.
    held: Vec<u8>,
    changes: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No key stands here.
    #[default]
    Seeking,
    /// After a key: a colon is to come.
    Key,
    /// After its colon: a list, or a single string.
    Value,
    /// In a list, between its strings.
    List,
    /// In a string that is held; `escaped`: after a backslash.
    Text { escaped: bool, in_list: bool },
}

impl Finder {
    /// Passes `chunk` on to `out`; `publish` gives the new inside of a string, or `None` to leave it.
    fn feed(
        &mut self,
        chunk: &Bytes,
        publish: &impl Fn(&[u8]) -> Option<Vec<u8>>,
        out: &mut VecDeque<Bytes>,
    ) {
        let (mut at, mut from) = (0, 0);
        // Where in the chunk the string that is held begins: before it, where an earlier chunk holds its beginning.
        let mut text_from = 0;
        // From where a key may begin.
        let mut seek_from = 0;
        while at < chunk.len() {
            if self.state == State::Seeking {
                match self.end_of_key(chunk, at) {
                    Some(end) => (at, self.state) = (end, State::Key),
                    None => break,
                }
                continue;
            }
            let byte = chunk.get(at).copied().unwrap_or_default();
            let was_text = matches!(self.state, State::Text { .. });
            self.state = self.state.after(byte);
            let is_text = matches!(self.state, State::Text { .. });
            if is_text && !was_text {
                text_from = at;
            }
            // What is no part of a value may begin a key.
            let is_taken = self.state != State::Seeking || was_text || byte != b'"';
            at += usize::from(is_taken);
            seek_from = at;
            self.seam.clear();
            if !was_text {
                continue;
            }
            if !is_text {
                let tail = chunk.get(text_from..at).unwrap_or_default();
                let text = [self.held.as_slice(), tail].concat();
                if let Some(replaced) = self.published(&text, publish) {
                    push(out, chunk.slice(from..text_from));
                    push(out, replaced.into());
                    from = at;
                    self.held.clear();
                } else {
                    push(out, std::mem::take(&mut self.held).into());
                }
                text_from = 0;
            } else if self.held.len() + (at - text_from) > HELD_BYTES_MAX {
                push(out, std::mem::take(&mut self.held).into());
                self.state = State::Seeking;
            }
        }
        if matches!(self.state, State::Text { .. }) {
            push(out, chunk.slice(from..text_from));
            self.held.extend_from_slice(chunk.get(text_from..).unwrap_or_default());
        } else {
            push(out, chunk.slice(from..));
        }
        self.remember(chunk.get(seek_from..).unwrap_or_default());
    }

    /// What is held goes on as it is: the body ended, or something other than data comes.
    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        self.state = State::Seeking;
        push(out, std::mem::take(&mut self.held).into());
    }

    fn published(&mut self, text: &[u8], publish: &impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        let inside = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let replaced = publish(inside)?;
        self.changes += 1;
        Some([b"\"", replaced.as_slice(), b"\""].concat())
    }

    /// Where in `chunk` the first key ends whose last byte stands at `at` or later.
    fn end_of_key(&self, chunk: &Bytes, at: usize) -> Option<usize> {
        if at == 0 && !self.seam.is_empty() {
            let begun = self.seam.len();
            let seam = [&self.seam, chunk.get(..SEAM.min(chunk.len())).unwrap_or_default()].concat();
            if let Some(end) = first_key(&seam) {
                return Some(end.saturating_sub(begun));
            }
        }
        first_key(chunk.get(at..)?).map(|end| at + end)
    }

    fn remember(&mut self, chunk: &[u8]) {
        self.seam.extend_from_slice(chunk.get(chunk.len().saturating_sub(SEAM)..).unwrap_or_default());
        let spare = self.seam.len().saturating_sub(SEAM);
        self.seam.drain(..spare);
    }
}

impl State {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Key, b':') => Self::Value,
            (Self::Value, b'[') => Self::List,
            (Self::Value, b'"') => Self::Text { escaped: false, in_list: false },
            (Self::Key | Self::Value, b' ' | b'\t' | b'\r' | b'\n') => self,
            (Self::Seeking | Self::Key | Self::Value, _) | (Self::List, b']' | b'[' | b'{') => Self::Seeking,
            (Self::List, b'"') => Self::Text { escaped: false, in_list: true },
            (Self::Text { escaped: true, in_list }, _) => Self::Text { escaped: false, in_list },
            (Self::Text { in_list, .. }, b'\\') => Self::Text { escaped: true, in_list },
            (Self::List, _) | (Self::Text { in_list: true, .. }, b'"') => Self::List,
            // No string goes over the end of a line.
            (Self::Text { .. }, b'"' | b'\r' | b'\n') => Self::Seeking,
            (Self::Text { .. }, _) => self,
        }
    }
}

fn first_key(bytes: &[u8]) -> Option<usize> {
    KEYS.iter().filter_map(|key| memmem::find(bytes, key).map(|at| at + key.len())).min()
}

fn push(out: &mut VecDeque<Bytes>, data: Bytes) {
    if !data.is_empty() {
        out.push_back(data);
    }
}

/// A body whose results of tools name this proxy in their challenges. All other bytes pass as they are and at once,
/// frames by reference. Over a body whose length is known it changes nothing, and says so of each change that it
/// would have made.
pub type ChallengeBody<B> = ChangedBody<B, Challenges>;

/// Changes challenges.
pub struct Challenges {
    finder: Finder,
    mount: Arc<Mount>,
    public_origin: String,
    /// Its length is known: `left_alone` is told of changes in place of making them.
    is_fixed: bool,
    left_alone: Box<dyn FnMut() + Send>,
}

impl<B: Body<Data = Bytes>> ChallengeBody<B> {
    /// `public_origin` is what the client dialled; `left_alone` hears of what has to pass as it is.
    pub fn new(
        inner: B,
        mount: Arc<Mount>,
        public_origin: &str,
        left_alone: Box<dyn FnMut() + Send>,
    ) -> Self {
        let (is_fixed, public_origin) = (inner.size_hint().exact().is_some(), public_origin.to_owned());
        Self::with(
            inner,
            Challenges { finder: Finder::default(), mount, public_origin, is_fixed, left_alone },
        )
    }
}

impl Change for Challenges {
    fn feed(&mut self, data: Bytes, out: &mut VecDeque<Bytes>) {
        let Self { finder, mount, public_origin, is_fixed, left_alone } = self;
        let publish = |inside: &[u8]| in_string(inside, mount, public_origin);
        if !*is_fixed {
            return finder.feed(&data, &publish, out);
        }
        let mut unused = VecDeque::new();
        finder.feed(&data, &publish, &mut unused);
        (0..std::mem::take(&mut finder.changes)).for_each(|_| left_alone());
        out.push_back(data);
    }

    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        if self.is_fixed {
            self.finder.held.clear();
        } else {
            self.finder.finish(out);
        }
    }

    fn is_holding(&self) -> bool {
        !self.is_fixed && !self.finder.held.is_empty()
    }

    fn may_change_length(&self) -> bool {
        !self.is_fixed
    }
}
