//! What stands before a server: what it resolves to, and the whole message of each mistake.

use std::time::Duration;

use insta::assert_snapshot;
use sightglass::config::{Bulkhead, CircuitBreaker, Rate, RateKey, Server};

use super::mistakes::mistake;
use super::{Folder, SERVER, parse, sightglass, stderr, stdout};

fn server(text: &str) -> Server {
    let config = parse(&format!("{SERVER}{text}\n")).unwrap_or_else(|error| panic!("{error}"));
    config.servers.into_iter().next().expect("one server")
}

#[test]
fn guards_are_off_until_they_are_written() {
    let server = server("");
    assert_eq!((server.bulkhead, server.circuit_breaker, server.rate), (None, None, None));
}

#[test]
fn what_is_left_out_of_a_guard_has_a_default() {
    let second = Duration::from_secs(1);
    assert_eq!(server("bulkhead = { max = 7 }").bulkhead, Some(Bulkhead { max: 7, queue: 0, wait: second }));
    assert_eq!(
        server("bulkhead = { max = \"7\", queue = 2, wait = \"250ms\" }").bulkhead,
        Some(Bulkhead { max: 7, queue: 2, wait: Duration::from_millis(250) })
    );
    assert_eq!(server("circuit_breaker = {}").circuit_breaker, Some(CircuitBreaker::default()));
    assert_eq!(
        server("circuit_breaker = { failures = 1, window = \"1m\", open_for = \"1s\" }").circuit_breaker,
        Some(CircuitBreaker { failures: 1, window: Duration::from_secs(60), open_for: second })
    );
    for (written, rate) in [
        ("{ per_second = 10 }", Rate { per_second: 10.0, burst: 10, key: RateKey::Client }),
        ("{ per_second = 0.5 }", Rate { per_second: 0.5, burst: 1, key: RateKey::Client }),
        (
            "{ per_second = 2.5, burst = 30, key = \"address\" }",
            Rate { per_second: 2.5, burst: 30, key: RateKey::Address },
        ),
        (
            "{ per_second = \"1\", key = \"server\" }",
            Rate { per_second: 1.0, burst: 1, key: RateKey::Server },
        ),
    ] {
        assert_eq!(server(&format!("rate = {written}")).rate, Some(rate));
    }
}

