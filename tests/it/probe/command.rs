//! `sightglass probe`, as users run it.

use std::process::Command;

use sightglass::mcp::Era;

use super::patient::{Illness, Patient};
use crate::support::program::Program;

/// Exit code, what it said, and what it complained of.
async fn run(arguments: &[&str]) -> (i32, String, String) {
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    let output = tokio::task::spawn_blocking(move || {
        Command::new(env!("CARGO_BIN_EXE_sightglass")).arg("probe").args(arguments).output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_report_is_for_people_or_for_programs() {
    let patient = Patient::of(Era::Legacy).await;
    let url = format!("http://{}/mcp", patient.address);
    let call = ["--call", "echo", "--arguments", r#"{"message":"hello"}"#, "--expect", "said hello"];
    let (code, said, _) = run(&[&[&*url], &call[..]].concat()).await;
    assert_eq!(code, 0, "{said}");
    for part in
        [&*format!("{url}: healthy\n"), "patient 1.2", "2025-06-18 (Streamable HTTP)", "2: echo, add", "█"]
    {
        assert!(said.contains(part), "{part}:\n{said}");
    }
    let (code, said, _) = run(&[&url, "--format", "json"]).await;
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["healthy"], &report["server"]["era"]), (0, &true.into(), &"legacy".into()));
    patient.has(Illness::Answers(404, &[("content-type", "text/plain")], "\u{1b}[31mno"));
    let (code, said, _) = run(&[&url]).await;
    assert!(code == 1 && said.contains("error in initialize: HTTP 404 Not Found\n"), "{code}: {said}");
    assert!(said.contains("  hint: nobody speaks MCP at this path"), "{said}");
    let (code, said, _) = run(&[&url, "--format", "json"]).await;
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["fault"]["kind"], &report["http_status"]), (1, &"http".into(), &404.into()));
}

#[tokio::test]
async fn what_a_server_says_moves_no_cursor() {
    let patient = Patient::of(Era::Modern).await;
    patient.has(Illness::Error(-32603, "\u{1b}[2J\u{7}gone"));
    let (code, said, _) = run(&[&format!("http://{}/mcp", patient.address)]).await;
    assert!(code == 1 && said.contains("gone"), "{code}: {said}");
    assert!(!said.contains(['\u{1b}', '\u{7}']), "{said:?}");
}

#[tokio::test]
async fn a_wrong_command_line_is_said() {
    for (arguments, expected) in [
        (&[][..], "the URL is missing"),
        (&["ftp://example.com/"], "neither http nor https"),
        (&["http://127.0.0.1:1/", "--header", "nothing"], "no header field"),
        (&["http://127.0.0.1:1/", "--call", "echo", "--arguments", "[1]"], "no JSON object"),
        (&["http://127.0.0.1:1/", "--expect", "x"], "--call"),
        (&["http://127.0.0.1:1/", "--timeout", "soon"], "a duration"),
    ] {
        let (code, _, complaint) = run(arguments).await;
        assert!(code == 64 && complaint.contains(expected), "{arguments:?}: {code}: {complaint}");
    }
}

#[tokio::test]
async fn a_sightglass_itself_is_asked_whether_it_is_ready() {
    let patient = Patient::of(Era::Modern).await;
    let program = Program::start(patient.address);
    let admin = format!("http://{}", program.admin);
    let (code, said, _) = run(&["--health", &admin]).await;
    assert!(code == 0 && said.contains("/health/ready: 200 OK"), "{code}: {said}");
    let (code, said, _) = run(&["--health", &format!("{admin}/nowhere")]).await;
    assert!(code == 1 && said.contains("404"), "{code}: {said}");
    drop(program);
    let (code, said, _) = run(&["--health", &admin]).await;
    assert_eq!(code, 1, "{said}");
}
