//! Promise: clients find out how to authenticate through the proxy, and where it is told to, only the right tokens pass.

pub(crate) mod issuer;
pub(crate) mod keys;
mod outage;
mod published;
mod results;
mod rewriting;
mod tokens;
