//! Meaning: what the bytes of MCP say. Pure functions and push parsers over bytes; no I/O, no clock, no async.
//!
//! A body is shown to a [`Scanner`] (JSON) or an [`EventReader`] (an event stream) frame by frame, as the frames
//! pass. A [`Message`] comes out the moment its last brace was seen. Nothing here returns a `Result`: what cannot
//! be read is a value with its reason, [`Unreadable`].
//!
//! Memory is constant in the size of what passes: only capped captures ([`Text`]) are kept.
//!
//! What somebody holds anyway, a captured payload or a header field, is read whole: [`Pointers`] into it, the
//! [`definitions`] of tools, the [`model_text`], [`claims`](fn@claims), [`challenge_error`], [`server_timing`] and
//! [`baggage`](fn@baggage). There, time and memory are in proportion to what is held.
//!
//! # Why an own scanner
//!
//! `isError` may stand at the end of a result of 100 MB and `id` after it, so a prefix is not enough, and buffering
//! is not allowed. A parser that is fed, keeps what it wants and skips the rest answers both, and costs a fraction
//! of building a tree. `serde_json` is the oracle in its tests.

pub mod b3;
mod baggage;
mod base64;
mod body;
mod capture;
mod challenge;
mod claims;
mod code;
mod draft;
mod field;
mod header;
mod id;
mod media;
mod message;
mod method;
mod model;
mod number;
mod parts;
pub mod place;
mod pointer;
mod quoted;
mod reference;
mod scanner;
mod skip;
mod slot;
mod spelled;
mod sse;
mod text;
mod timing;
mod tools;
pub mod trace;
mod version;
mod walk;
mod word;

pub use baggage::baggage;
pub use body::{is_jsonrpc, quoted, request_id, unquoted, unquoted_strictly};
pub use capture::Wanted;
pub use challenge::{AuthError, AuthScheme, Parameter, challenge_error, challenge_parameters, scheme_of};
pub use claims::claims;
pub use code::known_code;
pub use header::decode;
pub use id::Id;
pub use media::Media;
pub use message::{Answer, Captured, Fault, Kind, Message, Meta, Params, Unreadable, Widget};
pub use method::{Method, NamedBy};
pub use model::model_text;
pub use parts::member;
pub use pointer::{Found, Pointers, Root, is_pointer};
pub use reference::{join, normal, resolve};
pub use scanner::Scanner;
pub use spelled::Spelled;
pub use sse::{Event, EventKind, EventReader, Item, Shown};
pub use text::Text;
pub use timing::{CacheResult, Timing, server_timing};
pub use tools::{Definition, definitions, parameters};
pub use version::{Era, Version, era_of};
