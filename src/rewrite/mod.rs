//! The few bytes we change, each switchable: where a request goes and what its answer calls that place, the fields
//! that end at a hop, who asked, which trace it belongs to, and the replies we make ourselves. Pure and synchronous.
//!
//! The steps of one exchange, for the caller: [`mount::Mounts::route`] finds the server, [`hop::request_fields`] and
//! [`forwarded::add`] make its request fields ([`endpoint::may_apply`]: without a content coding). What trace it belongs to
//! [`trace::Propagation::place`] decides from what the client sent, and [`trace::Placed::write`] writes. Of the answer
//! [`hop::response_fields`] and [`location::rewrite`] make the fields, and [`endpoint::EndpointBody`] wraps the body
//! where [`endpoint::applies`]; with `rewrite_oauth`, [`oauth`] says what else changes.

mod changed;
pub mod endpoint;
mod event;
pub mod forwarded;
pub mod hop;
mod index;
pub mod location;
pub mod media;
pub mod mount;
mod names;
pub mod oauth;
mod path;
mod reference;
pub mod reply;
pub mod trace;
