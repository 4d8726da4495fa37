//! The table of mistakes about callers, payloads and prices: the whole message of each.

use insta::assert_snapshot;

use super::mistakes::mistake;

/// What a `[[metric]]` block with these lines is refused with, after a counter's name and type.
fn of_counter(lines: &str) -> String {
    mistake(&format!("[[metric]]\nname = \"x_total\"\ntype = \"counter\"\n{lines}\n{{S}}"))
}

/// What a metric of this name and type is refused with.
fn named(name: &str, kind: &str) -> String {
    mistake(&format!("[[metric]]\nname = \"{name}\"\ntype = \"{kind}\"\n{{S}}"))
}

/// What two blocks of one name and these lines are refused with.
fn two(kind: &str, first: &str, second: &str) -> String {
    let block = |lines: &str| format!("[[metric]]\nname = \"x\"\ntype = \"{kind}\"\n{lines}");
    mistake(&format!("{}{}{{S}}", block(first), block(second)))
}

#[test]
fn where_callers_are_named() {
    assert_snapshot!(mistake("[identity]\nuser = \"X-User-Id\"\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | user = "X-User-Id"
          |        ^^^^^^^^^^^
        invalid type: string "X-User-Id", expected a table such as { header = "X-User-Id" }
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(mistake("[identity]\nuser = {}\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | user = {}
          |        ^^
        `user` does not say where it stands
        hint: write user = { header = "X-User-Id" }, { claim = "sub" } or { meta = "openai/subject" }
    "#);
    assert_snapshot!(mistake("[identity]\nuser = { header = \"X-User-Id\", claim = \"sub\" }\n"), @r#"
        config.toml, line 2, column 40
          |
        2 | user = { header = "X-User-Id", claim = "sub" }
          |                                        ^^^^^
        `header` and `claim` both say where it stands
        hint: keep one of the two
    "#);
    assert_snapshot!(mistake("[identity]\nuser = { headers = \"X-User-Id\" }\n"), @r#"
        config.toml, line 2, column 10
          |
        2 | user = { headers = "X-User-Id" }
          |          ^^^^^^^
        unknown field `headers`, expected one of `header`, `claim`, `meta`, `baggage`
        hint: did you mean `header`?
    "#);
    assert_snapshot!(mistake("[identity]\nuser = { header = \"X-User-Id:\" }\n"), @r#"
        config.toml, line 2, column 19
          |
        2 | user = { header = "X-User-Id:" }
          |                   ^^^^^^^^^^^^
        no name of a header field
        hint: letters, digits and `-`, without a colon: X-User-Id
    "#);
    assert_snapshot!(mistake("[identity]\nuser = { claim = \"\" }\n"), @r#"
        config.toml, line 2, column 18
          |
        2 | user = { claim = "" }
          |                  ^^
        no name of a claim
        hint: up to 256 bytes of printable text, such as "sub"
    "#);
    assert_snapshot!(mistake("[identity]\nuser = { meta = 5 }\n"), @r"
        config.toml, line 2, column 17
          |
        2 | user = { meta = 5 }
          |                 ^
        invalid type: integer `5`, expected a string
        hint: write it in double quotes
    ");
    assert_snapshot!(mistake("[identity]\nuser = { baggage = \"a,b\" }\n"), @r#"
        config.toml, line 2, column 20
          |
        2 | user = { baggage = "a,b" }
          |                    ^^^^^
        no name of a member of `baggage`
        hint: letters, digits and some signs such as `.`, `-` and `_`: session.id
    "#);
}

#[test]
fn tiers_are_listed() {
    assert_snapshot!(mistake("[identity]\ntier = { claim = \"plan\" }\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | tier = { claim = "plan" }
          |        ^^^^^^^^^^^^^^^^^^
        `tier` without `allowed`: only listed tiers are a label's value
        hint: write tier = { claim = "plan", allowed = ["free", "pro"] }
    "#);
    assert_snapshot!(mistake("[identity]\ntier = { allowed = [\"free\"] }\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | tier = { allowed = ["free"] }
          |        ^^^^^^^^^^^^^^^^^^^^^^
        `tier` does not say where it stands
        hint: write tier = { claim = "plan", allowed = ["free", "pro"] }
    "#);
    assert_snapshot!(mistake("[identity]\ntier = { claim = \"plan\", allowed = [] }\n"), @r#"
        config.toml, line 2, column 36
          |
        2 | tier = { claim = "plan", allowed = [] }
          |                                    ^^
        expected 1 to 50 values
        hint: every value is a series of its own
    "#);
    assert_snapshot!(mistake("[identity]\ntier = { claim = \"plan\", allowed = [\"free\", \"_other\"] }\n"), @r#"
        config.toml, line 2, column 45
          |
        2 | tier = { claim = "plan", allowed = ["free", "_other"] }
          |                                             ^^^^^^^^
        `_other` is a label value with a meaning of its own
        hint: leave it out: what is absent is `none`, and what is not listed `_other`, by themselves
    "#);
    assert_snapshot!(mistake("[identity]\ntier = { claim = \"plan\", allowed = [\"free\", \"free\"] }\n"), @r#"
        config.toml, line 2, column 45
          |
        2 | tier = { claim = "plan", allowed = ["free", "free"] }
          |                                             ^^^^^^
        `free` stands twice
        hint: keep one of the two
    "#);
    assert_snapshot!(mistake("[identity]\ntier = { claim = \"plan\", allowed = [\"a\\\"b\"] }\n"), @r#"
        config.toml, line 2, column 37
          |
        2 | tier = { claim = "plan", allowed = ["a\"b"] }
          |                                     ^^^^^^
        expected a value of a label, a string
        hint: 1 to 128 characters, no double quote, backslash or control character among them
    "#);
    assert_snapshot!(mistake("[identity]\nclients = [\"ChatGPT\", \"none\"]\n"), @r#"
        config.toml, line 2, column 23
          |
        2 | clients = ["ChatGPT", "none"]
          |                       ^^^^^^
        `none` is a label value with a meaning of its own
        hint: leave it out: what is absent is `none`, and what is not listed `_other`, by themselves
    "#);
    assert_snapshot!(mistake(&format!("[identity]\nclients = [{}]\n", "\"ChatGPT\", ".repeat(501))), @r#"
        config.toml, line 2, column 11
          |
        2 | clients = ["ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatGPT", "ChatG
          |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        expected at most 500 values
        hint: every value is a series of its own
    "#);
}

#[test]
fn sessions_are_named_by_a_kind_and_a_name() {
    assert_snapshot!(mistake("[identity]\nsession = [\"claim:sub\"]\n"), @r#"
        config.toml, line 2, column 12
          |
        2 | session = ["claim:sub"]
          |            ^^^^^^^^^^^
        a claim names no session: a token is not a conversation
        hint: one token is sent in many of them; write `meta:`, `header:` or `baggage:` and a name
    "#);
    assert_snapshot!(mistake("[identity]\nsession = [\"heder:X-Session-Id\"]\n"), @r#"
        config.toml, line 2, column 12
          |
        2 | session = ["heder:X-Session-Id"]
          |            ^^^^^^^^^^^^^^^^^^^^
        expected where a session is named, such as "meta:openai/session"
        hint: did you mean "header:X-Session-Id"?
    "#);
    assert_snapshot!(mistake("[identity]\nsession = [\"X-Session-Id\"]\n"), @r#"
        config.toml, line 2, column 12
          |
        2 | session = ["X-Session-Id"]
          |            ^^^^^^^^^^^^^^
        expected where a session is named, such as "meta:openai/session"
        hint: write `meta:`, `header:` or `baggage:` and a name
    "#);
    assert_snapshot!(mistake("[identity]\nsession = \"meta:openai/session\"\n"), @r#"
        config.toml, line 2, column 11
          |
        2 | session = "meta:openai/session"
          |           ^^^^^^^^^^^^^^^^^^^^^
        invalid type: string "meta:openai/session", expected a sequence
        hint: write a list in square brackets: ["…"]
    "#);
    assert_snapshot!(mistake("[identity]\nsession = [\"header:X-Id\", \"header:x-id\"]\n"), @r#"
        config.toml, line 2, column 27
          |
        2 | session = ["header:X-Id", "header:x-id"]
          |                           ^^^^^^^^^^^^^
        `header:x-id` stands twice
        hint: keep one of the two
    "#);
}

#[test]
fn files_that_remember_tools() {
    assert_snapshot!(mistake("[drift]\nstate = \"src\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | state = "src"
          |         ^^^^^
        src is a folder
        hint: name a file in it
    "#);
    assert_snapshot!(mistake("[drift]\nstate = \"no-such-folder/tools.json\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | state = "no-such-folder/tools.json"
          |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^
        the folder no-such-folder is not there
        hint: make it first; a relative name starts beside the configuration file
    "#);
    assert_snapshot!(mistake("[drift]\nstate = \"\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | state = ""
          |         ^^
        a file without a name
        hint: name a file, or leave the line out: then tools are forgotten at a restart
    "#);
}

#[test]
fn names_of_metrics() {
    assert_snapshot!(named("mcp-orders_total", "counter"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp-orders_total"
          |        ^^^^^^^^^^^^^^^^^^
        expected a metric's name such as "mcp_orders_total"
        hint: write "mcp_orders_total"
    "#);
    assert_snapshot!(named("ü", "gauge"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "ü"
          |        ^^^
        expected a metric's name such as "mcp_orders_total"
        hint: letters, digits and `_`, no digit first, up to 200 of them
    "#);
    assert_snapshot!(named("process_cpu_seconds_total", "counter"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "process_cpu_seconds_total"
          |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^
        names that begin with `process_` are about the proxy itself
        hint: choose another name, such as "mcp_orders_total"
    "#);
    assert_snapshot!(named("mcp_proxy_orders_total", "counter"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_proxy_orders_total"
          |        ^^^^^^^^^^^^^^^^^^^^^^^^
        names that begin with `mcp_proxy_` are about the proxy itself
        hint: choose another name, such as "mcp_orders_total"
    "#);
}

#[test]
fn names_tell_the_type() {
    assert_snapshot!(named("mcp_orders", "counter"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_orders"
          |        ^^^^^^^^^^^^
        a counter's name ends in `_total`
        hint: write "mcp_orders_total"
    "#);
    assert_snapshot!(named("mcp_orders_total", "gauge"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_orders_total"
          |        ^^^^^^^^^^^^^^^^^^
        only a counter's name ends in `_total`, and this is a gauge
        hint: write "mcp_orders", or type = "counter"
    "#);
    assert_snapshot!(named("mcp_orders_count", "histogram"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_orders_count"
          |        ^^^^^^^^^^^^^^^^^^
        names that end in `_count` are of a histogram's own series
        hint: write "mcp_orders", or another ending
    "#);
}

#[test]
fn names_that_are_the_proxys_own() {
    assert_snapshot!(named("mcp_requests_total", "counter"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_requests_total"
          |        ^^^^^^^^^^^^^^^^^^^^
        `mcp_requests_total` is a metric of the proxy itself
        hint: choose another name; of the proxy's own, rules may feed `mcp_cache_operations_total` alone
    "#);
    assert_snapshot!(named("mcp_requests", "gauge"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_requests"
          |        ^^^^^^^^^^^^^^
        `mcp_requests` and the proxy's own `mcp_requests_total` are one metric in OpenMetrics
        hint: choose another name; of the proxy's own, rules may feed `mcp_cache_operations_total` alone
    "#);
    assert_snapshot!(named("mcp_tools_listed_total", "counter"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_tools_listed_total"
          |        ^^^^^^^^^^^^^^^^^^^^^^^^
        `mcp_tools_listed_total` and the proxy's own `mcp_tools_listed` are one metric in OpenMetrics
        hint: choose another name; of the proxy's own, rules may feed `mcp_cache_operations_total` alone
    "#);
    assert_snapshot!(named("mcp_health_score", "gauge"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_health_score"
          |        ^^^^^^^^^^^^^^^^^^
        `mcp_health_score` is a metric of the proxy itself
        hint: choose another name; of the proxy's own, rules may feed `mcp_cache_operations_total` alone
    "#);
    assert_snapshot!(named("mcp_cache_operations_total", "counter"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "mcp_cache_operations_total"
          |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        `mcp_cache_operations_total` has exactly the labels `operation` and `result`
        hint: write labels = { operation = { … }, result = { pointer = "…", allowed = ["hit", "miss"] } }
    "#);
}

#[test]
fn types_of_metrics_and_their_scale() {
    assert_snapshot!(named("x", "summary"), @r#"
        config.toml, line 3, column 8
          |
        3 | type = "summary"
          |        ^^^^^^^^^
        expected "counter", "gauge" or "histogram"
        hint: write one of these words
    "#);
    assert_snapshot!(mistake("[[metric]]\nname = \"x_total\"\n"), @r#"
        config.toml, line 1, column 1
          |
        1 | [[metric]]
          | ^^^^^^^^^^
        missing field `type`
        hint: add the line type = "…" to this block
    "#);
    assert_snapshot!(mistake("[metric]\nname = \"x_total\"\ntype = \"counter\"\n"), @r"
        config.toml, line 1, column 1
          |
        1 | [metric]
          | ^^^^^^^^
        invalid type: map, expected a sequence
        hint: this block begins with `[[metric]]`, in double brackets
    ");
    assert_snapshot!(of_counter("help = \"two\\nlines\""), @r#"
        config.toml, line 4, column 8
          |
        4 | help = "two\nlines"
          |        ^^^^^^^^^^^^
        expected a help text, one line
        hint: 1 to 300 characters, without a line break: a sentence that says what is counted
    "#);
    assert_snapshot!(of_counter("scale = 0"), @r"
        config.toml, line 4, column 9
          |
        4 | scale = 0
          |         ^
        times 0, every value would be 0
        hint: 0.01 makes dollars of cents; leave `scale` out for the number as it is
    ");
    assert_snapshot!(of_counter("scale = -1"), @r#"
        config.toml, line 4, column 9
          |
        4 | scale = -1
          |         ^^
        a negative `scale`, and a counter only grows
        hint: leave the sign out, or write type = "gauge"
    "#);
    assert_snapshot!(of_counter("scale = inf"), @r"
        config.toml, line 4, column 9
          |
        4 | scale = inf
          |         ^^^
        expected a number
        hint: write digits and a point alone: 0.005
    ");
}

#[test]
fn upper_bounds_of_histograms() {
    assert_snapshot!(of_counter("buckets = [1, 2]"), @r#"
        config.toml, line 4, column 11
          |
        4 | buckets = [1, 2]
          |           ^^^^^^
        only a histogram has `buckets`, and this is a counter
        hint: remove them, or write type = "histogram"
    "#);
    assert_snapshot!(mistake("[[metric]]\nname = \"x\"\ntype = \"histogram\"\nbuckets = [1, 1]\n"), @r"
        config.toml, line 4, column 15
          |
        4 | buckets = [1, 1]
          |               ^
        expected a number greater than 1, the bound before it
        hint: upper bounds ascend; the last one, +Inf, comes by itself
    ");
    assert_snapshot!(mistake("[[metric]]\nname = \"x\"\ntype = \"histogram\"\nbuckets = [nan]\n"), @r"
        config.toml, line 4, column 12
          |
        4 | buckets = [nan]
          |            ^^^
        expected a number
        hint: upper bounds ascend; the last one, +Inf, comes by itself
    ");
    assert_snapshot!(mistake("[[metric]]\nname = \"x\"\ntype = \"histogram\"\nbuckets = []\n"), @r"
        config.toml, line 4, column 11
          |
        4 | buckets = []
          |           ^^
        expected 1 to 50 upper bounds
        hint: every bound is a series for each label set
    ");
}

#[test]
fn pointers_into_payloads() {
    assert_snapshot!(of_counter("value = \"params.arguments.amount\""), @r#"
        config.toml, line 4, column 9
          |
        4 | value = "params.arguments.amount"
          |         ^^^^^^^^^^^^^^^^^^^^^^^^^
        expected a JSON pointer such as "/params/arguments/amount"
        hint: write "/params/arguments/amount"
    "#);
    assert_snapshot!(of_counter("value = \"/result\""), @r#"
        config.toml, line 4, column 9
          |
        4 | value = "/result"
          |         ^^^^^^^^^
        `/result` is all of it, and no single value
        hint: name a text, a number or a switch below it: /result/…
    "#);
    assert_snapshot!(of_counter("value = \"/params/\""), @r#"
        config.toml, line 4, column 9
          |
        4 | value = "/params/"
          |         ^^^^^^^^^^
        `/params/` is all of it, and no single value
        hint: name a text, a number or a switch below it: /params/…
    "#);
    assert_snapshot!(of_counter("value = \"/amount\""), @r#"
        config.toml, line 4, column 9
          |
        4 | value = "/amount"
          |         ^^^^^^^^^
        expected a JSON pointer such as "/params/arguments/amount"
        hint: what a tool was given is below /params/arguments/, what it answered below /result/structuredContent/
    "#);
    assert_snapshot!(of_counter("value = \"/result/a~b\""), @r#"
        config.toml, line 4, column 9
          |
        4 | value = "/result/a~b"
          |         ^^^^^^^^^^^^^
        `~` without 0 or 1 in a pointer
        hint: write `~0` for `~` itself, and `~1` for `/`
    "#);
    assert_snapshot!(of_counter("value = \"${SECRET}\""), @r#"
        config.toml, line 4, column 9
          |
        4 | value = "${SECRET}"
          |         ^^^^^^^^^^^
        expected a JSON pointer such as "/params/arguments/amount"
        hint: what a tool was given is below /params/arguments/, what it answered below /result/structuredContent/
    "#);
}

#[test]
fn servers_and_methods_of_metrics() {
    assert_snapshot!(of_counter("when = { server = \"b\" }"), @r#"
        config.toml, line 4, column 19
          |
        4 | when = { server = "b" }
          |                   ^^^
        no server is named `b`
        hint: did you mean "a"?
    "#);
    assert_snapshot!(of_counter("when = { server = \"elsewhere\" }"), @r#"
        config.toml, line 4, column 19
          |
        4 | when = { server = "elsewhere" }
          |                   ^^^^^^^^^^^
        no server is named `elsewhere`
        hint: the servers here are a
    "#);
    assert_snapshot!(mistake("[[metric]]\nname = \"x_total\"\ntype = \"counter\"\nwhen = { server = [\"github\", \"githib\"] }\n[[server]]\nname = \"github\"\nurl = \"http://h\"\n"), @r#"
        config.toml, line 4, column 30
          |
        4 | when = { server = ["github", "githib"] }
          |                              ^^^^^^^^
        no server is named `githib`
        hint: did you mean "github"?
    "#);
    assert_snapshot!(of_counter("when = { method = \"tools/cal\" }"), @r#"
        config.toml, line 4, column 19
          |
        4 | when = { method = "tools/cal" }
          |                   ^^^^^^^^^^^
        expected a method of MCP such as "tools/call", or "_other"
        hint: did you mean "tools/call"?
    "#);
    assert_snapshot!(of_counter("when = { method = \"mine\" }"), @r#"
        config.toml, line 4, column 19
          |
        4 | when = { method = "mine" }
          |                   ^^^^^^
        expected a method of MCP such as "tools/call", or "_other"
        hint: "_other" is any that MCP does not know
    "#);
}

#[test]
fn outcomes_and_tools_of_metrics() {
    assert_snapshot!(of_counter("when = { outcome = [\"ok\", \"tool_eror\"] }"), @r#"
        config.toml, line 4, column 27
          |
        4 | when = { outcome = ["ok", "tool_eror"] }
          |                           ^^^^^^^^^^^
        expected an outcome such as "ok" or "tool_error"
        hint: did you mean "tool_error"?
    "#);
    assert_snapshot!(of_counter("when = { outcome = \"success\" }"), @r#"
        config.toml, line 4, column 20
          |
        4 | when = { outcome = "success" }
          |                    ^^^^^^^^^
        expected an outcome such as "ok" or "tool_error"
        hint: write one of ok, tool_error, jsonrpc_error, http_error, invalid_response, upstream_unreachable, upstream_reset, timeout, no_response, cancelled, client_disconnect, auth_challenge, refused, input_required, task
    "#);
    assert_snapshot!(of_counter("when = { tool = [] }"), @r"
        config.toml, line 4, column 17
          |
        4 | when = { tool = [] }
          |                 ^^
        an empty list
        hint: leave the key out: then any will do
    ");
    assert_snapshot!(of_counter("when = { tool = \"\" }"), @r#"
        config.toml, line 4, column 17
          |
        4 | when = { tool = "" }
          |                 ^^
        an empty name
        hint: write the name, or leave the key out: then any will do
    "#);
    assert_snapshot!(of_counter("when = { tool = 5 }"), @r"
        config.toml, line 4, column 17
          |
        4 | when = { tool = 5 }
          |                 ^
        expected a name
        hint: write it in double quotes
    ");
    assert_snapshot!(of_counter("when = { tool = \"a\", method = \"tools/list\" }"), @r#"
        config.toml, line 4, column 31
          |
        4 | when = { tool = "a", method = "tools/list" }
          |                               ^^^^^^^^^^^^
        `tool` beside another method: this would never be
        hint: only "tools/call" calls a tool; leave one of the two out
    "#);
    assert_snapshot!(of_counter("when = { tools = \"a\" }"), @r#"
        config.toml, line 4, column 10
          |
        4 | when = { tools = "a" }
          |          ^^^^^
        unknown field `tools`, expected one of `server`, `method`, `tool`, `outcome`
        hint: did you mean `tool`?
    "#);
}

#[test]
fn names_of_labels() {
    assert_snapshot!(of_counter("labels = { server = { fact = \"method\" } }"), @r#"
        config.toml, line 4, column 12
          |
        4 | labels = { server = { fact = "method" } }
          |            ^^^^^^
        `server` is a label of every metric already
        hint: choose another name
    "#);
    assert_snapshot!(of_counter("labels = { le = { fact = \"method\" } }"), @r#"
        config.toml, line 4, column 12
          |
        4 | labels = { le = { fact = "method" } }
          |            ^^
        `le` is the label of a histogram's buckets
        hint: choose another name
    "#);
    assert_snapshot!(of_counter("labels = { quantile = { fact = \"method\" } }"), @r#"
        config.toml, line 4, column 12
          |
        4 | labels = { quantile = { fact = "method" } }
          |            ^^^^^^^^
        `quantile` is the label of a summary's quantiles
        hint: choose another name
    "#);
    assert_snapshot!(of_counter("labels = { __a = { fact = \"method\" } }"), @r#"
        config.toml, line 4, column 12
          |
        4 | labels = { __a = { fact = "method" } }
          |            ^^^
        names that begin with `__` are Prometheus' own
        hint: choose another name
    "#);
    assert_snapshot!(of_counter("labels = { a-b = { fact = \"method\" } }"), @r#"
        config.toml, line 4, column 12
          |
        4 | labels = { a-b = { fact = "method" } }
          |            ^^^
        expected the name of a label, such as "priority"
        hint: write "a_b"
    "#);
}

#[test]
fn where_values_of_labels_come_from() {
    assert_snapshot!(of_counter("labels = { a = { fact = \"toolname\" } }"), @r#"
        config.toml, line 4, column 25
          |
        4 | labels = { a = { fact = "toolname" } }
          |                         ^^^^^^^^^^
        expected "tool_name", "user_tier", "client_name", "method", "status" or "outcome"
        hint: did you mean "tool_name"?
    "#);
    assert_snapshot!(of_counter("labels = { a = {} }"), @r#"
        config.toml, line 4, column 16
          |
        4 | labels = { a = {} }
          |                ^^
        a label that does not say where its value comes from
        hint: write { pointer = "/params/arguments/…", allowed = ["…"] } or { fact = "tool_name" }
    "#);
    assert_snapshot!(of_counter("labels = { a = \"tool_name\" }"), @r#"
        config.toml, line 4, column 16
          |
        4 | labels = { a = "tool_name" }
          |                ^^^^^^^^^^^
        invalid type: string "tool_name", expected a table such as { fact = "tool_name" }
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(of_counter("labels = [\"tool_name\"]"), @r#"
        config.toml, line 4, column 10
          |
        4 | labels = ["tool_name"]
          |          ^^^^^^^^^^^^^
        invalid type: sequence, expected a table of labels such as { tool = { fact = "tool_name" } }
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(of_counter("labels = { a = { fact = \"method\", allowed = [\"tools/call\"] } }"), @r#"
        config.toml, line 4, column 25
          |
        4 | labels = { a = { fact = "method", allowed = ["tools/call"] } }
          |                         ^^^^^^^^
        `fact` beside `pointer` or `allowed`
        hint: a fact has the values that built-in metrics have; keep it alone, or remove it
    "#);
    assert_snapshot!(of_counter("labels = { a = { pointer = \"/params/a\" } }"), @r#"
        config.toml, line 4, column 16
          |
        4 | labels = { a = { pointer = "/params/a" } }
          |                ^^^^^^^^^^^^^^^^^^^^^^^^^
        `pointer` without `allowed`: a label has known values alone
        hint: list them: allowed = ["low", "high"]; what is none of them is `_other`, what is absent `none`
    "#);
}

#[test]
fn values_of_labels_are_few() {
    assert_snapshot!(of_counter("labels = { a = { pointer = \"/params/a\", allowed = [] } }"), @r#"
        config.toml, line 4, column 51
          |
        4 | labels = { a = { pointer = "/params/a", allowed = [] } }
          |                                                   ^^
        expected 1 to 100 values
        hint: every value is a series of its own
    "#);
    assert_snapshot!(of_counter("labels = { a = { pointer = \"/params/a\", allowed = [\"\"] } }"), @r#"
        config.toml, line 4, column 52
          |
        4 | labels = { a = { pointer = "/params/a", allowed = [""] } }
          |                                                    ^^
        expected a value of a label, a string
        hint: 1 to 128 characters, no double quote, backslash or control character among them
    "#);
    assert_snapshot!(of_counter("labels = { a = { pointer = \"/params/a\", allowed = [\"x\", \"x\"] } }"), @r#"
        config.toml, line 4, column 57
          |
        4 | labels = { a = { pointer = "/params/a", allowed = ["x", "x"] } }
          |                                                         ^^^
        `x` stands twice
        hint: keep one of the two
    "#);
    assert_snapshot!(of_counter("labels = { a = { pointer = \"/params/a\", allowed = [1] } }"), @r#"
        config.toml, line 4, column 52
          |
        4 | labels = { a = { pointer = "/params/a", allowed = [1] } }
          |                                                    ^
        expected a value of a label, a string
        hint: write it in double quotes
    "#);
    assert_snapshot!(of_counter(&labels(1, 101)), @r#"
        config.toml, line 4, column 52
          |
        4 | labels = { l0 = { pointer = "/params/a", allowed = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"
          |                                                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        expected 1 to 100 values
        hint: every value is a series of its own
    "#);
    assert_snapshot!(of_counter(&labels(9, 1)), @r#"
        config.toml, line 4, column 10
          |
        4 | labels = { l0 = { pointer = "/params/a", allowed = ["0"] }, l1 = { pointer = "/params/a", allowed = ["0"] }, l2 = { pointer = "/params/a", allowed = ["0"] }, l3
          |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        expected at most 8 labels, and these are 9
        hint: each label multiplies the series of its metric
    "#);
    assert_snapshot!(of_counter(&labels(3, 25)), @r#"
        config.toml, line 4, column 10
          |
        4 | labels = { l0 = { pointer = "/params/a", allowed = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"
          |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        the values of these labels are 15625 series together, and may be 10000
        hint: shorten `allowed`, or leave a label out
    "#);
}

#[test]
fn blocks_that_feed_one_metric() {
    assert_snapshot!(mistake("[[metric]]\nname = \"x\"\ntype = \"gauge\"\n[[metric]]\nname = \"x\"\ntype = \"histogram\"\n{S}"), @r#"
        config.toml, line 6, column 8
          |
        6 | type = "histogram"
          |        ^^^^^^^^^^^
        `[[metric]]` 1 and 2 feed `x` with different types: gauge, and histogram
        hint: say the same in both, or give one of them another name
    "#);
    assert_snapshot!(two("gauge", "labels = { a = { fact = \"method\" } }\n", "labels = { b = { fact = \"method\" } }\n"), @r#"
        config.toml, line 8, column 10
          |
        8 | labels = { b = { fact = "method" } }
          |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^
        `[[metric]]` 1 and 2 feed `x` with different labels: `a`, and `b`
        hint: say the same in both, or give one of them another name
    "#);
    assert_snapshot!(two("gauge", "labels = { a = { fact = \"method\" } }\n", ""), @r#"
        config.toml, line 6, column 8
          |
        6 | name = "x"
          |        ^^^
        `[[metric]]` 1 and 2 feed `x` with different labels: `a`, and none
        hint: say the same in both, or give one of them another name
    "#);
    assert_snapshot!(two("gauge", "help = \"X.\"\n", "help = \"Y.\"\n"), @r#"
        config.toml, line 8, column 8
          |
        8 | help = "Y."
          |        ^^^^
        `[[metric]]` 1 and 2 feed `x` with different help: "X.", and "Y."
        hint: say it in the first block of a name alone: what others leave out is as it is there
    "#);
    assert_snapshot!(two("gauge", "", "help = \"Y.\"\n"), @r#"
        config.toml, line 7, column 8
          |
        7 | help = "Y."
          |        ^^^^
        `[[metric]]` 1 and 2 feed `x` with different help: "Custom metric.", and "Y."
        hint: say it in the first block of a name alone: what others leave out is as it is there
    "#);
    assert_snapshot!(two("histogram", "buckets = [1, 2]\n", "buckets = [1, 3]\n"), @r"
        config.toml, line 8, column 11
          |
        8 | buckets = [1, 3]
          |           ^^^^^^
        `[[metric]]` 1 and 2 feed `x` with different buckets: [1.0, 2.0], and [1.0, 3.0]
        hint: say it in the first block of a name alone: what others leave out is as it is there
    ");
    assert_snapshot!(mistake("[[metric]]\nname = \"x_total\"\ntype = \"counter\"\n[[metric]]\nname = \"x\"\ntype = \"gauge\"\n{S}"), @r#"
        config.toml, line 5, column 8
          |
        5 | name = "x"
          |        ^^^
        `x_total` and `x` are one metric in OpenMetrics
        hint: give one of them a name that differs in more than `_total`
    "#);
}

#[test]
fn prices() {
    assert_snapshot!(mistake("[[price]]\ntool = \"a\"\n{S}"), @r"
        config.toml, line 1, column 1
          |
        1 | [[price]]
          | ^^^^^^^^^
        a price of nothing
        hint: give `per_call`, `per_kilobyte` or `per_1k_tokens`, in US dollars: per_call = 0.005
    ");
    assert_snapshot!(mistake("[[price]]\nper_call = -1\n{S}"), @r"
        config.toml, line 2, column 12
          |
        2 | per_call = -1
          |            ^^
        a price is not negative
        hint: write US dollars: 0.005 is half a cent
    ");
    assert_snapshot!(mistake("[[price]]\nper_call = \"0.5 USD\"\n{S}"), @r#"
        config.toml, line 2, column 12
          |
        2 | per_call = "0.5 USD"
          |            ^^^^^^^^^
        expected a number
        hint: write digits and a point alone: 0.005
    "#);
    assert_snapshot!(mistake("[[price]]\nper_call = nan\n{S}"), @r"
        config.toml, line 2, column 12
          |
        2 | per_call = nan
          |            ^^^
        expected a number
        hint: write digits and a point alone: 0.005
    ");
    assert_snapshot!(mistake("[[price]]\nserver = \"b\"\nper_call = 1\n{S}"), @r#"
        config.toml, line 2, column 10
          |
        2 | server = "b"
          |          ^^^
        no server is named `b`
        hint: did you mean "a"?
    "#);
    assert_snapshot!(mistake("[[price]]\nserver = \"a\"\ntool = \"t\"\nper_call = 1\n[[price]]\nserver = \"a\"\ntool = \"t\"\nper_kilobyte = 1\n{S}"), @r"
        config.toml, line 5, column 1
          |
        5 | [[price]]
          | ^^^^^^^^^
        two prices for `t` of `a`
        hint: keep one of the two; one block may hold per_call, per_kilobyte and per_1k_tokens
    ");
    assert_snapshot!(mistake("[[price]]\nper_call = 1\n[[price]]\nper_kilobyte = 1\n{S}"), @r"
        config.toml, line 3, column 1
          |
        3 | [[price]]
          | ^^^^^^^^^
        two prices for all calls
        hint: keep one of the two; one block may hold per_call, per_kilobyte and per_1k_tokens
    ");
    assert_snapshot!(mistake("[[price]]\nper_token = 1\n{S}"), @r"
        config.toml, line 2, column 1
          |
        2 | per_token = 1
          | ^^^^^^^^^
        unknown field `per_token`, expected one of `server`, `tool`, `per_call`, `per_kilobyte`, `per_1k_tokens`
        hint: did you mean `per_1k_tokens`?
    ");
}

#[test]
fn blocks_are_counted() {
    assert_snapshot!(mistake(&"[[metric]]\nname = \"x_total\"\ntype = \"counter\"\n".repeat(101)), @r"
        config.toml, line 301, column 1
            |
        301 | [[metric]]
            | ^^^^^^^^^^
        more than 100 blocks `[[metric]]`
        hint: every block is looked at for every call; keep those that matter
    ");
    assert_snapshot!(mistake(&"[[price]]\nper_call = 1\n".repeat(1001)), @r"
        config.toml, line 2001, column 1
             |
        2001 | [[price]]
             | ^^^^^^^^^
        more than 1000 blocks `[[price]]`
        hint: every block is looked at for every call; keep those that matter
    ");
}

/// This many labels of this many values each.
fn labels(labels: usize, values: usize) -> String {
    let allowed: Vec<String> = (0..values).map(|value| format!("\"{value}\"")).collect();
    let label =
        |label| format!("l{label} = {{ pointer = \"/params/a\", allowed = [{}] }}", allowed.join(", "));
    format!("labels = {{ {} }}", (0..labels).map(label).collect::<Vec<_>>().join(", "))
}

#[test]
fn tokens_are_counted_as_a_build_can() {
    assert_snapshot!(mistake("[tokens]\ncounter = \"cl100k\"\n"), @r#"
        config.toml, line 2, column 11
          |
        2 | counter = "cl100k"
          |           ^^^^^^^^
        expected "estimate" or "o200k"
        hint: write one of these words
    "#);
    if !cfg!(feature = "o200k") {
        assert_snapshot!(mistake("[tokens]\ncounter = \"o200k\"\n"), @r#"
            config.toml, line 2, column 11
              |
            2 | counter = "o200k"
              |           ^^^^^^^
            this build has no o200k tokenizer
            hint: build it with `cargo build --release --features o200k`, or write "estimate"
        "#);
    }
}
