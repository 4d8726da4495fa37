//! How a server is asked how it is: what it resolves to, and the whole message of each mistake.

use std::time::Duration;

use insta::assert_snapshot;
use sightglass::config::{Probe, Server};

use super::mistakes::mistake;
use super::{Folder, SERVER, parse, sightglass, stderr, stdout};

fn server(text: &str) -> Server {
    let config = parse(&format!("{SERVER}{text}\n")).unwrap_or_else(|error| panic!("{error}"));
    config.servers.into_iter().next().expect("one server")
}

#[test]
fn a_probe_is_off_until_it_is_written_and_has_defaults() {
    assert_eq!(server("").probe, None);
    assert_eq!(server("probe = {}").probe, Some(Probe::default()));
    let second = Duration::from_secs(1);
    let expected = Probe { interval: second * 5, timeout: second * 5, ..Probe::default() };
    assert_eq!(
        server("probe = { interval = \"5s\" }").probe,
        Some(expected),
        "no longer than to the next one"
    );
    let arguments = "{ q = \"ping\", limits = [1, 2.5, true], deep = { x = 1 } }";
    let probe =
        server(&format!("probe = {{ call = \"search\", arguments = {arguments}, expect = \"pong\" }}")).probe;
    let probe = probe.expect("a probe");
    assert_eq!((probe.call.as_deref(), probe.expect.as_deref()), (Some("search"), Some("pong")));
    let json = serde_json::to_value(&probe.arguments).expect("JSON");
    assert_eq!(json, serde_json::json!({ "q": "ping", "limits": [1, 2.5, true], "deep": { "x": 1 } }));
}

#[test]
fn what_would_be_no_probe_is_refused() {
    let written = [
        "{ interval = \"200ms\" }",
        "{ interval = \"off\" }",
        "{ interval = \"5s\", timeout = \"6s\" }",
        "{ expect = \"pong\" }",
        "{ arguments = { q = 1 } }",
        "{ call = \"\" }",
        "{ call = \"x\", arguments = { at = 2026-11-28 } }",
        "{ call = \"x\", arguments = { at = [{ x = inf }] } }",
        "\"30s\"",
        "{ intervall = \"30s\" }",
    ];
    let told = written.map(|written| mistake(&format!("{{S}}probe = {written}\n")));
    assert_snapshot!(told.join("\n\n"));
}

#[test]
fn check_shows_how_a_server_is_asked() {
    let folder = Folder::new("probe");
    let text = format!(
        "{SERVER}probe = {{}}\n[[server]]\nname = \"b\"\nurl = \"http://h/\"\npath = \"/b\"\n\
         probe = {{ interval = \"1m\", call = \"search\", expect = \"secret\" }}\n"
    );
    folder.write("config.toml", &text);
    let output = sightglass(&["check"], &folder.0, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = stdout(&output);
    let probes: Vec<&str> =
        told.lines().map(str::trim_start).filter(|line| line.starts_with("probe:")).collect();
    assert_snapshot!(probes.join("\n"), @r#"
        probe: every "30s", within "10s"
        probe: every "60s", within "10s", with a call of search and what its result must say
    "#);
}