#[test]
fn a_bulkhead_that_holds_nothing() {
    assert_snapshot!(mistake("{S}bulkhead = { queue = 50 }\n"), @r"
        config.toml, line 4, column 12
          |
        4 | bulkhead = { queue = 50 }
          |            ^^^^^^^^^^^^^^
        `bulkhead` without `max`
        hint: say how many exchanges may be under way at once: bulkhead = { max = 100 }
    ");
    assert_snapshot!(mistake("{S}bulkhead = { max = 0 }\n"), @r"
        config.toml, line 4, column 20
          |
        4 | bulkhead = { max = 0 }
          |                    ^
        expected a whole number: at least one exchange at once
        hint: remove `bulkhead` for no limit
    ");
    assert_snapshot!(mistake("{S}bulkhead = 100\n"), @r#"
        config.toml, line 4, column 12
          |
        4 | bulkhead = 100
          |            ^^^
        invalid type: integer `100`, expected a table such as { max = 100, queue = 50, wait = "1s" }
        hint: config.toml in the repository shows how each key is written
    "#);
    assert_snapshot!(mistake("{S}bulkhead = { max = 100, depth = 1 }\n"), @r"
        config.toml, line 4, column 25
          |
        4 | bulkhead = { max = 100, depth = 1 }
          |                         ^^^^^
        unknown field `depth`, expected one of `max`, `queue`, `wait`
        hint: remove it; config.toml in the repository shows every key
    ");
}

#[test]
fn a_wait_that_nobody_waits() {
    assert_snapshot!(mistake("{S}bulkhead = { max = 100, wait = \"1s\" }\n"), @r#"
        config.toml, line 4, column 32
          |
        4 | bulkhead = { max = 100, wait = "1s" }
          |                                ^^^^
        `wait` without a `queue` would do nothing
        hint: add queue = 50, or remove it
    "#);
    assert_snapshot!(mistake("{S}bulkhead = { max = 100, queue = 50, wait = \"off\" }\n"), @r#"
        config.toml, line 4, column 44
          |
        4 | bulkhead = { max = 100, queue = 50, wait = "off" }
          |                                            ^^^^^
        nobody waits in the queue without end
        hint: the default is "1s"
    "#);
    assert_snapshot!(mistake("{S}call_timeout = \"1s\"\nbulkhead = { max = 100, queue = 50, wait = \"1s\" }\n"), @r#"
        config.toml, line 5, column 44
          |
        5 | bulkhead = { max = 100, queue = 50, wait = "1s" }
          |                                            ^^^^
        a call would be over before its `wait` is
        hint: make it shorter than `call_timeout`
    "#);
}

#[test]
fn a_circuit_breaker_that_never_opens_or_never_ends() {
    for failures in ["0", "1001", "\"off\""] {
        let told = mistake(&format!("{{S}}circuit_breaker = {{ failures = {failures} }}\n"));
        let told = told.replace(&format!("= {failures} "), "= N ").replace(&"^".repeat(failures.len()), "^");
        insta::allow_duplicates! {
            assert_snapshot!(told, @r"
                config.toml, line 4, column 32
                  |
                4 | circuit_breaker = { failures = N }
                  |                                ^
                expected 1 to 1000 failures that open it
                hint: the default is 5
            ");
        }
    }
    assert_snapshot!(mistake("{S}circuit_breaker = { window = \"off\" }\n"), @r#"
        config.toml, line 4, column 30
          |
        4 | circuit_breaker = { window = "off" }
          |                              ^^^^^
        how long a failure counts cannot be "off"
        hint: the default is "30s"
    "#);
    assert_snapshot!(mistake("{S}circuit_breaker = { open_for = 0 }\n"), @r#"
        config.toml, line 4, column 32
          |
        4 | circuit_breaker = { open_for = 0 }
          |                                ^
        how long the server is left alone cannot be "off"
        hint: the default is "30s"
    "#);
    assert_snapshot!(mistake("{S}circuit_breaker = true\n"), @r#"
        config.toml, line 4, column 19
          |
        4 | circuit_breaker = true
          |                   ^^^^
        invalid type: boolean `true`, expected a table such as { failures = 5, window = "30s", open_for = "30s" }
        hint: config.toml in the repository shows how each key is written
    "#);
}

#[test]
fn a_rate_of_nothing_or_of_anything() {
    assert_snapshot!(mistake("{S}rate = { burst = 200 }\n"), @r"
        config.toml, line 4, column 8
          |
        4 | rate = { burst = 200 }
          |        ^^^^^^^^^^^^^^^
        `rate` without `per_second`
        hint: say how many requests may come in a second: rate = { per_second = 100 }
    ");
    for rate in ["0", "-1", "0.0001", "1000001"] {
        let told = mistake(&format!("{{S}}rate = {{ per_second = {rate} }}\n"));
        let told = told.replace(&format!("= {rate} "), "= N ").replace(&"^".repeat(rate.len()), "^");
        insta::allow_duplicates! {
            assert_snapshot!(told, @r"
                config.toml, line 4, column 23
                  |
                4 | rate = { per_second = N }
                  |                       ^
                expected 0.001 to 1000000 requests a second
                hint: 0.5 is one every two seconds; remove `rate` for no limit
            ");
        }
    }
    for burst in ["0", "1000001"] {
        let told = mistake(&format!("{{S}}rate = {{ per_second = 1, burst = {burst} }}\n"));
        let told = told.replace(&format!("= {burst} "), "= N ").replace(&"^".repeat(burst.len()), "^");
        insta::allow_duplicates! {
            assert_snapshot!(told, @r"
                config.toml, line 4, column 34
                  |
                4 | rate = { per_second = 1, burst = N }
                  |                                  ^
                expected 1 to 1000000 requests at once
                hint: the default is as many as a second lets through
            ");
        }
    }
    assert_snapshot!(mistake("{S}rate = { per_second = 1, key = \"adress\" }\n"), @r#"
        config.toml, line 4, column 32
          |
        4 | rate = { per_second = 1, key = "adress" }
          |                                ^^^^^^^^
        expected "client", "address" or "server"
        hint: did you mean "address"?
    "#);
    assert_snapshot!(mistake("{S}rate = { per_second = \"ten\" }\n"), @r#"
        config.toml, line 4, column 23
          |
        4 | rate = { per_second = "ten" }
          |                       ^^^^^
        expected a number
        hint: write digits and a point alone: 0.005
    "#);
}

#[test]
fn check_shows_what_stands_before_a_server() {
    let folder = Folder::new("guards");
    let text = format!(
        "{SERVER}bulkhead = {{ max = 100, queue = 50, wait = \"1s\" }}\ncircuit_breaker = {{}}\nrate = {{ per_second = 0.5, burst = 3 }}\n\
         [[server]]\nname = \"b\"\nurl = \"http://h/\"\npath = \"/b\"\nbulkhead = {{ max = 1 }}\nrate = {{ per_second = 100, key = \"server\" }}\n"
    );
    folder.write("config.toml", &text);
    let output = sightglass(&["check"], &folder.0, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told = stdout(&output);
    let is_guard =
        |line: &&str| ["bulkhead:", "circuit breaker:", "rate:"].iter().any(|name| line.starts_with(name));
    let guards: Vec<&str> = told.lines().map(str::trim_start).filter(is_guard).collect();
    assert_snapshot!(guards.join("\n"), @r#"
        bulkhead: at most 100 at once; up to 50 more wait, for "1s" at most
        circuit breaker: 5 failures within "30s" open it for "30s"
        rate: 0.5 requests a second from each client, 3 at once
        bulkhead: at most 1 at once; nobody waits
        rate: 100 requests a second from all clients together, 100 at once
    "#);
}
