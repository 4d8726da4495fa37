//! Frames as they are drawn, from answers as the admin API gives them.

use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ask::{History, More, Picture, Wanted};
use super::frame::{self, Ink};
use super::look::{Key, Look, Mode};
use super::views::VIEWS;

const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}x\r\n\u{7}";

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("as the API gives it")
}

fn histories() -> Vec<History> {
    let points = |many: u64| {
        let second = |calls: u64| (0..60).map(move |at| (calls + at) % 40);
        json!({
            "at": (0..60).map(|at| 1_795_920_500.3 + f64::from(at)).collect::<Vec<_>>(),
            "seconds": vec![1.0; 60],
            "calls": second(many).collect::<Vec<_>>(),
            "errors": second(many).map(|calls| u64::from(calls > 35)).collect::<Vec<_>>(),
            "successes": second(many).collect::<Vec<_>>(),
            "p50": vec![0.0021; 60], "p95": vec![0.16; 60], "p99": vec![1.25; 60],
            "sessions": vec![3; 60], "streams": vec![5; 60],
        })
    };
    let of = |name: &str, many: u64| json!({ "name": name, "points": points(many) });
    read(json!([of("", 7), of("files", 3), of("search", 4)]))
}

fn tool(name: &str, calls: u64, error_share: f64) -> Value {
    json!({
        "server": "files", "tool_name": name, "calls": calls, "error_share": error_share, "rate_per_second": 1.5,
        "p50": 0.002, "p95": 0.16, "p99": 1.5, "oldest_inflight_seconds": 0.0,
        "outcomes": { "ok": calls - 1, "tool_error": 1 },
    })
}

fn tools() -> More {
    More::Tools(read(json!([
        tool("read_file", 40, 0.0),
        tool("write_file", 9, 0.111),
        tool("list", 1200, 0.01)
    ])))
}

fn call(number: u64, tool: &str, status: &str) -> Value {
    json!({
        "timestamp": format!("2026-11-20T19:02:{number:02}.123Z"), "number": number, "server": "files",
        "method": "tools/call", "tool_name": tool, "status": status, "outcome": if status == "error" { "tool_error" } else { "ok" },
        "duration_ms": 12.5, "client_name": "cursor-vscode", "session_id": "c780922335921a06c151e80a516d500b",
        "error_message": if status == "error" { "no such file" } else { "" },
    })
}

fn calls() -> More {
    let list = json!({ "number": 6, "timestamp": "2026-11-20T19:02:06.001Z", "method": "tools/list", "status": "cancelled" });
    More::Calls(read(json!([call(7, "read_file", "error"), list, call(5, "write_file", "success")])))
}

fn sessions() -> More {
    let session = |id: &str, age: f64| {
        json!({
            "session_id": id, "server": "files", "client_name": "cursor-vscode", "client_version": "3.2.0",
            "protocol_version": "2025-06-18", "user_tier": null, "age_seconds": age, "tool_calls": 12,
            "recent": [{ "method": "tools/list", "status": "success" }, { "tool_name": "list", "status": "error" }],
        })
    };
    More::Sessions(read(json!([session("c780922335921a06", 12.0), session("0f0f0f0f35921a06", 700.0)])), 2)
}

/// Everything is known, and the tools are looked at.
fn look() -> Look {
    let mut look = Look::new("http://127.0.0.1:9464");
    for more in [calls(), sessions(), tools()] {
        look.take(Ok(picture(more)));
    }
    look
}

fn picture(more: More) -> Picture {
    let servers = read(json!([
        {
            "name": "files", "health": "healthy", "reason": "", "since": 1_795_920_000.0,
            "availability": { "1h": 1.0, "24h": 0.999 }, "last_probe": { "duration_seconds": 0.012 },
        },
        { "name": "search", "health": "down", "reason": "connection refused", "since": 1_795_920_540.0, "last_probe": null },
    ]));
    Picture { servers, histories: histories(), more }
}

