//! One probe: what it finds out, and what is wrong by its right name.

use std::net::SocketAddr;
use std::time::Duration;

use sightglass::config::{HttpVersion, Probe, Secret, Url};
use sightglass::mcp::Era;
use sightglass::observe::{ProbePhase, ProbeStatus};
use sightglass::probe::{FaultKind, Report, Subject};

use super::patient::{Illness, Patient};
use super::{asked, settings, subject};
use crate::support::{Proxy, RawServer, proxy, within};
use crate::tls::{Pki, secured};

const ERAS: [Era; 3] = [Era::Modern, Era::Legacy, Era::HttpSse];

fn phases(report: &Report) -> Vec<&'static str> {
    report.phases.iter().map(|(phase, _)| phase.as_str()).collect()
}

/// With a call of its tool.
fn calling(address: SocketAddr) -> Subject {
    let mut subject = subject(address);
    subject.probe.call = Some("echo".to_owned());
    subject.probe.arguments.insert("message".to_owned(), "hello".into());
    subject.probe.expect = Some("said hello".to_owned());
    subject
}

#[tokio::test]
async fn a_server_of_each_era_is_well_and_nothing_is_left_in_it() {
    for era in ERAS {
        let patient = Patient::of(era).await;
        let mut subject = calling(patient.address);
        let report = asked(&subject).await;
        assert_eq!(report.fault, None, "{era:?}");
        let server = report.server.clone().unwrap();
        let version = if era == Era::Modern { "2026-07-28" } else { "2025-06-18" };
        assert_eq!((server.era, &*server.version), (era, version));
        assert_eq!((server.name.as_deref(), server.release.as_deref()), (Some("patient"), Some("1.2")));
        assert_eq!(report.tools.as_deref(), Some(&["echo".to_owned(), "add".to_owned()][..]), "all pages");
        let ping: &[&str] = if era == Era::Modern { &[] } else { &["ping"] };
        let expected = [&["connect", "initialize"], ping, &["tools_list", "tool_call"]].concat();
        assert_eq!(phases(&report), expected, "{era:?}");
        assert_eq!((report.http_version, report.address), (Some("1.1"), Some(patient.address)));
        assert!(report.hints.is_empty(), "{:?}", report.hints);
        assert!(report.phases.iter().map(|(_, took)| *took).sum::<Duration>() <= report.took);

        for (http, version) in [(HttpVersion::One, "1.1"), (HttpVersion::Two, "2.0")] {
            let mut subject = subject.clone();
            subject.server.http = http;
            let report = asked(&subject).await;
            assert_eq!((report.fault, report.http_version), (None, Some(version)), "{era:?}");
        }

        // Where the era is known, nothing else is tried.
        patient.asked();
        subject.era = Some(era);
        for _ in 0..200 {
            assert!(asked(&subject).await.is_healthy(), "{era:?}");
        }
        let asked = patient.asked();
        let hello = if era == Era::Modern { "server/discover" } else { "initialize" };
        assert_eq!(asked.iter().filter(|method| *method == hello).count(), 200, "{era:?}");
        assert_eq!(asked.iter().any(|method| method == "server/discover"), era == Era::Modern);
        within(async {
            while patient.sessions() + patient.connections() > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_changed_its_era_is_well() {
    let patient = Patient::of(Era::Modern).await;
    for era in ERAS {
        let report = asked(&Subject { era: Some(era), ..subject(patient.address) }).await;
        assert_eq!(report.server.unwrap().era, Era::Modern, "{:?}", report.fault);
    }
}

const HTML: &[(&str, &str)] = &[("content-type", "text/html; charset=utf-8")];
const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const TEXT: &[(&str, &str)] = &[("content-type", "text/plain")];

/// What is wrong, what it is called, with which status, and what the hint has in it.
const ILLNESSES: &[(Illness, FaultKind, ProbeStatus, &str)] = &[
    (Illness::Answers(500, TEXT, "oops"), FaultKind::Http, ProbeStatus::Error, ""),
    (Illness::Answers(502, TEXT, "bad gateway"), FaultKind::Http, ProbeStatus::Error, "cannot reach"),
    (Illness::Answers(404, TEXT, "not here"), FaultKind::Http, ProbeStatus::Error, "/mcp or /sse"),
    (Illness::Answers(421, TEXT, "Invalid Host header"), FaultKind::Http, ProbeStatus::Error, "Host"),
    (Illness::Answers(403, TEXT, "Invalid Host: evil"), FaultKind::Http, ProbeStatus::Error, "Host"),
    (Illness::Answers(406, TEXT, "Not Acceptable"), FaultKind::Http, ProbeStatus::Error, "Accept"),
    (Illness::Answers(307, &[("location", "/mcp/")], ""), FaultKind::Http, ProbeStatus::Error, "ask /mcp/"),
    (
        Illness::Answers(200, HTML, "<!doctype html><p>hi"),
        FaultKind::Html,
        ProbeStatus::Invalid,
        "for people",
    ),
    (Illness::Answers(200, JSON, "{\"status\":\"ok\"}"), FaultKind::NotMcp, ProbeStatus::Invalid, ""),
    (
        Illness::Answers(200, JSON, "{\"jsonrpc\":\"2.0\",\"id\":1,\"resu"),
        FaultKind::NotJson,
        ProbeStatus::Invalid,
        "",
    ),
    (Illness::Answers(200, JSON, "oops"), FaultKind::NotJson, ProbeStatus::Invalid, ""),
    (Illness::Answers(200, JSON, ""), FaultKind::NotMcp, ProbeStatus::Invalid, ""),
    (Illness::Error(-32603, "the database is gone"), FaultKind::JsonRpc, ProbeStatus::Error, ""),
    (Illness::ToolFails, FaultKind::ToolError, ProbeStatus::Error, ""),
    (Illness::NoTools, FaultKind::ToolsMissing, ProbeStatus::Error, "tools"),
    (Illness::Forgets, FaultKind::Http, ProbeStatus::Error, "Mcp-Session-Id"),
];

#[tokio::test]
async fn each_illness_has_its_name() {
    let patient = Patient::of(Era::Legacy).await;
    for (illness, kind, status, hint) in ILLNESSES {
        patient.has(illness.clone());
        let report = asked(&calling(patient.address)).await;
        let fault = report.fault.clone().unwrap();
        assert_eq!((fault.kind, report.status()), (*kind, *status), "{fault:?}");
        let hints = report.hints.join("\n");
        assert!(hints.contains(hint) && hints.is_empty() == hint.is_empty(), "{fault:?}: {hints}");
    }
    patient.has(Illness::NoPing);
    assert!(asked(&calling(patient.address)).await.is_healthy(), "no ping is no illness");
    patient.has(Illness::Nothing);
    let mut other = calling(patient.address);
    other.probe.expect = Some("goodbye".to_owned());
    let fault = asked(&other).await.fault.unwrap();
    assert_eq!((fault.kind, fault.phase), (FaultKind::Unexpected, ProbePhase::ToolCall));
    other.server.tools = vec!["add".to_owned(), "divide".to_owned()];
    let fault = asked(&other).await.fault.unwrap();
    assert_eq!((fault.kind, fault.phase), (FaultKind::ToolsMissing, ProbePhase::ToolsList));
    assert!(fault.message.contains("divide") && !fault.message.contains("add"), "{}", fault.message);
}

#[tokio::test]
async fn a_server_that_hangs_or_is_buffered_is_not_waited_for() {
    for era in ERAS {
        let patient = Patient::of(era).await;
        for illness in [Illness::Hangs, Illness::Buffers] {
            patient.has(illness.clone());
            let mut subject = subject(patient.address);
            subject.probe.timeout = Duration::from_millis(200);
            let report = asked(&subject).await;
            let fault = report.fault.clone().unwrap();
            assert_eq!((fault.kind, report.status()), (FaultKind::Timeout, ProbeStatus::Timeout), "{era:?}");
            assert_eq!(fault.phase, ProbePhase::Initialize);
            let buffers = matches!(illness, Illness::Buffers);
            assert_eq!(report.hints.join("").contains("buffer"), buffers, "{era:?}: {:?}", report.hints);
        }
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_told_by_the_step_that_failed() {
    let nobody: SocketAddr = ([127, 0, 0, 1], 1).into();
    let fault = asked(&subject(nobody)).await.fault.unwrap();
    assert_eq!((fault.kind, fault.phase), (FaultKind::Connect, ProbePhase::Connect));
    let mut nameless = subject(nobody);
    "nobody.invalid".clone_into(&mut nameless.server.url.host);
    let fault = asked(&nameless).await.fault.unwrap();
    assert_eq!((fault.kind, fault.phase), (FaultKind::Dns, ProbePhase::Dns), "{}", fault.message);
    let other = RawServer::start().await;
    let address = other.address;
    let says = tokio::spawn(async move { other.accept().await.write("SSH-2.0-OpenSSH_9.6\r\n\r\n").await });
    let fault = asked(&subject(address)).await.fault.unwrap();
    assert_eq!((fault.kind, fault.phase), (FaultKind::NotHttp, ProbePhase::Initialize), "{}", fault.message);
    within(says).await.unwrap();
}

/// A server behind TLS, and how it is asked.
async fn behind_tls(pki: &Pki, host: &str) -> (Patient, Proxy, Subject) {
    let patient = Patient::of(Era::Legacy).await;
    let secured = secured(pki, proxy::config(patient.address), false);
    let mut subject = subject(secured.address);
    let port = Some(secured.address.port());
    subject.server.url = Url { tls: true, host: host.to_owned(), port, path: "/mcp".to_owned() };
    subject.server.tls = pki.client(false);
    (patient, secured, subject)
}

#[tokio::test]
async fn certificates_are_looked_at() {
    let good = Pki::until(2040);
    let (_patient, _proxy, subject) = behind_tls(&good, "localhost").await;
    let report = asked(&subject).await;
    assert_eq!((report.fault.clone(), report.expires), (None, Some(2_208_988_800)));
    assert_eq!(phases(&report)[..4], ["dns", "connect", "tls", "initialize"]);
    assert_eq!(report.http_version, Some("2.0"), "by ALPN");
    let unknown = Pki::new();
    let mut stranger = subject.clone();
    stranger.server.tls = unknown.client(false);
    let (expired, other_name) = (Pki::until(2020), Pki::new());
    let (_patient, _proxy, of_yesterday) = behind_tls(&expired, "localhost").await;
    let (_patient, _proxy, of_another) = behind_tls(&other_name, "127.0.0.1").await;
    let mut plain = subject.clone();
    plain.server.url.tls = false;
    for (subject, kind, hint) in [
        (of_yesterday, FaultKind::Tls, "renewed"),
        (of_another, FaultKind::Tls, "another name"),
        (stranger, FaultKind::Tls, "tls.ca"),
        (plain, FaultKind::Reset, "https://"),
    ] {
        let report = asked(&subject).await;
        let fault = report.fault.unwrap();
        // What a listener with TLS says to who speaks none is its own affair.
        let is_named = fault.kind == kind || (kind == FaultKind::Reset && fault.kind == FaultKind::NotHttp);
        assert!(is_named, "{fault:?}");
        assert_eq!(fault.phase == ProbePhase::Tls, kind == FaultKind::Tls, "{fault:?}");
        assert!(report.hints.join("").contains(hint), "{fault:?}: {:?}", report.hints);
    }
}

const CHALLENGED: &[(&str, &str)] = &[("www-authenticate", "Bearer realm=\"mcp\"")];

#[tokio::test]
async fn a_server_that_wants_credentials_is_there() {
    let patient = Patient::of(Era::Modern).await;
    patient.has(Illness::Answers(401, CHALLENGED, "{\"error\":\"unauthorized\"}"));
    let mut subject = subject(patient.address);
    let report = asked(&subject).await;
    assert!(report.is_healthy() && report.wants_credentials && report.http_status == Some(401));
    assert!(report.hints.join("").contains("resource_metadata"), "{:?}", report.hints);
    // With credentials, or where a tool is to be called, that is not good enough.
    subject.server.headers = vec![("Authorization".to_owned(), Secret("Bearer wrong".to_owned()))];
    for subject in [subject, calling(patient.address)] {
        let report = asked(&subject).await;
        assert_eq!(report.fault.map(|fault| fault.kind), Some(FaultKind::Credentials));
        assert!(!report.wants_credentials);
    }
}

#[tokio::test]
async fn metadata_that_names_another_resource_is_pointed_out() {
    let server = RawServer::start().await;
    let address = server.address;
    let answering = tokio::spawn(async move {
        let challenge = format!(
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer resource_metadata=\"http://{address}/meta\"\r\ncontent-length: 0\r\n\r\n"
        );
        let metadata = r#"{"resource":"https://elsewhere.example.com/mcp"}"#;
        let page = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{metadata}", metadata.len());
        let mut connection = server.accept().await;
        connection.read_head().await;
        connection.write(challenge).await;
        connection.read_until("GET /meta").await;
        connection.write(page).await;
        connection.read_to_end().await;
    });
    let report = asked(&subject(address)).await;
    assert!(report.hints.join("").contains("elsewhere.example.com"), "{:?}", report.hints);
    within(answering).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let mut subject = subject(([127, 0, 0, 1], 1).into());
    subject.server.headers = vec![("bad name".to_owned(), Secret("x".to_owned()))];
    assert_eq!(asked(&subject).await.fault.unwrap().kind, FaultKind::Setup);
    subject.server.headers.clear();
    subject.server.url.tls = true;
    subject.server.tls.ca = Some("nowhere.pem".into());
    let fault = asked(&subject).await.fault.unwrap();
    assert!(fault.kind == FaultKind::Setup && fault.message.contains("nowhere.pem"), "{fault:?}");
    let probe = Probe { arguments: [("when".to_owned(), 1.into())].into_iter().collect(), ..settings() };
    assert_eq!(serde_json::to_value(&probe.arguments).unwrap(), serde_json::json!({ "when": 1 }));
}
