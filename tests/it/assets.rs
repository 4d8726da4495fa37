//! Promise: what `sightglass assets` writes is what the stack and the chart hold; every alert has a runbook; what servers promise is in
//! the rules. What Prometheus, Alertmanager and Grafana's own types make of it is told by `tests/interop`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;
use sightglass::cli::assets::{self, Settings, Thresholds};
use sightglass::config::{self, Config};

use crate::config::Folder;

/// Who has copies of what is written by default.
const COPIES: [&str; 2] = ["docker", "deploy/helm/sightglass/files"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn by_default() -> Vec<(String, String)> {
    assets::files(&Settings::new(&Config::default()))
}

fn file(path: &str) -> String {
    let written = by_default().into_iter().find(|(name, _)| name == path);
    written.unwrap_or_else(|| panic!("{path} is not written")).1
}

/// With `UPDATE_DOCS=1` the copies are written.
#[test]
fn the_stack_and_the_chart_hold_what_is_written_by_default() {
    for copy in COPIES {
        for (path, content) in by_default() {
            let copied = root().join(copy).join(&path);
            if std::env::var_os("UPDATE_DOCS").is_some() {
                std::fs::create_dir_all(copied.parent().unwrap()).unwrap();
                std::fs::write(&copied, &content).unwrap();
            }
            let held = std::fs::read_to_string(&copied).unwrap_or_default();
            assert!(held == content, "{} says something else: UPDATE_DOCS=1", copied.display());
        }
    }
}

#[test]
fn no_copy_is_left_of_what_is_no_longer_written() {
    let written: BTreeSet<PathBuf> = by_default().into_iter().map(|(path, _)| path.into()).collect();
    for copy in COPIES {
        for folder in ["prometheus/rules", "grafana/dashboards", "loki/rules"] {
            for entry in std::fs::read_dir(root().join(copy).join(folder)).unwrap() {
                let path = Path::new(folder).join(entry.unwrap().file_name());
                assert!(written.contains(&path), "{copy}/{} is written by nobody", path.display());
            }
        }
    }
}

/// The alerts of a file of rules.
fn alerts(rules: &str) -> BTreeSet<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let (metrics, logs) = (file("prometheus/rules/alerts.yaml"), file("loki/rules/sightglass.yaml"));
    let alerts: BTreeSet<&str> = alerts(&metrics).union(&alerts(&logs)).copied().collect();
    let pages = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
    let pages = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    let runbooks: BTreeSet<String> =
        pages.filter_map(|page| page.strip_suffix(".md").map(str::to_owned)).collect();
    let expected: BTreeSet<String> = alerts.iter().copied().chain(["README"]).map(str::to_owned).collect();
    assert_eq!(runbooks, expected);
    let index = std::fs::read_to_string(root().join("docs/runbooks/README.md")).unwrap();
    for alert in alerts {
        let page = std::fs::read_to_string(root().join(format!("docs/runbooks/{alert}.md"))).unwrap();
        let parts = page.lines().filter(|line| line.starts_with('#')).collect::<Vec<_>>();
        assert_eq!(
            parts,
            [&*format!("# {alert}"), "## First queries", "## Usual causes", "## What to do"],
            "{alert}"
        );
        assert!(index.contains(&format!("[{alert}]({alert}.md)")), "the index does not lead to {alert}");
    }
}

#[test]
fn every_alert_says_how_bad_it_is_and_where_to_look() {
    let rules = file("prometheus/rules/alerts.yaml") + &file("loki/rules/sightglass.yaml");
    let boards: BTreeSet<String> =
        dashboards().into_values().map(|board| board["uid"].as_str().unwrap().to_owned()).collect();
    let mut count = 0;
    for alert in rules.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        let value = |key: &str| {
            let line = alert.lines().find_map(|line| line.trim().strip_prefix(&format!("{key}: ")));
            line.unwrap_or_else(|| panic!("{name} has no {key}")).trim_matches('\'')
        };
        assert!(["critical", "warning", "info"].contains(&value("severity")), "{name}");
        assert!(["P0", "P1", "P2", "P3"].contains(&value("priority")), "{name}");
        assert!(!value("component").is_empty() && !value("for").is_empty(), "{name}");
        assert!(value("summary").contains("{{ $value"), "{name}: the summary has no value");
        assert_eq!(value("runbook_url"), format!("http://localhost:8000/{name}.md"));
        let (_, board) = value("dashboard").split_once("/d/").unwrap();
        assert!(boards.contains(board.split('?').next().unwrap()), "{name}: there is no dashboard {board}");
        count += 1;
    }
    assert!(count >= 37, "only {count} alerts");
}

/// By their path.
fn dashboards() -> BTreeMap<String, Value> {
    let files = by_default().into_iter().filter(|(path, _)| path.starts_with("grafana/dashboards/"));
    files.map(|(path, json)| (path, serde_json::from_str(&json).unwrap())).collect()
}

#[test]
fn dashboards_agree_on_what_can_be_chosen_and_no_panel_hides_another() {
    let boards = dashboards();
    assert_eq!(boards.len(), 6);
    for (path, board) in &boards {
        assert_eq!((&board["schemaVersion"], &board["refresh"]), (&42.into(), &"30s".into()), "{path}");
        let names: Vec<&str> = list(&board["templating"]["list"]).map(|each| text(&each["name"])).collect();
        assert_eq!(names, ["prometheus", "loki", "tempo", "environment", "instance", "server", "tool"]);
        let notes: Vec<&str> = list(&board["annotations"]["list"]).map(|each| text(&each["name"])).collect();
        assert_eq!(notes, ["Deployments", "Reloads", "Incidents"]);
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in list(&board["panels"]) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{path}: an id twice");
            let side = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(side("x") + side("w") <= 24, "{path}: {} is too wide", panel["title"]);
            for x in side("x")..side("x") + side("w") {
                for y in side("y")..side("y") + side("h") {
                    assert!(taken.insert((x, y)), "{path}: {} hides another panel", panel["title"]);
                }
            }
        }
    }
    let uids: BTreeSet<&str> = boards.values().map(|board| text(&board["uid"])).collect();
    assert_eq!(uids.len(), 6);
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

