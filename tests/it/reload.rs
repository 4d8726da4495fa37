//! Another configuration while the proxy runs: all of it or nothing, and what goes on goes on.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, Version};
use sightglass::cli::reload::{Changes, Reloader, Source};
use sightglass::cli::serve::{self, Running};
use sightglass::cli::telemetry::Telemetry;
use sightglass::config;

use crate::admin::ask_as;
use crate::oauth::issuer::{AUDIENCE, Issuer, JWKS};
use crate::oauth::keys::ED25519;
use crate::support::client::{Client, collect, next};
use crate::support::mixed::page;
use crate::support::scrape::Scrape;
use crate::support::upstream::Call;
use crate::support::{Sent, Upstream, VERSIONS, full, within};

/// A proxy whose file a test rewrites.
struct Reloading {
    running: Running,
    reloader: Arc<Reloader>,
    file: Arc<Mutex<String>>,
}

const HEAD: &str = "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";

fn server(name: &str, address: SocketAddr, more: &str) -> String {
    format!("[[server]]\nname = \"{name}\"\npath = \"/{name}\"\nurl = \"http://{address}/mcp\"\n{more}\n")
}

impl Reloading {
    async fn start(servers: &str) -> Self {
        let file = Arc::new(Mutex::new(format!("{HEAD}{servers}")));
        let says = Arc::clone(&file);
        let read = move || config::parse(&says.lock().unwrap(), "config.toml", &|_| None);
        let config = read().unwrap();
        let telemetry = Telemetry::start(&config, None).unwrap();
        let running = serve::start_told(config.clone(), &telemetry).await.unwrap();
        let source = Source { read: Box::new(read), file: None };
        let reloader = running.reloader(source, config, &telemetry);
        Self { running, reloader, file }
    }

    fn write(&self, servers: &str) {
        *self.file.lock().unwrap() = format!("{HEAD}{servers}");
    }

    fn reload(&self, servers: &str) -> Changes {
        self.write(servers);
        self.reloader.reload().unwrap()
    }

    async fn client(&self, version: Version) -> Client {
        Client::connect(self.running.data[0], version).await
    }

    async fn page(&self) -> Scrape {
        page(self.running.admin).await
    }
}

fn call(server: &str, fields: &[(&str, &str)]) -> Request<Sent> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    let mut request = Request::post(format!("/{server}")).header("content-type", "application/json");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(full(body)).unwrap()
}

