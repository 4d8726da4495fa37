//! One frame: lines of text, and what keys change of them.

use super::ask::{Picture, Points, Tool};
use super::terminal::Key;

/// Seconds of which the figures are.
const LATELY: usize = 10;

/// By what tools are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Rate,
    Calls,
    Errors,
    Median,
    P95,
    P99,
    Oldest,
    Name,
}

const SORTS: [Sort; 8] =
    [Sort::Rate, Sort::Calls, Sort::Errors, Sort::Median, Sort::P95, Sort::P99, Sort::Oldest, Sort::Name];

/// What is looked at, and how.
pub(super) struct Look {
    address: String,
    picture: Picture,
    problem: Option<String>,
    sort: Sort,
    reversed: bool,
    filter: String,
    is_typing: bool,
    paused: bool,
    /// The first tool that is shown.
    top: usize,
}

impl Look {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            picture: Picture::default(),
            problem: Some("asking".to_owned()),
            sort: Sort::Rate,
            reversed: false,
            filter: String::new(),
            is_typing: false,
            paused: false,
            top: 0,
        }
    }

    /// What came of asking; where nothing did, what was known stays.
    pub(super) fn take(&mut self, asked: Result<Picture, String>) {
        match asked {
            Ok(picture) => {
                self.picture = picture;
                self.problem = None;
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether what is shown is what is.
    pub(super) fn is_current(&self) -> bool {
        self.problem.is_none()
    }

    /// Whether that was the last key.
    pub(super) fn press(&mut self, key: Key) -> bool {
        if self.is_typing {
            match key {
                Key::Letter(letter) => self.filter.push(letter),
                Key::Backspace => {
                    self.filter.pop();
                }
                Key::Enter => self.is_typing = false,
                Key::Escape => {
                    self.is_typing = false;
                    self.filter.clear();
                }
                Key::Up | Key::Down => {}
                Key::Quit => return true,
            }
            return false;
        }
        match key {
            Key::Letter('q') | Key::Quit => return true,
            Key::Letter('p' | ' ') => self.paused = !self.paused,
            Key::Letter('s') => {
                let place = SORTS.iter().position(|sort| *sort == self.sort).unwrap_or_default();
                self.sort = SORTS.get((place + 1) % SORTS.len()).copied().unwrap_or(Sort::Rate);
            }
            Key::Letter('r') => self.reversed = !self.reversed,
            Key::Letter('/') => self.is_typing = true,
            Key::Escape => self.filter.clear(),
            Key::Letter('j') | Key::Down => self.top += 1,
            Key::Letter('k') | Key::Up => self.top = self.top.saturating_sub(1),
            Key::Letter(_) | Key::Enter | Key::Backspace => {}
        }
        false
    }

    /// At most `height` lines of at most `width` columns; `color`: with escape sequences of ours, and of nobody else.
    pub(super) fn lines(&mut self, width: usize, height: usize, color: bool) -> Vec<String> {
        let ink = Ink(color);
        let mut lines = self.head(width, ink);
        let room = height.saturating_sub(lines.len() + 2);
        self.top = self.top.min(self.tools().len().saturating_sub(room.max(1)));
        let tools = self.tools();
        let title = format!(
            "{:<26} {:<12} {:>8} {:>8} {:>7} {:>9} {:>9} {:>8} {:>8}",
            "TOOL", "SERVER", "CALLS", "CALLS/S", "ERRORS", "MEDIAN", "95 %", "99 %", "OLDEST"
        );
        lines.push(ink.dim(&cut(&title, width)));
        let rows = tools.iter().skip(self.top).take(room).map(|tool| tool_line(tool, width, ink));
        lines.extend(rows.collect::<Vec<_>>());
        if tools.is_empty() {
            lines.push(
                if self.filter.is_empty() { "no tool was called yet" } else { "no tool is called so" }
                    .to_owned(),
            );
        }
        lines.truncate(height.saturating_sub(1));
        if color {
            lines.resize(height.saturating_sub(1), String::new());
            lines.push(ink.dim(&cut(&self.keys(), width)));
        }
        lines
    }

    fn head(&self, width: usize, ink: Ink) -> Vec<String> {
        let servers = &self.picture.servers;
        let is_well = |health: &str| matches!(health, "healthy" | "unknown");
        let well = servers.iter().filter(|server| is_well(&server.health)).count();
        let state = if self.paused { "  PAUSED" } else { "" };
        let title = format!(
            "sightglass top  {}  {well} of {} servers well{state}",
            plain(&self.address),
            servers.len()
        );
        let mut lines = vec![ink.bold(&cut(&title, width))];
        if let Some(problem) = &self.problem {
            lines.push(ink.bad(&cut(&plain(problem), width)));
        }
        let all = self.figures("");
        lines.push(cut(
            &format!(
                "calls/s {}  errors {}  median {}  95 % {}  99 % {}  sessions {}  streams {}",
                rate(all.calls),
                share(all.errors),
                time(all.quantiles[0]),
                time(all.quantiles[1]),
                time(all.quantiles[2]),
                all.sessions,
                all.streams
            ),
            width,
        ));
        let calls: Vec<u64> = self.points("").map(|points| points.calls.clone()).unwrap_or_default();
        lines.push(ink.good(&cut(&spark(&calls), width)));
        lines.push(ink.dim(&cut(
            &format!(
                "{:<26} {:<12} {:>8} {:>8} {:>7} {:>9} {:>9} {:>8} {:>8}",
                "SERVER", "HEALTH", "", "CALLS/S", "ERRORS", "MEDIAN", "95 %", "SESSIONS", "STREAMS"
            ),
            width,
        )));
        for server in servers {
            let of = self.figures(&server.name);
            let line = format!(
                "{:<26} {:<12} {:>8} {:>8} {:>7} {:>9} {:>9} {:>8} {:>8}  {}",
                fit(&server.name, 26),
                fit(&server.health, 12),
                "",
                rate(of.calls),
                share(of.errors),
                time(of.quantiles[0]),
                time(of.quantiles[1]),
                of.sessions,
                of.streams,
                plain(&server.reason)
            );
            let line = cut(&line, width);
            lines.push(if is_well(&server.health) { line } else { ink.bad(&line) });
        }
        lines.push(String::new());
        lines
    }

    fn keys(&self) -> String {
        if self.is_typing {
            return format!("filter: {}_  (Enter keeps it, Esc drops it)", plain(&self.filter));
        }
        let order = if self.reversed { ", reversed" } else { "" };
        let filter =
            if self.filter.is_empty() { String::new() } else { format!("  only `{}`", plain(&self.filter)) };
        format!(
            "q quit  p pause  s sort: {}{order}  r reverse  / filter{filter}  j k scroll",
            format!("{:?}", self.sort).to_lowercase()
        )
    }

    fn tools(&self) -> Vec<&Tool> {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let tools = self.picture.tools.iter().filter(|tool| has(&tool.name) || has(&tool.server));
        let mut tools: Vec<&Tool> = tools.collect();
        #[expect(clippy::cast_precision_loss, reason = "an order")]
        let value = |tool: &Tool| match self.sort {
            Sort::Rate => tool.rate_per_second,
            Sort::Calls => Some(tool.calls as f64),
            Sort::Errors => tool.error_share,
            Sort::Median => tool.p50,
            Sort::P95 => tool.p95,
            Sort::P99 => tool.p99,
            Sort::Oldest => tool.oldest_inflight_seconds,
            Sort::Name => None,
        };
        tools.sort_by(|one, other| {
            let highest = value(other).unwrap_or(-1.0).total_cmp(&value(one).unwrap_or(-1.0));
            let name = |tool: &Tool| (tool.name.clone(), tool.server.clone());
            highest.then_with(|| name(one).cmp(&name(other)))
        });
        if self.reversed {
            tools.reverse();
        }
        tools
    }

    fn points(&self, server: &str) -> Option<&Points> {
        self.picture.histories.iter().find(|history| history.name == server).map(|history| &history.points)
    }

    fn figures(&self, server: &str) -> Figures {
        self.points(server).map(Figures::of).unwrap_or_default()
    }
}

/// Of the last seconds.
#[derive(Default)]
struct Figures {
    calls: Option<f64>,
    errors: Option<f64>,
    quantiles: [Option<f64>; 3],
    sessions: u64,
    streams: u64,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "of a few seconds")]
    fn of(points: &Points) -> Self {
        let sum = |counts: &[u64]| counts.iter().rev().take(LATELY).sum::<u64>() as f64;
        let seconds: f64 = points.seconds.iter().rev().take(LATELY).sum();
        let (errors, successes) = (sum(&points.errors), sum(&points.successes));
        let newest = |values: &[Option<f64>]| values.iter().rev().take(LATELY).find_map(|value| *value);
        Self {
            calls: (seconds > 0.0).then(|| sum(&points.calls) / seconds),
            errors: (errors + successes > 0.0).then(|| errors / (errors + successes)),
            quantiles: [&points.p50, &points.p95, &points.p99].map(|values| newest(values)),
            sessions: points.sessions.last().copied().unwrap_or_default(),
            streams: points.streams.last().copied().unwrap_or_default(),
        }
    }
}

