//! SYNTHETIC CLIENT. Asks the servers how they are, as an MCP client would, and knows of each how it has been.
//!
//! What traffic tells is silent where there is none, or where a server cannot be reached at all. A probe speaks whichever
//! era the server speaks, times each phase, says in one word how it went, and leaves nothing behind: the session it began
//! is ended, its connections are closed.

mod ask;
mod conversation;
mod health;
mod hints;
mod history;
mod report;
mod schedule;
mod talk;

pub use ask::{Subject, probe};
pub use health::{Past, ServerHealth};
pub use history::{Baseline, Share};
pub use report::{Fault, FaultKind, Report, Server};
pub use schedule::Watch;
