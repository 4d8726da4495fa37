//! Things that happened in one request and are waited for in another, by name.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::watch;

/// How long a signal is waited for.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How many signals nobody waited for are kept.
const UNHEARD_MAX: usize = 1024;

/// A set of names, each of which was raised and not heard yet.
#[derive(Default)]
pub(crate) struct Signals {
    raised: watch::Sender<HashSet<String>>,
}

impl Signals {
    /// Raises the signal, unless too many are up already.
    pub(crate) fn raise(&self, name: &str) {
        self.raised.send_modify(|raised| {
            if raised.len() < UNHEARD_MAX {
                raised.insert(name.to_owned());
            }
        });
    }

    /// Takes the signal down, heard or not.
    pub(crate) fn lower(&self, name: &str) {
        self.raised.send_modify(|raised| {
            raised.remove(name);
        });
    }

    /// Waits for the signal and takes it down; whether it came in time.
    pub(crate) async fn hear(&self, name: &str) -> bool {
        let mut raised = self.raised.subscribe();
        let came = raised.wait_for(|raised| raised.contains(name));
        let came = matches!(tokio::time::timeout(WAIT_MAX, came).await, Ok(Ok(_)));
        self.lower(name);
        came
    }
}
