//! What stands before a server, for people.

use super::wait;
use crate::config::{Auth, Bulkhead, CircuitBreaker, Jwks, Probe, Rate, RateKey, Server, Slo};

/// A line for each guard of `server` and for its probe; what is off has none.
pub(super) fn describe(server: &Server) -> Vec<String> {
    let bulkhead = server.bulkhead.as_ref().map(bulkhead);
    let circuit = server.circuit_breaker.as_ref().map(circuit_breaker);
    let rate = server.rate.as_ref().map(rate);
    let auth = server.auth.as_ref().map(auth);
    let probe = server.probe.as_ref().map(probe);
    let slo = server.slo.as_ref().map(slo);
    let lines = [auth, bulkhead, circuit, rate, probe, slo].into_iter().flatten();
    lines.map(|line| format!("        {line}")).collect()
}

fn auth(auth: &Auth) -> String {
    let keys = match &auth.jwks {
        Some(Jwks::Url(url)) => format!("keys from {url}"),
        Some(Jwks::File(path)) => format!("keys from {}", path.display()),
        None => "keys where its metadata says".to_owned(),
    };
    let scopes =
        if auth.scopes.is_empty() { String::new() } else { format!(" with {}", auth.scopes.join(" ")) };
    format!("tokens: of {} for {}{scopes}; {keys}", auth.issuer, auth.audience)
}

fn slo(slo: &Slo) -> String {
    let Slo { availability, latency, latency_target } = *slo;
    let latency = wait(Some(latency));
    format!(
        "promises: a share of {availability} of requests succeeds; {latency_target} of calls take {latency} at most"
    )
}

fn bulkhead(bulkhead: &Bulkhead) -> String {
    let Bulkhead { max, queue, wait: long } = *bulkhead;
    let waiting = match queue {
        0 => "nobody waits".to_owned(),
        _ => format!("up to {queue} more wait, for {} at most", wait(Some(long))),
    };
    format!("bulkhead: at most {max} at once; {waiting}")
}

fn circuit_breaker(circuit: &CircuitBreaker) -> String {
    let CircuitBreaker { failures, window, open_for } = *circuit;
    let (window, open_for) = (wait(Some(window)), wait(Some(open_for)));
    format!("circuit breaker: {failures} failures within {window} open it for {open_for}")
}

fn rate(rate: &Rate) -> String {
    let Rate { per_second, burst, key } = *rate;
    let whose = match key {
        RateKey::Client => "from each client",
        RateKey::Address => "from each address",
        RateKey::Server => "from all clients together",
    };
    format!("rate: {per_second} requests a second {whose}, {burst} at once")
}

fn probe(probe: &Probe) -> String {
    let call = match (&probe.call, &probe.expect) {
        (Some(tool), Some(_)) => format!(", with a call of {tool} and what its result must say"),
        (Some(tool), None) => format!(", with a call of {tool}"),
        (None, _) => String::new(),
    };
    let (interval, timeout) = (wait(Some(probe.interval)), wait(Some(probe.timeout)));
    format!("probe: every {interval}, within {timeout}{call}")
}
