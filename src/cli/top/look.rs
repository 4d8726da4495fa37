//! What is looked at, and what keys and answers change of it.

use super::ask::{Call, History, More, Picture, Points, Session, Tool, Wanted};
use super::history::Figures;
use super::table::{Sheet, Sight};
use super::views::{CALLS, SERVERS, SESSIONS, TOOLS, VIEWS, View, Watched, is_well};

/// What was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    BackTab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C.
    Quit,
}

/// What keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Commands,
    /// A filter is written.
    Filter,
    /// The keys are told; the next one is for nothing else.
    Help,
}

/// What is looked at, and how.
pub(super) struct Look {
    pub(super) address: String,
    pub(super) problem: Option<String>,
    pub(super) view: View,
    pub(super) mode: Mode,
    paused: bool,
    /// Something else is looked at than before: its answer is shown in any case.
    awaited: bool,
    /// By their place in [`VIEWS`].
    pages: [Page; VIEWS.len()],
    /// Rows that there was room for.
    room: usize,
    tools: Vec<Tool>,
    calls: Vec<Call>,
    sessions: Vec<Session>,
    open: u64,
    servers: Vec<Watched>,
    /// By server; of all together the name is empty.
    histories: Vec<History>,
}

/// How a view is looked at.
struct Page {
    sight: Sight,
    filter: String,
}

