//! The configuration: what a file resolves to, and what a mistake in it says.

#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use insta::assert_snapshot;
use sightglass::config::{
    self, Bulkhead, Capture, CircuitBreaker, Config, Error, HttpVersion, InjectMeta, LogFile, LogFormat,
    LogLevel, Logs, Otlp, OtlpProtocol, Probe, Rate, RateKey, Secret, Server, ServerTls, Slo, Tracing,
};

mod auth;
pub(crate) mod check;
mod guard;
mod insight;
mod insight_mistakes;
mod mistakes;
mod otel;
mod probe;
mod sample;
mod shown;
mod slo;

const REFERENCE: &str = include_str!("../../../config.toml");

const SERVER: &str = "[[server]]\nname = \"a\"\nurl = \"http://127.0.0.1:3001/mcp\"\n";

fn no_variables(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<Config, Error> {
    config::parse(text, "config.toml", &no_variables)
}

/// A folder of this test's own, removed with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a file for the test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn certificate() -> (String, String) {
    let generated = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    (generated.cert.pem(), generated.signing_key.serialize_pem())
}

/// `config.toml` with every example switched on: a comment that is a TOML line loses its `# `.
fn uncommented() -> String {
    let is_example = |line: &str| {
        line.starts_with("[[") || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let lines = REFERENCE.lines().map(|line| match line.strip_prefix("# ") {
        Some(example) if is_example(example) => example,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_file_of_the_repository_holds_the_defaults() {
    let mut config = parse(&format!("{REFERENCE}\n{SERVER}")).expect("config.toml with a server");
    assert_eq!(config.servers.len(), 1);
    config.servers.clear();
    assert_eq!(config, Config::default());
}

const ADMIN_TOKEN: &str = "admin-secret-0123";

/// Every example of the file, loaded from this folder.
fn examples(folder: &Folder) -> Config {
    let (cert, key) = certificate();
    for name in ["cert.pem", "ca.pem", "client.pem"] {
        folder.write(name, &cert);
    }
    for name in ["key.pem", "client.key"] {
        folder.write(name, &key);
    }
    let file = folder.write("config.toml", &uncommented());
    let secrets = |name: &str| match name {
        "GITHUB_TOKEN" => Some("ghp_secret".to_owned()),
        "SIGHTGLASS_SALT" => Some("salty".to_owned()),
        "SIGHTGLASS_ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
        _ => None,
    };
    config::load(&file, &secrets).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_examples_of_the_file_load() {
    let folder = Folder::new("examples");
    let config = examples(&folder);

    let server = config.servers.first().expect("the example");
    assert_eq!(server.headers, [("Authorization".to_owned(), Secret("Bearer ghp_secret".to_owned()))]);
    assert_eq!(server.tls.ca, Some(folder.0.join("ca.pem")));
    assert_eq!(config.proxy.tls.as_ref().map(|tls| &tls.key), Some(&folder.0.join("key.pem")));
    assert_eq!(config.admin.token, Some(Secret(ADMIN_TOKEN.to_owned())));
    assert_eq!(config.admin.tls, config.proxy.tls);
    assert_eq!(server.auth.as_ref().map(|auth| &*auth.issuer), Some("https://login.example.com"));
    let examples = Server {
        path: Some("/github".to_owned()),
        host: Some("public.example.com".to_owned()),
        headers: server.headers.clone(),
        tls: server.tls.clone(),
        tools: vec!["search_code".to_owned()],
        from_environment: server.from_environment.clone(),
        bulkhead: Some(Bulkhead { max: 100, queue: 50, wait: Duration::from_secs(1) }),
        circuit_breaker: Some(CircuitBreaker::default()),
        rate: Some(Rate { per_second: 100.0, burst: 200, key: RateKey::Client }),
        probe: Some(probe_of_the_example()),
        auth: server.auth.clone(),
        slo: Some(Slo::default()),
        ..Server::new("github", server.url.clone())
    };
    assert_eq!(*server, examples, "what is no example is the default");

    let path = folder.0.join("sightglass.log");
    let file = LogFile { path, max_size: 10 * 1024 * 1024, max_files: 5, compress: true };
    assert_eq!(config.logs.file, Some(file));
    assert_eq!(config.logs.redact_keys, ["customer_number"]);
    assert_eq!(config.logs.salt, Some(Secret("salty".to_owned())));
    assert_eq!(config.tracing.otlp, Some(local_collector()));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.identity.user.map(|user| user.to_string()).as_deref(), Some("header:x-user-id"));
    assert_eq!(config.identity.tier.map(|tier| tier.allowed.len()), Some(3));
    assert_eq!((config.identity.session.len(), config.identity.clients.len()), (3, 2));
    assert_eq!(config.drift.state, Some(folder.0.join("tools.json")));
    let rules: Vec<_> = config.rules.iter().map(|rule| (rule.kind.as_str(), rule.labels.len())).collect();
    assert_eq!(rules, [("counter", 2), ("histogram", 0)]);
    assert_eq!(config.rules.iter().map(|rule| rule.scale).collect::<Vec<_>>(), [1.0, 1.0]);
    assert_eq!(config.prices.iter().map(|price| price.per_call).collect::<Vec<_>>(), [0.005]);
}

/// What `probe = { … }` stands for there.
fn probe_of_the_example() -> Probe {
    let hello = || "hello".to_owned();
    Probe {
        call: Some("echo".to_owned()),
        arguments: [("message".to_owned(), hello().into())].into_iter().collect(),
        expect: Some(hello()),
        ..Probe::default()
    }
}

/// What `otlp = { endpoint = "http://localhost:4318" }` stands for.
fn local_collector() -> Otlp {
    Otlp {
        protocol: OtlpProtocol::HttpProtobuf,
        traces: Some("http://localhost:4318/v1/traces".to_owned()),
        metrics: None,
        logs: None,
        headers: Vec::new(),
        gzip: true,
        timeout: Duration::from_secs(10),
        tls: ServerTls::default(),
    }
}

fn parsed(text: &str) -> Config {
    parse(&format!("{text}\n{SERVER}")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_endpoint_is_enough_to_send_spans() {
    let of = |otlp: &str| parsed(&format!("[tracing]\notlp = {otlp}")).tracing.otlp.expect("an exporter");
    assert_eq!(of(r#"{ endpoint = "http://localhost:4318" }"#), local_collector());
    assert_eq!(of(r#"{ endpoint = "http://localhost:4318/" }"#), local_collector());
    let below = of(r#"{ endpoint = "https://c.example/otlp/", metrics = true, logs = true }"#);
    assert_eq!(below.traces.as_deref(), Some("https://c.example/otlp/v1/traces"));
    assert_eq!(below.metrics.as_deref(), Some("https://c.example/otlp/v1/metrics"));
    assert_eq!(below.logs.as_deref(), Some("https://c.example/otlp/v1/logs"));
    let grpc =
        of(r#"{ endpoint = "http://c:4317/x", protocol = "grpc", compression = "none", logs = true }"#);
    assert_eq!((grpc.protocol, grpc.gzip), (OtlpProtocol::Grpc, false));
    assert_eq!(
        (grpc.traces.as_deref(), grpc.logs),
        (Some("http://c:4317"), Some("http://c:4317".to_owned()))
    );
    let none = of(r#"{ endpoint = "http://c:4318", traces = false, metrics = true }"#);
    assert_eq!((none.traces, none.metrics.as_deref()), (None, Some("http://c:4318/v1/metrics")));
    let nothing = parsed("[tracing]\notlp = { endpoint = \"http://c:4318\", traces = false }");
    assert_eq!(nothing.tracing.otlp, None);
}

#[test]
fn a_collector_may_have_an_authority_of_its_own() {
    let folder = Folder::new("collector");
    folder.write("ca.pem", &certificate().0);
    let text =
        format!("[tracing]\notlp = {{ endpoint = \"https://c\", tls = {{ ca = \"ca.pem\" }} }}\n{SERVER}");
    let file = folder.write("config.toml", &text);
    let elsewhere = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "no-such-file.pem");
    let variables = |name: &str| (name == elsewhere.0).then(|| elsewhere.1.to_owned());
    let config = config::load(&file, &variables).unwrap_or_else(|error| panic!("{error}"));
    let tls = ServerTls { ca: Some(folder.0.join("ca.pem")), ..ServerTls::default() };
    assert_eq!(config.tracing.otlp.map(|otlp| otlp.tls), Some(tls));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn tracing_and_logs_are_as_they_are_written() {
    let folder = Folder::new("logs");
    let log = folder.0.join("a.log");
    let config = parsed(&format!(
        "[tracing]\nsample_ratio = 0.25\nslow_threshold = \"off\"\ninject_meta = true\nread_b3 = true\nqueue = 7\n\
         otlp = {{ endpoint = \"http://c\", headers = {{ X-Key = \"secret\" }}, timeout = \"250ms\" }}\n\
         [metrics]\nsemconv = true\n\
         [logs]\nlevel = \"debug\"\ncalls = false\nqueue = 9\nredact_keys = [\"Iban\"]\nraw_session_ids = true\nsalt = \"s\"\n\
         file = {{ path = {log:?}, max_size = \"1KiB\", max_files = 1, compress = false }}\n\
         capture = {{ arguments = true, max_bytes = 10 }}"
    ));
    assert!(config.metrics.semconv);
    let otlp = config.tracing.otlp.clone().expect("an exporter");
    assert_eq!(otlp.headers, [("X-Key".to_owned(), Secret("secret".to_owned()))]);
    assert_eq!(otlp.timeout, Duration::from_millis(250));
    let tracing = Tracing {
        sample_ratio: 0.25,
        slow_threshold: None,
        inject_meta: InjectMeta::Always,
        read_b3: true,
        queue: 7,
        otlp: Some(otlp),
        ..Tracing::default()
    };
    assert_eq!(config.tracing, tracing);
    let logs = Logs {
        level: LogLevel::Debug,
        calls: false,
        queue: 9,
        file: Some(LogFile { path: log, max_size: 1024, max_files: 1, compress: false }),
        capture: Capture { arguments: true, results: false, max_bytes: 10 },
        redact_keys: vec!["iban".to_owned()],
        raw_session_ids: true,
        salt: Some(Secret("s".to_owned())),
        ..Logs::default()
    };
    assert_eq!(config.logs, logs);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn a_switch_may_come_from_a_variable() {
    for (written, expected) in
        [("false", InjectMeta::Never), ("\"false\"", InjectMeta::Never), ("\"auto\"", InjectMeta::Auto)]
    {
        let config = parsed(&format!("[tracing]\ninject_meta = {written}\nsample_ratio = \"0.5\""));
        assert_eq!(config.tracing.inject_meta, expected, "{written}");
        assert_eq!(config.tracing.sample_ratio.to_string(), "0.5");
    }
}

#[test]
fn payloads_captured_above_debug_are_a_warning() {
    let config = parsed("[logs]\ncapture = { results = true }");
    assert_eq!(
        config.warnings,
        [
            "logs.capture: payloads are logged at level \"debug\"; above it, only of sessions that are being debugged"
        ]
    );
    assert!(parsed("[logs]\nlevel = \"trace\"\ncapture = { results = true }").warnings.is_empty());
}

#[test]
fn what_is_written_wins_over_the_default() {
    let text = "[proxy]\nlisten = [\"127.0.0.1:1\", \"[::1]:2\"]\nworkers = 3\nshutdown_grace = 0\n\
        [limits]\nmax_connections = 0\nkeep_alive = \"off\"\nhold_back = 0\nrequest_body = \"1MiB\"\nobserve_bytes = 1048576\n\
        [metrics]\nlatency_buckets = [1, 2.5]\n[logs]\nformat = \"json\"\n\
        [[server]]\nname = \"a\"\nurl = \"https://h/mcp/\"\npath = \"/a\"\nhttp = \"2\"\nhead_timeout = \"250ms\"\n";
    let config = parse(text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.proxy.listen.len(), 2);
    assert_eq!((config.proxy.workers, config.proxy.shutdown_grace), (3, Duration::ZERO));
    assert_eq!((config.limits.max_connections, config.limits.keep_alive), (None, None));
    assert_eq!((config.limits.hold_back, config.limits.request_body), (0, Some(1_048_576)));
    assert_eq!(config.limits.observe_bytes, 1_048_576);
    assert_eq!(config.metrics.latency_buckets, [1.0, 2.5]);
    assert_eq!(config.logs.format, LogFormat::Json);
    let server = config.servers.first().expect("one server");
    assert_eq!((server.http, server.head_timeout), (HttpVersion::Two, Some(Duration::from_millis(250))));
    assert_eq!(server.url.to_string(), "https://h/mcp/");
}

#[test]
fn variables_are_replaced_in_values() {
    let text = "[proxy]\nworkers = \"${WORKERS}\"\n[[server]]\nname = \"a\"\nurl = \"http://${HOST:-localhost}:3001/$$\"\n";
    let config = config::parse(text, "f", &|name| (name == "WORKERS").then(|| "2".to_owned()))
        .expect("a configuration");
    assert_eq!(config.proxy.workers, 2);
    assert_eq!(
        config.servers.first().map(|server| server.url.to_string()).as_deref(),
        Some("http://localhost:3001/$")
    );
}

#[test]
fn a_bare_upstream_gets_every_path_and_named_ones_a_mount() {
    let bare = Config::from_upstreams(&["http://127.0.0.1:3001/a=b/".to_owned()]).expect("a configuration");
    let server = bare.servers.first().expect("one server");
    assert_eq!((server.name.as_str(), &server.path, server.url.path.as_str()), ("127.0.0.1", &None, "/a=b/"));

    let named = ["a=http://h/mcp".to_owned(), "b=https://[::1]:1".to_owned()];
    let named = Config::from_upstreams(&named).expect("a configuration");
    let mounts: Vec<_> = named.servers.iter().map(|server| server.path.as_deref()).collect();
    assert_eq!(mounts, [Some("/a"), Some("/b")]);
    let one = Config::from_upstreams(&["a=http://h/mcp".to_owned()]).expect("a configuration");
    assert_eq!(one.servers.first().and_then(|server| server.path.as_deref()), Some("/a"));
}

#[test]
fn what_clients_dial_follows_the_mount_and_the_public_url() {
    let dialled = |proxy: &str, mount: &str| {
        let config =
            parse(&format!("[proxy]\n{proxy}\n{SERVER}{mount}\n")).unwrap_or_else(|error| panic!("{error}"));
        let address = *config.proxy.listen.first().expect("a listener");
        config.servers.first().map(|server| config.dialled(server, address)).expect("a server")
    };
    assert_eq!(dialled("", ""), "http://127.0.0.1:8080/mcp");
    assert_eq!(dialled("", "path = \"/a\""), "http://127.0.0.1:8080/a");
    assert_eq!(dialled("listen = \"0.0.0.0:80\"", "path = \"/a\""), "http://localhost:80/a");
    assert_eq!(dialled("", "host = \"MCP.example.com\""), "http://mcp.example.com:8080/mcp");
    assert_eq!(
        dialled("public_url = \"https://x.example/base/\"", "path = \"/a\""),
        "https://x.example/base/a"
    );
}

fn sightglass(arguments: &[&str], folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sightglass"));
    let ours = |name: &str| name.starts_with("SIGHTGLASS_") || name.starts_with("OTEL_");
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .envs(variables.iter().copied())
        .output()
        .expect("the program runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_flag_wins_over_its_variable_and_that_over_the_file() {
    let folder = Folder::new("precedence");
    folder.write("config.toml", &format!("[proxy]\nlisten = \"127.0.0.1:1001\"\n{SERVER}"));
    let listens = |arguments: &[&str], variables: &[(&str, &str)], address: &str| {
        let output = sightglass(arguments, &folder.0, variables);
        let text = stdout(&output);
        assert!(text.contains(&format!("listen  {address}\n")), "{text}{}", stderr(&output));
    };
    let variable = [("SIGHTGLASS_LISTEN", "127.0.0.1:1002")];
    listens(&["check"], &[], "127.0.0.1:1001");
    listens(&["check"], &variable, "127.0.0.1:1002");
    listens(&["check", "--listen", "127.0.0.1:1003"], &variable, "127.0.0.1:1003");
    listens(&["check", "--upstream", "http://127.0.0.1:9"], &[], "127.0.0.1:8080");
}

#[test]
fn upstreams_over_a_file_take_the_place_of_its_servers() {
    let folder = Folder::new("over");
    folder.write("mine.toml", &format!("[proxy]\nlisten = \"127.0.0.1:1001\"\n{SERVER}"));
    let output = sightglass(&["check", "--config", "mine.toml", "--upstream", "b=http://h/"], &folder.0, &[]);
    let text = stdout(&output);
    assert!(text.contains("server  b\n") && !text.contains("server  a\n"), "{text}");
    assert!(text.contains("listen  127.0.0.1:1001\n"), "{text}");
    folder.write("priced.toml", &format!("{SERVER}[[price]]\nserver = \"a\"\nper_call = 1\n"));
    let output =
        sightglass(&["check", "--config", "priced.toml", "--upstream", "b=http://h/"], &folder.0, &[]);
    assert_snapshot!(stderr(&output), @r#"
        error: priced.toml, line 5, column 10
          |
        5 | server = "a"
          |          ^^^
        no server is named `a`
        hint: the servers of the file were replaced by `--upstream`
    "#);
}

#[test]
fn check_prints_what_a_configuration_resolves_to() {
    let folder = Folder::new("check");
    let text = format!(
        "{SERVER}path = \"/a\"\nheaders = {{ X-Key = \"${{KEY}}\" }}\n[limits]\nmax_connections = \"off\"\n"
    );
    folder.write("config.toml", &text);
    let output = sightglass(&["check"], &folder.0, &[("KEY", "very-secret")]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_snapshot!(stdout(&output), @r#"
        The configuration is valid.

        listen  127.0.0.1:8080
        admin   127.0.0.1:9464 (/metrics, /health)

        server  a
                http://127.0.0.1:8080/a -> http://127.0.0.1:3001/mcp
                sets X-Key: ***

        tracing on: servers get the trace context in headers
                samples 1 of the traces that begin here
                spans go nowhere: tracing.otlp names no endpoint
        logs    pretty on a terminal, else JSON; level info, with a line for each call
        tokens  estimated: one for every four bytes

        limits that are not the default:
                max_connections = "off" (default 10000)
    "#);
}

#[test]
fn check_says_where_telemetry_goes_and_no_secret() {
    let folder = Folder::new("telemetry");
    let text = format!(
        "{SERVER}[tracing]\nsample_ratio = 0.1\n\
         otlp = {{ endpoint = \"http://c:4318\", metrics = true, logs = true, headers = {{ X-Key = \"very-secret\" }} }}\n\
         [logs]\nsalt = \"very-secret\"\nraw_session_ids = true\nfile = {{ path = \"a.log\" }}\ncapture = {{ arguments = true }}\n"
    );
    folder.write("config.toml", &text);
    let variables = [("OTEL_SERVICE_NAME", "gateway"), ("OTEL_LOGS_EXPORTER", "syslog")];
    let output = sightglass(&["check"], &folder.0, &variables);
    assert_snapshot!(stdout(&output), @r#"
        The configuration is valid.

        listen  127.0.0.1:8080
        admin   127.0.0.1:9464 (/metrics, /health)

        server  a
                http://127.0.0.1:8080/mcp -> http://127.0.0.1:3001/mcp
                every path passes unchanged to http://127.0.0.1:3001

        tracing on: servers get the trace context in headers and in `params._meta`
                samples 0.1 of the traces that begin here
                spans -> http://c:4318/v1/traces (http/protobuf, gzip)
                metrics -> http://c:4318/v1/metrics (http/protobuf, gzip)
                lines -> http://c:4318/v1/logs (http/protobuf, gzip)
                errors and calls slower than "5s" are sent even where they were not sampled
                sends X-Key: ***
                service.name = gateway
        logs    pretty on a terminal, else JSON; level info, with a line for each call
                also to a.log: 5 files of "10MiB", gzip
                arguments are logged, redacted, up to "4KiB"
                ids of sessions are not hashed
                hashes are keyed with logs.salt: ***
        tokens  estimated: one for every four bytes

        warning: OTEL_LOGS_EXPORTER is ignored: expected otlp or none (metrics for Prometheus are on /metrics by themselves)
        warning: logs.capture: payloads are logged at level "debug"; above it, only of sessions that are being debugged
    "#);
}

#[test]
fn check_says_who_calls_what_is_counted_and_what_it_costs() {
    let folder = Folder::new("insight");
    let text = format!(
        "{SERVER}[identity]\nuser = {{ header = \"X-User-Id\" }}\ntier = {{ claim = \"plan\", allowed = [\"free\", \"pro\"] }}\n\
         session = [\"meta:openai/session\", \"baggage:session.id\"]\nclients = [\"ChatGPT\", \"claude-code\"]\n\
         [drift]\nstate = \"tools.json\"\n[limits]\nmax_tool_pairs = 7\npayload_bytes = \"64KiB\"\n\
         [[metric]]\nname = \"mcp_seen_total\"\ntype = \"counter\"\n\
         [[metric]]\nname = \"mcp_revenue_usd\"\ntype = \"histogram\"\nvalue = \"/result/structuredContent/cents\"\nscale = 0.01\n\
         when = {{ server = \"a\", tool = [\"buy\", \"rent\"], method = \"tools/call\", outcome = \"ok\" }}\n\
         labels = {{ kind = {{ pointer = \"/params/arguments/kind\", allowed = [\"x\", \"y\"] }}, user_tier = {{ fact = \"user_tier\" }}, \
         client = {{ fact = \"client_name\" }} }}\n\
         [[price]]\nserver = \"a\"\ntool = \"search\"\nper_call = 0.005\nper_1k_tokens = 0.01\n[[price]]\nper_kilobyte = 0.001\n"
    );
    folder.write("config.toml", &text);
    let output = sightglass(&["check"], &folder.0, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_snapshot!(stdout(&output), @r#"
        The configuration is valid.

        listen  127.0.0.1:8080
        admin   127.0.0.1:9464 (/metrics, /health)

        server  a
                http://127.0.0.1:8080/mcp -> http://127.0.0.1:3001/mcp
                every path passes unchanged to http://127.0.0.1:3001

        tracing on: servers get the trace context in headers
                samples 1 of the traces that begin here
                spans go nowhere: tracing.otlp names no endpoint
        logs    pretty on a terminal, else JSON; level info, with a line for each call
        user    header:x-user-id, told as a keyed hash
        tier    claim:plan: free, pro; others are _other
        session meta:openai/session, else baggage:session.id
        clients ChatGPT, claude-code always have a label value
        tokens  estimated: one for every four bytes
        drift   tools are remembered in tools.json

        metric  mcp_seen_total (counter): 1 for every call
        metric  mcp_revenue_usd (histogram): /result/structuredContent/cents times 0.01 when server is a, method is tools/call, tool is buy or rent, outcome is ok; by client (client_name), kind (/params/arguments/kind, 2 values), user_tier

        price   search of a: 0.005 USD a call, 0.01 USD for 1000 tokens
        price   every tool: 0.001 USD for 1000 bytes

        limits that are not the default:
                max_tool_pairs = 7 (default 2000)
                payload_bytes = "64KiB" (default "1MiB")
    "#);
}

#[test]
fn check_of_a_mistake_exits_64_with_its_line() {
    let folder = Folder::new("mistake");
    folder.write("config.toml", "[proxy]\nlisten = \"localhost:8080\"\n");
    let output = sightglass(&["check"], &folder.0, &[]);
    assert_eq!(output.status.code(), Some(64));
    assert_snapshot!(stderr(&output), @r#"
        error: config.toml, line 2, column 10
          |
        2 | listen = "localhost:8080"
          |          ^^^^^^^^^^^^^^^^
        expected an IP address and a port such as "127.0.0.1:8080" or "[::]:8080"
        hint: "127.0.0.1:8080" for this machine alone, "0.0.0.0:8080" for every network
    "#);
}

#[test]
fn check_of_a_file_that_is_not_there_exits_64() {
    let folder = Folder::new("absent");
    let output = sightglass(&["check", "--config", "absent.toml"], &folder.0, &[]);
    assert_eq!(output.status.code(), Some(64));
    assert_snapshot!(stderr(&output), @r"
        error: absent.toml: cannot be read: No such file or directory (os error 2)
        hint: give the file's name with `--config`, or a server's URL with `--upstream`
    ");
}

#[test]
fn without_a_file_or_an_upstream_both_ways_to_begin_are_said() {
    let folder = Folder::new("nothing");
    for arguments in [&["check"][..], &["serve"], &[]] {
        let output = sightglass(arguments, &folder.0, &[]);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        insta::allow_duplicates! {
            assert_snapshot!(stderr(&output), @r"
                error: no server to observe: neither --config nor --upstream is given, and there is no config.toml here
                hint: begin with `sightglass serve --upstream http://127.0.0.1:3001/mcp`, or with `sightglass serve --config FILE`
            ");
        }
    }
}

#[test]
fn a_wrong_command_line_exits_64_and_help_exits_0() {
    let folder = Folder::new("usage");
    let code = |arguments: &[&str]| sightglass(arguments, &folder.0, &[]).status.code();
    assert_eq!(code(&["--no-such-option"]), Some(64));
    assert_eq!(code(&["check", "--listen", "localhost"]), Some(64));
    assert_eq!(code(&["demo", "--for", "soon"]), Some(64));
    assert_eq!(code(&["check", "--upstream", "ftp://h"]), Some(64));
    assert_eq!(code(&["--version"]), Some(0));
    for command in [&["--help"][..], &["serve", "--help"], &["check", "--help"], &["demo", "--help"]] {
        let output = sightglass(command, &folder.0, &[]);
        assert_eq!(output.status.code(), Some(0), "{command:?}");
        assert!(stdout(&output).contains("Example"), "{command:?} shows an example");
    }
}
