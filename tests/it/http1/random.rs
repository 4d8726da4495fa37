//! Whatever a client sends, hyper on the other side reads what the client meant.

use http::Response;
use proptest::prelude::*;

use crate::support::{Proxy, Raw, RawServer, Upstream, full, within};

/// A body in pieces, each a chunk, or all of it behind a length; written in pieces of this size.
fn framed() -> impl Strategy<Value = (Vec<Vec<u8>>, bool, usize)> {
    let piece = prop::collection::vec(any::<u8>(), 1..3000);
    (prop::collection::vec(piece, 0..6), any::<bool>(), 1_usize..5000)
}

fn written(pieces: &[Vec<u8>], is_chunked: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    if is_chunked {
        bytes.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        for piece in pieces {
            bytes.extend_from_slice(format!("{:x};a=b\r\n", piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
    } else {
        let length = pieces.iter().map(Vec::len).sum::<usize>();
        bytes.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
        bytes.extend(pieces.concat());
    }
    bytes
}

async fn arrives(requests: Vec<(Vec<Vec<u8>>, bool, usize)>) {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    for (pieces, is_chunked, size) in requests {
        let mut bytes = b"POST / HTTP/1.1\r\nhost: a\r\n".to_vec();
        bytes.extend(written(&pieces, is_chunked));
        for piece in bytes.chunks(size) {
            client.write(piece).await;
        }
        let mut call = upstream.call().await;
        assert_eq!(call.read().await, pieces.concat());
        call.answer(Response::new(full("ok")));
        client.read_until("ok").await;
    }
}

async fn answer_arrives(pieces: Vec<Vec<u8>>, is_chunked: bool, size: usize) {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = crate::support::Client::connect(proxy.address, http::Version::HTTP_11).await;
    let request = http::Request::get("/").body(crate::support::empty()).unwrap();
    let answer = tokio::spawn(client.start(request));
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
    bytes.extend(written(&pieces, is_chunked));
    for piece in bytes.chunks(size) {
        server_side.write(piece).await;
    }
    let response = within(answer).await.unwrap().unwrap();
    assert_eq!(crate::support::client::collect(response).await, pieces.concat());
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_body_arrives_as_it_was(requests in prop::collection::vec(framed(), 1..5)) {
        run(arrives(requests));
    }

    #[test]
    fn every_answer_arrives_as_it_was((pieces, is_chunked, size) in framed()) {
        run(answer_arrives(pieces, is_chunked, size));
    }

    #[test]
    fn no_bytes_of_a_client_bring_the_proxy_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        run(async {
            let upstream = Upstream::json("{}").await;
            let proxy = Proxy::before(upstream.address);
            let mut hostile = Raw::connect(proxy.address).await;
            hostile.write(&bytes).await;
            let mut client = Raw::connect(proxy.address).await;
            client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
            assert!(client.read_head().await.starts_with("HTTP/1.1 200 "));
        });
    }
}
