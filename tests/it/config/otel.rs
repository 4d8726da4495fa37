//! The variables of OpenTelemetry: they say what neither the command line nor the file says.

use std::time::Duration;

use insta::assert_snapshot;
use sightglass::config::{self, Config, Otlp, OtlpProtocol, Overrides, Secret};

use super::{Folder, SERVER, certificate, local_collector, no_variables};

/// A file with this text, and these variables.
fn with(text: &str, variables: &[(&str, &str)]) -> Config {
    config::parse(&format!("{text}\n{SERVER}"), "config.toml", &lookup(variables))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    move |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// The exporter that these variables alone stand for.
fn otlp(variables: &[(&str, &str)]) -> Option<Otlp> {
    let config = with("", variables);
    assert_eq!(config.warnings, [""; 0], "{variables:?}");
    config.tracing.otlp
}

fn warnings(variables: &[(&str, &str)]) -> String {
    with("", variables).warnings.join("\n")
}

const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");

#[test]
fn without_a_file_they_hold_too() {
    let upstreams = config::upstreams(&["http://127.0.0.1:3001/mcp".to_owned()]).expect("an upstream");
    let overrides = Overrides { upstreams, ..Overrides::default() };
    let variables = [BASE, ("OTEL_SERVICE_NAME", "gateway")];
    let config =
        Config::from_overrides(overrides.clone(), &lookup(&variables)).expect("a configuration").tracing;
    assert_eq!(config.otlp, Some(local_collector()));
    assert_eq!(config.resource, [("service.name".to_owned(), "gateway".to_owned())]);
    let plain = Config::from_overrides(overrides, &no_variables).expect("a configuration");
    assert_eq!(plain.tracing, config::Tracing::default());
}

#[test]
fn an_endpoint_sends_spans_and_nothing_else() {
    assert_eq!(otlp(&[]), None);
    assert_eq!(otlp(&[BASE]), Some(local_collector()));
    assert_eq!(otlp(&[("OTEL_TRACES_EXPORTER", "otlp")]), Some(local_collector()));
    assert_eq!(otlp(&[BASE, ("OTEL_TRACES_EXPORTER", "none")]), None);
    assert_eq!(otlp(&[BASE, ("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), Some(local_collector()));
    let empty = [("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_TRACES_EXPORTER", "")];
    assert_eq!(otlp(&empty), None, "empty is unset");
}

#[test]
fn metrics_and_lines_are_sent_where_they_are_asked_for() {
    let asked = [("OTEL_METRICS_EXPORTER", "console,otlp"), ("OTEL_LOGS_EXPORTER", "otlp")];
    let both = otlp(&[&asked[..], &[BASE]].concat()).expect("an exporter");
    assert_eq!(both.metrics.as_deref(), Some("http://localhost:4318/v1/metrics"));
    assert_eq!(both.logs.as_deref(), Some("http://localhost:4318/v1/logs"));
    assert!(both.traces.is_some());
    let alone = otlp(&asked).expect("an exporter");
    assert_eq!((alone.traces, alone.metrics), (None, both.metrics));
}

#[test]
fn the_endpoint_of_a_signal_is_used_as_it_is() {
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1/own/");
    let traces = |variables: &[(&str, &str)]| otlp(variables).and_then(|otlp| otlp.traces);
    assert_eq!(traces(&[own]).as_deref(), Some("http://t:1/own/"));
    assert_eq!(traces(&[own, BASE]).as_deref(), Some("http://t:1/own/"));
    let metrics = [
        BASE,
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m:1"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://l:1"),
    ];
    let metrics = otlp(&metrics).expect("an exporter");
    assert_eq!(metrics.metrics.as_deref(), Some("http://m:1/"));
    assert_eq!(metrics.traces.as_deref(), Some("http://localhost:4318/v1/traces"));
    assert_eq!(metrics.logs, None, "lines were not asked for");
}

#[test]
fn how_it_is_sent() {
    let variables = [
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b%2Cc, authorization=Bearer%20t"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
    ];
    let sent = otlp(&variables).expect("an exporter");
    assert_eq!((sent.protocol, sent.gzip), (OtlpProtocol::Grpc, false));
    assert_eq!(sent.traces.as_deref(), Some("http://localhost:4317"));
    assert_eq!(sent.timeout, Duration::from_millis(2500));
    let header = |name: &str, value: &str| (name.to_owned(), Secret(value.to_owned()));
    assert_eq!(sent.headers, [header("x-key", "a b,c"), header("authorization", "Bearer t")]);
}

#[test]
fn what_is_for_traces_alone_reaches_nobody_else() {
    let own = [
        BASE,
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=all"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-key=traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
    ];
    let key = |config: &Config| {
        let otlp = config.tracing.otlp.as_ref().expect("an exporter");
        (otlp.protocol, otlp.headers.first().map(|(_, value)| value.0.clone()))
    };
    let alone = with("", &own);
    assert_eq!(key(&alone), (OtlpProtocol::Grpc, Some("traces".to_owned())));
    assert_eq!(alone.warnings, [""; 0]);
    let with_metrics = with("", &[&own[..], &[("OTEL_METRICS_EXPORTER", "otlp")]].concat());
    assert_eq!(key(&with_metrics), (OtlpProtocol::HttpProtobuf, Some("all".to_owned())));
    assert_snapshot!(with_metrics.warnings.join("\n"), @r"
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is ignored: metrics or log lines are exported, too (set OTEL_EXPORTER_OTLP_PROTOCOL for all of them)
        OTEL_EXPORTER_OTLP_TRACES_HEADERS is ignored: metrics or log lines are exported, too (set OTEL_EXPORTER_OTLP_HEADERS for all of them)
    ");
    let in_file = with("[tracing]\notlp = { endpoint = \"http://c\", logs = true }", &own);
    assert_eq!(key(&in_file), (OtlpProtocol::HttpProtobuf, Some("all".to_owned())));
}

#[test]
fn the_file_wins_key_by_key() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://variable:1"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://variable:2/x"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "otlp"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
    ];
    let file = "[tracing]\nsample_ratio = 0.5\notlp = { endpoint = \"http://file:1\", timeout = \"3s\", metrics = false }";
    let tracing = with(file, &variables).tracing;
    assert_eq!((tracing.sample_ratio.to_string().as_str(), tracing.parent_based), ("0.5", true));
    let otlp = tracing.otlp.expect("an exporter");
    assert_eq!((otlp.traces.as_deref(), otlp.metrics), (Some("http://file:1/v1/traces"), None));
    assert_eq!((otlp.timeout, otlp.gzip), (Duration::from_secs(3), false));
    let elsewhere = with("[tracing]\notlp = { headers = { a = \"b\" } }", &variables).tracing.otlp;
    let traces = elsewhere.and_then(|otlp| otlp.traces);
    assert_eq!(traces.as_deref(), Some("http://variable:2/x"), "a file may leave the endpoint to a variable");
}

#[test]
fn who_sends_is_the_name_and_then_the_attributes() {
    let resource = |variables: &[(&str, &str)]| {
        let pairs = with("", variables).tracing.resource;
        pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(resource(&[]), "service.name=sightglass");
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "a%20b=%C3%BC, service.name=attribute,c=d=e,");
    assert_eq!(resource(&[attributes]), "service.name=attribute a b=ü c=d=e");
    let named = ("OTEL_SERVICE_NAME", "name");
    assert_eq!(resource(&[attributes, named]), "service.name=name a b=ü c=d=e");
}

#[test]
fn samplers_are_a_ratio_and_whether_parents_decide() {
    let sampler = |name: &str, argument: &str| {
        let variables = [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        let tracing = with("", &variables).tracing;
        (tracing.sample_ratio.to_string(), tracing.parent_based)
    };
    for (name, argument, ratio, parent_based) in [
        ("always_on", "0.1", "1", false),
        ("always_off", "", "0", false),
        ("traceidratio", "0.1", "0.1", false),
        ("traceidratio", "", "1", false),
        ("traceidratio", "10%", "1", false),
        ("parentbased_always_on", "", "1", true),
        ("parentbased_always_off", "", "0", true),
        ("parentbased_traceidratio", "0.25", "0.25", true),
        ("jaeger_remote", "", "1", true),
        ("", "", "1", true),
    ] {
        assert_eq!(sampler(name, argument), (ratio.to_owned(), parent_based), "{name} {argument}");
    }
}

#[test]
fn disabled_sends_nothing() {
    let disabled = ("OTEL_SDK_DISABLED", "TRUE");
    assert_eq!(otlp(&[disabled]), None);
    let file = "[tracing]\notlp = { endpoint = \"http://c\" }";
    for (text, variables) in [("", &[disabled, BASE][..]), (file, &[disabled])] {
        let config = with(text, variables);
        assert_eq!(config.tracing.otlp, None);
        assert_eq!(config.warnings, ["OTEL_SDK_DISABLED is true: nothing is exported over OTLP"]);
    }
    assert!(otlp(&[("OTEL_SDK_DISABLED", "false"), BASE]).is_some());
}

#[test]
fn what_cannot_be_read_is_ignored_with_a_warning_that_holds_no_value() {
    let bad = [
        ("OTEL_SDK_DISABLED", "secret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "secret,a=%FF,=b"),
        ("OTEL_TRACES_SAMPLER", "parentbased_secret"),
        ("OTEL_TRACES_EXPORTER", "secret"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "secret:4317"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://user:secret@h/"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "sec ret=secret,a=sec%0Aret,b=c"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "secret"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "secret"),
    ];
    let config = with("", &bad);
    assert_eq!(config.tracing, config::Tracing::default());
    let text = config.warnings.join("\n");
    assert!(!text.contains("secret"), "{text}");
    assert_snapshot!(text, @r#"
        a pair of OTEL_RESOURCE_ATTRIBUTES is ignored: expected key=value (pairs stand between commas; a comma itself is %2C)
        a pair of OTEL_RESOURCE_ATTRIBUTES is ignored: what is percent-encoded is no UTF-8 (encode each byte of the UTF-8 text as %XX)
        a pair of OTEL_RESOURCE_ATTRIBUTES is ignored: expected key=value (pairs stand between commas; a comma itself is %2C)
        OTEL_SDK_DISABLED is ignored: expected true or false (anything else means false)
        OTEL_TRACES_SAMPLER is ignored: expected always_on, always_off, traceidratio, or one of them after parentbased_ (other samplers are asked elsewhere: this program decides by itself)
        OTEL_TRACES_EXPORTER is ignored: expected otlp or none (metrics for Prometheus are on /metrics by themselves)
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT is ignored: a URL here holds no user name or password (send credentials as a header: headers = { Authorization = "Basic ${CREDENTIALS}" })
        OTEL_EXPORTER_OTLP_ENDPOINT is ignored: expected a URL such as "http://localhost:4318" (begin it with `http://`, or with `https://` for TLS; with grpc, too)
        OTEL_EXPORTER_OTLP_PROTOCOL is ignored: expected "http/protobuf" or "grpc" (JSON is not spoken; collectors that take it take protobuf, too)
        a pair of OTEL_EXPORTER_OTLP_HEADERS is ignored: no name of a header field (letters, digits and `-`, without a colon: headers = { X-Api-Key = "${KEY}" })
        a pair of OTEL_EXPORTER_OTLP_HEADERS is ignored: a line break in the value of a header field (remove it; a variable read from a file often ends with one)
        OTEL_EXPORTER_OTLP_COMPRESSION is ignored: expected "gzip" or "none" (write one of these words)
        OTEL_EXPORTER_OTLP_TIMEOUT is ignored: expected milliseconds, a whole number above 0 (10000 are ten seconds)
        OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is ignored: expected milliseconds, a whole number above 0 (10000 are ten seconds)
    "#);
}

#[test]
fn certificates_are_looked_at_where_they_are_needed() {
    let folder = Folder::new("otel");
    let (cert, key) = certificate();
    let path = |name: &str, content: &str| folder.write(name, content).display().to_string();
    let (cert, key, other) = (path("c.pem", &cert), path("k.pem", &key), path("other", "no PEM"));
    let named = |ca: &str, key: &str, base: &str| {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", base),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", ca),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", cert.as_str()),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", key),
        ];
        let config = with("", &variables);
        (config.tracing.otlp.expect("an exporter").tls, config.warnings)
    };
    let (tls, warnings) = named(&cert, &key, "https://c");
    assert_eq!(warnings, [""; 0]);
    assert_eq!([tls.ca, tls.cert, tls.key].map(|path| path.is_some()), [true; 3]);
    let (tls, warnings) = named(&other, "", "https://c");
    assert_eq!([tls.ca, tls.cert, tls.key].map(|path| path.is_some()), [false; 3]);
    assert_snapshot!(warnings.join("\n"), @r"
        OTEL_EXPORTER_OTLP_CERTIFICATE is ignored: no certificate in this file
        OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is ignored: a client certificate and its key go together
    ");
    let (tls, warnings) = named(&other, &key, "http://c");
    assert_eq!((tls, warnings), (config::ServerTls::default(), Vec::new()));
}

#[test]
fn a_variable_of_the_machine_stops_no_program() {
    assert_eq!(warnings(&[("OTEL_PROPAGATORS", "b3"), ("OTEL_LOG_LEVEL", "debug")]), "");
}
