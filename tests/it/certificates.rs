//! Promise: a certificate that is renewed is used at once, without a restart and without a connection lost; one that cannot
//! be used changes nothing; and when each ends is told.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Version};
use rustls::pki_types::ServerName;
use sightglass::config::{Config, HttpVersion, ListenerTls, ServerTls};
use sightglass::net::{Acceptor, Alpn, Connector, LOOK_EVERY, Renewal, client_config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::admin::listen_as;
use crate::support::observed::{Observed, one_server};
use crate::support::{Client, Proxy, Upstream, empty, full, proxy, within};
use crate::tls::{Pki, before, connect, secured, tls_server};

/// 2030-01-01, 2040-01-01 and 2050-01-01 in unix seconds.
const ENDS: [(i32, u32); 3] = [(2030, 1_893_456_000), (2040, 2_208_988_800), (2050, 2_524_608_000)];

const PAIR: [&str; 2] = ["localhost.pem", "localhost.key"];

async fn answers(client: &mut Client) -> bool {
    within(client.start(Request::get("/").body(empty()).unwrap())).await.is_ok()
}

#[tokio::test]
async fn a_new_pair_is_for_new_connections_and_the_open_ones_live_on() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (old, new) = (Pki::new(), Pki::new());
        let (trusts_old, trusts_new) = (old.client(false), new.client(false));
        let upstream = Upstream::json("{}").await;
        let proxy = secured(&old, proxy::config(upstream.address), false);
        let mut open = connect(proxy.address, &trusts_old, version).await.unwrap();
        assert!(answers(&mut open).await);
        assert!(connect(proxy.address, &trusts_new, version).await.is_err());
        old.take(&new, &PAIR);
        proxy.certificates.look();
        assert!(answers(&mut open).await, "{version:?}");
        let mut fresh = connect(proxy.address, &trusts_new, version).await.unwrap();
        assert!(answers(&mut fresh).await, "{version:?}");
        assert!(connect(proxy.address, &trusts_old, version).await.is_err());
    }
}

#[tokio::test]
async fn a_pair_of_which_half_is_new_changes_nothing_until_the_other_half_comes() {
    for order in [PAIR, ["localhost.key", "localhost.pem"]] {
        let (old, new) = (Pki::new(), Pki::new());
        let upstream = Upstream::json("{}").await;
        let proxy = secured(&old, proxy::config(upstream.address), false);
        old.take(&new, &order[..1]);
        proxy.certificates.look();
        assert!(connect(proxy.address, &old.client(false), Version::HTTP_11).await.is_ok(), "{order:?}");
        old.take(&new, &order[1..]);
        proxy.certificates.look();
        assert!(connect(proxy.address, &new.client(false), Version::HTTP_11).await.is_ok(), "{order:?}");
    }
}

#[tokio::test]
async fn a_secret_that_changes_by_a_symbolic_link_is_picked_up() {
    let (old, new, mount) = (Pki::new(), Pki::new(), Pki::new());
    let data = mount.file("..data");
    symlink(old.file("."), &data).unwrap();
    let tls = ListenerTls { cert: data.join(PAIR[0]), key: data.join(PAIR[1]), client_ca: None };
    let mut config = proxy::config(([127, 0, 0, 1], 1).into());
    config.proxy.tls = Some(tls);
    let proxy = Proxy::start(config);
    assert!(connect(proxy.address, &old.client(false), Version::HTTP_11).await.is_ok());
    // As the kubelet does it: a link beside it, and then over it.
    symlink(new.file("."), mount.file("..data_tmp")).unwrap();
    std::fs::rename(mount.file("..data_tmp"), &data).unwrap();
    proxy.certificates.look();
    assert!(connect(proxy.address, &new.client(false), Version::HTTP_11).await.is_ok());
}

#[tokio::test]
async fn who_may_sign_client_certificates_is_picked_up_too() {
    let (pki, other) = (Pki::new(), Pki::new());
    let upstream = Upstream::json("{}").await;
    let proxy = secured(&pki, proxy::config(upstream.address), true);
    let theirs = ServerTls { ca: Some(pki.file("copy.pem")), ..other.client(true) };
    std::fs::copy(pki.ca(), pki.file("copy.pem")).unwrap();
    let passes = async || match connect(proxy.address, &theirs, Version::HTTP_11).await {
        Ok(mut client) => answers(&mut client).await,
        Err(_) => false,
    };
    assert!(!passes().await);
    std::fs::copy(other.ca(), pki.ca()).unwrap();
    proxy.certificates.look();
    assert!(passes().await);
}

