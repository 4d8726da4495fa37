//! The views and the columns of their tables.

use super::ask::{Call, Server, Session, Tool};
use super::history::Figures;
use super::table::{Column, Kind, Order, Sight, Tone};
use super::text::{clock, none, rate, share, time};

/// From this share of errors on a tool is shown as bad.
const ERRORS_BAD: f64 = 0.05;

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Tools,
    Calls,
    Sessions,
    Servers,
}

/// In the order of their numbers.
pub(super) const VIEWS: [View; 4] = [View::Tools, View::Calls, View::Sessions, View::Servers];

/// A server and what its history says.
pub(super) struct Watched {
    pub(super) server: Server,
    pub(super) figures: Figures,
    /// How long it has been as it is.
    pub(super) since: Option<f64>,
}

impl View {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tools => "Tools",
            Self::Calls => "Calls",
            Self::Sessions => "Sessions",
            Self::Servers => "Servers",
        }
    }

    /// Where it stands in [`VIEWS`].
    pub(super) fn place(self) -> usize {
        VIEWS.iter().position(|view| *view == self).unwrap_or_default()
    }

    /// How it is looked at first: the busiest tool, the newest call, the oldest session, the first server.
    pub(super) fn sight(self) -> Sight {
        let sort = match self {
            Self::Tools => title(TOOLS.columns, "CALLS/S"),
            Self::Sessions => title(SESSIONS.columns, "AGE"),
            Self::Calls | Self::Servers => 0,
        };
        Sight { sort, ..Sight::default() }
    }

    /// The titles of its columns.
    pub(super) fn titles(self) -> Vec<&'static str> {
        fn of<T>(kind: &Kind<T>) -> Vec<&'static str> {
            kind.columns.iter().map(|column| column.title).collect()
        }
        match self {
            Self::Tools => of(&TOOLS),
            Self::Calls => of(&CALLS),
            Self::Sessions => of(&SESSIONS),
            Self::Servers => of(&SERVERS),
        }
    }

    /// What is said where it has no rows.
    pub(super) fn empty(self, is_filtered: bool) -> &'static str {
        match self {
            Self::Tools if is_filtered => "no tool is called so",
            Self::Tools => "no tool was called yet",
            Self::Calls if is_filtered => "no call says so",
            Self::Calls => "no call has ended since somebody looks",
            Self::Sessions if is_filtered => "no session says so",
            Self::Sessions => "no session is open",
            Self::Servers if is_filtered => "no server says so",
            Self::Servers => "no server is known",
        }
    }
}

/// Health that is nothing to look at.
pub(super) fn is_well(health: &str) -> bool {
    matches!(health, "healthy" | "unknown")
}

fn title<T>(columns: &[Column<T>], title: &str) -> usize {
    columns.iter().position(|column| column.title == title).unwrap_or_default()
}

fn says(texts: &[&str], wanted: &str) -> bool {
    texts.iter().any(|text| text.to_lowercase().contains(wanted))
}

const fn text<T>(
    title: &'static str,
    width: u16,
    rank: u8,
    of: fn(&T) -> &str,
    shown: fn(&T) -> String,
) -> Column<T> {
    Column { title, width, grows: false, rank, text: shown, order: Order::Text(of) }
}

const fn number<T>(
    title: &'static str,
    width: u16,
    rank: u8,
    of: fn(&T) -> Option<f64>,
    shown: fn(&T) -> String,
) -> Column<T> {
    Column { title, width, grows: false, rank, text: shown, order: Order::Number(of) }
}

const fn growing<T>(column: Column<T>) -> Column<T> {
    Column {
        grows: true,
        title: column.title,
        width: column.width,
        rank: column.rank,
        text: column.text,
        order: column.order,
    }
}

#[expect(clippy::cast_precision_loss, reason = "an order")]
fn count(many: u64) -> f64 {
    many as f64
}

