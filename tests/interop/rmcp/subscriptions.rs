//! The modern era's `subscriptions/listen` streams, and what is said on them.

use std::collections::HashMap;
use std::time::Duration;

use rmcp::service::{SubscriptionContext, SubscriptionSink};
use tokio::sync::{Mutex, watch};

/// How long an announcement waits for streams that are being opened.
const OPENING_MAX: Duration = Duration::from_secs(2);

/// Every open listen stream. rmcp's sinks drop what their own filter does not ask for.
///
/// rmcp acknowledges a stream before it hands it over: what is announced in between would be lost to a client that
/// has the acknowledgement. So streams are counted from their request on, and announcements wait for them.
#[derive(Default)]
pub(crate) struct Listeners {
    open: Mutex<Open>,
    opening: watch::Sender<usize>,
}

#[derive(Default)]
struct Open {
    next: u64,
    sinks: HashMap<u64, SubscriptionSink>,
}

impl Listeners {
    /// A stream was asked for; [`Listeners::hold_open`] follows, unless its client goes first.
    pub(crate) fn expect(&self) {
        self.opening.send_modify(|opening| *opening += 1);
    }

    /// Keeps one stream in the table until its client closes it.
    pub(crate) async fn hold_open(&self, context: &SubscriptionContext) {
        let key = self.insert(context.sink().clone()).await;
        self.opening.send_modify(|opening| *opening = opening.saturating_sub(1));
        context.cancelled().await;
        self.open.lock().await.sinks.remove(&key);
    }

    /// Tells every stream that asked for it that the list of tools changed.
    pub(crate) async fn announce_tools(&self) {
        for sink in self.sinks().await {
            let _ = sink.notify_tool_list_changed().await;
        }
    }

    /// Tells every stream that asked for it that the list of prompts changed.
    pub(crate) async fn announce_prompts(&self) {
        for sink in self.sinks().await {
            let _ = sink.notify_prompt_list_changed().await;
        }
    }

    /// Tells every stream that watches `uri` that it changed.
    pub(crate) async fn announce_resource(&self, uri: &str) {
        for sink in self.sinks().await {
            let _ = sink.notify_resource_updated(uri).await;
        }
    }

    async fn insert(&self, sink: SubscriptionSink) -> u64 {
        let mut open = self.open.lock().await;
        let key = open.next;
        open.next += 1;
        open.sinks.insert(key, sink);
        key
    }

    /// Waits until no stream is being opened. One that does not come in time is given up.
    async fn opened(&self) {
        let mut opening = self.opening.subscribe();
        let all = opening.wait_for(|opening| *opening == 0);
        let in_time = tokio::time::timeout(OPENING_MAX, all).await.is_ok();
        if !in_time {
            self.opening.send_replace(0);
        }
    }

    /// A copy of the table, so that a slow stream does not lock out the others.
    async fn sinks(&self) -> Vec<SubscriptionSink> {
        self.opened().await;
        self.open.lock().await.sinks.values().cloned().collect()
    }
}
