//! What only the configuration knows of callers, payloads and prices: what it resolves to.

use sightglass::config::{
    Drift, Fact, Identity, LabelSource, METHODS, OUTCOMES, Price, Rule, RuleKind, RuleLabel, Source, Tier,
    TokenCounter, When, is_builtin_metric,
};
use sightglass::mcp::Method;
use sightglass::observe::Outcome;

use super::{Folder, parsed};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The rules of these `[[metric]]` blocks, for a server `a`.
fn rules(text: &str) -> Vec<Rule> {
    parsed(text).rules
}

#[test]
fn callers_are_named_where_the_file_says() {
    let identity = parsed(
        "[identity]\nuser = { header = \"X-User-Id\" }\ntier = { claim = \"plan\", allowed = [\"free\", \"pro\"] }\n\
         session = [\"meta:openai/session\", \"header:X-Session-Id\", \"baggage:session.id\"]\nclients = [\"ChatGPT\"]",
    )
    .identity;
    let expected = Identity {
        user: Some(Source::Header("x-user-id".to_owned())),
        tier: Some(Tier { source: Source::Claim("plan".to_owned()), allowed: words(&["free", "pro"]) }),
        session: vec![
            Source::Meta("openai/session".to_owned()),
            Source::Header("x-session-id".to_owned()),
            Source::Baggage("session.id".to_owned()),
        ],
        clients: words(&["ChatGPT"]),
    };
    assert_eq!(identity, expected);
    let user = |written: &str| parsed(&format!("[identity]\nuser = {{ {written} }}")).identity.user;
    assert_eq!(user("meta = \"openai/subject\""), Some(Source::Meta("openai/subject".to_owned())));
    assert_eq!(user("baggage = \"user.id\""), Some(Source::Baggage("user.id".to_owned())));
    assert_eq!(parsed("[identity]\nsession = []\nclients = []").identity, Identity::default());
}

#[test]
fn the_state_of_drift_lies_beside_the_file() {
    let folder = Folder::new("drift");
    let file = folder.write("config.toml", &format!("[drift]\nstate = \"tools.json\"\n{}", super::SERVER));
    let config =
        sightglass::config::load(&file, &super::no_variables).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.drift, Drift { state: Some(folder.0.join("tools.json")) });
}

#[test]
fn tokens_are_estimated_unless_the_file_says_otherwise() {
    assert_eq!(parsed("[tokens]\ncounter = \"estimate\"").tokens.counter, TokenCounter::Estimate);
    if cfg!(feature = "o200k") {
        assert_eq!(parsed("[tokens]\ncounter = \"o200k\"").tokens.counter, TokenCounter::O200k);
    }
}

#[test]
fn a_rule_is_as_it_is_written() {
    let text = "[[metric]]\nname = \"mcp_revenue_usd\"\ntype = \"histogram\"\nhelp = \"Revenue.\"\n\
        when = { server = \"a\", tool = [\"buy\", \"rent\"], method = \"tools/call\", outcome = [\"ok\"] }\n\
        value = \"/result/structuredContent/cents\"\nscale = 0.01\nbuckets = [-1, 0, 2.5]\n\
        labels = { tier = { fact = \"user_tier\" }, kind = { pointer = \"/params/arguments/kind\", allowed = [\"x\", \"none\"] } }";
    let kind =
        LabelSource::Pointer { pointer: "/params/arguments/kind".to_owned(), allowed: words(&["x", "none"]) };
    let expected = Rule {
        name: "mcp_revenue_usd".to_owned(),
        kind: RuleKind::Histogram,
        help: "Revenue.".to_owned(),
        when: When {
            servers: words(&["a"]),
            methods: words(&["tools/call"]),
            tools: words(&["buy", "rent"]),
            outcomes: words(&["ok"]),
        },
        value: Some("/result/structuredContent/cents".to_owned()),
        scale: 0.01,
        labels: vec![
            RuleLabel { name: "kind".to_owned(), source: kind },
            RuleLabel { name: "tier".to_owned(), source: LabelSource::Fact(Fact::UserTier) },
        ],
        buckets: vec![-1.0, 0.0, 2.5],
    };
    assert_eq!(rules(text), [expected]);
}

