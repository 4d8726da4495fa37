//! The table of mistakes: the whole message of each, with its line, its caret, what was expected, and a hint.

use insta::assert_snapshot;

use super::SERVER;

/// What a file with this text is refused with. `{S}` stands for a server; files are named relative to the repository.
fn mistake(text: &str) -> String {
    let environment = |name: &str| (name == "SECRET").then(|| "very-secret".to_owned());
    let text = text.replace("{S}", SERVER);
    match sightglass::config::parse(&text, "config.toml", &environment) {
        Ok(config) => panic!("accepted: {config:#?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_key_that_is_unknown() {
    assert_snapshot!(mistake("[proxy]\nlisten = \"127.0.0.1:8080\"\nworker = 4\n"), @"");
    assert_snapshot!(mistake("[limit]\nmax_tasks = 1\n"), @"");
    assert_snapshot!(mistake("[admin]\ncolour = \"red\"\n"), @"");
}

#[test]
fn a_key_of_a_later_version() {
    assert_snapshot!(mistake("[tracing]\nenabled = true\n"), @"");
    assert_snapshot!(mistake("[admin]\ntoken = \"secret\"\n"), @"");
    assert_snapshot!(mistake("{S}bulkhead = { max = 100 }\n"), @"");
    assert_snapshot!(mistake("[limits]\nrecent_calls = 10\n"), @"");
}

#[test]
fn text_that_is_not_toml() {
    assert_snapshot!(mistake("[proxy]\nlisten = 127.0.0.1:8080\n"), @"");
    assert_snapshot!(mistake("[proxy\n"), @"");
    assert_snapshot!(mistake("[logs]\nlevel = \"info\"\nlevel = \"warn\"\n"), @"");
}

#[test]
fn a_value_of_another_type() {
    assert_snapshot!(mistake("[metrics]\nenabled = \"yes\"\n"), @"");
    assert_snapshot!(mistake("[server]\nname = \"a\"\nurl = \"http://h\"\n"), @"");
    assert_snapshot!(mistake("[limits]\nmax_headers = 1.5\n"), @"");
    assert_snapshot!(mistake("[proxy]\ntrusted_networks = \"10.0.0.0/8\"\n"), @"");
    assert_snapshot!(mistake("[proxy]\npublic_url = [\"https://h\"]\n"), @"");
}

#[test]
fn durations_sizes_and_counts() {
    assert_snapshot!(mistake("[limits]\nkeep_alive = 75\n"), @"");
    assert_snapshot!(mistake("[limits]\nkeep_alive = \"1.5s\"\n"), @"");
    assert_snapshot!(mistake("[limits]\nhold_back = \"64KB\"\n"), @"");
    assert_snapshot!(mistake("[limits]\nmax_streams = -1\n"), @"");
    assert_snapshot!(mistake("[proxy]\nworkers = 5000\n"), @"");
}

#[test]
fn limits_that_refuse_to_be_unlimited() {
    assert_snapshot!(mistake("[limits]\nmax_sessions = \"off\"\n"), @"");
    assert_snapshot!(mistake("[limits]\nmax_label_values = 0\n"), @"");
    assert_snapshot!(mistake("[limits]\nsession_idle = \"off\"\n"), @"");
    assert_snapshot!(mistake("[limits]\nobserve_bytes = \"off\"\n"), @"");
    assert_snapshot!(mistake("[limits]\nmax_headers = 0\n"), @"");
    assert_snapshot!(mistake("[limits]\nheader_bytes = \"1KiB\"\n"), @"");
}

#[test]
fn addresses() {
    assert_snapshot!(mistake("[proxy]\nlisten = \":8080\"\n"), @"");
    assert_snapshot!(mistake("[proxy]\nlisten = [\"127.0.0.1:8080\", \"127.0.0.1:8080\"]\n"), @"");
    assert_snapshot!(mistake("[proxy]\nlisten = []\n"), @"");
    assert_snapshot!(mistake("[proxy]\nlisten = \"0.0.0.0:9000\"\n[admin]\nlisten = \"127.0.0.1:9000\"\n"), @"");
    assert_snapshot!(mistake("[proxy]\nlisten = \"127.0.0.1:9464\"\n"), @"");
    assert_snapshot!(mistake("[proxy]\ntrusted_networks = [\"10.0.0.1/8\"]\n"), @"");
    assert_snapshot!(mistake("[proxy]\nallowed_hosts = [\"*.example.com\"]\n"), @"");
    assert_snapshot!(mistake("[proxy]\nallowed_origins = [\"https://app.example.com/\"]\n"), @"");
}

#[test]
fn urls_of_servers() {
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"127.0.0.1:3001/mcp\"\n"), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"ws://h/mcp\"\n"), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"http://user:password@h/mcp\"\n"), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"http://h/mcp?key=1\"\n"), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"http://h/mcp#top\"\n"), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\n"), @"");
}

