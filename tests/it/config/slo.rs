//! What servers promise: what it resolves to, and the whole message of each mistake.

use std::time::Duration;

use insta::assert_snapshot;
use sightglass::config::Slo;

use super::mistakes::mistake;
use super::{SERVER, parse};

fn slo(text: &str) -> Option<Slo> {
    let config = parse(&format!("{SERVER}{text}\n")).unwrap_or_else(|error| panic!("{error}"));
    config.servers[0].slo
}

#[test]
fn what_is_left_out_of_a_promise_has_a_default() {
    assert_eq!(slo(""), None);
    assert_eq!(slo("slo = {}"), Some(Slo::default()));
    let own = Slo { availability: 0.95, latency: Duration::from_millis(500), latency_target: 0.9 };
    assert_eq!(slo("slo = { availability = 0.95, latency = \"0.5s\", latency_target = \"0.9\" }"), Some(own));
    assert_eq!(slo("slo = { latency = \"500ms\" }"), Some(Slo { latency: own.latency, ..Slo::default() }));
}

#[test]
fn a_promise_that_nothing_fails_leaves_nothing_to_burn() {
    assert_snapshot!(mistake("{S}slo = { availability = 1 }\n"), @r#"
        config.toml, line 4, column 24
          |
        4 | slo = { availability = 1 }
          |                        ^
        expected a share of more than 0 and less than 1
        hint: 0.999 is one failure in a thousand; the default is 0.999
    "#);
}

#[test]
fn a_latency_that_no_bucket_counts() {
    assert_snapshot!(mistake("{S}slo = { latency = \"3s\" }\n"), @r#"
        config.toml, line 4, column 7
          |
        4 | slo = { latency = "3s" }
          |       ^^^^^^^^^^^^^^^^^^
        no histogram has a bound at 3 s, where `slo.latency` is
        hint: write "2.5s", or add 3 to metrics.latency_buckets
    "#);
}

#[test]
fn a_latency_without_a_unit() {
    assert_snapshot!(mistake("{S}slo = { latency = \"2.5\" }\n"), @r#"
        config.toml, line 4, column 19
          |
        4 | slo = { latency = "2.5" }
          |                   ^^^^^
        expected a duration such as "250ms" or "2.5s"
        hint: digits and one unit without a space: ms, s, m or h
    "#);
}
