//! `sightglass top`: the console's picture in a terminal, of a proxy here or elsewhere.
//!
//! Frames are ratatui's, keys and the terminal's state crossterm's. What is no terminal gets lines of text, once.

mod ask;
mod frame;
mod history;
mod look;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod views;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::arguments::TopArgs;
use ask::{Asker, Picture, Wanted};
use frame::Ink;
use look::{Key, Look};

/// How often the proxy is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How often where it has to read all calls that it keeps.
const SEARCH_EVERY: Duration = Duration::from_secs(3);

/// Seconds of history that are asked for beside those since the last time.
const OVERLAP_SECONDS: usize = 12;

/// The width of what is no terminal.
const PLAIN_COLUMNS: u16 = 120;

/// Keys that wait while a frame is drawn.
const KEYS_MAX: usize = 64;

/// Shows the picture until `q`, or once; gives 1 where it was asked once and there was no answer.
pub fn run(args: &TopArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asker = Asker::new(args)?;
    let mut look = Look::new(asker.address());
    if args.once || !std::io::stdout().is_terminal() {
        look.take(runtime.block_on(asker.ask(&Wanted::Tools, history::SECONDS)));
        let lines = frame::lines(&mut look, PLAIN_COLUMNS);
        // A closed stream is no reason to fail.
        let _ = writeln!(std::io::stdout(), "{}", lines.join("\n"));
        return Ok(if look.is_current() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    // From here on a panic, too, leaves the terminal as it was.
    let mut terminal = ratatui::try_init()?;
    let watched = runtime.block_on(watch(Arc::new(asker), &mut look, &mut terminal));
    ratatui::restore();
    watched?;
    Ok(ExitCode::SUCCESS)
}

/// What is to be asked.
#[derive(Debug, Clone, PartialEq)]
struct Question {
    wanted: Wanted,
    paused: bool,
}

/// Until somebody wants no more.
async fn watch(asker: Arc<Asker>, look: &mut Look, terminal: &mut DefaultTerminal) -> std::io::Result<()> {
    let ink = Ink { color: std::env::var_os("NO_COLOR").is_none_or(|said| said.is_empty()) };
    let question = |look: &Look| Question { wanted: look.wanted(), paused: look.is_paused() };
    let (wishes, questions) = watch::channel(question(look));
    let (sender, mut answers) = mpsc::channel(1);
    tokio::spawn(keep_asking(asker, questions, sender));
    let mut events = events();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        terminal.draw(|frame| frame::draw(frame, look, ink))?;
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return Ok(()) };
                if key(&event).is_some_and(|key| look.press(key)) {
                    return Ok(());
                }
                let now = question(look);
                wishes.send_if_modified(|known| std::mem::replace(known, now.clone()) != now);
            }
            Some((wanted, answer)) = answers.recv() => look.hear(&wanted, answer),
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
        }
    }
}

/// Asks again and again, and at once where something else is wanted.
async fn keep_asking(
    asker: Arc<Asker>,
    mut questions: watch::Receiver<Question>,
    answers: mpsc::Sender<(Wanted, Result<Picture, String>)>,
) {
    let (mut last, mut answered) = (None, None);
    loop {
        let Question { wanted, paused } = questions.borrow_and_update().clone();
        let every = if wanted.is_search() { SEARCH_EVERY } else { EVERY };
        if !paused || last.as_ref() != Some(&wanted) {
            let begun = Instant::now();
            let answer = asker.ask(&wanted, seconds_since(answered)).await;
            last = Some(wanted.clone());
            if answer.is_ok() {
                answered = Some(begun);
            }
            if answers.send((wanted, answer)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            changed = questions.changed() => if changed.is_err() { return },
        }
    }
}

/// Of how many seconds the history is asked for.
fn seconds_since(answered: Option<Instant>) -> usize {
    let since = answered.and_then(|at| usize::try_from(at.elapsed().as_secs()).ok());
    since.map_or(history::SECONDS, |since| since.saturating_add(OVERLAP_SECONDS).min(history::SECONDS))
}

/// What the terminal tells. The thread that waits for it ends with the process.
fn events() -> mpsc::Receiver<Event> {
    let (sender, events) = mpsc::channel(KEYS_MAX);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if sender.blocking_send(event).is_err() {
                return;
            }
        }
    });
    events
}

/// The key that is meant; other events are none, and after each a frame is drawn.
#[expect(clippy::wildcard_enum_match_arm, reason = "terminals have more keys than mean something here")]
fn key(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press | KeyEventKind::Repeat, .. }) =
        event
    else {
        return None;
    };
    let with_control = modifiers.contains(KeyModifiers::CONTROL);
    Some(match code {
        KeyCode::Char('c') if with_control => Key::Quit,
        KeyCode::Char(_) if with_control => return None,
        KeyCode::Char(letter) => Key::Letter(*letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