fn answer(call: Call) {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    call.answer(Response::builder().header("content-type", "application/json").body(full(body)).unwrap());
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn the_next_request_of_an_open_connection_takes_the_new_routes() {
    for version in VERSIONS {
        let (mut old, mut new) = (Upstream::start().await, Upstream::start().await);
        let proxy = Reloading::start(&server("a", old.address, "")).await;
        let mut client = proxy.client(version).await;
        let under_way = tokio::spawn(client.start(call("a", &[])));
        let running = old.call().await;

        let changes = proxy.reload(&format!(
            "{}{}",
            server("a", new.address, "headers = { X-Key = \"k\" }"),
            server("b", new.address, "")
        ));
        assert_eq!((changes.added, changes.changed), (names(&["b"]), names(&["a"])), "{version:?}");
        // What began with the old one ends there.
        answer(running);
        assert_eq!(within(under_way).await.unwrap().unwrap().status(), 200);

        for name in ["a", "b"] {
            let sent = tokio::spawn(client.start(call(name, &[])));
            let asked = new.call().await;
            assert_eq!(asked.head.headers.contains_key("x-key"), name == "a");
            answer(asked);
            assert_eq!(collect(within(sent).await.unwrap().unwrap()).await.len(), 48);
        }
        let page = proxy.page().await;
        page.metric("mcp_requests_total").label("server", "a").is(2);
        page.metric("mcp_requests_total").label("server", "b").is(1);
        proxy.running.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_is_gone_leaves_the_page_and_takes_up_its_counters_when_it_comes_back() {
    let (mut stays, mut goes) = (Upstream::start().await, Upstream::start().await);
    let both = format!(
        "{}{}",
        server("stays", stays.address, ""),
        server("goes", goes.address, "circuit_breaker = { failures = 5 }\nbulkhead = { max = 3 }")
    );
    let proxy = Reloading::start(&both).await;
    let mut client = proxy.client(Version::HTTP_11).await;
    for (name, upstream) in [("stays", &mut stays), ("goes", &mut goes)] {
        let sent = tokio::spawn(client.start(call(name, &[])));
        answer(upstream.call().await);
        collect(within(sent).await.unwrap().unwrap()).await;
    }
    let under_way = proxy.client(Version::HTTP_11).await.start(call("goes", &[]));
    let under_way = tokio::spawn(under_way);
    let running = goes.call().await;

    let changes = proxy.reload(&server("stays", stays.address, ""));
    assert_eq!(changes, Changes { removed: names(&["goes"]), ..Changes::default() });
    let refused = client.send(call("goes", &[])).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["x-sightglass-error"]),
        (404, &"no_route".parse().unwrap())
    );
    collect(refused).await;
    answer(running);
    collect(within(under_way).await.unwrap().unwrap()).await;
    let text = text(proxy.running.admin).await;
    assert!(!text.contains("\"goes\""), "{text}");
    assert!(!text.contains("mcp_circuit_breaker_open"), "a family without series stays:\n{text}");
    Scrape::of(&text).metric("mcp_requests_total").label("server", "stays").is(1);

    assert_eq!(proxy.reload(&both).added, ["goes"]);
    let sent = tokio::spawn(client.start(call("goes", &[])));
    answer(goes.call().await);
    collect(within(sent).await.unwrap().unwrap()).await;
    let page = proxy.page().await;
    page.metric("mcp_requests_total").label("server", "goes").is(3);
    page.metric("mcp_requests_active").label("server", "goes").is(0);
    page.metric("mcp_bulkhead_running").label("server", "goes").is(0);
    proxy.running.stop().await;
}

#[tokio::test]
async fn tiers_that_are_listed_in_another_order_keep_their_names() {
    let mut upstream = Upstream::start().await;
    let with = |allowed: &str| {
        let tier = format!("[identity]\ntier = {{ header = \"X-Plan\", allowed = {allowed} }}\n");
        format!("{tier}{}", server("a", upstream.address, ""))
    };
    let (one, other) = (with(r#"["free", "pro"]"#), with(r#"["pro", "team", "free"]"#));
    let proxy = Reloading::start(&one).await;
    let mut client = proxy.client(Version::HTTP_11).await;
    for (servers, tiers) in [(&one, &["free", "pro"][..]), (&other, &["pro", "team", "pro"])] {
        proxy.reload(servers);
        for tier in tiers {
            let sent = tokio::spawn(client.start(call("a", &[("x-plan", tier)])));
            answer(upstream.call().await);
            collect(within(sent).await.unwrap().unwrap()).await;
        }
    }
    let page = proxy.page().await;
    for (tier, times) in [("free", 1), ("pro", 3), ("team", 1)] {
        page.metric("mcp_tool_invocations_total").label("user_tier", tier).is(times);
    }
    proxy.running.stop().await;
}

#[tokio::test]
async fn keys_and_known_tokens_live_on_where_the_block_did_not_change() {
    let mut upstream = Upstream::start().await;
    let issuer = Issuer::with(serde_json::json!([ED25519.jwk("a")])).await;
    let name = issuer.name();
    let auth =
        format!("auth = {{ issuer = \"{name}\", audience = \"{AUDIENCE}\", jwks = \"{name}{JWKS}\" }}");
    let block = server("a", upstream.address, &auth);
    let proxy = Reloading::start(&block).await;
    let mut client = proxy.client(Version::HTTP_11).await;
    let token = format!("Bearer {}", issuer.token(&ED25519, "a"));
    for round in 0..2 {
        let sent = tokio::spawn(client.start(call("a", &[("authorization", &token)])));
        answer(upstream.call().await);
        collect(within(sent).await.unwrap().unwrap()).await;
        if round == 0 {
            proxy.reload(&format!("{block}{}", server("b", upstream.address, "")));
        }
    }
    assert_eq!(issuer.fetches(), 1);
    let page = proxy.page().await;
    page.metric("mcp_oauth_validation_seconds_count").label("cache_status", "hit").is(1);
    assert_eq!(client.send(call("a", &[])).await.status(), 401);
    // What another block says holds at once.
    proxy.reload(&server("a", upstream.address, ""));
    let mut client = proxy.client(Version::HTTP_11).await;
    let sent = tokio::spawn(client.start(call("a", &[])));
    answer(upstream.call().await);
    assert_eq!(within(sent).await.unwrap().unwrap().status(), 200);
    proxy.running.stop().await;
}

/// The page as it is written.
async fn text(admin: SocketAddr) -> String {
    let mut client = Client::connect(admin, Version::HTTP_11).await;
    let request = Request::get("/metrics").body(full(Bytes::new())).unwrap();
    String::from_utf8(collect(client.send(request).await).await.to_vec()).unwrap()
}

#[tokio::test]
async fn streams_sessions_and_connections_of_what_did_not_change_live_on() {
    let mut upstream = Upstream::start().await;
    let block = server("a", upstream.address, "");
    let proxy = Reloading::start(&block).await;
    let mut client = proxy.client(Version::HTTP_11).await;
    let begin = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"ide","version":"2"}}}"#;
    let request = Request::post("/a").header("content-type", "application/json").body(full(begin)).unwrap();
    let sent = tokio::spawn(client.start(request));
    let named = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#;
    let head = Response::builder().header("content-type", "application/json");
    upstream.call().await.answer(head.header("mcp-session-id", "s-1234567").body(full(named)).unwrap());
    collect(within(sent).await.unwrap().unwrap()).await;

    let mut listener = proxy.client(Version::HTTP_11).await;
    let listen =
        Request::get("/a").header("accept", "text/event-stream").header("mcp-session-id", "s-1234567");
    let stream = tokio::spawn(listener.start(listen.body(full(Bytes::new())).unwrap()));
    let feed = upstream.call().await.events();
    let mut stream = within(stream).await.unwrap().unwrap().into_body();
    feed.data("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n").await;
    assert!(next(&mut stream).await.is_some());

    for round in 0..20 {
        let other = server("b", upstream.address, &format!("call_timeout = \"{}s\"", round + 1));
        proxy.reload(&format!("{block}{other}"));
    }
    feed.data("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n").await;
    assert!(next(&mut stream).await.is_some());
    let sent = tokio::spawn(client.start(call("a", &[("mcp-session-id", "s-1234567")])));
    let asked = upstream.call().await;
    answer(asked);
    collect(within(sent).await.unwrap().unwrap()).await;

    let page = proxy.page().await;
    page.metric("mcp_active_streams").label("server", "a").is(1);
    page.metric("mcp_active_sessions").label("server", "a").is(1);
    // One for the calls, one for the stream: the reloads made none.
    page.metric("mcp_upstream_connect_seconds_count").label("server", "a").is(2);
    drop(feed);
    proxy.running.stop().await;
}

