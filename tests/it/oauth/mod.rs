//! Promise: clients find out how to authenticate through the proxy, and where it is told to, only the right tokens pass.

mod results;
mod rewriting;
