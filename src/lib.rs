//! sightglass: a transparent observability reverse proxy for the Model Context Protocol.
//!
//! A sight glass is the window in a pipe through which an operator watches the flow without touching it. Tenets, in
//! order; ties go to the earlier: transparent, correct, bounded, observable, fast, small.
//!
//! ```text
//!            ┌───────────────────────────── wire ─────────────────────────────┐
//! client ──▶ listen ─▶ tls ─▶ guard ─▶ route ─▶ tap ─▶ guard ─▶ rewrite ─▶ upstream ──▶ MCP server
//! client ◀──────────────────────────── rewrite ◀─── tap ◀──────────────────── (JSON or SSE)
//!            └────────────────────────────────┬───────────────────────────────┘
//!                                       frames │ shown, not given
//!                                              ▼
//!                                           observe ──uses──▶ mcp
//!                                              │ Event
//!                                              ▼
//!                                           export ──▶ prometheus · otlp · log · recent ──▶ admin
//!                                              ▲ Event
//!                                            probe ──▶ MCP server
//! ```
//!
//! # Invariants
//!
//! Each has its tests in `tests/it/`.
//!
//! 1. With observation off, what runs is a plain reverse proxy: nothing is parsed. (An own error reply still reads the
//!    held body for its id, through [`rewrite`].)
//! 2. What the client sent arrives byte for byte, in order, at once; the same back. The exceptions live in [`rewrite`],
//!    each with a switch. With all of them off, a hash of every body in equals a hash of every body out.
//! 3. [`wire`] never waits for an observer, and an observer can never fail a request: unreadable, too big, cut short or
//!    hostile traffic is counted and forwarded.
//! 4. The proxy never caches, retries once a byte was written, compresses, coalesces, reorders, or answers in the
//!    server's place. Upstream trouble is answered 502, 503 or 504, never 4xx: a 4xx would flip a dual-era client to
//!    the old era. Own answers carry `X-Sightglass-Error`.
//! 5. Every number about traffic on `/metrics` comes from an [`observe::Event`]; metrics are exact, the rest is bounded
//!    and counts its drops.
//! 6. Nothing grows without a cap that has a name, a unit and a default in `config.toml`. Memory held per exchange is
//!    O(1) in the size of its bodies.
//! 7. A client that goes away takes its upstream request with it at once; an upstream that breaks breaks the client's
//!    stream, it never ends it cleanly.
//! 8. A tap forwards `poll_frame`, `is_end_stream` and `size_hint`, and reports the end exactly once.
//!
//! # The map, in the order of the flow
//!
//! Who may import whom is a table in `tests/it/tidy.rs`, and a test.

pub mod cli;
pub mod config;
pub mod shutdown;

pub mod net;
pub mod wire;

pub mod guard;
pub mod rewrite;

pub mod mcp;
pub mod observe;

pub mod export;

pub mod probe;

pub mod admin;
