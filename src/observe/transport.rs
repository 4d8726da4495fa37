//! How the legs to a server go, and how its calls end: what its health is judged by where traffic passes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::event::{ErrorType, Outcome, Status};

/// Counted while traffic passes.
#[derive(Debug, Default)]
pub(super) struct Transport {
    /// 0 = nothing is known; else one more than the failures since the last success.
    failures: AtomicU64,
    calls: AtomicU64,
    faults: AtomicU64,
}

/// What traffic has told of a server so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Legs to it that failed since the last that did not; `None` = there was none yet.
    pub failures: Option<u64>,
    /// Calls that ended.
    pub calls: u64,
    /// Those of them that failed for a fault that is not their client's.
    pub faults: u64,
}

impl Transport {
    /// The server answered. Gives the failures to be told of, where that is news.
    pub(super) fn reached(&self) -> Option<u64> {
        // Nearly always nothing is to be said, or written.
        if self.failures.load(Ordering::Relaxed) == 1 {
            return None;
        }
        (self.failures.swap(1, Ordering::AcqRel) != 1).then_some(0)
    }

    /// It did not.
    pub(super) fn failed(&self) -> u64 {
        let add = |failures: u64| Some(failures.max(1).saturating_add(1));
        let before = self.failures.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        before.unwrap_or_else(|unchanged| unchanged).max(1)
    }

    /// A call ended.
    pub(super) fn ended(&self, outcome: Outcome, error: Option<ErrorType>) {
        match outcome.status() {
            Status::Success => {}
            Status::Error if !is_the_clients(error) => {
                self.faults.fetch_add(1, Ordering::Relaxed);
            }
            // What was cancelled, refused or is still to come says nothing of the server.
            Status::Error | Status::Cancelled | Status::Rejected | Status::Pending => return,
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn traffic(&self) -> Traffic {
        let failures = self.failures.load(Ordering::Acquire);
        // In this order: never more faults than calls.
        let faults = self.faults.load(Ordering::Relaxed);
        let calls = self.calls.load(Ordering::Relaxed).max(faults);
        Traffic { failures: failures.checked_sub(1), calls, faults }
    }
}

/// Whether a client asked for what cannot be (`telemetry.md` §4).
fn is_the_clients(error: Option<ErrorType>) -> bool {
    matches!(error, Some(ErrorType::Code(-32700 | -32600 | -32601 | -32602 | -32002)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_since_the_last_success() {
        let transport = Transport::default();
        assert_eq!(transport.traffic().failures, None);
        assert_eq!(transport.reached(), Some(0), "the first word of it is news");
        assert_eq!((transport.reached(), transport.traffic().failures), (None, Some(0)));
        assert_eq!((transport.failed(), transport.failed()), (1, 2));
        assert_eq!(transport.traffic().failures, Some(2));
        assert_eq!((transport.reached(), transport.reached()), (Some(0), None));
        let begins_with_a_failure = Transport::default();
        assert_eq!((begins_with_a_failure.failed(), begins_with_a_failure.failed()), (1, 2));
    }

    #[test]
    fn what_is_the_clients_own_fault_is_no_fault_of_the_server() {
        let transport = Transport::default();
        transport.ended(Outcome::Ok, None);
        transport.ended(Outcome::ToolError, Some(ErrorType::ToolError));
        transport.ended(Outcome::JsonrpcError, Some(ErrorType::Code(-32603)));
        for code in [-32700, -32600, -32601, -32602, -32002] {
            transport.ended(Outcome::JsonrpcError, Some(ErrorType::Code(code)));
        }
        transport.ended(Outcome::Cancelled, None);
        transport.ended(Outcome::Refused, None);
        assert_eq!(transport.traffic(), Traffic { failures: None, calls: 3, faults: 2 });
    }
}
