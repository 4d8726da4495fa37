//! `sightglass top`: the console's picture in a terminal, of a proxy here or elsewhere.
//!
//! # Why
//! A frame is a few lines of text, written whole once a second: that needs raw input and four escape sequences, and no
//! library that would be a twentieth of the program.

mod ask;
mod frame;
mod terminal;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::arguments::TopArgs;
use ask::{Asker, Picture};
use frame::Look;
use terminal::Terminal;

/// How often the proxy is asked.
const EVERY: Duration = Duration::from_secs(1);

/// The size of what is no terminal.
const PLAIN: (usize, usize) = (120, 60);

/// Shows the picture until `q`, or once; gives 1 where it was asked once and there was no answer.
pub fn run(args: &TopArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asker = Asker::new(args)?;
    let mut look = Look::new(asker.address());
    if args.once || !std::io::stdout().is_terminal() {
        look.take(runtime.block_on(asker.ask()));
        let lines = look.lines(PLAIN.0, PLAIN.1, false);
        // A closed stream is no reason to fail.
        let _ = writeln!(std::io::stdout(), "{}", lines.join("\n"));
        return Ok(if look.is_current() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let terminal = Terminal::open()?;
    watch(&terminal, &mut look, &mut || runtime.block_on(asker.ask()))?;
    Ok(ExitCode::SUCCESS)
}

/// Until somebody wants no more.
fn watch(
    terminal: &Terminal,
    look: &mut Look,
    ask: &mut dyn FnMut() -> Result<Picture, String>,
) -> std::io::Result<()> {
    let mut asked: Option<Instant> = None;
    loop {
        let is_due = asked.is_none_or(|asked| asked.elapsed() >= EVERY);
        if is_due && !look.is_paused() {
            asked = Some(Instant::now());
            look.take(ask());
        }
        let (width, height) = Terminal::size();
        Terminal::show(&look.lines(width, height, true))?;
        let wait = asked.map_or(EVERY, |asked| EVERY.saturating_sub(asked.elapsed()));
        match terminal.key(if look.is_paused() { EVERY } else { wait.max(Duration::from_millis(20)) }) {
            Some(key) if look.press(key) => return Ok(()),
            Some(_) | None => {}
        }
    }
}