pub(super) const TOOLS: Kind<Tool> = Kind {
    columns: &[
        growing(text("TOOL", 14, 0, |tool| &tool.name, |tool| tool.name.clone())),
        text("SERVER", 12, 6, |tool| &tool.server, |tool| tool.server.clone()),
        number("CALLS", 8, 5, |tool| Some(count(tool.calls)), |tool| tool.calls.to_string()),
        number("CALLS/S", 8, 1, |tool| tool.rate_per_second, |tool| rate(tool.rate_per_second)),
        number("ERRORS", 7, 2, |tool| tool.error_share, |tool| share(tool.error_share)),
        number("MEDIAN", 8, 3, |tool| tool.p50, |tool| time(tool.p50)),
        number("95 %", 8, 7, |tool| tool.p95, |tool| time(tool.p95)),
        number("99 %", 8, 4, |tool| tool.p99, |tool| time(tool.p99)),
        number("OLDEST", 7, 8, Tool::oldest, |tool| time(tool.oldest())),
        growing(text("OUTCOMES", 12, 9, |tool| tool.usual(), Tool::ways)),
    ],
    says: |tool, wanted| says(&[&tool.name, &tool.server], wanted),
    tone: |tool| if tool.error_share >= Some(ERRORS_BAD) { Tone::Bad } else { Tone::Usual },
};

impl Tool {
    /// For how long the oldest call has been open.
    fn oldest(&self) -> Option<f64> {
        self.oldest_inflight_seconds.filter(|oldest| *oldest > 0.0)
    }

    /// How most of its calls end.
    fn usual(&self) -> &str {
        let most = self.outcomes.iter().max_by_key(|(_, many)| **many);
        most.map_or("", |(outcome, _)| outcome)
    }

    /// How its calls end, the usual way first.
    fn ways(&self) -> String {
        let mut ways: Vec<_> = self.outcomes.iter().filter(|(_, many)| **many > 0).collect();
        ways.sort_by_key(|(_, many)| std::cmp::Reverse(**many));
        let ways: Vec<String> = ways.iter().map(|(outcome, many)| format!("{outcome} {many}")).collect();
        ways.join(", ")
    }
}

pub(super) const CALLS: Kind<Call> = Kind {
    columns: &[
        number(
            "ENDED UTC",
            12,
            1,
            |call| call.number("number"),
            |call| clock(call.text("timestamp")).to_owned(),
        ),
        text("SERVER", 12, 5, |call| call.text("server"), |call| call.text("server").to_owned()),
        growing(text("WHAT", 14, 0, Call::target, |call| call.target().to_owned())),
        text("OUTCOME", 15, 3, |call| call.text("outcome"), |call| call.text("outcome").to_owned()),
        number("TOOK", 8, 2, |call| call.number("duration_ms"), |call| time(call.seconds())),
        text("CLIENT", 14, 6, |call| call.text("client_name"), |call| call.text("client_name").to_owned()),
        text("SESSION", 12, 7, |call| call.text("session_id"), |call| call.text("session_id").to_owned()),
        growing(text(
            "WHAT WAS SAID",
            16,
            8,
            |call| call.text("error_message"),
            |call| call.text("error_message").to_owned(),
        )),
    ],
    says: |call, wanted| call.texts().any(|text| text.to_lowercase().contains(wanted)),
    tone: |call| match call.text("status") {
        "error" => Tone::Bad,
        "rejected" | "cancelled" => Tone::Warning,
        _ => Tone::Usual,
    },
};

impl Call {
    /// The tool, or what else was asked for.
    fn target(&self) -> &str {
        let tool = self.text("tool_name");
        if tool.is_empty() { self.text("method") } else { tool }
    }

    fn seconds(&self) -> Option<f64> {
        self.number("duration_ms").map(|milliseconds| milliseconds / 1000.0)
    }
}

