//! Compares sightglass with other proxies, so that anyone can do it again: `benches/compare/run`. What is measured, how, and
//! what is not fair about it: `docs/performance.md`.
//!
//! ```text
//!   load, client ──▶ target (direct, nginx, HAProxy, Envoy, agentgateway, sightglass) ──▶ stub
//!   idle ─────────▶        │ /proc: processor time, memory
//!   samples ──▶ statistics ──▶ report, budgets, plot
//! ```

mod budgets;
mod client;
mod http;
mod idle;
mod load;
mod machine;
mod measure;
mod options;
mod plot;
mod process;
mod report;
mod samples;
mod scenario;
mod sink;
mod statistics;
mod stub;
mod targets;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use idle::Idle;
use measure::Measured;
use options::Plan;
use report::Findings;
use targets::{ALL, Definition, Ground, Target};

fn main() -> ExitCode {
    let done =
        if std::env::args().nth(1).as_deref() == Some(stub::COMMAND) { stub::serve() } else { compare() };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<()> {
    let begun = Instant::now();
    let definitions = targets::all();
    let plan = Plan::of_arguments(&definitions)?;
    prepare_this_process(&plan)?;
    fs::create_dir_all(&plan.out)?;
    let (upstream, collector) = (stub::Stub::start()?, sink::Sink::start()?);
    let folder = plan.out.join("run");
    let ground = Ground {
        folder,
        upstream: upstream.address,
        collector: collector.address,
        clients: plan.most_clients(),
    };
    let asked = definitions.iter().filter(|definition| plan.includes(definition.name));
    let (here, missing): (Vec<_>, Vec<_>) = asked.partition(|definition| definition.left_out().is_none());
    let left_out = missing.iter().filter_map(|row| Some(format!("`{}`: {}", row.name, row.left_out()?)));
    let mut left_out: Vec<String> = left_out.collect();
    let (here, broken) = tried(here, &ground);
    let failed = broken.len();
    left_out.extend(broken);
    for left_out in &left_out {
        eprintln!("left out: {left_out}");
    }
    let machine = machine::described(&here);

    let idle = idle_of_all(&plan, &here, &ground)?;
    let running: Vec<(&Definition, Target)> =
        here.iter().map(|row| Ok((*row, row.start(&ground)?))).collect::<Result<_>>()?;
    let measured = measure::matrix(&plan, &running);
    let mut notes = dropped(&running)?;
    notes.push(format!("the OTLP receiver was sent {}", collector.summary()));
    drop(running);

    let findings = Findings {
        machine,
        measured: &measured,
        idle: &idle,
        targets: here.iter().map(|row| row.name).collect(),
        left_out,
        notes,
        budgets: budgets::table(&measured.samples, &idle, targets::binary_bytes()?),
        how: how(&plan, begun),
    };
    write(&plan, &findings, &measured, &idle)?;
    let errors = measured.troubles.len() + failed;
    ensure!(errors == 0, "{errors} errors; see {}", plan.out.join("report.md").display());
    Ok(())
}

/// Those that start and answer; why the others do not. These are errors, but no reason to measure nothing.
fn tried<'a>(rows: Vec<&'a Definition>, ground: &Ground) -> (Vec<&'a Definition>, Vec<String>) {
    let (mut here, mut broken) = (Vec::new(), Vec::new());
    for row in rows {
        match row.start(ground) {
            Ok(_) => here.push(row),
            Err(error) => broken.push(format!("`{}`: ERROR: {error:#}", row.name)),
        }
    }
    (here, broken)
}

/// As many open files as are allowed, and timers that are not rounded: threads inherit both.
fn prepare_this_process(plan: &Plan) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let _ = fs::write("/proc/self/timerslack_ns", "1000");
    let needed = u64::try_from(2 * plan.most_clients() + 512)?;
    let enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
    ensure!(enough, "{needed} open files are needed (`ulimit -Hn` allows fewer): use a smaller --streams");
    Ok(())
}

fn idle_of_all(plan: &Plan, here: &[&Definition], ground: &Ground) -> Result<Vec<Idle>> {
    let mut all = Vec::new();
    if plan.streams == 0 {
        return Ok(all);
    }
    for round in 0..plan.rounds {
        eprintln!("starts and idle streams, round {}", round + 1);
        for definition in here {
            all.extend(idle::measure(definition, ground, round, plan.streams)?);
        }
    }
    Ok(all)
}

/// What sightglass dropped rather than wait: its cost would not be in the figures.
fn dropped(running: &measure::Running<'_>) -> Result<Vec<String>> {
    let Some((_, target)) = running.iter().find(|row| row.1.name == ALL) else { return Ok(Vec::new()) };
    let page = metrics_page(target.admin)?;
    let series = page.lines().filter(|line| line.starts_with("mcp_proxy_dropped_total{"));
    let dropped: f64 = series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
    Ok(vec![format!("{ALL} dropped {dropped} spans and log lines, whose cost is not in the figures")])
}

fn metrics_page(admin: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

fn how(plan: &Plan, begun: Instant) -> String {
    format!(
        "{} rounds of {:?}, interleaved: each round goes through all targets, beginning with another one each time. Figures are \
         medians over the rounds, ratios and differences are taken within a round first. {:.0} s in all.",
        plan.rounds,
        plan.measured,
        begun.elapsed().as_secs_f64()
    )
}

fn write(plan: &Plan, findings: &Findings<'_>, measured: &Measured, idle: &[Idle]) -> Result<()> {
    let page = findings.markdown();
    println!("{page}");
    let title = "sightglass compared: medians, whiskers from the least to the most of all rounds";
    fs::write(plan.out.join("report.md"), page)?;
    fs::write(plan.out.join("plot.svg"), plot::svg(title, &findings.panels()))?;
    fs::write(plan.out.join("raw.csv"), measured.samples.csv())?;
    fs::write(plan.out.join("idle.csv"), idle::csv(idle))?;
    eprintln!("written to {}", plan.out.display());
    Ok(())
}
