//! Placeholder of the module written elsewhere: the same signatures, the least behaviour.
pub mod endpoint;
pub mod forwarded;
pub mod hop;
pub mod location;
pub mod mount;
pub mod reply;
