//! Connections in numbers that nobody needs: each is made, perhaps says the beginning of something, and is reset.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Who makes them, at once.
const CROWD: u32 = 16;

/// So many in a second are a flood.
pub(super) const RATE: u32 = 10_000;

/// What some of them say before they are gone.
const BEGINNINGS: [&str; 4] = ["", "", "POST /heal", "PRI * HTTP/2.0\r\n\r\nSM"];

/// Makes so many connections, at [`RATE`] where it is to be kept to and else as fast as it goes; how long it took.
pub(super) async fn flood(address: SocketAddr, connections: u32, is_paced: bool) -> Duration {
    let start = Instant::now();
    let mut crowd = JoinSet::new();
    for member in 0..CROWD {
        crowd.spawn(async move {
            for number in (member..connections).step_by(CROWD as usize) {
                if is_paced {
                    sleep_until(start + Duration::from_secs(number.into()) / RATE).await;
                }
                let mut stream = TcpStream::connect(address).await.unwrap();
                // Its port is free again at once.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                let beginning = BEGINNINGS[number as usize % BEGINNINGS.len()];
                let _ = stream.write_all(beginning.as_bytes()).await;
            }
        });
    }
    crowd.join_all().await;
    start.elapsed()
}