fn tool_line(tool: &Tool, width: usize, ink: Ink) -> String {
    let oldest = tool.oldest_inflight_seconds.filter(|oldest| *oldest > 0.0);
    let line = format!(
        "{:<26} {:<12} {:>8} {:>8} {:>7} {:>9} {:>9} {:>8} {:>8}",
        fit(&tool.name, 26),
        fit(&tool.server, 12),
        tool.calls,
        rate(tool.rate_per_second),
        share(tool.error_share),
        time(tool.p50),
        time(tool.p95),
        time(tool.p99),
        time(oldest)
    );
    let line = cut(&line, width);
    if tool.error_share.is_some_and(|share| share > 0.05) { ink.bad(&line) } else { line }
}

/// Colours of ours, where they are wanted.
#[derive(Clone, Copy)]
struct Ink(bool);

impl Ink {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    fn good(self, text: &str) -> String {
        self.with("36", text)
    }
}

/// What somebody else wrote, with nothing in it that moves a cursor or turns what stands beside it.
fn plain(text: &str) -> String {
    let unseen = |character: char| {
        character.is_control()
            || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(character, '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|character| if unseen(character) { '\u{fffd}' } else { character }).collect()
}

/// The same, of at most so many characters.
fn fit(text: &str, most: usize) -> String {
    let told = plain(text);
    if told.chars().count() <= most {
        return told;
    }
    told.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn cut(line: &str, width: usize) -> String {
    line.chars().take(width).collect::<String>().trim_end().to_owned()
}

/// A line of blocks, each as high as its number.
fn spark(values: &[u64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let block = |value: &u64| {
        let place = usize::try_from(value * 7 / most).unwrap_or_default();
        BLOCKS.get(place).copied().unwrap_or('█')
    };
    values.iter().map(block).collect()
}

fn rate(value: Option<f64>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") },
    )
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1}%", 100.0 * value))
}

fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 0.1 => format!("{:.2}ms", 1000.0 * seconds),
        Some(seconds) if seconds < 1.0 => format!("{:.0}ms", 1000.0 * seconds),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.1}s"),
        Some(seconds) => format!("{:.0}min", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, calls: u64, error_share: f64) -> Tool {
        let json = serde_json::json!({ "server": "s", "tool_name": name, "calls": calls, "error_share": error_share });
        serde_json::from_value(json).expect("a tool")
    }

    fn look(tools: Vec<Tool>) -> Look {
        let mut look = Look::new("http://127.0.0.1:9464");
        look.take(Ok(Picture { tools, ..Picture::default() }));
        look
    }

    fn named(look: &mut Look) -> Vec<String> {
        let lines = look.lines(120, 40, false);
        let title = lines.iter().position(|line| line.starts_with("TOOL")).expect("a title");
        lines
            .iter()
            .skip(title + 1)
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    }

    #[test]
    fn tools_are_sorted_filtered_and_scrolled_by_keys() {
        let mut look = look(vec![tool("a", 1, 0.5), tool("b", 3, 0.0), tool("c", 2, 0.1)]);
        look.press(Key::Letter('s'));
        assert_eq!(named(&mut look), ["b", "c", "a"]);
        look.press(Key::Letter('r'));
        assert_eq!(named(&mut look), ["a", "c", "b"]);
        look.press(Key::Letter('s'));
        assert_eq!(named(&mut look), ["b", "c", "a"], "by errors, reversed");
        for key in [Key::Letter('/'), Key::Letter('c'), Key::Enter] {
            look.press(key);
        }
        assert_eq!(named(&mut look), ["c"]);
        look.press(Key::Escape);
        look.press(Key::Down);
        assert_eq!(look.lines(120, 8, false).iter().filter(|line| line.contains(" s ")).count(), 1);
        assert!(look.press(Key::Letter('q')));
    }

    #[test]
    fn nothing_of_the_traffic_moves_a_cursor() {
        let hostile = "\u{1b}[2J\u{9b}31m\u{202e}x\r\n\u{7}";
        let mut look = look(vec![tool(hostile, 1, 0.0)]);
        look.take(Err(hostile.to_owned()));
        for color in [false, true] {
            for line in look.lines(100, 30, color) {
                let ours = ["1", "2", "31", "36", "0"]
                    .iter()
                    .fold(line, |line, code| line.replace(&format!("\x1b[{code}m"), ""));
                assert_eq!(plain(&ours), ours);
                assert!(ours.chars().count() <= 100);
            }
        }
    }

    #[test]
    fn a_paused_look_says_so_and_a_lost_one_keeps_what_it_had() {
        let mut look = look(vec![tool("a", 1, 0.0)]);
        look.press(Key::Letter('p'));
        assert!(look.is_paused() && look.lines(100, 30, true).concat().contains("PAUSED"));
        look.take(Err("it is gone".to_owned()));
        let shown = look.lines(100, 30, false).concat();
        assert!(!look.is_current() && shown.contains("it is gone") && shown.contains('a'));
    }
}