#[test]
fn what_cannot_be_used_is_told_once_for_each_change() {
    let (pki, new) = (Pki::until(2030), Pki::until(2040));
    let acceptor = Acceptor::new(&pki.listener(false), Alpn::Both).unwrap();
    let look = || match acceptor.look() {
        Renewal::Unchanged => "unchanged".to_owned(),
        Renewal::Renewed => "renewed".to_owned(),
        Renewal::Refused(error) => error.to_string().replace(&pki.file("").display().to_string(), ""),
    };
    let (cert, key) = (pki.file(PAIR[0]), pki.file(PAIR[1]));
    assert_eq!(look(), "unchanged");
    std::fs::write(&cert, std::fs::read(&cert).unwrap()).unwrap();
    assert_eq!(look(), "unchanged", "written again with what it held");
    std::fs::write(&cert, "no certificate").unwrap();
    assert_eq!([look(), look()], ["localhost.pem holds no certificate", "unchanged"]);
    std::fs::remove_file(&cert).unwrap();
    assert_eq!([look(), look()], ["cannot read localhost.pem", "unchanged"]);
    std::fs::copy(new.file(PAIR[0]), &cert).unwrap();
    assert_eq!([look(), look()], ["certificate and key do not work together", "unchanged"]);
    assert_eq!(acceptor.expires(), Some(i64::from(ENDS[0].1)));
    std::fs::copy(new.file(PAIR[1]), &key).unwrap();
    assert_eq!([look(), look()], ["renewed", "unchanged"]);
    assert_eq!(acceptor.expires(), Some(i64::from(ENDS[1].1)));
    // The same mistake later is another change.
    std::fs::write(&cert, "no certificate").unwrap();
    assert_eq!([look(), look()], ["localhost.pem holds no certificate", "unchanged"]);
    std::fs::copy(new.file(PAIR[0]), &cert).unwrap();
    assert_eq!(look(), "unchanged", "what is used is there again");
    std::fs::write(&cert, "no certificate").unwrap();
    assert_eq!(look(), "localhost.pem holds no certificate");
}

#[tokio::test]
async fn what_is_shown_to_a_server_and_whom_it_trusts_is_picked_up() {
    for http in [HttpVersion::One, HttpVersion::Two] {
        let (old, new) = (Pki::new(), Pki::new());
        let upstream = Upstream::json("{}").await;
        let server = tls_server(&new, &upstream, true);
        let proxy = before(&server, old.client(true), http);
        let status = async || {
            let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
            client.send(Request::post("/").body(full("{}")).unwrap()).await.status().as_u16()
        };
        assert_eq!(status().await, 502, "{http:?}");
        old.take(&new, &["ca.pem", "client.pem", "client.key"]);
        proxy.certificates.look();
        assert_eq!(status().await, 200, "{http:?}");
    }
}

