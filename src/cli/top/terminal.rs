//! The terminal: its size, its keys, and lines on it. Dropping it leaves it as it was.

use std::io::{Read, Write, stdin, stdout};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// The other screen, without a cursor and without wrapping.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// What was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    /// Ctrl-C, or nobody is there any more.
    Quit,
}

pub(super) struct Terminal {
    before: Termios,
    keys: Receiver<Key>,
}

impl Terminal {
    /// Takes it over.
    pub(super) fn open() -> std::io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Flush, &raw)?;
        let (sender, keys) = sync_channel(64);
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            loop {
                let read = stdin().read(&mut buffer).unwrap_or(0);
                let pressed =
                    if read == 0 { vec![Key::Quit] } else { keys_of(buffer.get(..read).unwrap_or_default()) };
                for key in pressed {
                    if sender.send(key).is_err() {
                        return;
                    }
                }
                if read == 0 {
                    return;
                }
            }
        });
        let terminal = Self { before, keys };
        stdout().write_all(ENTER.as_bytes())?;
        stdout().flush()?;
        Ok(terminal)
    }

    /// Columns and lines.
    pub(super) fn size() -> (usize, usize) {
        tcgetwinsize(stdout())
            .map_or((80, 24), |size| (usize::from(size.ws_col).max(20), usize::from(size.ws_row).max(6)))
    }

    /// Puts lines in place of what is there.
    pub(super) fn show(lines: &[String]) -> std::io::Result<()> {
        let mut text = String::from("\x1b[H");
        for (place, line) in lines.iter().enumerate() {
            text.push_str(line);
            text.push_str("\x1b[0m\x1b[K");
            if place + 1 < lines.len() {
                text.push_str("\r\n");
            }
        }
        text.push_str("\x1b[J");
        let mut out = stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// What is pressed within so long.
    pub(super) fn key(&self, within: Duration) -> Option<Key> {
        self.keys.recv_timeout(within).ok()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // What cannot be put back stays.
        let _ = stdout().write_all(LEAVE.as_bytes());
        let _ = stdout().flush();
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// The keys that bytes stand for; sequences that nobody here knows are none.
fn keys_of(bytes: &[u8]) -> Vec<Key> {
    match bytes {
        b"\x1b" => return vec![Key::Escape],
        b"\x1b[A" | b"\x1bOA" => return vec![Key::Up],
        b"\x1b[B" | b"\x1bOB" => return vec![Key::Down],
        [0x1b, ..] => return Vec::new(),
        _ => {}
    }
    let key = |character| match character {
        '\u{3}' => Some(Key::Quit),
        '\r' | '\n' => Some(Key::Enter),
        '\u{7f}' | '\u{8}' => Some(Key::Backspace),
        _ => (!character.is_control()).then_some(Key::Letter(character)),
    };
    String::from_utf8_lossy(bytes).chars().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_keys() {
        assert_eq!(keys_of(b"qz\r"), [Key::Letter('q'), Key::Letter('z'), Key::Enter]);
        assert_eq!(keys_of(b"\x1b[A"), [Key::Up]);
        assert_eq!(keys_of(b"\x03"), [Key::Quit]);
        assert!(keys_of(b"\x1b[1;5C").is_empty());
    }
}
