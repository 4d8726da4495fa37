//! `GET /probe` and `GET /api/servers`.

use std::net::SocketAddr;

use sightglass::config::Config;
use sightglass::mcp::Era;

use super::patient::{Illness, Patient};
use super::server;
use crate::admin::{ask_as, listen_as};

async fn get(address: SocketAddr, path: &str, fields: &str) -> (String, String) {
    let (head, body) = ask_as(address, "127.0.0.1", &format!("GET {path}"), fields).await;
    (head.lines().next().unwrap().to_owned(), String::from_utf8(body).unwrap())
}

/// A page whose seconds are written `T`.
fn without_times(page: &str) -> String {
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((series, value)) if !line.starts_with('#') && value.contains('.') && value != "1.1" => {
            format!("{series} T\n")
        }
        _ => format!("{line}\n"),
    };
    page.lines().map(line).collect()
}

#[tokio::test]
async fn a_configured_server_is_probed_in_the_manner_of_blackbox_exporter() {
    let patient = Patient::of(Era::Legacy).await;
    let config = Config { servers: vec![server(patient.address)], ..Config::default() };
    let (address, ..) = listen_as(config);
    let (line, page) = get(address, "/probe?target=patient&module=mcp", "").await;
    assert_eq!(line, "http/1.1 200 ok");
    insta::assert_snapshot!(without_times(&page));
    patient.has(Illness::Answers(500, &[("content-type", "text/plain")], ""));
    let (line, page) = get(address, "/probe?target=patient", "").await;
    assert_eq!(line, "http/1.1 200 ok", "what came of it is on the page");
    for line in ["probe_success 0", "probe_http_status_code 500", "probe_mcp_status{status=\"error\"} 1"] {
        assert!(page.contains(line), "{line}:\n{page}");
    }
    patient.has(Illness::Hangs);
    let (_, page) =
        get(address, "/probe?target=patient", "x-prometheus-scrape-timeout-seconds: 0.4\r\n").await;
    assert!(page.contains("probe_mcp_status{status=\"timeout\"} 1"), "{page}");
}

#[tokio::test]
async fn nobody_else_is_probed() {
    let patient = Patient::of(Era::Modern).await;
    let config = Config { servers: vec![server(patient.address)], ..Config::default() };
    let (address, ..) = listen_as(config);
    for query in [
        "",
        "?target=",
        "?target=other",
        "?target=http://127.0.0.1:22/",
        "?target=patient&module=http_2xx",
        "?module=mcp",
    ] {
        let (line, body) = get(address, &format!("/probe{query}"), "").await;
        assert_eq!(line, "http/1.1 400 bad request", "{query}");
        assert!(body.contains("mcp") || body.contains("patient"), "{body}");
    }
    assert!(patient.asked().is_empty());
    let (head, _) = ask_as(address, "rebound.example.com", "GET /probe?target=patient", "").await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
    assert!(patient.asked().is_empty());
}

#[tokio::test]
async fn how_servers_are_is_told() {
    let patient = Patient::of(Era::Modern).await;
    let config = Config { servers: vec![server(patient.address)], ..Config::default() };
    let (address, ..) = listen_as(config);
    let (_, body) = get(address, "/api/servers", "").await;
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&told["servers"][0]["name"], &told["servers"][0]["health"]),
        (&"patient".into(), &"unknown".into())
    );
    get(address, "/probe?target=patient", "").await;
    let (_, body) = get(address, "/api/servers", "").await;
    let told: serde_json::Value = serde_json::from_str(&body).unwrap();
    let server = &told["servers"][0];
    assert_eq!((&server["probed"], &server["consecutive_failures"]), (&false.into(), &0.into()));
    assert_eq!(server["availability"]["1h"], 1.0);
    assert_eq!(server["history"].as_array().map(Vec::len), Some(1));
    let last = &server["last_probe"];
    assert_eq!((&last["status"], &last["healthy"]), (&"success".into(), &true.into()));
    assert_eq!(last["server"]["protocol_version"], "2026-07-28");
    assert_eq!(last["tools"], serde_json::json!(["echo", "add"]));
    assert!(last["phases"]["tools_list"].as_f64().is_some_and(|seconds| seconds > 0.0));
}