#[tokio::test]
async fn the_end_of_the_certificate_that_a_server_showed_last_is_on_the_page() {
    let name = "mcp_upstream_cert_expiry_timestamp_seconds";
    for http in [HttpVersion::One, HttpVersion::Auto] {
        let (pki, new) = (Pki::until(ENDS[0].0), Pki::until(ENDS[1].0));
        let upstream = Upstream::json("{}").await;
        let server = secured(&pki, proxy::config(upstream.address), false);
        std::fs::write(pki.file("both.pem"), [pki.ca(), new.ca()].map(|ca| read(&ca)).concat()).unwrap();
        let tls = ServerTls { ca: Some(pki.file("both.pem")), ..ServerTls::default() };
        let mut config = before_config(&server, tls, http);
        // Every call makes a connection of its own.
        config.servers[0].pool_idle = Duration::ZERO;
        let observed = Observed::with(&config);
        assert!(!observed.page().contains(name), "nothing was shown yet");
        let proxy = Proxy::observed(config, observed.observer.clone());
        let ask = async || {
            let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
            assert_eq!(client.send(Request::get("/").body(empty()).unwrap()).await.status(), 200);
        };
        ask().await;
        observed.scrape().metric(name).label("server", "test").is(ENDS[0].1);
        if http == HttpVersion::One {
            pki.take(&new, &PAIR);
            server.certificates.look();
            ask().await;
            observed.scrape().metric(name).label("server", "test").is(ENDS[1].1);
        }
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn a_resumed_session_shows_no_certificate() {
    let pki = Pki::until(ENDS[0].0);
    let upstream = Upstream::json("{}").await;
    let server = secured(&pki, proxy::config(upstream.address), false);
    let config = before_config(&server, pki.client(false), HttpVersion::One);
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&ends);
    let connector =
        Connector::new(&config.servers[0], Alpn::Http1, move |made| told.lock().unwrap().push(made.expires))
            .unwrap();
    for _ in 0..2 {
        let mut connection = within(connector.connect()).await.unwrap();
        // The ticket comes with the answer.
        connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let _closed = within(connection.read_to_end(&mut Vec::new())).await;
    }
    assert_eq!(*ends.lock().unwrap(), [Some(i64::from(ENDS[0].1)), None]);
}

fn before_config(server: &Proxy, tls: ServerTls, http: HttpVersion) -> Config {
    let mut config = proxy::config(server.address);
    config.servers[0].url.tls = true;
    "localhost".clone_into(&mut config.servers[0].url.host);
    config.servers[0].tls = tls;
    config.servers[0].http = http;
    config
}

#[tokio::test]
async fn the_ends_of_the_listeners_own_certificates_are_on_the_page() {
    let name = "mcp_listener_cert_expiry_timestamp_seconds";
    let mut config = one_server();
    assert!(!Observed::with(&config).page().contains(name));
    let (pki, new) = (Pki::until(ENDS[0].0), Pki::until(ENDS[2].0));
    config.proxy.tls = Some(pki.listener(false));
    let observed = Observed::with(&config);
    let proxy = Proxy::observed(config, observed.observer.clone());
    let data = || observed.scrape().metric(name).label("listener", "proxy").is(ENDS[0].1);
    data();
    pki.take(&new, &PAIR[..1]);
    proxy.certificates.look();
    data();
    pki.take(&new, &PAIR[1..]);
    proxy.certificates.look();
    observed.scrape().metric(name).label("listener", "proxy").is(ENDS[2].1);
}

/// One question to the operator's listener over TLS; its whole answer.
async fn ask(address: SocketAddr, tls: &ServerTls, alpn: Alpn, path: &str) -> std::io::Result<String> {
    let tcp = within(TcpStream::connect(address)).await?;
    let connector = TlsConnector::from(Arc::new(client_config(tls, alpn).unwrap()));
    let mut stream = within(connector.connect(ServerName::try_from("localhost").unwrap(), tcp)).await?;
    assert_ne!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The operator's listener with TLS.
fn operator(tls: ListenerTls) -> Config {
    let mut config = one_server();
    config.admin.tls = Some(tls);
    config
}

#[tokio::test]
async fn the_operator_is_served_over_tls_and_its_renewed_certificate() {
    let (old, new) = (Pki::until(ENDS[0].0), Pki::until(ENDS[1].0));
    let trusts_old = old.client(false);
    let (address, certificate, _) = listen_as(operator(old.listener(false)));
    for alpn in [Alpn::Http1, Alpn::Both] {
        let answer = ask(address, &trusts_old, alpn, "/health").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(ask(address, &trusts_old, Alpn::Http2, "/health").await.is_err());
    let page = ask(address, &trusts_old, Alpn::Http1, "/metrics").await.unwrap();
    let ends = |(_, seconds): (i32, u32)| {
        format!("mcp_listener_cert_expiry_timestamp_seconds{{listener=\"admin\"}} {seconds}\n")
    };
    assert!(page.contains(&ends(ENDS[0])), "{page}");
    old.take(&new, &PAIR);
    certificate.unwrap().look();
    let page = ask(address, &new.client(false), Alpn::Http1, "/metrics").await.unwrap();
    assert!(page.contains(&ends(ENDS[1])), "{page}");
}

#[tokio::test]
async fn the_operators_clients_show_certificates_where_they_are_asked_for() {
    let pki = Pki::new();
    let (address, ..) = listen_as(operator(pki.listener(true)));
    assert!(ask(address, &pki.client(true), Alpn::Http1, "/health").await.is_ok());
    let answer = ask(address, &pki.client(false), Alpn::Http1, "/health").await;
    assert!(!answer.is_ok_and(|answer| answer.contains("200")));
}

#[tokio::test(start_paused = true)]
async fn handshakes_that_do_not_come_give_their_places_back() {
    let pki = Pki::new();
    let (address, ..) = listen_as(operator(pki.listener(false)));
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
    tokio::time::resume();
    assert!(ask(address, &pki.client(false), Alpn::Http1, "/health").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_running_proxy_looks_by_itself() {
    let (pki, new) = (Pki::new(), Pki::new());
    let upstream = Upstream::json("{}").await;
    let mut config = proxy::config(upstream.address);
    config.limits.first_byte_timeout = None;
    let proxy = secured(&pki, config, false);
    let (operator, ..) = listen_as(operator(pki.listener(false)));
    pki.take(&new, &PAIR);
    // Passes at once, but for what the looks themselves take.
    tokio::time::sleep(LOOK_EVERY * 2).await;
    tokio::time::resume();
    assert!(connect(proxy.address, &new.client(false), Version::HTTP_11).await.is_ok());
    assert!(ask(operator, &new.client(false), Alpn::Http1, "/health").await.is_ok());
}

/// What is written of this while it runs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_line_says_what_was_picked_up_and_what_to_mend() {
    let (pki, new) = (Pki::new(), Pki::new());
    let proxy = secured(&pki, proxy::config(([127, 0, 0, 1], 1).into()), false);
    let lines = Lines::default();
    let writer = lines.clone();
    // With a single one, `tracing` judges what is said by the subscriber of whatever thread says it first.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let format = tracing_subscriber::fmt().with_ansi(false).without_time().with_target(false);
    let subscriber = format.with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        for half in PAIR {
            pki.take(&new, &[half]);
            proxy.certificates.look();
            proxy.certificates.look();
        }
    });
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            " WARN proxy.tls: the files have changed and cannot be used; what they held before stays in use until they are \
             mended event=\"certificate\" error=certificate and key do not work together: keys may not be consistent: \
             KeyMismatch",
            " INFO proxy.tls: the files have changed and are used from now on event=\"certificate\"",
        ]
    );
}
