//! Promise: what the console shows is what happened, told by the API to whoever may ask (`interface.md`, Admin API).

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use sightglass::config::Config;
use sightglass::export::Recent;
use sightglass::shutdown::Shutdown;

use crate::admin::{ask_as, listen_with};
use crate::support::observed::{Observed, one_server};

mod calls;
mod definitions;
mod live;
mod numbers;
mod page;
mod sessions;
mod top;

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#;
const GOOD: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
const BAD: &str =
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"no"}],"isError":true}}"#;

/// An observer driven by hand, what keeps its calls, and the listener that tells of both.
struct Watched {
    observed: Observed,
    recent: Arc<Recent>,
    address: SocketAddr,
    shutdown: Shutdown,
}

impl Watched {
    fn new() -> Self {
        Self::with(&one_server())
    }

    fn with(config: &Config) -> Self {
        let recent = Arc::new(Recent::new(config, Arc::default()));
        let observed = Observed::telling(config, Arc::clone(&recent) as _);
        let told = (Arc::clone(&observed.prometheus), Arc::clone(&recent));
        let (address, _, shutdown) = listen_with(config.clone(), observed.observer.clone(), told);
        Self { observed, recent, address, shutdown }
    }

    /// A call of this tool, answered so.
    fn call(&self, tool: &str, answer: &str) {
        let name = serde_json::to_string(tool).unwrap();
        self.observed.post(&[], &CALL.replace("\"echo\"", &name)).json(200, answer);
    }

    /// A client lists the server's tools, all on one page.
    fn lists(&self, tools: &Value) {
        let ask = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let answer = json!({"jsonrpc":"2.0","id":1,"result":{"tools":tools}});
        self.observed.post(&[], ask).json(200, &answer.to_string());
    }

    async fn get(&self, path: &str) -> Value {
        let (head, body) = ask_as(self.address, "localhost", &format!("GET {path}"), "").await;
        assert!(head.starts_with("http/1.1 200") && head.contains("application/json"), "{head}");
        serde_json::from_slice(&body).unwrap()
    }

    /// The tools of the calls that are told, in their order.
    async fn tools(&self, query: &str) -> Vec<String> {
        let told = self.get(&format!("/api/calls?{query}")).await;
        let calls = told["calls"].as_array().unwrap().iter();
        calls.map(|call| call["tool_name"].as_str().unwrap().to_owned()).collect()
    }
}
