//! The table of mistakes: the whole message of each, with its line, its caret, what was expected, and a hint.

use insta::assert_snapshot;

use super::SERVER;

/// What a file with this text is refused with. `{S}` stands for a server; files are named relative to the repository.
pub(super) fn mistake(text: &str) -> String {
    let environment = |name: &str| (name == "SECRET").then(|| "very-secret".to_owned());
    let text = text.replace("{S}", SERVER);
    sightglass::config::parse(&text, "config.toml", &environment).expect_err("a mistake").to_string()
}

#[test]
fn a_key_that_is_unknown() {
    assert_snapshot!(mistake("[proxy]\nlisten = \"127.0.0.1:8080\"\nworker = 4\n"), @r"
        config.toml, line 3, column 1
          |
        3 | worker = 4
          | ^^^^^^
        unknown field `worker`, expected one of `listen`, `public_url`, `tls`, `allowed_hosts`, `allowed_origins`, `trusted_networks`, `workers`, `shutdown_grace`
        hint: did you mean `workers`?
    ");
    assert_snapshot!(mistake("[limit]\nmax_tasks = 1\n"), @r"
        config.toml, line 1, column 2
          |
        1 | [limit]
          |  ^^^^^
        unknown field `limit`, expected one of `proxy`, `admin`, `server`, `rewrite`, `limits`, `metrics`, `tracing`, `logs`, `identity`, `tokens`, `drift`, `metric`, `price`
        hint: did you mean `limits`?
    ");
    assert_snapshot!(mistake("[admin]\ncolour = \"red\"\n"), @r#"
        config.toml, line 2, column 1
          |
        2 | colour = "red"
          | ^^^^^^
        unknown field `colour`, expected one of `listen`, `token`, `tls`, `links`
        hint: remove it; config.toml in the repository shows every key
    "#);
}

#[test]
fn links_that_lead_nowhere() {
    assert_snapshot!(mistake("[admin]\nlinks = { trace = \"grafana/{trace_id}\" }\n"), @r#"
        config.toml, line 2, column 19
          |
        2 | links = { trace = "grafana/{trace_id}" }
          |                   ^^^^^^^^^^^^^^^^^^^^
        expected an http:// or https:// address
        hint: write it whole: "https://grafana.example.com/explore?trace={trace_id}"
    "#);
    assert_snapshot!(mistake("[admin]\nlinks = { trace = \"https://g.example.com/{trace}\" }\n"), @r#"
        config.toml, line 2, column 19
          |
        2 | links = { trace = "https://g.example.com/{trace}" }
          |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        nothing of a call is called `trace`
        hint: known are trace_id, span_id, session_id, correlation_id, request_id, server, tool_name, client_name, user_id; another brace is %7B
    "#);
    for address in ["javascript:alert(1)", "https://{server}/", "https://g/ x", "https://"] {
        mistake(&format!("[admin]\nlinks = {{ a = \"{address}\" }}\n"));
    }
}

#[test]
fn more_recent_calls_than_there_can_be() {
    assert_snapshot!(mistake("[limits]\nrecent_calls = 100001\n"), @r"
        config.toml, line 2, column 16
          |
        2 | recent_calls = 100001
          |                ^^^^^^
        expected at most 100000 calls
        hint: the default is 10000; 0 keeps none
    ");
}

#[test]
fn text_that_is_not_toml() {
    assert_snapshot!(mistake("[proxy]\nlisten = 127.0.0.1:8080\n"), @r"
        config.toml, line 2, column 15
          |
        2 | listen = 127.0.0.1:8080
          |               ^^^^^^^^^
        invalid float, expected nothing
        hint: the file is TOML: tables in [brackets], `key = value` lines, texts in double quotes
    ");
    assert_snapshot!(mistake("[proxy\n"), @r"
        config.toml, line 1, column 7
          |
        1 | [proxy
          |       ^
        unclosed table, expected `]`
        hint: the file is TOML: tables in [brackets], `key = value` lines, texts in double quotes
    ");
    assert_snapshot!(mistake("[logs]\nlevel = \"info\"\nlevel = \"warn\"\n"), @r#"
        config.toml, line 3, column 1
          |
        3 | level = "warn"
          | ^^^^^
        duplicate key
        hint: a key stands once in a table; keep one of the two
    "#);
}

#[test]
fn a_value_of_another_type() {
    assert_snapshot!(mistake("[metrics]\nenabled = \"yes\"\n"), @r#"
        config.toml, line 2, column 11
          |
        2 | enabled = "yes"
          |           ^^^^^
        invalid type: string "yes", expected a boolean
        hint: write true or false, without quotes
    "#);
    assert_snapshot!(mistake("[server]\nname = \"a\"\nurl = \"http://h\"\n"), @r"
        config.toml, line 1, column 1
          |
        1 | [server]
          | ^^^^^^^^
        invalid type: map, expected a sequence
        hint: this block begins with `[[server]]`, in double brackets
    ");
    assert_snapshot!(mistake("[limits]\nmax_headers = 1.5\n"), @r#"
        config.toml, line 2, column 15
          |
        2 | max_headers = 1.5
          |               ^^^
        invalid type: floating point `1.5`, expected a whole number, or "off"
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(mistake("[proxy]\ntrusted_networks = \"10.0.0.0/8\"\n"), @r#"
        config.toml, line 2, column 20
          |
        2 | trusted_networks = "10.0.0.0/8"
          |                    ^^^^^^^^^^^^
        invalid type: string "10.0.0.0/8", expected a sequence
        hint: write a list in square brackets: ["…"]
    "#);
    assert_snapshot!(mistake("[proxy]\npublic_url = [\"https://h\"]\n"), @r#"
        config.toml, line 2, column 14
          |
        2 | public_url = ["https://h"]
          |              ^^^^^^^^^^^^^
        invalid type: sequence, expected a URL such as "http://127.0.0.1:3001/mcp"
        hint: write one value, without the square brackets
    "#);
}

#[test]
fn durations_sizes_and_counts() {
    assert_snapshot!(mistake("[limits]\nkeep_alive = 75\n"), @r#"
        config.toml, line 2, column 14
          |
        2 | keep_alive = 75
          |              ^^
        expected a duration such as "250ms", "30s", "5m" or "1h", or "off"
        hint: write a unit, in double quotes: "75s" for seconds
    "#);
    assert_snapshot!(mistake("[limits]\nkeep_alive = \"1.5s\"\n"), @r#"
        config.toml, line 2, column 14
          |
        2 | keep_alive = "1.5s"
          |              ^^^^^^
        expected a duration such as "250ms", "30s", "5m" or "1h", or "off"
        hint: write whole numbers: "1500ms" rather than "1.5s"
    "#);
    assert_snapshot!(mistake("[limits]\nhold_back = \"64KB\"\n"), @r#"
        config.toml, line 2, column 13
          |
        2 | hold_back = "64KB"
          |             ^^^^^^
        expected a size such as "64KiB", "1MiB" or 65536 (bytes), or "off"
        hint: write KiB (1024 bytes)
    "#);
    assert_snapshot!(mistake("[limits]\nmax_streams = -1\n"), @r#"
        config.toml, line 2, column 15
          |
        2 | max_streams = -1
          |               ^^
        a count is not negative
        hint: 0 or "off" means no limit
    "#);
    assert_snapshot!(mistake("[proxy]\nworkers = 5000\n"), @r"
        config.toml, line 2, column 11
          |
        2 | workers = 5000
          |           ^^^^
        expected at most 1024 worker threads
        hint: 0 starts one per core, which is rarely wrong
    ");
}

#[test]
fn limits_that_refuse_to_be_unlimited() {
    assert_snapshot!(mistake("[limits]\nmax_sessions = \"off\"\n"), @r#"
        config.toml, line 2, column 16
          |
        2 | max_sessions = "off"
          |                ^^^^^
        this limit cannot be switched off: what is remembered about traffic is bounded
        hint: raise it if it is too low; the default is 100000
    "#);
    assert_snapshot!(mistake("[limits]\nmax_label_values = 0\n"), @r"
        config.toml, line 2, column 20
          |
        2 | max_label_values = 0
          |                    ^
        this limit cannot be switched off: what is remembered about traffic is bounded
        hint: raise it if it is too low; the default is 500
    ");
    assert_snapshot!(mistake("[limits]\nsession_idle = \"off\"\n"), @r#"
        config.toml, line 2, column 16
          |
        2 | session_idle = "off"
          |                ^^^^^
        this limit cannot be switched off: what is remembered about traffic is bounded
        hint: raise it if it is too low; the default is "1800s"
    "#);
    assert_snapshot!(mistake("[limits]\nobserve_bytes = \"off\"\n"), @r#"
        config.toml, line 2, column 17
          |
        2 | observe_bytes = "off"
          |                 ^^^^^
        this limit cannot be switched off: what is remembered about traffic is bounded
        hint: raise it if it is too low; the default is "256MiB"
    "#);
}

#[test]
fn limits_of_what_is_kept_of_payloads() {
    assert_snapshot!(mistake("[limits]\nmax_tool_pairs = 0\n"), @r"
        config.toml, line 2, column 18
          |
        2 | max_tool_pairs = 0
          |                  ^
        this limit cannot be switched off: what is remembered about traffic is bounded
        hint: raise it if it is too low; the default is 2000
    ");
    assert_snapshot!(mistake("[limits]\npayload_bytes = \"off\"\n"), @r#"
        config.toml, line 2, column 17
          |
        2 | payload_bytes = "off"
          |                 ^^^^^
        this limit cannot be switched off: what is remembered about traffic is bounded
        hint: raise it if it is too low; the default is "1MiB"
    "#);
    assert_snapshot!(mistake("[limits]\npayload_bytes = \"17MiB\"\n"), @r#"
        config.toml, line 2, column 17
          |
        2 | payload_bytes = "17MiB"
          |                 ^^^^^^^
        expected a size up to "16MiB" for what is kept of a payload
        hint: the default is "1MiB"
    "#);
}

#[test]
fn limits_of_request_heads() {
    assert_snapshot!(mistake("[limits]\nmax_headers = 0\n"), @r"
        config.toml, line 2, column 15
          |
        2 | max_headers = 0
          |               ^
        expected 1 to 32768 header fields
        hint: the default is 128
    ");
    assert_snapshot!(mistake("[limits]\nheader_bytes = \"1KiB\"\n"), @r#"
        config.toml, line 2, column 16
          |
        2 | header_bytes = "1KiB"
          |                ^^^^^^
        expected "8KiB" to "16MiB" for the head of a request
        hint: the default is "64KiB"
    "#);
}

#[test]
fn addresses() {
    assert_snapshot!(mistake("[proxy]\nlisten = \":8080\"\n"), @r#"
        config.toml, line 2, column 10
          |
        2 | listen = ":8080"
          |          ^^^^^^^
        expected an IP address and a port such as "127.0.0.1:8080" or "[::]:8080"
        hint: "127.0.0.1:8080" for this machine alone, "0.0.0.0:8080" for every network
    "#);
    assert_snapshot!(mistake("[proxy]\nlisten = [\"127.0.0.1:8080\", \"127.0.0.1:8080\"]\n"), @r#"
        config.toml, line 2, column 29
          |
        2 | listen = ["127.0.0.1:8080", "127.0.0.1:8080"]
          |                             ^^^^^^^^^^^^^^^^
        127.0.0.1:8080 is listened on twice
        hint: keep one of the two
    "#);
    assert_snapshot!(mistake("[proxy]\nlisten = []\n"), @r#"
        config.toml, line 2, column 10
          |
        2 | listen = []
          |          ^^
        nothing to listen on
        hint: write at least one address: ["127.0.0.1:8080"]
    "#);
    assert_snapshot!(mistake("[proxy]\nlisten = \"0.0.0.0:9000\"\n[admin]\nlisten = \"127.0.0.1:9000\"\n"), @r#"
        config.toml, line 4, column 10
          |
        4 | listen = "127.0.0.1:9000"
          |          ^^^^^^^^^^^^^^^^
        the proxy (0.0.0.0:9000) and `admin` (127.0.0.1:9000) would listen on the same address
        hint: give one of them another port: `proxy.listen`, `admin.listen`
    "#);
    assert_snapshot!(mistake("[proxy]\nlisten = \"127.0.0.1:9464\"\n"), @r#"
        config.toml, line 2, column 10
          |
        2 | listen = "127.0.0.1:9464"
          |          ^^^^^^^^^^^^^^^^
        the proxy (127.0.0.1:9464) and `admin` (127.0.0.1:9464) would listen on the same address
        hint: give one of them another port: `proxy.listen`, `admin.listen`
    "#);
}

#[test]
fn networks_hosts_and_origins() {
    assert_snapshot!(mistake("[proxy]\ntrusted_networks = [\"10.0.0.1/8\"]\n"), @r#"
        config.toml, line 2, column 21
          |
        2 | trusted_networks = ["10.0.0.1/8"]
          |                     ^^^^^^^^^^^^
        10.0.0.1 is not the first address of its /8 network
        hint: write "10.0.0.0/8" for the network, or "10.0.0.1" for this address alone
    "#);
    assert_snapshot!(mistake("[proxy]\nallowed_hosts = [\"*.example.com\"]\n"), @r#"
        config.toml, line 2, column 18
          |
        2 | allowed_hosts = ["*.example.com"]
          |                  ^^^^^^^^^^^^^^^
        expected a host name such as "mcp.example.com" or "mcp.example.com:8443"
        hint: write each name, or "*" alone to answer for any name
    "#);
    assert_snapshot!(mistake("[proxy]\nallowed_origins = [\"https://app.example.com/\"]\n"), @r#"
        config.toml, line 2, column 20
          |
        2 | allowed_origins = ["https://app.example.com/"]
          |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^
        expected an origin such as "https://app.example.com", or "null"
        hint: write it as browsers send it: scheme, host and any port, no path and no trailing slash
    "#);
}

#[test]
fn urls_of_servers() {
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"127.0.0.1:3001/mcp\"\n"), @r#"
        config.toml, line 3, column 7
          |
        3 | url = "127.0.0.1:3001/mcp"
          |       ^^^^^^^^^^^^^^^^^^^^
        expected a URL such as "http://127.0.0.1:3001/mcp"
        hint: begin it with `http://` or `https://`
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"ws://h/mcp\"\n"), @r#"
        config.toml, line 3, column 7
          |
        3 | url = "ws://h/mcp"
          |       ^^^^^^^^^^^^
        the scheme is neither http nor https
        hint: MCP speaks HTTP: write `http://`; WebSocket upgrades pass all the same
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"http://user:password@h/mcp\"\n"), @r#"
        config.toml, line 3, column 7
          |
        3 | url = "http://user:password@h/mcp"
          |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        a URL here holds no user name or password
        hint: send credentials as a header: headers = { Authorization = "Basic ${CREDENTIALS}" }
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"http://h/mcp?key=1\"\n"), @r#"
        config.toml, line 3, column 7
          |
        3 | url = "http://h/mcp?key=1"
          |       ^^^^^^^^^^^^^^^^^^^^
        a URL here holds no query
        hint: leave out `?` and what follows; the query of each request passes as it came
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"http://h/mcp#top\"\n"), @r#"
        config.toml, line 3, column 7
          |
        3 | url = "http://h/mcp#top"
          |       ^^^^^^^^^^^^^^^^^^
        a URL here holds no fragment
        hint: leave out `#` and what follows; it is never sent to a server
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\n"), @r#"
        config.toml, line 1, column 1
          |
        1 | [[server]]
          | ^^^^^^^^^^
        missing field `url`
        hint: add the line url = "…" to this block
    "#);
}

#[test]
fn servers_that_get_in_each_others_way() {
    assert_snapshot!(mistake(""), @r#"
        config.toml: no MCP server is configured
        hint: add a block: [[server]] with name = "github", url = "http://127.0.0.1:3001/mcp" and path = "/github"
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"my server\"\nurl = \"http://h\"\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | name = "my server"
          |        ^^^^^^^^^^^
        expected a name such as "github"
        hint: up to 64 letters, digits, `-`, `_`, `.` and `:`; it is the label `server` of every metric
    "#);
    assert_snapshot!(mistake("{S}path = \"/a\"\n{S}path = \"/b\"\n"), @r#"
        config.toml, line 6, column 8
          |
        6 | name = "a"
          |        ^^^
        two servers are named `a`
        hint: give each server a name of its own
    "#);
    assert_snapshot!(mistake("{S}path = \"/x\"\n[[server]]\nname = \"b\"\nurl = \"http://h\"\npath = \"/x\"\n"), @r#"
        config.toml, line 8, column 8
          |
        8 | path = "/x"
          |        ^^^^
        the servers `a` and `b` have the same path `/x`
        hint: give each server a path of its own
    "#);
    assert_snapshot!(mistake("{S}host = \"h.example\"\n[[server]]\nname = \"b\"\nurl = \"http://h\"\nhost = \"H.example\"\n"), @r#"
        config.toml, line 8, column 8
          |
        8 | host = "H.example"
          |        ^^^^^^^^^^^
        the servers `a` and `b` have the same host `h.example`
        hint: give each server a host of its own
    "#);
    assert_snapshot!(mistake("{S}[[server]]\nname = \"b\"\nurl = \"http://h\"\n"), @r#"
        config.toml, line 5, column 8
          |
        5 | name = "b"
          |        ^^^
        the servers `a` and `b` have neither `path` nor `host`: both would get every request
        hint: add path = "/b"
    "#);
}

#[test]
fn paths_of_mounts() {
    assert_snapshot!(mistake("{S}path = \"github\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | path = "github"
          |        ^^^^^^^^
        a `path` begins with `/`
        hint: write "/github"
    "#);
    assert_snapshot!(mistake("{S}path = \"/\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | path = "/"
          |        ^^^
        `/` is no prefix
        hint: leave `path` out: a server without `path` and `host` gets every path that no other takes
    "#);
    assert_snapshot!(mistake("{S}path = \"/github/\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | path = "/github/"
          |        ^^^^^^^^^^
        a `path` ends without a slash
        hint: write "/github"; it covers what lies below
    "#);
    assert_snapshot!(mistake("{S}path = \"/a/../b\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | path = "/a/../b"
          |        ^^^^^^^^^
        a dot segment in a `path`
        hint: write the path without it; clients resolve dot segments before they send
    "#);
    assert_snapshot!(mistake("{S}path = \"/a/_origin\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | path = "/a/_origin"
          |        ^^^^^^^^^^^^
        `_origin` is where a mount publishes what its server names outside `url`
        hint: choose another name for this segment
    "#);
    assert_snapshot!(mistake("{S}path = \"/.well-known/mcp\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | path = "/.well-known/mcp"
          |        ^^^^^^^^^^^^^^^^^^
        `/.well-known` belongs to the metadata of all mounts
        hint: choose another prefix; the OAuth metadata of a mount is found by itself
    "#);
    assert_snapshot!(mistake("{S}host = \"https://h.example\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | host = "https://h.example"
          |        ^^^^^^^^^^^^^^^^^^^
        expected a host name such as "mcp.example.com"
        hint: leave out the scheme and the path
    "#);
}

#[test]
fn headers_of_servers() {
    assert_snapshot!(mistake("{S}headers = { Host = \"h\" }\n"), @r#"
        config.toml, line 4, column 13
          |
        4 | headers = { Host = "h" }
          |             ^^^^
        `Host` is not set by `headers`
        hint: it is the authority of `url`, or with `preserve_host = true` what the client sent
    "#);
    assert_snapshot!(mistake("{S}headers = { Transfer-Encoding = \"chunked\" }\n"), @r#"
        config.toml, line 4, column 13
          |
        4 | headers = { Transfer-Encoding = "chunked" }
          |             ^^^^^^^^^^^^^^^^^
        `Transfer-Encoding` belongs to one connection and is not set by `headers`
        hint: remove it; the proxy decides it for each connection
    "#);
    assert_snapshot!(mistake("{S}headers = { \"X Key\" = \"1\" }\n"), @r#"
        config.toml, line 4, column 13
          |
        4 | headers = { "X Key" = "1" }
          |             ^^^^^^^
        no name of a header field
        hint: letters, digits and `-`, without a colon: headers = { X-Api-Key = "${KEY}" }
    "#);
    assert_snapshot!(mistake("{S}headers = { X-Key = \"a\\nb\" }\n"), @r#"
        config.toml, line 4, column 21
          |
        4 | headers = { X-Key = "a\nb" }
          |                     ^^^^^^
        a line break in the value of a header field
        hint: remove it; a variable read from a file often ends with one
    "#);
    assert_snapshot!(mistake("{S}headers = { X-Key = \"1\", x-key = \"2\" }\n"), @r#"
        config.toml, line 4, column 26
          |
        4 | headers = { X-Key = "1", x-key = "2" }
          |                          ^^^^^
        `x-key` is set twice: names of header fields have no case
        hint: keep one of the two
    "#);
}

#[test]
fn certificates() {
    assert_snapshot!(mistake("[proxy]\ntls = { cert = \"cert.pem\" }\n"), @r#"
        config.toml, line 2, column 7
          |
        2 | tls = { cert = "cert.pem" }
          |       ^^^^^^^^^^^^^^^^^^^^^
        `tls` without `key`
        hint: write tls = { cert = "cert.pem", key = "key.pem" }
    "#);
    assert_snapshot!(mistake("[proxy]\ntls = { cert = \"no-such-file.pem\", key = \"key.pem\" }\n"), @r#"
        config.toml, line 2, column 16
          |
        2 | tls = { cert = "no-such-file.pem", key = "key.pem" }
          |                ^^^^^^^^^^^^^^^^^^
        cannot read no-such-file.pem: No such file or directory (os error 2)
        hint: a relative name is looked up beside the configuration file
    "#);
    assert_snapshot!(mistake("{S}tls = { ca = \"ca.pem\" }\n"), @r#"
        config.toml, line 4, column 7
          |
        4 | tls = { ca = "ca.pem" }
          |       ^^^^^^^^^^^^^^^^^
        `tls` beside an `http://` url would do nothing
        hint: write `https://` in `url`, or remove `tls`
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"https://h\"\ntls = { key = \"client.key\" }\n"), @r#"
        config.toml, line 4, column 7
          |
        4 | tls = { key = "client.key" }
          |       ^^^^^^^^^^^^^^^^^^^^^^
        `key` without its `cert`
        hint: a client certificate needs both: tls = { cert = "client.pem", key = "client.key" }
    "#);
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"https://h\"\ntls = { ca = \"Cargo.toml\" }\n"), @r#"
        config.toml, line 4, column 14
          |
        4 | tls = { ca = "Cargo.toml" }
          |              ^^^^^^^^^^^^
        no certificate in this file
        hint: it should hold a PEM block `-----BEGIN CERTIFICATE-----`
    "#);
}

#[test]
fn words_and_buckets() {
    assert_snapshot!(mistake("[logs]\nlevel = \"wran\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | level = "wran"
          |         ^^^^^^
        expected "error", "warn", "info", "debug" or "trace"
        hint: did you mean "warn"?
    "#);
    assert_snapshot!(mistake("[logs]\nformat = \"text\"\n"), @r#"
        config.toml, line 2, column 10
          |
        2 | format = "text"
          |          ^^^^^^
        expected "auto", "json" or "pretty"
        hint: write one of these words
    "#);
    assert_snapshot!(mistake("{S}http = 2\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | http = 2
          |        ^
        expected "auto", "1" or "2"
        hint: write it in double quotes
    "#);
    assert_snapshot!(mistake("[metrics]\nlatency_buckets = [0.1, 0.5, 0.25]\n"), @r"
        config.toml, line 2, column 30
          |
        2 | latency_buckets = [0.1, 0.5, 0.25]
          |                              ^^^^
        expected a number greater than 0.5, the bound before it
        hint: upper bounds ascend from above 0; the last one, +Inf, comes by itself
    ");
    assert_snapshot!(mistake("[metrics]\nsize_buckets = []\n"), @r"
        config.toml, line 2, column 16
          |
        2 | size_buckets = []
          |                ^^
        expected 1 to 64 upper bounds
        hint: every bound is a series for each label set
    ");
}

#[test]
fn traces_and_their_share() {
    assert_snapshot!(mistake("[tracing]\nsample_ratio = 10\n"), @r"
        config.toml, line 2, column 16
          |
        2 | sample_ratio = 10
          |                ^^
        expected a number from 0 to 1
        hint: it is a share, not a percentage: 0.1 is one in ten
    ");
    assert_snapshot!(mistake("[tracing]\nsample_ratio = 1.5\n"), @r"
        config.toml, line 2, column 16
          |
        2 | sample_ratio = 1.5
          |                ^^^
        expected a number from 0 to 1
        hint: it is a share, not a percentage: 0.1 is one in ten
    ");
    assert_snapshot!(mistake("[tracing]\nsample_ratio = \"10%\"\n"), @r#"
        config.toml, line 2, column 16
          |
        2 | sample_ratio = "10%"
          |                ^^^^^
        expected a number from 0 to 1
        hint: write digits and a point alone: 0.25
    "#);
    assert_snapshot!(mistake("[tracing]\ninject_meta = \"always\"\n"), @r#"
        config.toml, line 2, column 15
          |
        2 | inject_meta = "always"
          |               ^^^^^^^^
        expected "auto", true or false
        hint: write one of these words
    "#);
    assert_snapshot!(mistake("[tracing]\ninject_meta = 1\n"), @r#"
        config.toml, line 2, column 15
          |
        2 | inject_meta = 1
          |               ^
        expected "auto", true or false
        hint: write it in double quotes
    "#);
}

#[test]
fn what_traces_cost_and_read() {
    assert_snapshot!(mistake("[tracing]\nqueue = \"off\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | queue = "off"
          |         ^^^^^
        expected a whole number: at least one span
        hint: the default is 65536
    "#);
    assert_snapshot!(mistake("[tracing]\nslow_threshold = 5\n"), @r#"
        config.toml, line 2, column 18
          |
        2 | slow_threshold = 5
          |                  ^
        expected a duration such as "250ms", "30s", "5m" or "1h", or "off"
        hint: write a unit, in double quotes: "5s" for seconds
    "#);
    assert_snapshot!(mistake("[tracing]\nread_b3 = \"yes\"\n"), @r#"
        config.toml, line 2, column 11
          |
        2 | read_b3 = "yes"
          |           ^^^^^
        invalid type: string "yes", expected a boolean
        hint: write true or false, without quotes
    "#);
    assert_snapshot!(mistake("[tracing]\nsample_rate = 1\n"), @r"
        config.toml, line 2, column 1
          |
        2 | sample_rate = 1
          | ^^^^^^^^^^^
        unknown field `sample_rate`, expected one of `enabled`, `sample_ratio`, `slow_threshold`, `inject_meta`, `read_b3`, `queue`, `otlp`
        hint: did you mean `sample_ratio`?
    ");
}

#[test]
fn exporters_of_traces() {
    assert_snapshot!(mistake("[tracing]\notlp = \"http://localhost:4318\"\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | otlp = "http://localhost:4318"
          |        ^^^^^^^^^^^^^^^^^^^^^^^
        invalid type: string "http://localhost:4318", expected a table such as { endpoint = "http://localhost:4318" }
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { protocol = \"grpc\" }\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | otlp = { protocol = "grpc" }
          |        ^^^^^^^^^^^^^^^^^^^^^
        `otlp` without `endpoint`
        hint: write otlp = { endpoint = "http://localhost:4318" }, or set OTEL_EXPORTER_OTLP_ENDPOINT
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"localhost:4317\" }\n"), @r#"
        config.toml, line 2, column 21
          |
        2 | otlp = { endpoint = "localhost:4317" }
          |                     ^^^^^^^^^^^^^^^^
        expected a URL such as "http://localhost:4318"
        hint: begin it with `http://`, or with `https://` for TLS; with grpc, too
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"http://c\", protocol = \"http/json\" }\n"), @r#"
        config.toml, line 2, column 44
          |
        2 | otlp = { endpoint = "http://c", protocol = "http/json" }
          |                                            ^^^^^^^^^^^
        expected "http/protobuf" or "grpc"
        hint: JSON is not spoken; collectors that take it take protobuf, too
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"http://c\", protocol = \"http\" }\n"), @r#"
        config.toml, line 2, column 44
          |
        2 | otlp = { endpoint = "http://c", protocol = "http" }
          |                                            ^^^^^^
        expected "http/protobuf" or "grpc"
        hint: write one of these words
    "#);
}

#[test]
fn how_spans_are_sent() {
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"http://c\", compression = \"zstd\" }\n"), @r#"
        config.toml, line 2, column 47
          |
        2 | otlp = { endpoint = "http://c", compression = "zstd" }
          |                                               ^^^^^^
        expected "gzip" or "none"
        hint: write one of these words
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"http://c\", headers = { Authorization = \"${SECRET}\\n\" } }\n"), @r#"
        config.toml, line 2, column 61
          |
        2 | otlp = { endpoint = "http://c", headers = { Authorization = "${SECRET}\n" } }
          |                                                             ^^^^^^^^^^^^^
        a line break in the value of a header field
        hint: remove it; a variable read from a file often ends with one
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"http://c\", timeout = \"off\" }\n"), @r#"
        config.toml, line 2, column 43
          |
        2 | otlp = { endpoint = "http://c", timeout = "off" }
          |                                           ^^^^^
        an export needs an end
        hint: what cannot be sent is tried again and then given up; the default is "10s"
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"http://c\", tls = { ca = \"ca.pem\" } }\n"), @r#"
        config.toml, line 2, column 39
          |
        2 | otlp = { endpoint = "http://c", tls = { ca = "ca.pem" } }
          |                                       ^^^^^^^^^^^^^^^^^
        `tls` beside an `http://` endpoint would do nothing
        hint: write `https://` in `endpoint`, or remove `tls`
    "#);
    assert_snapshot!(mistake("[tracing]\notlp = { endpoint = \"http://c\", metric = true }\n"), @r#"
        config.toml, line 2, column 33
          |
        2 | otlp = { endpoint = "http://c", metric = true }
          |                                 ^^^^^^
        unknown field `metric`, expected one of `endpoint`, `protocol`, `headers`, `compression`, `traces`, `metrics`, `logs`, `timeout`, `tls`
        hint: did you mean `metrics`?
    "#);
}

#[test]
fn lines_and_their_file() {
    assert_snapshot!(mistake("[logs]\nqueue = 0\n"), @r"
        config.toml, line 2, column 9
          |
        2 | queue = 0
          |         ^
        expected a whole number: at least one line
        hint: the default is 65536
    ");
    assert_snapshot!(mistake("[logs]\nfile = \"a.log\"\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | file = "a.log"
          |        ^^^^^^^
        invalid type: string "a.log", expected a table such as { path = "sightglass.log" }
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(mistake("[logs]\nfile = { max_files = 3 }\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | file = { max_files = 3 }
          |        ^^^^^^^^^^^^^^^^^
        `file` without `path`
        hint: write file = { path = "sightglass.log" }; lines go to standard output in any case
    "#);
    assert_snapshot!(mistake("[logs]\nfile = { path = \"src\" }\n"), @r#"
        config.toml, line 2, column 17
          |
        2 | file = { path = "src" }
          |                 ^^^^^
        src is a folder
        hint: name a file in it
    "#);
    assert_snapshot!(mistake("[logs]\nfile = { path = \"no-such-folder/a.log\" }\n"), @r#"
        config.toml, line 2, column 17
          |
        2 | file = { path = "no-such-folder/a.log" }
          |                 ^^^^^^^^^^^^^^^^^^^^^^
        the folder no-such-folder is not there
        hint: make it first; a relative name starts beside the configuration file
    "#);
    assert_snapshot!(mistake("[logs]\nfile = { path = \"a.log\", max_size = 100 }\n"), @r#"
        config.toml, line 2, column 37
          |
        2 | file = { path = "a.log", max_size = 100 }
          |                                     ^^^
        expected at least "1KiB" for the size at which a file is rotated
        hint: the default is "10MiB"
    "#);
    assert_snapshot!(mistake("[logs]\nfile = { path = \"a.log\", max_files = 0 }\n"), @r#"
        config.toml, line 2, column 38
          |
        2 | file = { path = "a.log", max_files = 0 }
          |                                      ^
        expected a whole number: at least one file
        hint: the default is 5
    "#);
}

#[test]
fn what_lines_hold() {
    assert_snapshot!(mistake("[logs]\ncapture = { max_bytes = \"off\" }\n"), @r#"
        config.toml, line 2, column 25
          |
        2 | capture = { max_bytes = "off" }
          |                         ^^^^^
        expected a size up to "1MiB" for what is logged of a payload
        hint: the default is "4KiB"; to log none of it, leave `arguments` and `results` false
    "#);
    assert_snapshot!(mistake("[logs]\nredact_keys = [\"iban\", \"\"]\n"), @r#"
        config.toml, line 2, column 24
          |
        2 | redact_keys = ["iban", ""]
          |                        ^^
        a key without a name
        hint: write the name of a member as the payloads have it, in any case
    "#);
    assert_snapshot!(mistake("[logs]\nsalt = \"${EMPTY:-}\"\n"), @r#"
        config.toml, line 2, column 8
          |
        2 | salt = "${EMPTY:-}"
          |        ^^^^^^^^^^^^
        an empty secret
        hint: give it a value, or leave the line out
    "#);
    assert_snapshot!(mistake("[logs]\nsalt = 5\n"), @r"
        config.toml, line 2, column 8
          |
        2 | salt = 5
          |        ^
        expected a secret, a string
        hint: write it in double quotes
    ");
}

#[test]
fn variables() {
    assert_snapshot!(mistake("[proxy]\npublic_url = \"https://${NO_SUCH}/\"\n"), @r#"
        config.toml, line 2, column 14
          |
        2 | public_url = "https://${NO_SUCH}/"
          |              ^^^^^^^^^^^^^^^^^^^^^
        the environment variable `NO_SUCH` is not set
        hint: set it, or write `${NO_SUCH:-default}`; for a `$` itself write `$$`
    "#);
    assert_snapshot!(mistake("[proxy]\npublic_url = \"https://${HOST\"\n"), @r#"
        config.toml, line 2, column 14
          |
        2 | public_url = "https://${HOST"
          |              ^^^^^^^^^^^^^^^^
        `${` without its `}`
        hint: write `${NAME}` or `${NAME:-default}`; for a `$` itself write `$$`
    "#);
    assert_snapshot!(mistake("[metrics]\nenabled = \"${SECRET}\"\n"), @r#"
        config.toml, line 2, column 11
          |
        2 | enabled = "${SECRET}"
          |           ^^^^^^^^^^^
        invalid type: string "${SECRET}", expected a boolean
        hint: write true or false, without quotes
    "#);
    assert_snapshot!(mistake("{S}path = \"${SECRET}\"\n"), @r#"
        config.toml, line 4, column 8
          |
        4 | path = "${SECRET}"
          |        ^^^^^^^^^^^
        a `path` begins with `/`
        hint: write "/${SECRET}"
    "#);
}

#[test]
fn tokens_of_the_admin_listener() {
    assert_snapshot!(mistake("[admin]\ntoken = \"\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | token = ""
          |         ^^
        an empty secret
        hint: give it a value, or leave the line out
    "#);
    assert_snapshot!(mistake("[admin]\ntoken = \"${SECRET}\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | token = "${SECRET}"
          |         ^^^^^^^^^^^
        expected a token of 16 to 1024 characters
        hint: `openssl rand -hex 32` makes one; keep it out of the file: "${SIGHTGLASS_ADMIN_TOKEN}"
    "#);
    assert_snapshot!(mistake("[admin]\ntoken = \"a token with spaces\"\n"), @r#"
        config.toml, line 2, column 9
          |
        2 | token = "a token with spaces"
          |         ^^^^^^^^^^^^^^^^^^^^^
        a character that no bearer token may have
        hint: letters, digits and signs of ASCII, without spaces: `openssl rand -hex 32` makes one
    "#);
    assert_snapshot!(mistake("[admin]\ntoken = 1234567890123456\n"), @r"
        config.toml, line 2, column 9
          |
        2 | token = 1234567890123456
          |         ^^^^^^^^^^^^^^^^
        expected a secret, a string
        hint: write it in double quotes
    ");
    assert_snapshot!(mistake("[admin]\ntls = { cert = \"cert.pem\" }\n"), @r#"
        config.toml, line 2, column 7
          |
        2 | tls = { cert = "cert.pem" }
          |       ^^^^^^^^^^^^^^^^^^^^^
        `tls` without `key`
        hint: write tls = { cert = "cert.pem", key = "key.pem" }
    "#);
    assert_snapshot!(mistake("[admin]\ntls = { cert = \"no.pem\", key = \"no.key\" }\n"), @r#"
        config.toml, line 2, column 16
          |
        2 | tls = { cert = "no.pem", key = "no.key" }
          |                ^^^^^^^^
        cannot read no.pem: No such file or directory (os error 2)
        hint: a relative name is looked up beside the configuration file
    "#);
}