const SERVERS: &str = r#"
[[server]]
name = "git.hub"
url = "http://127.0.0.1:3001/mcp"
path = "/a"
slo = { availability = 0.99, latency = "10s", latency_target = 0.9 }
[[server]]
name = "search"
url = "http://127.0.0.1:3002/mcp"
path = "/b"
"#;

#[test]
fn what_servers_promise_is_in_the_rules() {
    let config = config::parse(SERVERS, "config.toml", &|_| None).unwrap();
    let files = assets::files(&Settings::new(&config));
    let (_, recording) = files.iter().find(|(path, _)| path.ends_with("recording.yaml")).unwrap();
    let rule = |name: &str| {
        let (_, rule) = recording.split_once(&format!("- record: {name}\n")).unwrap();
        let lines = rule.split("      - record").next().unwrap().lines();
        lines.map(|line| line.strip_prefix("        ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(rule("mcp:slo_availability:objective"), @r#"
    expr: |-
      group by (server) (mcp_requests_total{server="git.hub"}) * 0.99
      or group by (server) (mcp_requests_total) * 0.999
    "#);
    assert_snapshot!(rule("mcp:slo_latency:objective"), @r#"
    expr: |-
      group by (server) (mcp_requests_total{server="git.hub"}) * 0.9
      or group by (server) (mcp_requests_total) * 0.99
    "#);
    assert_snapshot!(rule("mcp:slo_slow:ratio_rate5m"), @r#"
    expr: |-
      1 - (
        sum by (server) (rate(mcp_tool_duration_seconds_bucket{le=~"10(\\.0)?",status=~"success|error",server="git.hub"}[5m]))
        or sum by (server) (rate(mcp_tool_duration_seconds_bucket{le="2.5",status=~"success|error",server!~"git\\.hub"}[5m]))
      )
      / (sum by (server) (rate(mcp_tool_duration_seconds_count{status=~"success|error"}[5m])) > 0)
    "#);
}

#[test]
fn the_default_objective_is_counted_by_a_bucket_that_there_is() {
    let text = format!("{SERVERS}[metrics]\nlatency_buckets = [0.1, 1, 4, 10]\n");
    let config = config::parse(&text, "config.toml", &|_| None).unwrap();
    let files = assets::files(&Settings::new(&config));
    let (_, recording) = files.iter().find(|(path, _)| path.ends_with("recording.yaml")).unwrap();
    assert!(recording.contains(r#"{le=~"4(\\.0)?",status=~"success|error",server!~"git\\.hub"}"#));
    assert!(recording.contains("or group by (server) (mcp_requests_total) * 4\n"));
}

#[test]
fn thresholds_and_addresses_are_in_the_alerts() {
    let mut settings = Settings::new(&Config::default());
    settings.thresholds = Thresholds::read(&["tool_error_ratio=0.25".to_owned()]).unwrap();
    settings.runbooks = "https://example.com/runbooks".to_owned();
    settings.grafana = "https://grafana.example.com".to_owned();
    let files = assets::files(&settings);
    let (_, alerts) = files.iter().find(|(path, _)| path.ends_with("alerts.yaml")).unwrap();
    assert!(alerts.contains("mcp:tool_errors:ratio_rate5m > 0.25\n"));
    assert!(alerts.contains("runbook_url: 'https://example.com/runbooks/McpToolErrorRatioHigh.md'"));
    assert!(alerts.contains(
        "dashboard: 'https://grafana.example.com/d/sightglass-errors?var-server={{ $labels.server }}&var-tool={{ $labels.tool_name }}'"
    ));
}

/// What the program says, and how it ends.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sightglass"));
    let ended = command.args(arguments).env_clear().output().expect("the program runs");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
    (ended.status.code(), said)
}

#[test]
fn the_program_writes_them_and_says_what_is_no_threshold() {
    let folder = Folder::new("assets");
    let to = folder.0.join("monitoring").display().to_string();
    let (code, said) = run(&["assets", &to]);
    assert_eq!((code, said.lines().count()), (Some(0), by_default().len()), "{said}");
    for (path, content) in by_default() {
        assert_eq!(std::fs::read_to_string(Path::new(&to).join(path)).unwrap(), content);
    }
    let (code, said) = run(&["assets", &to, "--threshold", "tool_errors=1"]);
    assert!(code == Some(64) && said.contains("there is no threshold `tool_errors`"), "{code:?}: {said}");
    let (code, said) = run(&["assets", &to, "--config", "no-such-file.toml"]);
    assert!(code == Some(64) && said.contains("no-such-file.toml"), "{code:?}: {said}");
}

#[test]
fn the_configurations_of_the_stack_and_the_chart_load() {
    let stack = config::load(&root().join("docker/sightglass/config.toml"), &|_| None);
    assert_eq!(stack.unwrap_or_else(|error| panic!("{error}")).servers.len(), 1);
    let values = std::fs::read_to_string(root().join("deploy/helm/sightglass/values.yaml")).unwrap();
    let (_, block) = values.split_once("\nconfig: |\n").unwrap();
    let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("  "));
    let text: Vec<&str> = lines.map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    let chart = config::parse(&text.join("\n"), "values.yaml", &|_| None);
    assert_eq!(chart.unwrap_or_else(|error| panic!("{error}")).admin.listen.port(), 9464);
}