#[tokio::test]
async fn a_mistake_changes_nothing_and_is_told() {
    let mut upstream = Upstream::start().await;
    let block = server("a", upstream.address, "");
    let proxy = Reloading::start(&block).await;
    let successful = |page: &Scrape, is: u32| page.metric("mcp_proxy_config_last_reload_successful").is(is);
    successful(&proxy.page().await, 1);
    let begun = proxy.page().await.metric("mcp_proxy_config_last_reload_success_timestamp_seconds").sum();

    let half = format!(
        "{}[[server]]\nname = \"b\"\nurl = \"http://127.0.0.1:1/\"\nspeed = 3\n",
        server("c", upstream.address, "")
    );
    proxy.write(&half);
    let error = proxy.reloader.reload().unwrap_err();
    assert!(error.contains("speed") && error.contains("config.toml, line "), "{error}");
    // The line itself is told by `check` alone: it may hold a secret.
    proxy.write("[admin]\ntoken = \"abc!def\"\n");
    let error = proxy.reloader.reload().unwrap_err();
    assert!(error.contains("hint: ") && !error.contains("abc!def"), "{error}");
    // A file that names another that is not there is found out before anything changes.
    proxy.write(&format!("{block}[[server]]\nname = \"d\"\npath = \"/d\"\nurl = \"https://127.0.0.1:1/\"\ntls = {{ ca = \"/nowhere.pem\" }}\n"));
    proxy.reloader.reload().unwrap_err();
    let page = proxy.page().await;
    successful(&page, 0);
    assert!(
        (page.metric("mcp_proxy_config_last_reload_success_timestamp_seconds").sum() - begun).abs() < 1e-9
    );

    let mut client = proxy.client(Version::HTTP_11).await;
    let sent = tokio::spawn(client.start(call("a", &[])));
    answer(upstream.call().await);
    assert_eq!(within(sent).await.unwrap().unwrap().status(), 200);
    for gone in ["c", "d"] {
        let refused = proxy.client(Version::HTTP_11).await.send(call(gone, &[])).await;
        assert_eq!(refused.status(), 404);
    }
    assert!(proxy.reload(&block).is_nothing());
    successful(&proxy.page().await, 1);
    proxy.running.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_restart_is_named_and_the_rest_holds() {
    let upstream = Upstream::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#).await;
    let block = server("a", upstream.address, "");
    let proxy = Reloading::start(&block).await;
    let more =
        "[limits]\nmax_sessions = 7\n[logs]\nlevel = \"debug\"\n[[price]]\ntool = \"echo\"\nper_call = 2.0\n";
    let changes = proxy.reload(&format!("{block}{more}"));
    assert_eq!(changes.waiting, ["limits", "logs"]);
    assert_eq!(changes.taken, ["price"]);
    collect(proxy.client(Version::HTTP_11).await.send(call("a", &[])).await).await;
    let page = proxy.page().await;
    page.metric("mcp_cost_usd_total").label("server", "a").is(2);
    page.metric("mcp_proxy_limit").label("limit", "sessions").is(100_000);
    proxy.running.stop().await;
}

#[tokio::test]
async fn the_configuration_that_is_shown_is_the_one_that_runs() {
    let upstream = Upstream::start().await;
    let proxy = Reloading::start(&server("a", upstream.address, "")).await;
    let shown = async || {
        let (head, body) = ask_as(proxy.running.admin, "localhost", "GET /api/config", "").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let shown: serde_json::Value = serde_json::from_slice(&body).unwrap();
        shown["server"].as_array().unwrap().iter().map(|server| server["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(shown().await, ["a"]);
    proxy.reload(&server("b", upstream.address, ""));
    assert_eq!(shown().await, ["b"]);
    proxy.write("[[server]]");
    assert!(proxy.reloader.reload().is_err());
    assert_eq!(shown().await, ["b"]);
}

#[tokio::test]
async fn who_asks_for_it_is_told_what_has_changed() {
    let upstream = Upstream::start().await;
    let block = server("a", upstream.address, "");
    let proxy = Reloading::start(&block).await;
    let ask = async |method: &str| {
        let mut client = Client::connect(proxy.running.admin, Version::HTTP_11).await;
        let request = Request::builder().method(method).uri("/api/reload").body(full(Bytes::new())).unwrap();
        let answer = client.send(request).await;
        let status = answer.status().as_u16();
        let body = collect(answer).await;
        (status, serde_json::from_slice::<serde_json::Value>(&body).unwrap())
    };
    assert_eq!(ask("GET").await.0, 405);
    proxy.write(&format!("{block}{}", server("b", upstream.address, "")));
    let (status, said) = ask("POST").await;
    assert_eq!((status, &said["servers"]["added"][0]), (200, &"b".into()), "{said}");
    proxy.write("speed = 3\n");
    let (status, said) = ask("POST").await;
    assert_eq!(status, 422, "{said}");
    assert!(said["error"].as_str().is_some_and(|error| error.contains("speed")), "{said}");
    proxy.page().await.metric("mcp_proxy_config_last_reload_successful").is(0);
    proxy.running.stop().await;
}

/// Calls go on while the configuration changes as often as it can: each is answered, with its own id, and counted.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_lost_while_the_configuration_changes_all_the_time() {
    const CALLERS: u32 = 8;
    const CALLS: u32 = 200;
    let upstream = crate::support::stub::start().await;
    let block = server("a", upstream, "");
    let proxy = Reloading::start(&block).await;
    let address = proxy.running.data[0];
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            tokio::spawn(async move {
                let mut client = Client::connect(address, Version::HTTP_11).await;
                for number in 0..CALLS {
                    let id = caller * CALLS + number;
                    let body = format!(
                        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"ok","arguments":{{}}}}}}"#
                    );
                    let request = Request::post("/a").header("content-type", "application/json");
                    let answer = client.send(request.body(full(body)).unwrap()).await;
                    assert_eq!(answer.status(), 200);
                    let answer: serde_json::Value = serde_json::from_slice(&collect(answer).await).unwrap();
                    assert_eq!(answer["id"], id);
                }
            })
        })
        .collect();
    let mut reloads = 0;
    while callers.iter().any(|caller| !caller.is_finished()) {
        // Each is another one: `a` is reached anew, and `b` comes and goes.
        let more = format!("call_timeout = \"{}s\"", 100 + reloads % 7);
        let other = if reloads % 2 == 0 { server("b", upstream, "") } else { String::new() };
        let (file, reloader) =
            (format!("{}{other}", server("a", upstream, &more)), Arc::clone(&proxy.reloader));
        proxy.write(&file);
        tokio::task::spawn_blocking(move || reloader.reload().unwrap()).await.unwrap();
        reloads += 1;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(reloads > 10, "{reloads} reloads");
    let page = proxy.page().await;
    page.metric("mcp_requests_total").label("server", "a").label("outcome", "ok").is(CALLERS * CALLS);
    page.metric("mcp_requests_total").is(CALLERS * CALLS);
    page.metric("mcp_requests_active").is(0);
    proxy.running.stop().await;
}

