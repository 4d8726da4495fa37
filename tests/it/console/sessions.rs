//! `GET /api/sessions`: those that ended last.

use serde_json::{Value, json};
use sightglass::observe::End;

use super::{CALL, GOOD, Watched};

impl Watched {
    pub(super) fn begin(&self, id: &str) {
        let ask = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":{
            "protocolVersion":"2025-06-18","clientInfo":{"name":"ide","version":"2"}}});
        let begun = json!({"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}).to_string();
        let named = [("content-type", "application/json"), ("mcp-session-id", id)];
        self.observed.post(&[], &ask.to_string()).answer(200, &named).text(&begun).end(End::Complete);
    }

    fn delete(&self, id: &str) {
        let named = [("mcp-session-id", id)];
        self.observed.ask("DELETE", "/mcp", &named).answer(200, &[]).end(End::Complete);
    }
}

#[tokio::test]
async fn a_session_that_ended_is_told_with_why_and_what_it_was() {
    let watched = Watched::new();
    watched.begin("one-long-id");
    watched.observed.post(&[("mcp-session-id", "one-long-id")], CALL).json(200, GOOD);
    let told = watched.get("/api/sessions").await;
    let id = told["sessions"][0]["session_id"].clone();
    assert_eq!(told["ended"], json!([]));
    watched.delete("one-long-id");
    let told = watched.get("/api/sessions").await;
    assert_eq!(told["sessions"], json!([]));
    let ended = &told["ended"][0];
    for (key, value) in [
        ("session_id", id),
        ("server", json!("files")),
        ("client_name", json!("ide")),
        ("client_version", json!("2")),
        ("protocol_version", json!("2025-06-18")),
        ("tool_calls", json!(1)),
        ("end_reason", json!("deleted")),
    ] {
        assert_eq!(ended[key], value, "{key}");
    }
    let seconds = |key: &str| ended[key].as_f64().unwrap();
    assert!(seconds("duration_seconds") >= 0.0 && seconds("ended_seconds") >= 0.0, "{ended}");
    assert!(!told.to_string().contains("one-long-id"), "{told}");
}

#[tokio::test]
async fn only_the_last_two_hundred_are_remembered_the_newest_first() {
    let watched = Watched::new();
    let mut ids: Vec<Value> = Vec::new();
    for number in 0..205 {
        let id = format!("session-{number}");
        watched.begin(&id);
        ids.push(watched.get("/api/sessions?limit=1").await["sessions"][0]["session_id"].clone());
        watched.delete(&id);
    }
    let told = watched.get("/api/sessions?limit=1000").await;
    let ended: Vec<&Value> = told["ended"].as_array().unwrap().iter().map(|one| &one["session_id"]).collect();
    assert_eq!(ended, ids.iter().rev().take(200).collect::<Vec<_>>());
    assert_eq!(watched.get("/api/sessions?limit=3").await["ended"].as_array().unwrap().len(), 3);
}
