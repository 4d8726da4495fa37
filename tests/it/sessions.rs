//! Promise: what a session does is told step by step, in every era (`telemetry.md` §3, "Sessions and use").

use std::time::Duration;

use serde_json::{Value, json};
use sightglass::config::{Config, Identity, Source, Tier};
use sightglass::observe::{End, Outcome};

use crate::support::observed::{Observed, one_server};
use crate::support::scrape::Scrape;

/// A session of an older era, by its id.
struct Session<'a> {
    observed: &'a Observed,
    id: &'a str,
}

impl<'a> Session<'a> {
    fn begin(observed: &'a Observed, id: &'a str) -> Self {
        let ask = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":{
            "protocolVersion":"2025-06-18","clientInfo":{"name":"ide","version":"2"}}});
        let begun = json!({"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}).to_string();
        let named = [("content-type", "application/json"), ("mcp-session-id", id)];
        observed.post(&[], &ask.to_string()).answer(200, &named).text(&begun).end(End::Complete);
        Self { observed, id }
    }

    fn ask(&self, tool: &str) -> crate::support::observed::Asked {
        self.observed.post(&[("mcp-session-id", self.id)], &call(tool, &json!({})).to_string())
    }

    fn works(&self, tool: &str) {
        self.ask(tool).json(200, &result(&json!({"content":[]})));
    }

    fn fails(&self, tool: &str) {
        self.ask(tool).json(200, &result(&json!({"content":[],"isError":true})));
    }

    fn delete(&self) {
        let named = [("mcp-session-id", self.id)];
        self.observed.ask("DELETE", "/mcp", &named).answer(200, &[]).end(End::Complete);
    }
}

fn call(tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":tool,"arguments":arguments}})
}

