//! A collector that is slow, down, or answers errors costs no request anything: what waits is bounded, what is given up
//! is counted, and it recovers by itself.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use sightglass::config::{ListenerTls, LogLevel, OtlpProtocol, Secret, ServerTls};
use sightglass::export::{Exporter, Line, QueueName};
use sightglass::net::{Alpn, server_config};
use sightglass::observe::{DropReason, DroppedWhat};
use tonic::Code;

use crate::support::collector::{Collector, Mood};
use crate::support::told::{Told, exported, lines, otlp, text};
use crate::support::within;
use crate::tls::Pki;

const PROTOCOLS: [OtlpProtocol; 2] = [OtlpProtocol::HttpProtobuf, OtlpProtocol::Grpc];
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
const GOOD: &str = r#"{"result":{"content":[]},"jsonrpc":"2.0","id":1}"#;

/// Both at once: most of each is waiting.
async fn over_both(promise: impl AsyncFn(OtlpProtocol)) {
    let [one, other] = PROTOCOLS;
    tokio::join!(promise(one), promise(other));
}

fn calls(told: &Told, many: usize) {
    (0..many).for_each(|_| told.post(&[], CALL).json(200, GOOD));
}

fn lost(told: &Told, reason: DropReason) -> u64 {
    told.losses.dropped(DroppedWhat::Span, reason)
}

