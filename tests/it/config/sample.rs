//! `check --sample`: a call that a file tells, and what is said of it.

use insta::assert_snapshot;
use sightglass::cli::sample::{self, Sample, Verdict};
use sightglass::config::Config;

use super::{Folder, SERVER, parse, parsed, sightglass, stderr, stdout};

fn two_servers() -> Config {
    parse(&format!("{SERVER}path = \"/a\"\n[[server]]\nname = \"b\"\nurl = \"http://h\"\npath = \"/b\"\n"))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn read(text: &str) -> Sample {
    sample::read(text, &parsed("")).unwrap_or_else(|error| panic!("{error}"))
}

fn raw(raw: Option<&serde_json::value::RawValue>) -> Option<&str> {
    raw.map(serde_json::value::RawValue::get)
}

/// Why this is no sample.
fn refused(text: &str) -> String {
    sample::read(text, &two_servers()).expect_err("no sample").to_string()
}

#[test]
fn a_sample_is_two_messages() {
    let sample = read(
        r#"{ "request": { "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "buy", "arguments": { "n": 1.50 } } },
             "response": { "jsonrpc": "2.0", "id": 1, "result": { "isError": true, "content": [] } } }"#,
    );
    assert_eq!(
        (sample.server, sample.method.as_str(), sample.tool.as_deref()),
        (0, "tools/call", Some("buy"))
    );
    assert_eq!(raw(sample.params.as_deref()), Some(r#"{ "name": "buy", "arguments": { "n": 1.50 } }"#));
    assert_eq!(raw(sample.result.as_deref()), Some(r#"{ "isError": true, "content": [] }"#));
    assert_eq!((sample.is_error, sample.error_code), (true, None));
    assert!(sample.warnings.is_empty());
}

#[test]
fn a_sample_is_the_members_of_messages() {
    let sample = read(r#"{ "params": { "name": "buy" }, "result": {} }"#);
    assert_eq!((sample.method.as_str(), sample.tool.as_deref()), ("tools/call", Some("buy")));
    assert_eq!((sample.is_error, sample.error_code), (false, None));
    let failed = read(
        r#"{ "method": "prompts/get", "params": { "name": "p" }, "error": { "code": -32602, "message": "m" } }"#,
    );
    assert_eq!((failed.method.as_str(), failed.tool), ("prompts/get", None));
    assert_eq!((raw(failed.result.as_deref()), failed.error_code), (None, Some(-32602)));
    let bare = read(r#"{ "jsonrpc": "2.0", "id": 1, "method": "ping", "result": {} }"#);
    assert_eq!((bare.method.as_str(), raw(bare.params.as_deref())), ("ping", None));
}

#[test]
fn a_sample_may_say_whose_it_is() {
    let of = |text: &str| sample::read(text, &two_servers()).unwrap_or_else(|error| panic!("{error}"));
    let named = of(r#"{ "server": "b", "params": {}, "result": {} }"#);
    assert_eq!((named.server, named.warnings), (1, Vec::new()));
    let unnamed = of(r#"{ "params": {}, "result": {} }"#);
    assert_eq!(unnamed.server, 0);
    assert_eq!(unnamed.warnings, ["the sample names no `server`; it is judged as a call to a"]);
}

#[test]
fn what_is_no_sample() {
    assert_snapshot!(refused("{"), @r#"
        the file is no sample of a call: EOF while parsing an object at line 1 column 1
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused("[]"), @r#"
        the file is no sample of a call: invalid length 0, expected a JSON object at line 1 column 2
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused("{}"), @r#"
        the file is no sample of a call: it holds no answer, neither `result` nor `error`
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "reslut": {} }"#), @r#"
        the file is no sample of a call: unknown field `reslut`, expected one of `server`, `request`, `response`, `jsonrpc`, `id`, `method`, `params`, `result`, `error` at line 1 column 10
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "request": { "method": "ping" } }"#), @r#"
        the file is no sample of a call: it holds a `request` and no `response`
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "response": { "result": {} } }"#), @r#"
        the file is no sample of a call: it holds a `response` and no `request`
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "request": { "params": {} }, "response": { "result": {} } }"#), @r#"
        the file is no sample of a call: its `request` has no `method`
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "request": { "method": "ping" }, "response": { "result": {} }, "params": {} }"#), @r#"
        the file is no sample of a call: it holds messages, and members of messages beside them
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "params": {}, "result": {}, "error": { "code": 1 } }"#), @r#"
        the file is no sample of a call: it holds both `result` and `error`
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "params": {}, "error": "no" }"#), @r#"
        the file is no sample of a call: invalid type: string "no", expected an object with `code`, as JSON-RPC has errors at line 1 column 29
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "params": [], "result": {} }"#), @r#"
        the file is no sample of a call: its `params` is no object
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "params": {}, "result": "ok" }"#), @r#"
        the file is no sample of a call: its `result` is no object
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    assert_snapshot!(refused(r#"{ "server": "c", "params": {}, "result": {} }"#), @r"
        the sample is of a server `c`, which is not configured
        hint: the servers of the configuration are a, b
    ");
}

#[test]
fn what_rules_make_of_a_sample_is_a_line_each() {
    let block = |name: &str, kind: &str| format!("[[metric]]\nname = \"{name}\"\ntype = \"{kind}\"\n");
    let all = [
        block("mcp_revenue_usd", "histogram"),
        block("mcp_stock", "gauge"),
        block("mcp_orders_total", "counter"),
    ];
    let config = parsed(&all.concat());
    let sample = read(r#"{ "params": { "name": "buy" }, "result": {} }"#);
    let labels = [("tier", "pro"), ("kind", "none")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let verdicts = [
        Verdict::Counts { value: 42.5, labels: labels.to_vec() },
        Verdict::Counts { value: 3.0, labels: Vec::new() },
        Verdict::Not("its tool is buy".to_owned()),
    ];
    assert_snapshot!(sample::render(&config, &sample, &verdicts, Some(0.005)), @r#"
        sample  tools/call of buy, answered by a
        mcp_revenue_usd (histogram): 42.5 {tier="pro",kind="none"}
        mcp_stock (gauge): 3
        mcp_orders_total (counter): nothing, since its tool is buy
        mcp_cost_usd_total (counter): 0.005
    "#);
    let warned = Sample { warnings: vec!["mind the gap".to_owned()], ..sample };
    assert_snapshot!(sample::render(&parsed(""), &warned, &[], None), @r"
        sample  tools/call of buy, answered by a
        warning: mind the gap
        no custom metric: the configuration has no [[metric]]
        mcp_cost_usd_total (counter): nothing, since no [[price]] is about it
    ");
}

#[test]
fn check_of_a_sample_exits_0_or_64() {
    let folder = Folder::new("sample");
    folder.write(
        "config.toml",
        &format!("{SERVER}[[metric]]\nname = \"mcp_orders_total\"\ntype = \"counter\"\n"),
    );
    folder.write("good.json", r#"{ "params": { "name": "buy" }, "result": {} }"#);
    folder.write("bad.json", "{}");
    let check = |file: &str| sightglass(&["check", "--sample", file], &folder.0, &[]);
    let good = check("good.json");
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    let text = stdout(&good);
    assert!(text.starts_with("The configuration is valid.\n"), "{text}");
    assert!(
        text.contains("\nsample  tools/call of buy, answered by a\nmcp_orders_total (counter): "),
        "{text}"
    );
    let bad = check("bad.json");
    assert_eq!(bad.status.code(), Some(64));
    assert_snapshot!(stderr(&bad), @r#"
        error: the file is no sample of a call: it holds no answer, neither `result` nor `error`
        hint: write { "request": …, "response": … } with JSON-RPC messages, or { "params": …, "result": … }
    "#);
    let absent = check("absent.json");
    assert_eq!(absent.status.code(), Some(64));
    assert_snapshot!(stderr(&absent), @r"
        error: the sample absent.json cannot be read: No such file or directory (os error 2)
        hint: give the name of a JSON file with a call and its answer
    ");
    let serve = sightglass(&["serve", "--sample", "good.json"], &folder.0, &[]);
    assert_eq!(serve.status.code(), Some(64), "only `check` has samples");
}