/// The same as 2026-07-28 has it, with more members in `_meta`.
fn modern(tool: &str, meta: &Value) -> String {
    let mut call = call(tool, &json!({}));
    call["params"]["_meta"] = meta.clone();
    call["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    call["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name":"ChatGPT","version":"1"});
    call.to_string()
}

fn result(result: &Value) -> String {
    json!({"jsonrpc":"2.0","id":7,"result":result}).to_string()
}

fn followed(page: &Scrape, source: &str, target: &str, times: u32) {
    let pairs = page.metric("mcp_tool_composition_total");
    pairs.label("source_tool", source).label("target_tool", target).is(times);
}

fn recovered(page: &Scrape, tool: &str, strategy: &str, success: &str, times: u32) {
    let verdicts = page.metric("mcp_error_recovery_total").label("tool_name", tool);
    verdicts.label("recovery_strategy", strategy).label("success", success).is(times);
}

#[test]
fn a_tool_follows_the_one_whose_call_began_before_it_in_the_session() {
    let observed = Observed::new();
    let (first, second) =
        (Session::begin(&observed, "first-session"), Session::begin(&observed, "second-session"));
    first.works("search");
    second.works("read");
    first.works("read");
    first.works("search");
    second.works("read");
    let page = observed.scrape();
    followed(&page, "search", "read", 1);
    followed(&page, "read", "search", 1);
    followed(&page, "read", "read", 1);
    page.metric("mcp_tool_composition_total").is(3);
}

#[test]
fn calls_at_once_follow_each_other_in_the_order_in_which_they_began() {
    let observed = Observed::new();
    let session = Session::begin(&observed, "a-session");
    session.works("a");
    session.works("b");
    let (a, b) = (session.ask("a"), session.ask("b"));
    b.json(200, &result(&json!({})));
    a.json(200, &result(&json!({})));
    let page = observed.scrape();
    followed(&page, "a", "b", 2);
    followed(&page, "b", "a", 1);
}

#[test]
fn every_failed_call_of_a_session_gets_one_verdict() {
    let observed = Observed::new();
    let session = Session::begin(&observed, "a-session");
    session.works("pay");
    session.works("look");
    session.fails("pay");
    session.works("pay");
    session.fails("pay");
    session.works("look");
    session.fails("look");
    session.fails("pay");
    session.fails("pay");
    session.delete();
    let page = observed.scrape();
    recovered(&page, "pay", "retry_same", "true", 1);
    recovered(&page, "pay", "other_tool", "true", 1);
    recovered(&page, "look", "other_tool", "false", 1);
    recovered(&page, "pay", "retry_same", "false", 1);
    recovered(&page, "pay", "abandoned", "false", 1);
    page.metric("mcp_error_recovery_total").is(5);
    page.metric("mcp_tool_invocations_total").label("status", "error").is(5);
}

#[test]
fn a_round_that_asks_for_input_decides_nothing_and_its_answer_is_no_step() {
    let mut config = one_server();
    config.identity.session = vec![Source::Meta("openai/session".to_owned())];
    let observed = Observed::with(&config);
    let meta = json!({"openai/session":"conversation"});
    observed.post(&[], &modern("book", &meta)).json(200, &result(&json!({"isError":true})));
    observed
        .post(&[], &modern("book", &meta))
        .json(200, &result(&json!({"resultType":"input_required","requestState":"s"})));
    let mut answered: Value = serde_json::from_str(&modern("book", &meta)).unwrap();
    answered["params"]["requestState"] = "s".into();
    answered["params"]["inputResponses"] = json!({});
    observed.post(&[], &answered.to_string()).json(200, &result(&json!({"content":[]})));
    let page = observed.scrape();
    recovered(&page, "_other", "retry_same", "true", 1);
    page.metric("mcp_error_recovery_total").is(1);
    page.metric("mcp_tool_composition_total").is(1);
    page.metric("mcp_tool_invocations_total").is(3);
}

#[tokio::test(start_paused = true)]
async fn a_conversation_of_2026_07_28_is_a_session_where_the_configuration_says_what_names_it() {
    let mut config = one_server();
    config.limits.session_idle = Duration::from_secs(60);
    config.identity.session = vec![
        Source::Meta("openai/session".to_owned()),
        Source::Header("x-session-id".to_owned()),
        Source::Baggage("session.id".to_owned()),
    ];
    let observed = Observed::with(&config);
    let works = |headers: &[(&str, &str)], meta: Value| {
        observed.post(headers, &modern("look", &meta)).json(200, &result(&json!({})));
    };
    works(&[], json!({"openai/session":"one"}));
    works(&[("x-session-id", "two")], json!({"openai/session":"one"}));
    works(&[("x-session-id", "two")], json!({}));
    works(&[("baggage", "a=b, session.id=three;p=1")], json!({}));
    works(&[], json!({"baggage":"session.id=three"}));
    works(&[], json!({}));
    let page = observed.scrape();
    page.metric("mcp_sessions_total")
        .label("client_name", "ChatGPT")
        .label("protocol_version", "2026-07-28")
        .is(3);
    page.metric("mcp_active_sessions").is(3);
    tokio::time::advance(Duration::from_secs(61)).await;
    observed.observer.tick();
    let page = observed.scrape();
    page.metric("mcp_active_sessions").is(0);
    page.metric("mcp_session_duration_seconds_count").label("end_reason", "idle").is(3);
    page.metric("mcp_session_tool_calls_sum").is(5);
}

#[test]
fn without_a_configured_name_2026_07_28_has_no_sessions() {
    let observed = Observed::new();
    observed.post(&[], &modern("look", &json!({"openai/session":"one"}))).json(200, &result(&json!({})));
    observed.scrape().metric("mcp_sessions_total").is(0);
}

/// Users by a claim, tiers by a header.
fn told_apart() -> Config {
    let mut config = one_server();
    config.identity = Identity {
        user: Some(Source::Meta("openai/subject".to_owned())),
        tier: Some(Tier {
            source: Source::Header("x-plan".to_owned()),
            allowed: vec!["free".to_owned(), "pro".to_owned()],
        }),
        ..Identity::default()
    };
    config
}

#[test]
fn a_tier_that_is_not_listed_is_other_and_none_is_none() {
    let observed = Observed::with(&told_apart());
    for headers in
        [&[("x-plan", "free")][..], &[("x-plan", "pro")], &[("x-plan", "pro")], &[("x-plan", "root")], &[]]
    {
        observed.post(headers, &call("look", &json!({})).to_string()).json(200, &result(&json!({})));
    }
    let page = observed.scrape();
    for (tier, times) in [("free", 1), ("pro", 2), ("_other", 1), ("none", 1)] {
        page.metric("mcp_tool_invocations_total").label("user_tier", tier).is(times);
    }
}

#[test]
fn a_session_has_the_first_tier_that_is_told_in_it() {
    let observed = Observed::with(&told_apart());
    let session = Session::begin(&observed, "a-session");
    session.works("look");
    for tier in ["pro", "free"] {
        let headers = [("mcp-session-id", session.id), ("x-plan", tier)];
        observed.post(&headers, &call("look", &json!({})).to_string()).json(200, &result(&json!({})));
    }
    session.delete();
    let page = observed.scrape();
    page.metric("mcp_session_tool_calls_sum").label("user_tier", "pro").is(3);
    page.metric("mcp_session_tool_calls_count").is(1);
}

#[test]
fn a_session_remembers_its_last_calls() {
    let observed = Observed::new();
    let session = Session::begin(&observed, "a-session");
    for number in 0..20 {
        session.works(&format!("tool-{number}"));
    }
    session.fails("tool-0");
    let known = observed.observer.sessions(10);
    let [known] = &*known else { panic!("one session is open") };
    let recent = known.recent();
    assert_eq!(recent.len(), 16);
    let last = recent.last().unwrap();
    assert_eq!((last.tool.as_ref().unwrap().as_str(), last.outcome), ("tool-0", Outcome::ToolError));
    assert_eq!(known.tool_calls(), 21);
    session.delete();
    assert!(observed.observer.sessions(10).is_empty());
}
