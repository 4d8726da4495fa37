//! HTTP/2 frames in numbers that nobody needs, written by hand (RFC 9113, section 4).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::cases::Flood;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `POST`, `http`, `/`, `localhost` (RFC 7541, appendix A and section 6).
const HEAD: &[u8] = b"\x83\x86\x84\x41\x09localhost";

/// So many are a flood.
const MANY: u32 = 20_000;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What the client sees who sends them, and reads what comes meanwhile.
pub(super) async fn play(stream: &mut TcpStream, flood: Flood) -> String {
    let (mut read, mut write) = stream.split();
    let sends = async {
        let mut begin = PREFACE.to_vec();
        begin.extend(frame(SETTINGS, 0, 0, &[]));
        write.write_all(&begin).await?;
        for number in 0..MANY {
            let id = 2 * number + 1;
            let next = match flood {
                Flood::Resets => {
                    let mut both = frame(HEADERS, END_STREAM | END_HEADERS, id, HEAD);
                    both.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
                    both
                }
                Flood::Continuations if number == 0 => frame(HEADERS, END_STREAM, 1, HEAD),
                // A field of its own, in full: `x: ` and some letters.
                Flood::Continuations => frame(CONTINUATION, 0, 1, b"\x00\x01x\x10xxxxxxxxxxxxxxxx"),
                Flood::Settings => frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
                Flood::Pings => frame(PING, 0, 0, &[7; 8]),
            };
            write.write_all(&next).await?;
        }
        write.shutdown().await
    };
    let reads = async {
        let mut bytes = Vec::new();
        while read.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
        bytes
    };
    let (sent, bytes) = tokio::join!(sends, reads);
    let goaway = frames(&bytes).any(|(kind, payload)| kind == GOAWAY && payload.get(4..8) != Some(&[0; 4]));
    match (goaway, sent) {
        (true, _) => "closed with an error (GOAWAY)".to_owned(),
        (false, Err(_)) => "closed".to_owned(),
        (false, Ok(())) => "all of them taken".to_owned(),
    }
}

/// Kind and payload of each whole frame.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_at_checked(9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        bytes = rest;
        Some((head[3], payload))
    })
}