pub(super) const SESSIONS: Kind<Session> = Kind {
    columns: &[
        growing(text("SESSION", 12, 0, |session| &session.id, |session| session.id.clone())),
        text(
            "SERVER",
            12,
            5,
            |session| said(session.server.as_ref()),
            |session| said(session.server.as_ref()).to_owned(),
        ),
        text("CLIENT", 20, 2, |session| said(session.client_name.as_ref()), Session::client),
        text(
            "PROTOCOL",
            10,
            6,
            |session| said(session.protocol_version.as_ref()),
            |session| said(session.protocol_version.as_ref()).to_owned(),
        ),
        text(
            "TIER",
            8,
            7,
            |session| said(session.user_tier.as_ref()),
            |session| said(session.user_tier.as_ref()).to_owned(),
        ),
        number("AGE", 7, 1, |session| Some(session.age_seconds), |session| time(Some(session.age_seconds))),
        number(
            "CALLS",
            6,
            3,
            |session| Some(count(session.tool_calls)),
            |session| session.tool_calls.to_string(),
        ),
        number(
            "FAILED",
            7,
            4,
            |session| Some(count(session.failed())),
            |session| session.failed().to_string(),
        ),
        text("LAST CALL", 16, 8, Session::last, |session| session.last().to_owned()),
    ],
    says: |session, wanted| {
        let said =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.to_lowercase().contains(wanted));
        says(&[&session.id, session.last()], wanted)
            || said(&session.server)
            || said(&session.client_name)
            || said(&session.protocol_version)
            || said(&session.user_tier)
    },
    tone: |_| Tone::Usual,
};

fn said(text: Option<&String>) -> &str {
    text.map_or("-", String::as_str)
}

impl Session {
    fn client(&self) -> String {
        let words = [&self.client_name, &self.client_version].into_iter().flatten();
        let words: Vec<&str> = words.map(String::as_str).collect();
        if words.is_empty() { none() } else { words.join(" ") }
    }

    /// How many of its last calls failed.
    fn failed(&self) -> u64 {
        self.recent.iter().filter(|call| call.status == "error").count() as u64
    }

    fn last(&self) -> &str {
        self.recent.last().map_or("-", |call| call.tool_name.as_ref().unwrap_or(&call.method))
    }
}

pub(super) const SERVERS: Kind<Watched> = Kind {
    columns: &[
        growing(text("SERVER", 14, 0, |watched| &watched.server.name, |watched| watched.server.name.clone())),
        text("HEALTH", 9, 1, |watched| &watched.server.health, |watched| watched.server.health.clone()),
        number("FOR", 7, 8, |watched| watched.since, |watched| time(watched.since)),
        number("CALLS/S", 8, 2, |watched| watched.figures.calls, |watched| rate(watched.figures.calls)),
        number("ERRORS", 7, 3, |watched| watched.figures.errors, |watched| share(watched.figures.errors)),
        number(
            "MEDIAN",
            8,
            6,
            |watched| watched.figures.quantiles[0],
            |watched| time(watched.figures.quantiles[0]),
        ),
        number(
            "95 %",
            8,
            9,
            |watched| watched.figures.quantiles[1],
            |watched| time(watched.figures.quantiles[1]),
        ),
        number(
            "99 %",
            8,
            7,
            |watched| watched.figures.quantiles[2],
            |watched| time(watched.figures.quantiles[2]),
        ),
        number(
            "SESSIONS",
            9,
            10,
            |watched| Some(count(watched.figures.sessions)),
            |watched| watched.figures.sessions.to_string(),
        ),
        number(
            "STREAMS",
            8,
            12,
            |watched| Some(count(watched.figures.streams)),
            |watched| watched.figures.streams.to_string(),
        ),
        number(
            "24 H",
            7,
            11,
            |watched| watched.server.availability.day,
            |watched| share(watched.server.availability.day),
        ),
        number("PROBE", 8, 13, Watched::probe, |watched| time(watched.probe())),
        growing(text(
            "WHY",
            12,
            5,
            |watched| &watched.server.reason,
            |watched| watched.server.reason.clone(),
        )),
    ],
    says: |watched, wanted| {
        says(&[&watched.server.name, &watched.server.health, &watched.server.reason], wanted)
    },
    tone: |watched| match watched.server.health.as_str() {
        health if is_well(health) => Tone::Usual,
        "degraded" => Tone::Warning,
        _ => Tone::Bad,
    },
};

impl Watched {
    /// How long its last probe took.
    fn probe(&self) -> Option<f64> {
        self.server.last_probe.as_ref().and_then(|probe| probe.duration_seconds)
    }
}