#[test]
fn a_rule_needs_a_name_and_a_type() {
    let expected = Rule {
        name: "mcp_calls_seen_total".to_owned(),
        kind: RuleKind::Counter,
        help: "Custom metric.".to_owned(),
        when: When::default(),
        value: None,
        scale: 1.0,
        labels: Vec::new(),
        buckets: Vec::new(),
    };
    assert_eq!(rules("[[metric]]\nname = \"mcp_calls_seen_total\"\ntype = \"counter\""), [expected]);
    let histogram = rules("[[metric]]\nname = \"x\"\ntype = \"histogram\"");
    let bounds = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
    assert_eq!(histogram.first().map(|rule| rule.buckets.as_slice()), Some(&bounds[..]));
    let gauge = rules("[[metric]]\nname = \"x\"\ntype = \"gauge\"\nscale = -2");
    assert_eq!(gauge.first().map(|rule| (rule.scale, rule.buckets.len())), Some((-2.0, 0)));
}

#[test]
fn several_rules_may_feed_one_metric() {
    let one = "[[metric]]\nname = \"x\"\ntype = \"histogram\"\n";
    let labels = "labels = { b = { fact = \"outcome\" }, a = { fact = \"method\" } }\n";
    let other =
        "labels = { a = { fact = \"tool_name\" }, b = { pointer = \"/params/b\", allowed = [\"1\"] } }\n";
    let both = rules(&format!("{one}help = \"X.\"\nbuckets = [1, 2]\n{labels}{one}{other}"));
    let said: Vec<_> = both.iter().map(|rule| (rule.help.as_str(), rule.buckets.as_slice())).collect();
    assert_eq!(said, [("X.", &[1.0, 2.0][..]); 2], "the first block speaks for all");
    let repeated = "help = \"X.\"\nbuckets = [1, 2]\n";
    assert_eq!(rules(&format!("{one}{repeated}{one}{repeated}")).len(), 2);
}

#[test]
fn a_counter_may_feed_the_operations_of_caches() {
    let text = "[[metric]]\nname = \"mcp_cache_operations_total\"\ntype = \"counter\"\n\
        labels = { result = { pointer = \"/result/_meta/cache\", allowed = [\"hit\", \"miss\"] }, operation = { fact = \"tool_name\" } }";
    assert_eq!(rules(text).len(), 1);
    assert!(is_builtin_metric("mcp_cache_operations_total") && is_builtin_metric("process_open_fds"));
    assert!(!is_builtin_metric("mcp_orders_total"));
}

#[test]
fn prices_are_as_they_are_written() {
    let prices = parsed(
        "[[price]]\nserver = \"a\"\ntool = \"search\"\nper_call = 0.005\nper_1k_tokens = \"${NO_SUCH:-0.01}\"\n\
         [[price]]\ntool = \"search\"\nper_kilobyte = 1\n[[price]]\nper_call = 1",
    )
    .prices;
    let price = Price { server: None, tool: None, per_call: 0.0, per_kilobyte: 0.0, per_1k_tokens: 0.0 };
    let search = Some("search".to_owned());
    let expected = [
        Price {
            server: Some("a".to_owned()),
            tool: search.clone(),
            per_call: 0.005,
            per_1k_tokens: 0.01,
            ..price.clone()
        },
        Price { tool: search, per_kilobyte: 1.0, ..price.clone() },
        Price { per_call: 1.0, ..price },
    ];
    assert_eq!(prices, expected);
}

#[test]
fn the_names_that_a_rule_may_say_are_those_that_the_proxy_knows() {
    let methods: Vec<&str> = Method::ALL.iter().map(|method| method.as_str()).collect();
    assert_eq!(METHODS, methods);
    let outcomes: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
    assert_eq!(OUTCOMES, outcomes);
}
