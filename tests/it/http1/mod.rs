//! HTTP/1.1 to the letter (RFC 9110, RFC 9112): what is no message is refused, and no byte of one is taken for another's.

mod answers;
mod bodies;
mod random;
mod requests;

use crate::support::{Proxy, Raw};

/// All that the proxy says to a client that sends these bytes, until it closes.
async fn told(proxy: &Proxy, bytes: impl AsRef<[u8]>) -> String {
    let mut client = Raw::connect(proxy.address).await;
    client.write(bytes).await;
    client.read_to_end().await
}

/// How many answers stand in there.
fn answers(told: &str) -> usize {
    told.matches("HTTP/1.1 ").count()
}
