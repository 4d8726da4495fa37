//! One frame: what is known of all, a chart of the last minutes, a table, and what keys do.
//!
//! # Why
//! Colours are the terminal's own and of the few that can be read on a light and on a dark ground; what they say is said
//! by a word or a number, too.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Clear, Paragraph, Row, Sparkline, Table, Tabs, Widget};

use super::history::Figures;
use super::look::{Look, Mode};
use super::table::{GAP, Head, Sheet, Tone};
use super::text::{plain, rate, share, time, width};
use super::views::{VIEWS, View};

/// What stands before a chart.
const LABEL: u16 = 18;

/// Columns of the chart of a page that is no terminal's.
const PLAIN_CHART: u16 = 60;

const HELP: [&str; 14] = [
    "1 2 3 4, Tab    tools, calls, sessions, servers",
    "Up Down, j k    scroll a row",
    "PgUp PgDn       scroll a page",
    "Home End, g G   to the first, to the last row",
    "s, Right        sort by the next column",
    "S, Left         sort by the one before",
    "r               reverse the order",
    "/               filter; Enter keeps it, Esc drops it",
    "p, Space        pause, and go on",
    "?, h            this help; any key closes it",
    "q, Esc, Ctrl-C  leave",
    "",
    "The charts show calls and errors a second over the",
    "last five minutes, each up to the number beside it.",
];

/// Colours, where they are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub(super) color: bool,
}

impl Ink {
    fn with(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Usual => Style::new(),
            Tone::Warning => self.with(Color::Magenta),
            Tone::Bad => self.with(Color::Red).add_modifier(Modifier::BOLD),
        }
    }
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const TURNED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// Draws it in as much room as there is: where that is little, charts go first, then lines, then columns.
pub(super) fn draw(frame: &mut Frame<'_>, look: &mut Look, ink: Ink) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let from = |height: u16, lines: u16| if area.height >= height { lines } else { 0 };
    let is_tall = area.height >= 26;
    let [title, tabs, problem, figures, calls, errors, _, table, keys] = Layout::vertical([
        Constraint::Length(from(6, 1)),
        Constraint::Length(1),
        Constraint::Length(u16::from(look.problem.is_some())),
        Constraint::Length(from(7, 1)),
        Constraint::Length(if is_tall { 3 } else { from(12, 1) }),
        Constraint::Length(if is_tall { 2 } else { from(14, 1) }),
        Constraint::Length(from(16, 1)),
        Constraint::Min(0),
        Constraint::Length(from(5, 1)),
    ])
    .areas(area);
    head(look, title, ink, buffer);
    if let Some(told) = &look.problem {
        Line::styled(plain(told), ink.tone(Tone::Bad)).render(problem, buffer);
    }
    Line::raw(told(look.figures(""))).render(figures, buffer);
    charts(look, [calls, errors], ink, buffer);
    let sheet = look.sheet(table.width, usize::from(table.height.saturating_sub(1)));
    views(look, &sheet, tabs, buffer);
    rows(look, &sheet, table, ink, buffer);
    Line::styled(footer(look), DIM).render(keys, buffer);
    if look.mode == Mode::Help {
        help(area, buffer);
    }
}

/// The same for what is no terminal: who is asked, the servers, and all tools.
pub(super) fn lines(look: &mut Look, columns: u16) -> Vec<String> {
    let mut lines = vec![said(look)];
    lines.extend(look.problem.as_ref().map(|problem| plain(problem)));
    lines.push(told(look.figures("")));
    lines.push(spark(look));
    for view in [View::Servers, View::Tools] {
        look.view = view;
        let sheet = look.sheet(columns, usize::MAX);
        lines.extend(sheet.lines());
        lines.push(if sheet.many == 0 { look.view.empty(false).to_owned() } else { String::new() });
    }
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn head(look: &Look, area: Rect, ink: Ink, buffer: &mut Buffer) {
    let paused = if look.is_paused() { " PAUSED " } else { "" };
    let [title, state] =
        Layout::horizontal([Constraint::Min(0), Constraint::Length(columns(paused))]).areas(area);
    let (well, all) = look.well();
    let tone = if well < all { ink.tone(Tone::Bad) } else { BOLD };
    Line::styled(said(look), tone).render(title, buffer);
    Line::styled(paused, TURNED).render(state, buffer);
}

fn said(look: &Look) -> String {
    let (well, all) = look.well();
    format!("sightglass top  {}  {well} of {all} servers well", plain(&look.address))
}

fn told(figures: Figures) -> String {
    let [p50, p95, p99] = figures.quantiles.map(time);
    format!(
        "calls/s {}  errors {}  median {p50}  95 % {p95}  99 % {p99}  sessions {}  streams {}",
        rate(figures.calls),
        share(figures.errors),
        figures.sessions,
        figures.streams
    )
}

fn charts(look: &Look, areas: [Rect; 2], ink: Ink, buffer: &mut Buffer) {
    let split =
        areas.map(|area| Layout::horizontal([Constraint::Length(LABEL), Constraint::Min(0)]).areas(area));
    let [[calls_label, calls], [errors_label, errors]] = split;
    let chart = look.points("").map(|points| points.chart(usize::from(calls.width))).unwrap_or_default();
    let shown = [
        ("calls/s", chart.calls, calls_label, calls, Style::new()),
        ("errors/s", chart.errors, errors_label, errors, ink.tone(Tone::Bad)),
    ];
    for (name, values, label, area, style) in shown {
        Line::styled(format!("{name} to {}", highest(&values)), DIM).render(label, buffer);
        Sparkline::default().data(values).absent_value_symbol(" ").style(style).render(area, buffer);
    }
}

fn highest(values: &[Option<u64>]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "of a few digits that are shown")]
    rate(values.iter().flatten().max().map(|most| *most as f64 / 1000.0))
}