/// Waits for what nothing announces.
async fn eventually(is_so: impl Fn() -> bool) {
    within(async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn spans_arrive_by_themselves_over_either_protocol_packed_or_not() {
    over_both(async |protocol| {
        for gzip in [false, true] {
            let collector = Collector::start().await;
            let mut config = exported(otlp(protocol, collector.address));
            let otlp = config.tracing.otlp.as_mut().unwrap();
            otlp.gzip = gzip;
            otlp.headers = vec![("x-api-key".to_owned(), Secret("k1".to_owned()))];
            config.tracing.resource.push(("deployment.environment".to_owned(), "test".to_owned()));
            let told = Told::start(&config);
            calls(&told, 3);
            collector.until(|got| got.spans().len() == 6).await;
            assert_told(&collector, protocol, gzip);
            told.stop().await;
        }
    })
    .await;
}

fn assert_told(collector: &Collector, protocol: OtlpProtocol, gzip: bool) {
    let got = collector.got();
    let (path, head) = &got.heads[0];
    let (encoding, service) = match protocol {
        OtlpProtocol::Grpc => {
            ("grpc-encoding", "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        }
        OtlpProtocol::HttpProtobuf => ("content-encoding", "/v1/traces"),
    };
    assert_eq!((head["x-api-key"].to_str().unwrap(), path.as_str()), ("k1", service));
    assert_eq!(head.get(encoding).is_some_and(|value| value == "gzip"), gzip);
    let resource = &got.traces[0].resource_spans[0];
    let said = lines(&resource.resource.as_ref().unwrap().attributes);
    assert_eq!(said, "deployment.environment=test\nservice.name=sightglass");
    assert!(resource.schema_url.starts_with("https://opentelemetry.io/schemas/"));
}

#[tokio::test]
async fn what_waits_is_sent_when_the_process_stops() {
    for protocol in PROTOCOLS {
        let collector = Collector::start().await;
        let told = Told::start(&exported(otlp(protocol, collector.address)));
        calls(&told, 1500);
        let losses = told.stop().await;
        assert_eq!(collector.got().spans().len(), 3000);
        assert_eq!(losses.depth(QueueName::Spans), 0);
        assert_eq!(losses.failures(Exporter::OtlpTraces), 0);
    }
}

#[tokio::test]
async fn a_collector_that_is_down_at_first_gets_the_spans_when_it_is_up() {
    over_both(async |protocol| {
        let address = Collector::start().await.stop().await;
        let told = Told::start(&exported(otlp(protocol, address)));
        calls(&told, 2);
        eventually(|| told.losses.failures(Exporter::OtlpTraces) > 0).await;
        let collector = Collector::at(address).await;
        collector.until(|got| got.spans().len() == 4).await;
        assert_eq!(lost(&told, DropReason::ExporterFailed), 0);
        told.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again() {
    over_both(async |protocol| {
        let collector = Collector::start().await;
        collector.set(Mood::Refuses(503, Code::Unavailable));
        let told = Told::start(&exported(otlp(protocol, collector.address)));
        calls(&told, 2);
        eventually(|| told.losses.failures(Exporter::OtlpTraces) > 0).await;
        collector.set(Mood::Takes);
        collector.until(|got| got.spans().len() == 4).await;
        assert_eq!(lost(&told, DropReason::ExporterFailed), 0);
        told.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_collector_will_never_take_is_given_up_at_once() {
    over_both(async |protocol| {
        let collector = Collector::start().await;
        collector.set(Mood::Refuses(400, Code::InvalidArgument));
        let told = Told::start(&exported(otlp(protocol, collector.address)));
        calls(&told, 2);
        eventually(|| lost(&told, DropReason::ExporterFailed) == 4).await;
        assert_eq!(told.losses.failures(Exporter::OtlpTraces), 1);
        assert_eq!(collector.got().heads.len(), 1);
        collector.set(Mood::Takes);
        calls(&told, 1);
        collector.until(|got| got.spans().len() == 2).await;
        told.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_collector_rejects_of_a_batch_is_counted_and_not_sent_again() {
    over_both(async |protocol| {
        let collector = Collector::start().await;
        collector.set(Mood::Rejects(3));
        let told = Told::start(&exported(otlp(protocol, collector.address)));
        calls(&told, 2);
        let losses = told.stop().await;
        assert_eq!(losses.dropped(DroppedWhat::Span, DropReason::ExporterFailed), 3);
        assert_eq!(losses.failures(Exporter::OtlpTraces), 1);
        assert_eq!(collector.got().heads.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_collector_that_hangs_costs_spans_and_nothing_else() {
    over_both(async |protocol| {
        let collector = Collector::start().await;
        collector.set(Mood::Hangs);
        let mut config = exported(otlp(protocol, collector.address));
        config.tracing.queue = 1000;
        let told = Told::start(&config);
        calls(&told, 1);
        collector.until(|got| got.heads.len() == 1).await;
        calls(&told, 600);
        assert_eq!(lost(&told, DropReason::QueueFull), 200);
        assert_eq!(told.losses.depth(QueueName::Spans), 1000);
        let began = Instant::now();
        let losses = told.stop_within(Duration::from_millis(50)).await;
        assert!(began.elapsed() < Duration::from_secs(5), "nothing is waited for");
        // All that could not be sent, and what hung.
        let failed = || losses.dropped(DroppedWhat::Span, DropReason::ExporterFailed);
        eventually(|| failed() == 1002).await;
    })
    .await;
}

#[tokio::test]
async fn a_collector_with_a_certificate_of_its_own_is_trusted_by_its_authority_alone() {
    let pki = Pki::new();
    let directory = pki.ca().parent().unwrap().to_owned();
    let listener = ListenerTls {
        cert: directory.join("localhost.pem"),
        key: directory.join("localhost.key"),
        client_ca: Some(pki.ca()),
    };
    for protocol in PROTOCOLS {
        let collector = Collector::tls(server_config(&listener, Alpn::Both).unwrap()).await;
        let mut config = exported(otlp(protocol, collector.address));
        let otlp = config.tracing.otlp.as_mut().unwrap();
        let url = otlp.traces.take().unwrap().replace("http://127.0.0.1", "https://localhost");
        otlp.traces = Some(url);
        otlp.tls = ServerTls {
            ca: Some(pki.ca()),
            cert: Some(directory.join("client.pem")),
            key: Some(directory.join("client.key")),
        };
        let told = Told::start(&config);
        calls(&told, 1);
        told.stop().await;
        assert_eq!(collector.got().spans().len(), 2);
        config.tracing.otlp.as_mut().unwrap().tls = ServerTls::default();
        let told = Told::start(&config);
        calls(&told, 1);
        assert_eq!(told.stop().await.dropped(DroppedWhat::Span, DropReason::ExporterFailed), 2);
        assert_eq!(collector.got().spans().len(), 2);
    }
}

#[tokio::test]
async fn metrics_are_pushed_under_the_names_of_the_conventions() {
    for protocol in PROTOCOLS {
        let collector = Collector::start().await;
        let mut config = exported(otlp(protocol, collector.address));
        let otlp = config.tracing.otlp.as_mut().unwrap();
        otlp.metrics = otlp.traces.take().map(|url| url.replace("traces", "metrics"));
        let told = Told::start(&config);
        calls(&told, 3);
        let losses = told.stop().await;
        let metrics = collector.got().metrics();
        let metric = metrics.iter().find(|metric| metric.name == "mcp.server.operation.duration").unwrap();
        let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
        let [point] = histogram.data_points.as_slice() else { panic!("{histogram:?}") };
        assert_eq!((metric.unit.as_str(), point.count, point.explicit_bounds.len()), ("s", 3, 14));
        insta::allow_duplicates! { insta::assert_snapshot!(lines(&point.attributes), @r"
        gen_ai.operation.name=execute_tool
        gen_ai.tool.name=echo
        mcp.method.name=tools/call
        mcp.proxy.server=files
        network.protocol.name=http
        network.protocol.version=1.1
        network.transport=tcp
        "); }
        assert_eq!(losses.failures(Exporter::OtlpMetrics), 0);
    }
}

#[tokio::test]
async fn log_lines_are_sent_as_records() {
    for protocol in PROTOCOLS {
        let collector = Collector::start().await;
        let mut config = exported(otlp(protocol, collector.address));
        let otlp = config.tracing.otlp.as_mut().unwrap();
        otlp.logs = otlp.traces.take().map(|url| url.replace("traces", "logs"));
        let told = Told::start(&config);
        let tell = told.lines().unwrap();
        for message in ["one", "two"] {
            tell(&Line::new(LogLevel::Warn, "mcp_request", message));
        }
        told.stop().await;
        let got = collector.got();
        let records = &got.logs[0].resource_logs[0].scope_logs[0].log_records;
        let [one, _] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!((one.severity_text.as_str(), one.event_name.as_str()), ("WARN", "mcp_request"));
        assert_eq!(text(one.body.as_ref().unwrap().value.as_ref().unwrap()), "one");
    }
}

#[tokio::test]
async fn metrics_that_cannot_be_pushed_are_counted() {
    let collector = Collector::start().await;
    collector.set(Mood::Refuses(503, Code::Unavailable));
    let mut config = exported(otlp(OtlpProtocol::HttpProtobuf, collector.address));
    let otlp = config.tracing.otlp.as_mut().unwrap();
    otlp.metrics = otlp.traces.take().map(|url| url.replace("traces", "metrics"));
    let told = Told::start(&config);
    calls(&told, 1);
    assert_eq!(told.stop().await.failures(Exporter::OtlpMetrics), 1);
}