#[test]
fn names_and_mounts_of_servers() {
    assert_snapshot!(mistake(""), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"my server\"\nurl = \"http://h\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"/a\"\n{S}path = \"/b\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"/x\"\n[[server]]\nname = \"b\"\nurl = \"http://h\"\npath = \"/x\"\n"), @"");
    assert_snapshot!(mistake("{S}host = \"h.example\"\n[[server]]\nname = \"b\"\nurl = \"http://h\"\nhost = \"H.example\"\n"), @"");
    assert_snapshot!(mistake("{S}[[server]]\nname = \"b\"\nurl = \"http://h\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"github\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"/\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"/github/\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"/a/../b\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"/a/_origin\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"/.well-known/mcp\"\n"), @"");
    assert_snapshot!(mistake("{S}host = \"https://h.example\"\n"), @"");
}

#[test]
fn headers_of_servers() {
    assert_snapshot!(mistake("{S}headers = { Host = \"h\" }\n"), @"");
    assert_snapshot!(mistake("{S}headers = { Transfer-Encoding = \"chunked\" }\n"), @"");
    assert_snapshot!(mistake("{S}headers = { \"X Key\" = \"1\" }\n"), @"");
    assert_snapshot!(mistake("{S}headers = { X-Key = \"a\\nb\" }\n"), @"");
    assert_snapshot!(mistake("{S}headers = { X-Key = \"1\", x-key = \"2\" }\n"), @"");
}

#[test]
fn certificates() {
    assert_snapshot!(mistake("[proxy]\ntls = { cert = \"cert.pem\" }\n"), @"");
    assert_snapshot!(mistake("[proxy]\ntls = { cert = \"no-such-file.pem\", key = \"key.pem\" }\n"), @"");
    assert_snapshot!(mistake("{S}tls = { ca = \"ca.pem\" }\n"), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"https://h\"\ntls = { key = \"client.key\" }\n"), @"");
    assert_snapshot!(mistake("[[server]]\nname = \"a\"\nurl = \"https://h\"\ntls = { ca = \"Cargo.toml\" }\n"), @"");
}

#[test]
fn words_and_buckets() {
    assert_snapshot!(mistake("[logs]\nlevel = \"wran\"\n"), @"");
    assert_snapshot!(mistake("[logs]\nformat = \"text\"\n"), @"");
    assert_snapshot!(mistake("{S}http = 2\n"), @"");
    assert_snapshot!(mistake("[metrics]\nlatency_buckets = [0.1, 0.5, 0.25]\n"), @"");
    assert_snapshot!(mistake("[metrics]\nsize_buckets = []\n"), @"");
}

#[test]
fn variables() {
    assert_snapshot!(mistake("[proxy]\npublic_url = \"https://${NO_SUCH}/\"\n"), @"");
    assert_snapshot!(mistake("[proxy]\npublic_url = \"https://${HOST\"\n"), @"");
    assert_snapshot!(mistake("[metrics]\nenabled = \"${SECRET}\"\n"), @"");
    assert_snapshot!(mistake("{S}path = \"${SECRET}\"\n"), @"");
}
