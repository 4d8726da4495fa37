//! Several servers in one process, and the few bytes that change by default.

use http::{Request, Response, Version};
use sightglass::config::{Config, Server};

use crate::support::client::next;
use crate::support::{Client, Proxy, Sent, Upstream, VERSIONS, empty, full, proxy, within};

/// Every rewrite on, as by default.
fn config(servers: Vec<Server>) -> Config {
    let mut config = Config { servers, ..Config::default() };
    config.proxy.allowed_hosts = Some(vec!["*".to_owned()]);
    config
}

fn server(name: &str, upstream: &Upstream, path: &str) -> Server {
    let mut server = Server::new(name, proxy::url(upstream.address));
    server.path = Some(format!("/{name}"));
    path.clone_into(&mut server.url.path);
    server
}

fn get(path: &str) -> Request<Sent> {
    Request::get(path).header("accept", "text/event-stream").body(empty()).unwrap()
}

#[tokio::test]
async fn each_server_gets_what_is_under_its_mount() {
    for version in VERSIONS {
        let mut one = Upstream::start().await;
        let mut two = Upstream::start().await;
        let proxy = Proxy::start(config(vec![server("one", &one, "/mcp"), server("two", &two, "/")]));
        let mut client = Client::connect(proxy.address, version).await;
        for (upstream, path, arrives) in [(&mut one, "/one/x", "/mcp/x"), (&mut two, "/two/y?z", "/y?z")] {
            let answer = tokio::spawn(client.start(get(path)));
            let call = upstream.call().await;
            assert_eq!(call.head.uri.path_and_query().unwrap().as_str(), arrives);
            call.answer(Response::new(full("x")));
            let response = within(answer).await.unwrap().unwrap();
            assert_eq!(crate::support::client::collect(response).await, "x");
        }
        let response = client.send(get("/one/../two")).await;
        assert_eq!(response.status(), 400);
        assert_eq!(client.send(get("/three")).await.status(), 404);
    }
}

#[tokio::test]
async fn a_legacy_endpoint_event_leads_back_through_the_proxy() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::start(config(vec![server("old", &upstream, "/sse")]));
        let mut client = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(client.start(get("/old")));
        let feed = upstream.call().await.events();
        let mut response = within(answer).await.unwrap().unwrap();
        feed.data("event: endpoint\ndata: /message?sessionId=1\n\n").await;
        let mut event = String::new();
        while !event.ends_with("\n\n") {
            let data = next(response.body_mut()).await.unwrap().unwrap();
            event.push_str(std::str::from_utf8(&data).unwrap());
        }
        let path = event.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(path.starts_with("/old/"), "{event}");
        let mut other = Client::connect(proxy.address, version).await;
        let _answer = tokio::spawn(other.start(Request::post(&path).body(full("{}")).unwrap()));
        let call = upstream.call().await;
        assert_eq!(call.head.uri.path_and_query().unwrap().as_str(), "/message?sessionId=1", "{version:?}");
        drop(feed);
    }
}

#[tokio::test]
async fn a_redirect_to_the_servers_own_origin_is_mapped_back() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::start(config(vec![server("a", &upstream, "/mcp")]));
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    let answer = tokio::spawn(client.start(get("/a")));
    let location = format!("http://{}/mcp/", upstream.address);
    let call = upstream.call().await;
    call.answer(Response::builder().status(307).header("location", location).body(empty()).unwrap());
    let response = within(answer).await.unwrap().unwrap();
    let location = response.headers()["location"].to_str().unwrap();
    let mapped = format!("http://{}/a/", proxy.address);
    assert!(location == mapped || location == "/a/", "{location}");
}

#[tokio::test]
async fn the_server_is_told_who_asked() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::start(config(vec![server("a", &upstream, "/")]));
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    let mut request = get("/a");
    request.headers_mut().insert("x-forwarded-for", "6.6.6.6".parse().unwrap());
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    let _answer = tokio::spawn(client.start(request));
    let fields = upstream.call().await.head.headers;
    assert_eq!(fields["x-forwarded-for"], "127.0.0.1", "a stranger's claim is not passed on");
    assert_eq!(fields["x-forwarded-proto"], "http");
    assert_eq!(fields["x-forwarded-host"], proxy.address.to_string());
    assert_eq!(fields["accept-encoding"], "identity", "the stream must be readable to be rewritten");
}

#[tokio::test]
async fn every_listener_is_served() {
    let upstream = Upstream::json("{}").await;
    let mut config = proxy::config(upstream.address);
    config.proxy.listen = vec![([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into()];
    let shutdown = sightglass::shutdown::Shutdown::new(config.proxy.shutdown_grace);
    let observer = sightglass::observe::Observer::off();
    let proxy = sightglass::wire::Proxy::bind(&config, observer, shutdown.clone()).unwrap();
    let addresses = proxy.addresses();
    let running = tokio::spawn(proxy.run());
    assert_eq!(addresses.len(), 2);
    for address in addresses {
        let mut client = Client::connect(address, Version::HTTP_11).await;
        assert_eq!(client.send(get("/")).await.status(), 200);
    }
    shutdown.start();
    within(running).await.unwrap();
}