impl Look {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            problem: Some("asking".to_owned()),
            view: View::Tools,
            mode: Mode::Commands,
            paused: false,
            awaited: false,
            pages: VIEWS.map(|view| Page { sight: view.sight(), filter: String::new() }),
            room: 0,
            tools: Vec::new(),
            calls: Vec::new(),
            sessions: Vec::new(),
            open: 0,
            servers: Vec::new(),
            histories: Vec::new(),
        }
    }

    /// What came of asking for this; a look that is paused takes only what it waits for.
    pub(super) fn hear(&mut self, wanted: &Wanted, asked: Result<Picture, String>) {
        let is_awaited = self.awaited && *wanted == self.wanted();
        if !self.paused || is_awaited {
            self.awaited &= !is_awaited;
            self.take(asked);
        }
    }

    /// Shows what came of asking; where nothing did, what was known stays.
    pub(super) fn take(&mut self, asked: Result<Picture, String>) {
        match asked {
            Ok(picture) => {
                self.problem = None;
                self.put(picture);
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    fn put(&mut self, picture: Picture) {
        let mut known = std::mem::take(&mut self.histories);
        for History { name, points } in picture.histories {
            let place = known.iter().position(|history| history.name == name);
            let mut grown = place.map(|place| known.swap_remove(place).points).unwrap_or_default();
            grown.grow(points);
            self.histories.push(History { name, points: grown });
        }
        let now = self.points("").and_then(|points| points.at.last().copied());
        let watched = |server: super::ask::Server| Watched {
            figures: self.figures(&server.name),
            since: now.map(|now| (now - server.since).max(0.0)),
            server,
        };
        self.servers = picture.servers.into_iter().map(watched).collect();
        match picture.more {
            More::Tools(tools) => self.tools = tools,
            More::Calls(calls) => self.calls = calls,
            More::Sessions(sessions, open) => (self.sessions, self.open) = (sessions, open),
            More::Nothing => {}
        }
    }

    /// What has to be asked for.
    pub(super) fn wanted(&self) -> Wanted {
        match self.view {
            View::Tools => Wanted::Tools,
            View::Calls => Wanted::Calls(self.filter().to_owned()),
            View::Sessions => Wanted::Sessions,
            View::Servers => Wanted::Servers,
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether what is shown is what is.
    pub(super) fn is_current(&self) -> bool {
        self.problem.is_none()
    }

    pub(super) fn filter(&self) -> &str {
        self.pages.get(self.view.place()).map_or("", |page| &page.filter)
    }

    pub(super) fn sight(&self) -> Sight {
        self.pages.get(self.view.place()).map(|page| page.sight).unwrap_or_default()
    }

    /// Whether that was the last key.
    pub(super) fn press(&mut self, key: Key) -> bool {
        let before = self.wanted();
        let is_last = match self.mode {
            Mode::Commands => self.command(key),
            Mode::Filter => self.write(key),
            Mode::Help => {
                self.mode = Mode::Commands;
                key == Key::Quit
            }
        };
        self.awaited |= self.wanted() != before;
        is_last
    }

    fn write(&mut self, key: Key) -> bool {
        match key {
            Key::Enter => self.mode = Mode::Commands,
            Key::Escape => {
                self.mode = Mode::Commands;
                self.refilter(String::clear);
            }
            Key::Letter(letter) => self.refilter(|filter| filter.push(letter)),
            Key::Backspace => self.refilter(|filter| {
                filter.pop();
            }),
            Key::Tab
            | Key::BackTab
            | Key::Up
            | Key::Down
            | Key::Left
            | Key::Right
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Quit => {}
        }
        key == Key::Quit
    }

    fn refilter(&mut self, change: impl FnOnce(&mut String)) {
        if let Some(page) = self.pages.get_mut(self.view.place()) {
            change(&mut page.filter);
            page.sight.top = 0;
        }
    }

    fn command(&mut self, key: Key) -> bool {
        match key {
            Key::Letter('q') | Key::Quit => return true,
            Key::Escape if self.filter().is_empty() => return true,
            Key::Escape => self.refilter(String::clear),
            Key::Letter('p' | ' ') => self.paused = !self.paused,
            Key::Letter('?' | 'h') => self.mode = Mode::Help,
            Key::Letter('/') => self.mode = Mode::Filter,
            Key::Letter(digit @ '1'..='4') => {
                let place = digit.to_digit(10).map_or(0, |digit| digit as usize - 1);
                self.view = VIEWS.get(place).copied().unwrap_or(self.view);
            }
            Key::Tab => self.turn(1),
            Key::BackTab => self.turn(VIEWS.len() - 1),
            Key::Letter('s' | '>') | Key::Right => self.sort_by(1),
            Key::Letter('S' | '<') | Key::Left => self.sort_by(self.view.titles().len() - 1),
            Key::Letter('r') => self.change(|sight, _| sight.reversed = !sight.reversed),
            Key::Letter('j') | Key::Down => self.change(|sight, _| sight.top = sight.top.saturating_add(1)),
            Key::Letter('k') | Key::Up => self.change(|sight, _| sight.top = sight.top.saturating_sub(1)),
            Key::PageDown => self.change(|sight, room| sight.top = sight.top.saturating_add(room)),
            Key::PageUp => self.change(|sight, room| sight.top = sight.top.saturating_sub(room)),
            Key::Letter('g') | Key::Home => self.change(|sight, _| sight.top = 0),
            Key::Letter('G') | Key::End => self.change(|sight, _| sight.top = usize::MAX),
            Key::Letter(_) | Key::Enter | Key::Backspace => {}
        }
        false
    }

    fn turn(&mut self, by: usize) {
        self.view = VIEWS.get((self.view.place() + by) % VIEWS.len()).copied().unwrap_or(self.view);
    }

    fn sort_by(&mut self, by: usize) {
        let many = self.view.titles().len();
        self.change(|sight, _| {
            sight.sort = (sight.sort + by) % many;
            sight.reversed = false;
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut Sight, usize)) {
        let room = self.room.max(1);
        if let Some(page) = self.pages.get_mut(self.view.place()) {
            change(&mut page.sight, room);
        }
    }

    /// The rows of this view, in as much room.
    pub(super) fn sheet(&mut self, width: u16, room: usize) -> Sheet {
        let (filter, sight) = (self.filter(), self.sight());
        let sheet = match self.view {
            View::Tools => TOOLS.sheet(&self.tools, filter, sight, width, room),
            View::Calls => CALLS.sheet(&self.calls, filter, sight, width, room),
            View::Sessions => SESSIONS.sheet(&self.sessions, filter, sight, width, room),
            View::Servers => SERVERS.sheet(&self.servers, filter, sight, width, room),
        };
        self.room = room;
        // Where it was scrolled too far, it goes back from where it is.
        self.change(|sight, _| sight.top = sheet.top);
        sheet
    }

    /// How many servers are well, and how many there are.
    pub(super) fn well(&self) -> (usize, usize) {
        let well = self.servers.iter().filter(|watched| is_well(&watched.server.health)).count();
        (well, self.servers.len())
    }

    /// Sessions that are open, where more are than are shown.
    pub(super) fn more_sessions(&self) -> Option<u64> {
        let is_more = self.view == View::Sessions && self.open > self.sessions.len() as u64;
        is_more.then_some(self.open)
    }

    pub(super) fn points(&self, server: &str) -> Option<&Points> {
        self.histories.iter().find(|history| history.name == server).map(|history| &history.points)
    }

    pub(super) fn figures(&self, server: &str) -> Figures {
        self.points(server).map(Figures::of).unwrap_or_default()
    }
}