/// The chart of calls as one line.
fn spark(look: &Look) -> String {
    let area = Rect::new(0, 0, PLAIN_CHART, 1);
    let mut buffer = Buffer::empty(area);
    let chart = look.points("").map(|points| points.chart(usize::from(PLAIN_CHART))).unwrap_or_default();
    Sparkline::default().data(chart.calls).absent_value_symbol(" ").render(area, &mut buffer);
    buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned()
}

/// Which view this is, and which of its rows are shown.
fn views(look: &Look, sheet: &Sheet, area: Rect, buffer: &mut Buffer) {
    let names = VIEWS.map(|view| format!("{} {}", view.place() + 1, view.name()));
    let long: usize = names.iter().map(|name| name.len() + 1).sum();
    let last = sheet.top + sheet.rows.len();
    let open = look.more_sessions().map(|open| format!(", {open} open")).unwrap_or_default();
    let rows = format!("{}–{last} of {}{open}", (sheet.top + 1).min(last), sheet.many);
    Tabs::new(names)
        .select(look.view.place())
        .padding("", "")
        .divider(" ")
        .highlight_style(TURNED)
        .render(area, buffer);
    let wide = columns(&rows);
    if long + usize::from(wide) < usize::from(area.width) {
        let [_, right] = Layout::horizontal([Constraint::Min(0), Constraint::Length(wide)]).areas(area);
        Line::styled(rows, DIM).render(right, buffer);
    }
}

fn rows(look: &Look, sheet: &Sheet, area: Rect, ink: Ink, buffer: &mut Buffer) {
    let cell = |text: &str, head: &Head| {
        let text = Text::raw(super::text::fit(text, usize::from(head.width)));
        if head.to_the_right { text.right_aligned() } else { text }
    };
    let row = |(cells, tone): &(Vec<String>, Tone)| {
        Row::new(cells.iter().zip(&sheet.heads).map(|(text, head)| cell(text, head))).style(ink.tone(*tone))
    };
    let heads = Row::new(sheet.heads.iter().map(|head| cell(&format!("{}{}", head.title, head.mark), head)))
        .style(DIM);
    let widths = sheet.heads.iter().map(|head| Constraint::Length(head.width));
    let table = Table::new(sheet.rows.iter().map(row), widths).header(heads).column_spacing(GAP);
    Widget::render(table, area, buffer);
    if sheet.many == 0 && look.problem.is_none() {
        let below = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
        Paragraph::new(look.view.empty(!look.filter().is_empty())).style(DIM).render(below, buffer);
    }
}

fn footer(look: &Look) -> String {
    let filter = plain(look.filter());
    if look.mode == Mode::Filter {
        return format!("filter: {filter}_  (Enter keeps it, Esc drops it)");
    }
    let only = if filter.is_empty() { String::new() } else { format!("only `{filter}`  ") };
    let sight = look.sight();
    let sort = look.view.titles().get(sight.sort).copied().unwrap_or_default();
    let order = if sight.reversed { ", reversed" } else { "" };
    format!("{only}? help  q quit  p pause  / filter  s sort: {sort}{order}  r reverse  Tab view")
}

fn help(area: Rect, buffer: &mut Buffer) {
    let wide = HELP.iter().map(|line| columns(line)).max().unwrap_or_default() + 4;
    let high = u16::try_from(HELP.len()).unwrap_or(u16::MAX) + 2;
    let area = area.centered(Constraint::Length(wide), Constraint::Length(high));
    Clear.render(area, buffer);
    let block = Block::bordered().title(" Keys ");
    Paragraph::new(HELP.map(|line| format!(" {line}")).map(Line::raw).to_vec())
        .block(block)
        .render(area, buffer);
}

fn columns(text: &str) -> u16 {
    u16::try_from(width(text)).unwrap_or(u16::MAX)
}
