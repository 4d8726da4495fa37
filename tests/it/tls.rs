//! TLS on either side.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{Request, Response, Version};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::ServerName;
use sightglass::config::{Config, HttpVersion, ListenerTls, ServerTls, Url};
use sightglass::net::{Alpn, client_config};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::client::collect;
use crate::support::{Client, Proxy, Raw, Upstream, VERSIONS, empty, full, proxy, within};

/// An authority and what it signed, as files; gone on drop.
pub(crate) struct Pki {
    directory: PathBuf,
}

impl Pki {
    /// One authority, a certificate for `localhost`, one for a client.
    pub(crate) fn new() -> Self {
        Self::until(4096)
    }

    /// The same; the certificates end with the first day of `year`.
    pub(crate) fn until(year: i32) -> Self {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("sightglass-test-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(directory.join("ca.pem"), issuer.pem()).unwrap();
        for name in ["localhost", "client"] {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let certificate = params.signed_by(&key, &issuer).unwrap();
            std::fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        Self { directory }
    }

    /// Puts what `other` holds into the files of these names.
    pub(crate) fn take(&self, other: &Self, names: &[&str]) {
        for name in names {
            std::fs::copy(other.file(name), self.file(name)).unwrap();
        }
    }

    /// A file by its name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The authority's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// TLS of a listener for `localhost`.
    pub(crate) fn listener(&self, client_ca: bool) -> ListenerTls {
        ListenerTls {
            cert: self.directory.join("localhost.pem"),
            key: self.directory.join("localhost.key"),
            client_ca: client_ca.then(|| self.ca()),
        }
    }

    /// TLS of a client that trusts the authority.
    pub(crate) fn client(&self, with_certificate: bool) -> ServerTls {
        let file = |name: &str| with_certificate.then(|| self.directory.join(name));
        ServerTls { ca: Some(self.ca()), cert: file("client.pem"), key: file("client.key") }
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(Path::new(&self.directory));
    }
}

/// A client that speaks TLS and, by ALPN, `version`.
pub(crate) async fn connect(
    address: std::net::SocketAddr,
    tls: &ServerTls,
    version: Version,
) -> std::io::Result<Client> {
    let alpn = if version == Version::HTTP_2 { Alpn::Http2 } else { Alpn::Http1 };
    let config = client_config(tls, alpn).unwrap();
    let tcp = within(TcpStream::connect(address)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = within(TlsConnector::from(Arc::new(config)).connect(name, tcp)).await?;
    Ok(Client::over(stream, address, version).await)
}

/// A proxy with TLS on its listener before `upstream`.
pub(crate) fn secured(pki: &Pki, mut config: Config, client_ca: bool) -> Proxy {
    config.proxy.tls = Some(pki.listener(client_ca));
    Proxy::start(config)
}

#[tokio::test]
async fn clients_are_served_over_tls_in_the_version_they_chose() {
    let pki = Pki::new();
    let upstream = Upstream::json("{}").await;
    let proxy = secured(&pki, proxy::config(upstream.address), false);
    for version in VERSIONS {
        let mut client = connect(proxy.address, &pki.client(false), version).await.unwrap();
        let response = client.send(Request::post("/").body(full("{}")).unwrap()).await;
        assert_eq!(response.version(), version);
        assert_eq!(collect(response).await, "{}");
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused_where_one_is_asked_for() {
    let pki = Pki::new();
    let upstream = Upstream::json("{}").await;
    let proxy = secured(&pki, proxy::config(upstream.address), true);
    let mut client = connect(proxy.address, &pki.client(true), Version::HTTP_11).await.unwrap();
    assert_eq!(client.send(Request::get("/").body(empty()).unwrap()).await.status(), 200);
    // With TLS 1.3 the refusal comes after the client's own handshake is over.
    if let Ok(mut client) = connect(proxy.address, &pki.client(false), Version::HTTP_11).await {
        assert!(within(client.start(Request::get("/").body(empty()).unwrap())).await.is_err());
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_not_waited_for() {
    let pki = Pki::new();
    let mut config = proxy::config(([127, 0, 0, 1], 1).into());
    config.limits.first_byte_timeout = Some(std::time::Duration::from_millis(100));
    let proxy = secured(&pki, config, false);
    Raw::connect(proxy.address).await.closed().await;
}

/// A TLS server: a second proxy, before `upstream`.
pub(crate) fn tls_server(pki: &Pki, upstream: &Upstream, client_ca: bool) -> Proxy {
    secured(pki, proxy::config(upstream.address), client_ca)
}

/// A proxy before a TLS server.
pub(crate) fn before(server: &Proxy, tls: ServerTls, http: HttpVersion) -> Proxy {
    let mut config = proxy::config(server.address);
    let port = Some(server.address.port());
    config.servers[0].url = Url { tls: true, host: "localhost".to_owned(), port, path: "/".to_owned() };
    config.servers[0].tls = tls;
    config.servers[0].http = http;
    Proxy::start(config)
}

#[tokio::test]
async fn servers_are_spoken_to_over_tls_in_any_version() {
    let pki = Pki::new();
    for http in [HttpVersion::Auto, HttpVersion::One, HttpVersion::Two] {
        let mut upstream = Upstream::start().await;
        let server = tls_server(&pki, &upstream, true);
        let proxy = before(&server, pki.client(true), http);
        for version in VERSIONS {
            let mut client = Client::connect(proxy.address, version).await;
            let answer = tokio::spawn(client.start(Request::post("/a").body(full("up")).unwrap()));
            let mut call = upstream.call().await;
            assert_eq!(call.read().await, "up");
            call.answer(Response::new(full("down")));
            assert_eq!(collect(within(answer).await.unwrap().unwrap()).await, "down", "{http:?} {version:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_a_502() {
    let pki = Pki::new();
    let upstream = Upstream::json("{}").await;
    let server = tls_server(&pki, &upstream, true);
    let another = Pki::new();
    for tls in [another.client(false), pki.client(false)] {
        let proxy = before(&server, tls, HttpVersion::One);
        let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
        let response = client.send(Request::get("/").body(empty()).unwrap()).await;
        assert_eq!(response.status(), 502);
    }
}

#[tokio::test]
async fn an_upgrade_passes_to_a_server_that_would_choose_http_2() {
    let pki = Pki::new();
    let raw = crate::support::RawServer::start().await;
    let server = secured(&pki, proxy::config(raw.address), false);
    let proxy = before(&server, pki.client(false), HttpVersion::Auto);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    let mut server_side = raw.accept().await;
    server_side.read_head().await;
    server_side
        .write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello")
        .await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 101 "));
    assert_eq!(client.read(5).await, b"hello");
}
