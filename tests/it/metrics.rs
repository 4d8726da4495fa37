//! The page of `/metrics`: every name, label, bucket and help text is an interface (`telemetry.md` §3).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sightglass::config::{Config, LogFile};
use sightglass::export::{All, Exemplars, Exporter, Prometheus, QueueName};
use sightglass::mcp::trace::{Carriers, Ids, Sampler, SpanId, Trace, TraceId, decide};
use sightglass::observe::{
    Disconnect, DropReason, DroppedWhat, End, Event, Export, Failure, Observer, Refusal,
};

use crate::support::observed::{Observed, one_server};
use crate::support::scrape::Scrape;

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
    config.limits.orphan_wait = Duration::from_secs(1);
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
    observed.observer.connected(0, Duration::from_millis(2));
    observed.observer.connection().closed(Disconnect::Idle);
    insta::assert_snapshot!(told(&observed.page()));
}

/// The upper bounds of a histogram on `page`.
fn buckets(page: &str, name: &str) -> String {
    let bound =
        |line: &str| line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    let lines = page.lines().filter(|line| line.starts_with(&format!("{name}_bucket")));
    lines.filter_map(bound).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_histogram_has_the_buckets_of_the_contract() {
    let observed = Observed::new();
    observed.post(&[], CALL).json(200, GOOD);
    observed.observer.connected(0, Duration::from_millis(2));
    let page = observed.page();
    let latency = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 30 60 120 300 +Inf";
    assert_eq!(buckets(&page, "mcp_request_duration_seconds"), latency);
    assert_eq!(buckets(&page, "mcp_http_request_duration_seconds"), latency);
    assert_eq!(buckets(&page, "mcp_upstream_connect_seconds"), format!("0.0005 0.001 0.0025 {latency}"));
    let sizes = "100 1024 10240 51200 102400 512000 1048576 4194304 16777216 +Inf";
    assert_eq!(buckets(&page, "mcp_http_request_size_bytes"), sizes);
}

#[test]
fn observation_off_sees_nothing() {
    let observer = Observer::off();
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
    let page = observed.openmetrics();
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
    tokio::time::advance(Duration::from_secs(5)).await;
    let _late = observed.post(&[], CALL);
    let mut body = slow.exchange.request().expect("somebody looks");
    body.frame(&bytes::Bytes::from(CALL));
    tokio::time::advance(Duration::from_secs(5)).await;
    observed.scrape().metric("mcp_tool_oldest_inflight_seconds").is(10);
}

/// What an exporter does once spans were sent, here for every call that ended.
struct Exports(Arc<Exemplars>);

impl Export for Exports {
    fn event(&self, event: &Event<'_>) {
        if let Event::CallEnded { call, ending } = event {
            self.0.exported(call, ending);
        }
    }
}

/// An observer of `config` whose every call is exported.
fn exporting(config: &Config) -> Observed {
    let prometheus = Arc::new(Prometheus::new(config).expect("buckets"));
    let exports = Arc::new(Exports(Arc::clone(prometheus.exemplars())));
    let all = All(vec![Arc::clone(&prometheus) as _, exports as _]);
    Observed { observer: Observer::new(config, Arc::new(all) as _), prometheus }
}

/// The place at the root of a trace whose id is `number` throughout.
fn root(number: u8) -> Trace {
    let span = SpanId([number; 8]);
    let ids = Ids { trace: TraceId([number; 16]), server: span, client: span };
    decide(Carriers::default(), Sampler { ratio: 1.0, parent_based: true }, ids)
}

/// The lines of `page` that point at a trace.
fn pointing(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.contains(" # {")).collect()
}

