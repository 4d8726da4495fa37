//! ADMISSION. Who may pass and how much: before the route Host and Origin, and limits; after it what stands before one
//! server: whose tokens pass, its circuit, its rate, its bulkhead.

pub mod auth;
pub mod bulkhead;
pub mod circuit;
pub mod host;
pub mod limits;
pub mod rate;
pub mod server;