fn drawn(look: &mut Look, (width, height): (u16, u16), color: bool) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| frame::draw(frame, look, Ink { color })).expect("a frame");
    terminal.backend().clone()
}

fn press(look: &mut Look, keys: &str) {
    for letter in keys.chars() {
        assert!(
            !look.press(if letter == '\n' { Key::Enter } else { Key::Letter(letter) }),
            "{letter} leaves"
        );
    }
}

/// The first column of what is shown.
fn named(look: &mut Look) -> Vec<String> {
    let sheet = look.sheet(120, 40);
    sheet.rows.into_iter().filter_map(|(cells, _)| cells.into_iter().next()).collect()
}

#[test]
fn the_tools_and_all_that_is_known_of_them() {
    assert_snapshot!(drawn(&mut look(), (120, 30), true), @r#"
    "sightglass top  http://127.0.0.1:9464  1 of 2 servers well                                                              "
    "1 Tools 2 Calls 3 Sessions 4 Servers                                                                            1–3 of 3"
    "calls/s 21.50  errors 0.0%  median 2.10ms  95 % 160ms  99 % 1.2s  sessions 3  streams 5                                 "
    "calls/s to 36.00                                                                                          ▂▄▆█▁        ▁"
    "                                                                                                      ▂▄▆██████    ▁▃▅▇█"
    "                                                                                                   ▄▆██████████▁▃▅▇█████"
    "errors/s to 0.67                                                                                             ██         "
    "                                                                                                             ██         "
    "                                                                                                                        "
    "TOOL                    SERVER          CALLS CALLS/S▼  ERRORS   MEDIAN     95 %     99 %  OLDEST OUTCOMES              "
    "list                    files            1200     1.50    1.0%   2.00ms    160ms     1.5s       - ok 1199, tool_error 1 "
    "read_file               files              40     1.50    0.0%   2.00ms    160ms     1.5s       - ok 39, tool_error 1   "
    "write_file              files               9     1.50   11.1%   2.00ms    160ms     1.5s       - ok 8, tool_error 1    "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "? help  q quit  p pause  / filter  s sort: CALLS/S  r reverse  Tab view                                                 "
    "#);
}

#[test]
fn the_other_views() {
    let mut look = look();
    press(&mut look, "2");
    assert_snapshot!(drawn(&mut look, (120, 12), true), @r#"
    "sightglass top  http://127.0.0.1:9464  1 of 2 servers well                                                              "
    "1 Tools 2 Calls 3 Sessions 4 Servers                                                                            1–3 of 3"
    "calls/s 21.50  errors 0.0%  median 2.10ms  95 % 160ms  99 % 1.2s  sessions 3  streams 5                                 "
    "calls/s to 36.00                                                                                   ▁▂▂▃▄▄▅▆▆▇█▅ ▁▁▂▃▃▄▅▅"
    "  ENDED UTC▼ SERVER       WHAT                OUTCOME             TOOK CLIENT         SESSION      WHAT WAS SAID        "
    "19:02:07.123 files        read_file           tool_error       12.50ms cursor-vscode  c7809223359… no such file         "
    "19:02:06.001              tools/list                                 -                                                  "
    "19:02:05.123 files        write_file          ok               12.50ms cursor-vscode  c7809223359…                      "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "? help  q quit  p pause  / filter  s sort: ENDED UTC  r reverse  Tab view                                               "
    "#);
    press(&mut look, "3");
    assert_snapshot!(drawn(&mut look, (120, 12), true), @r#"
    "sightglass top  http://127.0.0.1:9464  1 of 2 servers well                                                              "
    "1 Tools 2 Calls 3 Sessions 4 Servers                                                                            1–2 of 2"
    "calls/s 21.50  errors 0.0%  median 2.10ms  95 % 160ms  99 % 1.2s  sessions 3  streams 5                                 "
    "calls/s to 36.00                                                                                   ▁▂▂▃▄▄▅▆▆▇█▅ ▁▁▂▃▃▄▅▅"
    "SESSION                    SERVER       CLIENT               PROTOCOL   TIER        AGE▼  CALLS  FAILED LAST CALL       "
    "0f0f0f0f35921a06           files        cursor-vscode 3.2.0  2025-06-18 -          12min     12       1 list            "
    "c780922335921a06           files        cursor-vscode 3.2.0  2025-06-18 -          12.0s     12       1 list            "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "? help  q quit  p pause  / filter  s sort: AGE  r reverse  Tab view                                                     "
    "#);
    press(&mut look, "4");
    assert_snapshot!(drawn(&mut look, (120, 12), true), @r#"
    "sightglass top  http://127.0.0.1:9464  1 of 2 servers well                                                              "
    "1 Tools 2 Calls 3 Sessions 4 Servers                                                                            1–2 of 2"
    "calls/s 21.50  errors 0.0%  median 2.10ms  95 % 160ms  99 % 1.2s  sessions 3  streams 5                                 "
    "calls/s to 36.00                                                                                   ▁▂▂▃▄▄▅▆▆▇█▅ ▁▁▂▃▃▄▅▅"
    "SERVER▲          HEALTH        FOR  CALLS/S  ERRORS   MEDIAN     95 %     99 %  SESSIONS  STREAMS    24 H WHY           "
    "files            healthy      9min    17.50    0.0%   2.10ms    160ms     1.2s         3        5   99.9%               "
    "search           down        19.3s    18.50    0.0%   2.10ms    160ms     1.2s         3        5       - connection re…"
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "                                                                                                                        "
    "? help  q quit  p pause  / filter  s sort: SERVER  r reverse  Tab view                                                  "
    "#);
}

#[test]
fn in_a_narrow_and_short_terminal_less_is_shown() {
    let mut look = look();
    press(&mut look, "1");
    assert_snapshot!(drawn(&mut look, (40, 8), true), @r#"
    "sightglass top  http://127.0.0.1:9464  1"
    "1 Tools 2 Calls 3 Sessions 4 Servers    "
    "calls/s 21.50  errors 0.0%  median 2.10m"
    "TOOL           CALLS/S▼  ERRORS   MEDIAN"
    "list               1.50    1.0%   2.00ms"
    "read_file          1.50    0.0%   2.00ms"
    "write_file         1.50   11.1%   2.00ms"
    "? help  q quit  p pause  / filter  s sor"
    "#);
    press(&mut look, "4");
    assert_snapshot!(drawn(&mut look, (60, 14), true), @r#"
    "sightglass top  http://127.0.0.1:9464  1 of 2 servers well  "
    "1 Tools 2 Calls 3 Sessions 4 Servers                1–2 of 2"
    "calls/s 21.50  errors 0.0%  median 2.10ms  95 % 160ms  99 % "
    "calls/s to 30.50                                    ▂▃▅█▆▁▃▅"
    "errors/s to 0.50                                        █   "
    "SERVER▲           HEALTH     CALLS/S  ERRORS WHY            "
    "files             healthy      17.50    0.0%                "
    "search            down         18.50    0.0% connection ref…"
    "                                                            "
    "                                                            "
    "                                                            "
    "                                                            "
    "                                                            "
    "? help  q quit  p pause  / filter  s sort: SERVER  r reverse"
    "#);
}

#[test]
fn the_keys_are_told() {
    let mut look = look();
    press(&mut look, "?");
    assert_snapshot!(drawn(&mut look, (80, 24), true), @r#"
    "sightglass top  http://127.0.0.1:9464  1 of 2 servers well                      "
    "1 Tools 2 Calls 3 Sessions 4 Servers                                    1–3 of 3"
    "calls/s 21.50  errors 0.0%  median 2.10ms  95 % 160ms  99 % 1.2s  sessions 3  st"
    "calls/s to 34.00                                                    ▂▃▄▅▆█▅ ▂▃▄▅"
    "errors/s to ┌ Keys ────────────────────────────────────────────────┐     ▂█     "
    "            │ 1 2 3 4, Tab    tools, calls, sessions, servers      │            "
    "TOOL        │ Up Down, j k    scroll a row                         │5 %     99 %"
    "list        │ PgUp PgDn       scroll a page                        │0ms     1.5s"
    "read_file   │ Home End, g G   to the first, to the last row        │0ms     1.5s"
    "write_file  │ s, Right        sort by the next column              │0ms     1.5s"
    "            │ S, Left         sort by the one before               │            "
    "            │ r               reverse the order                    │            "
    "            │ /               filter; Enter keeps it, Esc drops it │            "
    "            │ p, Space        pause, and go on                     │            "
    "            │ ?, h            this help; any key closes it         │            "
    "            │ q, Esc, Ctrl-C  leave                                │            "
    "            │                                                      │            "
    "            │ The charts show calls and errors a second over the   │            "
    "            │ last five minutes, each up to the number beside it.  │            "
    "            └──────────────────────────────────────────────────────┘            "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "? help  q quit  p pause  / filter  s sort: CALLS/S  r reverse  Tab view         "
    "#);
    assert!(!look.press(Key::Escape) && look.mode == Mode::Commands);
}

#[test]
fn no_size_is_too_small_and_nothing_of_the_traffic_acts() {
    let mut look = Look::new(HOSTILE);
    look.take(Ok(Picture {
        servers: read(json!([{ "name": HOSTILE, "health": HOSTILE, "reason": HOSTILE }])),
        ..Picture::default()
    }));
    let session =
        json!([{ "session_id": HOSTILE, "client_name": HOSTILE, "recent": [{ "tool_name": HOSTILE }] }]);
    for more in [
        More::Tools(read(json!([tool(HOSTILE, 2, 0.5), tool("日本語のツール", 1, 0.0)]))),
        More::Calls(read(json!([call(1, HOSTILE, HOSTILE)]))),
        More::Sessions(read(session), 2),
    ] {
        look.take(Ok(Picture { more, ..picture(More::Nothing) }));
    }
    look.take(Err(HOSTILE.to_owned()));
    press(&mut look, "/");
    for letter in ['\u{202e}', 'x'] {
        look.press(Key::Letter(letter));
    }
    let acts =
        |symbol: &str| symbol.contains(|character: char| character.is_control() || character == '\u{202e}');
    for view in VIEWS {
        look.press(Key::Escape);
        look.press(Key::Letter(char::from_digit(1 + u32::try_from(view.place()).unwrap(), 10).unwrap()));
        for size in [(0, 0), (1, 1), (3, 40), (19, 5), (40, 8), (80, 24), (300, 90)] {
            let told = drawn(&mut look, size, true);
            assert!(told.buffer().content().iter().all(|cell| !acts(cell.symbol())), "{told}");
        }
    }
    let lines = frame::lines(&mut look, 120);
    assert!(lines.iter().all(|line| !acts(line)), "{lines:?}");
}

#[test]
fn tools_are_sorted_filtered_and_scrolled_by_keys() {
    let mut look = look();
    assert_eq!(named(&mut look), ["list", "read_file", "write_file"], "all as busy: by name");
    press(&mut look, "S");
    assert_eq!(named(&mut look), ["list", "read_file", "write_file"], "by calls");
    press(&mut look, "r");
    assert_eq!(named(&mut look), ["write_file", "read_file", "list"]);
    press(&mut look, "ss");
    assert_eq!(named(&mut look), ["write_file", "list", "read_file"], "by errors");
    press(&mut look, "/WRITE\n");
    assert_eq!(named(&mut look), ["write_file"]);
    press(&mut look, "2");
    assert_eq!(named(&mut look).len(), 3, "each view has its own filter");
    press(&mut look, "1");
    assert!(!look.press(Key::Escape), "the filter goes first");
    look.press(Key::End);
    assert_eq!(look.sheet(120, 2).top, 1);
    look.press(Key::Down);
    assert_eq!(look.sheet(120, 2).top, 1);
    look.press(Key::Up);
    assert_eq!(look.sheet(120, 2).top, 0, "it was scrolled no further than there are rows");
    look.press(Key::PageDown);
    assert_eq!(look.sheet(120, 2).top, 1);
    assert!(look.press(Key::Escape));
    assert!(look.press(Key::Quit));
}

#[test]
fn tab_goes_round_the_views() {
    let mut look = look();
    let mut seen = vec![look.view];
    for _ in 0..3 {
        look.press(Key::Tab);
        seen.push(look.view);
    }
    assert_eq!(seen, VIEWS);
    look.press(Key::Tab);
    assert_eq!(look.view, VIEWS[0]);
    look.press(Key::BackTab);
    assert_eq!(look.view, VIEWS[3]);
}

#[test]
fn a_paused_look_stays_as_it_is_until_something_else_is_looked_at() {
    let gone = || Err("it is gone".to_owned());
    let mut look = look();
    press(&mut look, "21");
    look.hear(&Wanted::Tools, Ok(picture(tools())));
    press(&mut look, "p");
    let still = drawn(&mut look, (100, 30), true);
    assert!(still.to_string().contains("PAUSED"));
    look.hear(&Wanted::Tools, gone());
    assert_eq!(drawn(&mut look, (100, 30), true), still);
    press(&mut look, "3");
    look.hear(&Wanted::Tools, gone());
    assert!(look.is_current(), "that was asked for before");
    look.hear(&Wanted::Sessions, gone());
    assert!(!look.is_current());
    look.hear(&Wanted::Sessions, Ok(picture(sessions())));
    assert!(!look.is_current(), "once is enough");
    press(&mut look, "1p");
    look.hear(&Wanted::Tools, gone());
    let shown = drawn(&mut look, (100, 30), true).to_string();
    assert!(shown.contains("it is gone") && shown.contains("read_file"), "what was known stays: {shown}");
}

#[test]
fn what_is_bad_is_red_and_without_colors_bold() {
    let styles = |color: bool| {
        let told = drawn(&mut look(), (120, 30), color);
        let cells = told.buffer().content().iter();
        let bad: Vec<_> =
            cells.clone().filter(|cell| cell.fg == Color::Red).map(|cell| cell.modifier).collect();
        let colored = cells.filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count();
        let bold =
            told.buffer().content().iter().filter(|cell| cell.modifier.contains(Modifier::BOLD)).count();
        (bad.len(), colored, bold)
    };
    let (bad, colored, bold) = styles(true);
    assert!(bad > 0 && colored == bad && bold >= bad);
    assert_eq!(styles(false), (0, 0, bold));
}

#[test]
fn without_a_terminal_it_is_lines() {
    assert_snapshot!(frame::lines(&mut look(), 120).join("\n"), @r#"
    sightglass top  http://127.0.0.1:9464  1 of 2 servers well
    calls/s 21.50  errors 0.0%  median 2.10ms  95 % 160ms  99 % 1.2s  sessions 3  streams 5
                                                    ▂▃▄▅▆█▅ ▂▃▄▅
    SERVER           HEALTH        FOR  CALLS/S  ERRORS   MEDIAN     95 %     99 %  SESSIONS  STREAMS    24 H WHY
    files            healthy      9min    17.50    0.0%   2.10ms    160ms     1.2s         3        5   99.9%
    search           down        19.3s    18.50    0.0%   2.10ms    160ms     1.2s         3        5       - connection re…

    TOOL                    SERVER          CALLS  CALLS/S  ERRORS   MEDIAN     95 %     99 %  OLDEST OUTCOMES
    list                    files            1200     1.50    1.0%   2.00ms    160ms     1.5s       - ok 1199, tool_error 1
    read_file               files              40     1.50    0.0%   2.00ms    160ms     1.5s       - ok 39, tool_error 1
    write_file              files               9     1.50   11.1%   2.00ms    160ms     1.5s       - ok 8, tool_error 1
    "#);
    let mut look = Look::new("http://127.0.0.1:9464");
    look.take(Ok(picture(More::Nothing)));
    assert_eq!(frame::lines(&mut look, 120).last().map(String::as_str), Some("no tool was called yet"));
}
