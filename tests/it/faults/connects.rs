//! Connections in numbers that nobody needs: each is made, perhaps says the beginning of something, and is reset.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::task::JoinSet;

/// Who makes them, at once.
const CROWD: u32 = 8;

/// So many in a second are a flood.
pub(super) const RATE: u32 = 10_000;

/// What some of them say before they are gone.
const BEGINNINGS: [&str; 4] = ["", "", "POST /heal", "PRI * HTTP/2.0\r\n\r\nSM"];

/// Makes so many connections, at [`RATE`] where it is to be kept to and else as fast as it goes; how long it took.
///
/// Threads of their own make them, as they wait for little and a runtime would be most of what it costs.
pub(super) async fn flood(address: SocketAddr, connections: u32, is_paced: bool) -> Duration {
    let start = Instant::now();
    let mut crowd = JoinSet::new();
    for member in 0..CROWD {
        crowd.spawn_blocking(move || {
            for number in (member..connections).step_by(CROWD as usize) {
                if is_paced {
                    let due = start + Duration::from_secs(number.into()) / RATE;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                let mut stream = TcpStream::connect(address).unwrap();
                // Its port is free again at once.
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                let beginning = BEGINNINGS[number as usize % BEGINNINGS.len()];
                let _ = stream.write_all(beginning.as_bytes());
            }
        });
    }
    crowd.join_all().await;
    start.elapsed()
}
