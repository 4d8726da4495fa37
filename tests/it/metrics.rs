//! The page of `/metrics`: every name, label, bucket and help text is an interface (`telemetry.md` §3).

use sightglass::observe::{Disconnect, End, Failure, Refusal};

use crate::support::observed::{Observed, one_server};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}"#;
const GOOD: &str = r#"{"result":{"content":[]},"jsonrpc":"2.0","id":7}"#;

/// The page without what differs from run to run: the process's own numbers, the build, the clock, and all but the
/// first and last bucket.
fn told(page: &str) -> String {
    let varies = |line: &&str| {
        !line.contains("process_")
            && !line.contains("build_info{")
            && !line.contains("timestamp_seconds ")
            && !line.contains("file_descriptors")
            && !line.contains("memory_bytes")
    };
    let kept = |line: &&str| !line.contains("_bucket{") || line.contains("le=\"+Inf\"");
    page.lines().filter(varies).filter(kept).collect::<Vec<_>>().join("\n")
}

/// With the clock stopped every duration is zero, so the whole page can be compared.
#[tokio::test(start_paused = true)]
async fn the_whole_page_is_as_it_was() {
    let mut config = one_server();
    config.limits.orphan_wait = std::time::Duration::from_secs(1);
    let observed = Observed::with(&config);
    observed.post(&[], CALL).json(200, GOOD);
    let failed =
        r#"{"jsonrpc":"2.0","id":7,"result":{"isError":true,"_meta":{"ui":{"resourceUri":"ui://x"}}}}"#;
    observed.post(&[], CALL).json(200, failed);
    let _open = observed.post(&[], CALL);
    let question = r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
    let stream =
        observed.post(&[], &CALL.replace('7', "8")).events().text(": hi\n\n").event(question).event(note);
    observed.post(&[], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).answer(202, &[]).end(End::Complete);
    stream.event(&GOOD.replace('7', "8")).end(End::Complete);
    let created =
        r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"task","taskId":"t","status":"working"}}"#;
    observed.post(&[], CALL).json(200, created);
    let get = r#"{"jsonrpc":"2.0","id":7,"method":"tasks/get","params":{"taskId":"t"}}"#;
    observed.post(&[], get).json(200, &created.replace("working", "completed"));
    let initialize = r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"ide"}}}"#;
    let session = [("content-type", "application/json"), ("mcp-session-id", "s")];
    let begun = r#"{"jsonrpc":"2.0","id":7,"result":{"protocolVersion":"2025-06-18"}}"#;
    observed.post(&[], initialize).answer(200, &session).text(begun).end(End::Complete);
    observed.ask("DELETE", "/mcp", &[("mcp-session-id", "s")]).answer(200, &[]).end(End::Complete);
    observed.get("/mcp", &[("last-event-id", "e")]).events().end(End::Complete);
    observed.post(&[], "junk").answer(400, &[]).end(End::Complete);
    observed
        .post(
            &[("mcp-method", "ping")],
            &CALL.replace(
                r#""arguments":{"a":1}"#,
                r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
            ),
        )
        .exchange
        .failed(Failure::Unreachable, http::StatusCode::BAD_GATEWAY, "refused");
    observed.ask("GET", "/", &[]).exchange.refused(
        Refusal::Limit,
        http::StatusCode::SERVICE_UNAVAILABLE,
        "full",
    );
    observed.observer.refused(Refusal::SlowHead);
    observed.observer.connected(0, std::time::Duration::from_millis(2));
    observed.observer.connection().closed(Disconnect::Idle);
    insta::assert_snapshot!(told(&observed.page()));
}

#[test]
fn every_histogram_has_the_buckets_of_the_contract() {
    let observed = Observed::new();
    observed.post(&[], CALL).json(200, GOOD);
    observed.observer.connected(0, std::time::Duration::from_millis(2));
    let page = observed.page();
    let buckets = |name: &str| {
        let line = |line: &str| {
            line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
        };
        page.lines()
            .filter(|text| text.starts_with(&format!("{name}_bucket")))
            .filter_map(line)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let latency = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 60 120 300 +Inf";
    assert_eq!(buckets("mcp_request_duration_seconds"), latency);
    assert_eq!(buckets("mcp_http_request_duration_seconds"), latency);
    assert_eq!(buckets("mcp_upstream_connect_seconds"), format!("0.0005 0.001 0.0025 {latency}"));
    let sizes = "100 1024 10240 51200 102400 512000 1048576 4194304 16777216 +Inf";
    assert_eq!(buckets("mcp_http_request_size_bytes"), sizes);
}

#[test]
fn observation_off_sees_nothing() {
    let observer = sightglass::observe::Observer::off();
    let head = http::Request::post("/mcp")
        .header("content-type", "application/json")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    let target = sightglass::observe::Target {
        server: Some(0),
        route: sightglass::observe::Route::Mount,
        upstream_path: "/mcp",
    };
    let connection = observer.connection();
    let exchange = connection.exchange(target, &head, ([127, 0, 0, 1], 1).into());
    assert!(exchange.request().is_none());
    assert!(exchange.answered(&http::Response::new(()).into_parts().0, None).is_none());
}

/// The names of tools and clients that a page must survive.
const HOSTILE: [&str; 9] =
    ["x_bucket{", r"a\n\nb", "} 1", r#"q\"q"#, r"back\\slash", "none", "_other", "", r"# EOF"];

#[test]
fn hostile_names_break_neither_the_page_nor_its_order() {
    let observed = Observed::new();
    for name in HOSTILE {
        let call = CALL.replace("echo", name);
        observed.post(&[], &call).json(200, GOOD);
        let meta = format!(
            r#"{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"{name}"}}}}"#
        );
        let asked =
            format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{{"_meta":{meta}}}}}"#);
        observed.post(&[], &asked).json(200, GOOD);
    }
    let page = observed.page();
    let mut series = std::collections::HashSet::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(name.starts_with("mcp_") || name.starts_with("process_"), "{line}");
        assert!(series.insert(name), "twice: {line}");
    }
    let calls: Vec<&str> =
        page.lines().filter(|line| line.starts_with("mcp_tool_invocations_total{")).collect();
    assert!(calls.is_sorted() && calls.len() >= 7, "{calls:#?}");
    let told = observed.scrape().metric("mcp_tool_invocations_total").sum();
    assert!((told - 9.0).abs() < 0.5, "{told}");
}

/// Every family of a page has its help and its type, and `OpenMetrics` its end.
#[test]
fn every_family_says_what_it_is() {
    let observed = Observed::new();
    observed.post(&[], CALL).events().event(GOOD).end(End::Complete);
    observed.post(&[], CALL).answer(202, &[]).end(End::Complete);
    let page = sightglass::export::to_openmetrics(&observed.page());
    assert!(page.ends_with("\n# EOF\n") && page.matches("# EOF").count() == 1);
    let mut family = ("", "");
    let mut help = "";
    for line in page.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split(' ').next().unwrap();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split_once(' ').unwrap();
            assert_eq!(help, family.0, "a family without help");
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let suffix = name.strip_prefix(family.0).unwrap_or("?");
            let allowed: &[&str] = match family.1 {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            assert!(allowed.contains(&suffix), "{line} in {family:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_call_is_the_one_whose_head_came_first() {
    let observed = Observed::new();
    let slow = observed.ask("POST", "/mcp", &[]);
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    let _late = observed.post(&[], CALL);
    let mut body = slow.exchange.request().expect("somebody looks");
    body.frame(&bytes::Bytes::from(CALL));
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    observed.scrape().metric("mcp_tool_oldest_inflight_seconds").is(10);
}
