//! What was found, in Markdown, and as a plot.

use std::fmt::Write as _;

use super::idle::{self, Idle};
use super::measure::Measured;
use super::plot::{Bar, Panel, rounded};
use super::samples::{Cell, Mode, Sample};
use super::scenario::SCENARIOS;
use super::statistics::Spread;
use super::targets::{DIRECT, NGINX};

const UNFAIR: &str = "\
- Clients, server and proxy share the cores: a proxy that uses less leaves more to the clients. Quote ratios, not figures a second.
- Loopback: no network, no loss, no latency but the machine's own, and large segments. No TLS. HTTP/1.1 only.
- Every target is configured as its documentation advises for a reverse proxy with kept connections and nothing else; none is tuned \
for this machine. They do not do the same: sightglass adds forwarding headers and `Via` by default, Envoy its own, nginx and HAProxy none.
- `nginx` runs with `proxy_buffering off`, as MCP servers need that do not send `X-Accel-Buffering: no`; that makes it slow for \
large bodies. `nginx-buffering` is what it can do for those.
- Only sightglass with everything on and agentgateway tell anything of a call.
- Processor time is read in ticks of 10 ms. Resident memory counts shared pages once for each process of a target.
- Events come from the server in writes of their own; a proxy that gathers some of them saves the clients work, and may carry more \
streams a second than the server alone does with them.
- Latency at a fixed rate counts from when a call was due, and holds the clients' own waking, as the direct row does.
";

/// Everything that a report tells.
pub(crate) struct Findings<'a> {
    pub(crate) machine: String,
    pub(crate) measured: &'a Measured,
    pub(crate) idle: &'a [Idle],
    /// The rows, in order.
    pub(crate) targets: Vec<&'static str>,
    pub(crate) left_out: Vec<String>,
    pub(crate) notes: Vec<String>,
    pub(crate) budgets: String,
    pub(crate) how: String,
}

