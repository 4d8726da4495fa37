//! The modern era's `subscriptions/listen` streams, and what is said on them.

use std::collections::HashMap;

use rmcp::service::{SubscriptionContext, SubscriptionSink};
use tokio::sync::Mutex;

/// Every open listen stream. rmcp's sinks drop what their own filter does not ask for.
#[derive(Default)]
pub(crate) struct Listeners {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    sinks: HashMap<u64, SubscriptionSink>,
}

impl Listeners {
    /// Keeps one stream in the table until its client closes it.
    pub(crate) async fn hold_open(&self, context: &SubscriptionContext) {
        let key = self.insert(context.sink().clone()).await;
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

    /// A copy of the table, so that a slow stream does not lock out the others.
    async fn sinks(&self) -> Vec<SubscriptionSink> {
        self.open.lock().await.sinks.values().cloned().collect()
    }
}