#[tokio::test]
async fn a_circuit_is_closed_where_its_block_changes_and_stays_as_it_is_where_it_does_not() {
    let mut upstream = Upstream::start().await;
    let block = |more: &str| {
        let circuit = format!("circuit_breaker = {{ failures = 1, open_for = \"1h\" }}\n{more}");
        server("a", upstream.address, &circuit)
    };
    let (before, after) = (block(""), block("call_timeout = \"1h\""));
    let promising = block("slo = { availability = 0.9 }");
    let proxy = Reloading::start(&before).await;
    let open = async |is: u32| proxy.page().await.metric("mcp_circuit_breaker_open").is(is);
    open(0).await;
    let mut client = proxy.client(Version::HTTP_11).await;
    let sent = tokio::spawn(client.start(call("a", &[])));
    upstream.call().await.answer(Response::builder().status(503).body(full(Bytes::new())).unwrap());
    collect(within(sent).await.unwrap().unwrap()).await;
    open(1).await;

    // Another server comes: this one is still left alone.
    proxy.reload(&format!("{before}{}", server("b", upstream.address, "")));
    let refused = client.send(call("a", &[])).await;
    assert_eq!(refused.headers()["x-sightglass-error"], "circuit_open");
    collect(refused).await;
    open(1).await;
    // What it promises is no matter of the way to it.
    proxy.reload(&promising);
    open(1).await;

    proxy.reload(&after);
    open(0).await;
    let sent = tokio::spawn(client.start(call("a", &[])));
    answer(upstream.call().await);
    assert_eq!(within(sent).await.unwrap().unwrap().status(), 200);
    proxy.running.stop().await;
}