#[tokio::test(start_paused = true)]
async fn buckets_point_at_the_newest_exported_trace() {
    let mut config = one_server();
    config.metrics.semconv = true;
    let observed = exporting(&config);
    for (trace, ms) in [(1, 70), (2, 80), (3, 400_000)] {
        let asked = observed.post(&[], CALL);
        asked.exchange.traced(root(trace));
        tokio::time::advance(Duration::from_millis(ms)).await;
        asked.json(200, GOOD);
    }
    let page = observed.openmetrics();
    let lines = pointing(&page).into_iter().map(|line| {
        let (told, time) = line.rsplit_once(' ').expect("a timestamp");
        assert!(time.parse::<f64>().expect("seconds") > 1.7e9, "{line}");
        told
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
        mcp_request_duration_seconds_bucket{server="files",method="tools/call",status="success",outcome="ok",le="0.1"} 2 # {trace_id="02020202020202020202020202020202"} 0.08
        mcp_request_duration_seconds_bucket{server="files",method="tools/call",status="success",outcome="ok",le="+Inf"} 3 # {trace_id="03030303030303030303030303030303"} 400
        mcp_server_operation_duration_seconds_bucket{server="files",mcp_method_name="tools/call",gen_ai_operation_name="execute_tool",gen_ai_tool_name="echo",network_protocol_name="http",network_transport="tcp",le="0.1"} 2 # {trace_id="02020202020202020202020202020202"} 0.08
        mcp_server_operation_duration_seconds_bucket{server="files",mcp_method_name="tools/call",gen_ai_operation_name="execute_tool",gen_ai_tool_name="echo",network_protocol_name="http",network_transport="tcp",le="+Inf"} 3 # {trace_id="03030303030303030303030303030303"} 400
        mcp_tool_duration_seconds_bucket{server="files",tool_name="echo",status="success",outcome="ok",le="0.1"} 2 # {trace_id="02020202020202020202020202020202"} 0.08
        mcp_tool_duration_seconds_bucket{server="files",tool_name="echo",status="success",outcome="ok",le="+Inf"} 3 # {trace_id="03030303030303030303030303030303"} 400
    "#);
    assert!(pointing(&observed.page()).is_empty(), "the classic format has no exemplars");
}

#[tokio::test(start_paused = true)]
async fn what_a_server_asks_points_at_its_trace_too() {
    let observed = exporting(&one_server());
    let asked = observed.post(&[], CALL);
    asked.exchange.traced(root(1));
    let stream = asked.events();
    let stream = stream.event(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#);
    observed.post(&[], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).answer(202, &[]).end(End::Complete);
    let page = observed.openmetrics();
    let lines = pointing(&page);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let bucket = r#"mcp_server_request_duration_seconds_bucket{server="files",method="roots/list",status="success",outcome="ok",le="0.005"} 1 # {trace_id=""#;
    assert!(lines.first().is_some_and(|line| line.starts_with(bucket)), "{lines:?}");
    drop(stream);
}

#[test]
fn a_trace_that_was_not_exported_is_not_pointed_at() {
    let observed = Observed::new();
    observed.post(&[], CALL).json(200, GOOD);
    assert!(pointing(&observed.openmetrics()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_names_of_opentelemetry_are_there_where_they_are_asked_for() {
    let mut config = one_server();
    let other = Observed::with(&config);
    other.post(&[], CALL).json(200, GOOD);
    assert!(!other.page().contains("mcp_server_operation") && !other.page().contains("mcp_server_session"));

    config.metrics.semconv = true;
    let observed = Observed::with(&config);
    observed.post(&[], CALL).json(200, GOOD);
    observed.post(&[], CALL).json(200, GOOD);
    for code in ["-32602", "-1234"] {
        let error = format!(r#"{{"jsonrpc":"2.0","id":7,"error":{{"code":{code},"message":"no"}}}}"#);
        observed.post(&[], CALL).json(200, &error);
    }
    observed.post(&[], &CALL.replace("tools/call", "made/up")).json(500, "");
    let initialize =
        r#"{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;
    let session = [("content-type", "application/json"), ("mcp-session-id", "s")];
    let begun = r#"{"jsonrpc":"2.0","id":7,"result":{"protocolVersion":"2025-06-18"}}"#;
    observed.post(&[], initialize).answer(200, &session).text(begun).end(End::Complete);
    tokio::time::advance(Duration::from_secs(90)).await;
    observed.ask("DELETE", "/mcp", &[("mcp-session-id", "s")]).answer(200, &[]).end(End::Complete);
    let page = observed.page();
    let counts = |line: &&str| {
        line.contains("_count{") && (line.contains("_operation_") || line.contains("mcp_server_session"))
    };
    insta::assert_snapshot!(page.lines().filter(counts).collect::<Vec<_>>().join("\n"), @r#"
        mcp_server_operation_duration_seconds_count{server="files",mcp_method_name="_other",error_type="500",network_protocol_name="http",network_transport="tcp"} 1
        mcp_server_operation_duration_seconds_count{server="files",mcp_method_name="initialize",mcp_protocol_version="2025-06-18",network_protocol_name="http",network_transport="tcp"} 1
        mcp_server_operation_duration_seconds_count{server="files",mcp_method_name="tools/call",error_type="-32602",gen_ai_operation_name="execute_tool",gen_ai_tool_name="echo",network_protocol_name="http",network_transport="tcp",rpc_response_status_code="-32602"} 1
        mcp_server_operation_duration_seconds_count{server="files",mcp_method_name="tools/call",error_type="jsonrpc_other",gen_ai_operation_name="execute_tool",gen_ai_tool_name="echo",network_protocol_name="http",network_transport="tcp",rpc_response_status_code="_other"} 1
        mcp_server_operation_duration_seconds_count{server="files",mcp_method_name="tools/call",gen_ai_operation_name="execute_tool",gen_ai_tool_name="echo",network_protocol_name="http",network_transport="tcp"} 2
        mcp_server_session_duration_seconds_count{server="files",mcp_protocol_version="2025-06-18",network_protocol_name="http",network_transport="tcp"} 1
    "#);
    let bounds = "0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10 30 60 120 300 +Inf";
    assert_eq!(buckets(&page, "mcp_server_session_duration_seconds"), bounds);
    let session = observed.scrape();
    let session = session.metric("mcp_server_session_duration_seconds_bucket");
    session.clone().label("le", "60").is(0);
    session.label("le", "120").is(1);
}

#[test]
fn losses_of_other_destinations_are_told() {
    let mut config = one_server();
    let idle = Observed::with(&config);
    let page = idle.scrape();
    page.metric("mcp_proxy_dropped_total").is(0);
    assert_eq!(page.values("mcp_proxy_dropped_total", "what"), ["event", "log", "recent", "span"]);
    assert!(!idle.page().contains("mcp_proxy_telemetry_export_failures_total{"));

    let path = "a.log".into();
    config.logs.file = Some(LogFile { path, max_size: 1024, max_files: 1, compress: false });
    let observed = Observed::with(&config);
    let losses = observed.prometheus.losses();
    losses.lose(DroppedWhat::Span, DropReason::QueueFull, 3);
    losses.fail(Exporter::OtlpTraces);
    losses.set_depth(QueueName::Logs, 7);
    let dropped = Event::Dropped { what: DroppedWhat::Span, reason: DropReason::QueueFull };
    observed.prometheus.event(&dropped);
    for _ in 0..2 {
        let page = observed.scrape();
        page.metric("mcp_proxy_dropped_total").is(4);
        page.metric("mcp_proxy_dropped_total").label("what", "span").label("reason", "queue_full").is(4);
        page.metric("mcp_proxy_telemetry_export_failures_total").label("exporter", "otlp_traces").is(1);
        let failures = page.values("mcp_proxy_telemetry_export_failures_total", "exporter");
        assert_eq!(failures, ["log_file", "otlp_traces"]);
        page.metric("mcp_queue_depth").label("queue_name", "logs").is(7);
        page.metric("mcp_queue_depth").is(7);
    }
}

#[test]
fn switched_off_the_page_tells_nothing_of_the_traffic() {
    let mut config = one_server();
    config.metrics.enabled = false;
    let untold = Prometheus::new(&config).expect("buckets");
    untold.losses().lose(DroppedWhat::Log, DropReason::DiskFull, 1);
    let page = untold.page(Observer::off().usage());
    let told: BTreeSet<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("process_"))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let own = |name: &&str| name.starts_with("mcp_proxy_") || *name == "mcp_queue_depth";
    assert!(told.iter().all(own) && !told.is_empty(), "{told:?}");
    Scrape::of(&page).metric("mcp_proxy_dropped_total").label("reason", "disk_full").is(1);
}
