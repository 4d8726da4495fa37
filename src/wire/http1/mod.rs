//! HTTP/1.1 (RFC 9112), both sides of it.
//!
//! # Why
//!
//! hyper speaks HTTP/2 here, and HTTP/1.1 for whatever the proxy itself asks of somebody. What passes through over
//! HTTP/1.1 is carried by this module, as measured: with hyper on both sides a call went through three tasks and two
//! channels, and an idle stream held four buffers of 8 KiB that hyper never gives back. Here one task polls the client's
//! connection and the server's; bytes wait in no buffer while nothing moves; and heads go out in the spelling and the
//! order in which they came. Heads are still read by `httparse`, as hyper's are.
//!
//! ```text
//! served    a client's connection: its requests, one after the other, and the answers
//! asked     a server's connection: one request and its answer at a time, then back to the pool
//! head      a head's bytes ⇄ `http` types, its `fields`
//! framing   where a body ends
//! buffered  a connection's bytes, waiting to be understood or to be written
//! reading   heads and bodies without a connection, for tests and fuzzers
//! ```

mod asked;
mod buffered;
mod fields;
mod framing;
mod head;
pub mod reading;
mod served;

pub(super) use asked::{Answer, AskError, Asking, ServerBody};
pub(super) use buffered::Buffered;
pub(super) use head::{Limits as HeadLimits, Malformed};
pub(super) use served::{After, ClientBody, Next, Served};