impl Findings<'_> {
    pub(crate) fn markdown(&self) -> String {
        let mut page = format!("# sightglass compared\n\n{}\n\n{}\n", self.how, self.machine);
        for left_out in &self.left_out {
            let _ = writeln!(page, "- left out: {left_out}");
        }
        let _ = writeln!(page, "\nWhat this cannot measure fairly:\n\n{UNFAIR}");
        for cell in &self.measured.cells {
            self.cell(&mut page, *cell);
        }
        self.at_rest(&mut page);
        let _ = writeln!(
            page,
            "![the figures as bars](plot.svg)\n\nEvery round: [raw.csv](raw.csv), [idle.csv](idle.csv).\n"
        );
        for note in &self.notes {
            let _ = writeln!(page, "- {note}");
        }
        let _ = writeln!(page, "\n## Budgets\n\n{}", self.budgets);
        self.troubles(&mut page);
        page
    }

    fn cell(&self, page: &mut String, cell: Cell) {
        let about = SCENARIOS.iter().find(|scenario| scenario.name == cell.scenario);
        let about = about.map_or("", |scenario| scenario.about);
        let pacing = match cell.mode {
            Mode::Saturation => "saturation".to_owned(),
            Mode::Rate(per_second) => format!("{per_second} calls a second due"),
        };
        let _ = writeln!(page, "## {} at {}, {pacing}\n\n{about}\n", cell.scenario, cell.concurrency);
        let events = self
            .measured
            .samples
            .0
            .iter()
            .any(|sample| sample.scenario == cell.scenario && sample.first_event_p50_us.is_some());
        let (names, rule) = if events { (" first event p50 µs | added |", "---|---|") } else { ("", "") };
        let _ = writeln!(
            page,
            "| | calls/s (all rounds) | × direct | × nginx | p50 µs | added | p99 µs | added |{names} CPU s per 100k | MiB |\n\
             |---|---|---|---|---|---|---|---|{rule}---|---|"
        );
        for target in &self.targets {
            self.row(page, cell, target, events);
        }
        page.push('\n');
    }

    fn row(&self, page: &mut String, cell: Cell, target: &str, events: bool) {
        let samples = &self.measured.samples;
        let Some(calls) = samples.spread(cell, target, Sample::per_second) else { return };
        let median = |figure: fn(&Sample) -> f64| median_of(samples.spread(cell, target, figure));
        let times = |other| {
            let ratio = samples.compared(cell, (target, other), Sample::per_second, |this, that| this / that);
            ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{:.2}", ratio.median))
        };
        let added = |figure: fn(&Sample) -> f64| {
            median_of(samples.compared(cell, (target, DIRECT), figure, |this, that| this - that))
        };
        let first = |sample: &Sample| sample.first_event_p50_us.unwrap_or(f64::NAN);
        let _ = write!(
            page,
            "| {target} | {} | {} | {} | {} | {} | {} | {} |",
            with_range(calls),
            times(DIRECT),
            times(NGINX),
            median(|sample| sample.p50_us),
            added(|sample| sample.p50_us),
            median(|sample| sample.p99_us),
            added(|sample| sample.p99_us),
        );
        if events {
            let _ = write!(page, " {} | {} |", median(first), added(first));
        }
        let _ = writeln!(page, " {} | {} |", median(Sample::cpu_per_100k), median(resident_mib));
    }

    fn at_rest(&self, page: &mut String) {
        if self.idle.is_empty() {
            return;
        }
        let streams = self.idle.first().map_or(0, |idle| idle.streams);
        let _ = writeln!(
            page,
            "## At rest\n\nFresh processes, medians (all starts): from the start to the first answer, resident memory then, and what \
             each of {streams} idle event streams adds, each in a session of its own.\n\n\
             | | ready ms | MiB at rest | KiB per idle stream |\n|---|---|---|---|"
        );
        for target in &self.targets {
            let figures: [fn(&Idle) -> f64; 3] = [|idle| idle.ready_ms, Idle::rest_mib, Idle::kib_per_stream];
            let shown = figures.map(|figure| idle::spread(self.idle, target, figure).map(with_range));
            if let [Some(ready), Some(rest), Some(stream)] = shown {
                let _ = writeln!(page, "| {target} | {ready} | {rest} | {stream} |");
            }
        }
        page.push('\n');
    }

    fn troubles(&self, page: &mut String) {
        let troubles = &self.measured.troubles;
        if troubles.is_empty() {
            page.push_str("\nEvery answer was complete and as it should be.\n");
            return;
        }
        let _ = writeln!(
            page,
            "\n## FAILED: {} errors; the figures of these rows count for nothing\n",
            troubles.len()
        );
        for trouble in troubles.iter().take(20) {
            let (target, cell) = (trouble.target, trouble.cell);
            let _ = writeln!(page, "- {target}, {} at {}: {}", cell.scenario, cell.concurrency, trouble.text);
        }
    }

    pub(crate) fn panels(&self) -> Vec<Panel> {
        let samples = &self.measured.samples;
        let mut panels = Vec::new();
        for cell in self.measured.cells.iter().filter(|cell| cell.mode == Mode::Saturation) {
            let title = format!("{} at {}, calls a second", cell.scenario, cell.concurrency);
            panels.push(self.panel(title, |target| samples.spread(*cell, target, Sample::per_second)));
        }
        for cell in self.measured.cells.iter().filter(|cell| cell.concurrency == 1) {
            let title = format!("{} at 1, added p50, µs", cell.scenario);
            panels.push(self.panel(title, |target| {
                if target == DIRECT {
                    return None;
                }
                samples.compared(*cell, (target, DIRECT), |sample| sample.p50_us, |this, that| this - that)
            }));
        }
        let idle = |title: &str, figure: fn(&Idle) -> f64| {
            self.panel(title.to_owned(), |target| idle::spread(self.idle, target, figure))
        };
        panels.push(idle("resident at rest, MiB", Idle::rest_mib));
        panels.push(idle("resident for each idle event stream, KiB", Idle::kib_per_stream));
        panels.retain(|panel| !panel.bars.is_empty());
        panels
    }

    fn panel(&self, title: String, spread: impl Fn(&str) -> Option<Spread>) -> Panel {
        let bar = |label: &&'static str| Some(Bar { label, spread: spread(label)? });
        Panel { title, bars: self.targets.iter().filter_map(bar).collect() }
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^53")]
fn resident_mib(sample: &Sample) -> f64 {
    sample.resident_kib.map_or(f64::NAN, |kib| kib as f64 / 1024.0)
}

fn median_of(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| rounded(spread.median))
}

fn with_range(Spread { median, least, most }: Spread) -> String {
    format!("{} ({}–{})", rounded(median), rounded(least), rounded(most))
}
