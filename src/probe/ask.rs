//! One probe, from the first name looked up to the last connection closed.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::conversation::{Conversation, Ended};
use super::hints;
use super::report::{Fault, FaultKind, Report};
use super::talk::{Talk, Trouble};
use crate::config;
use crate::mcp::Era;
use crate::observe::ProbePhase;

/// How long a session may take to be ended, after a probe whose time is over.
const CLOSING: Duration = Duration::from_secs(2);

/// Header fields that say who asks.
const CREDENTIALS: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"];

/// Whom to probe, and how.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Where it is and how it is spoken to; its `probe` is not looked at.
    pub server: config::Server,
    /// What to ask, and within which time.
    pub probe: config::Probe,
    /// How the server was spoken to the last time; `None` = it is found out.
    pub era: Option<Era>,
    /// Whether to look for more to say of what went wrong, at the price of another request.
    pub explains: bool,
}

impl Subject {
    /// The header fields that go with every request.
    fn headers(&self) -> Result<HeaderMap, Trouble> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.server.headers {
            let unusable = || Trouble::setup(format!("the header field `{name}` cannot be sent"));
            let parsed = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::from_str(&value.0).ok());
            let (name, mut value) = parsed.ok_or_else(unusable)?;
            value.set_sensitive(true);
            headers.append(name, value);
        }
        Ok(headers)
    }

    /// Whether any of them says who asks.
    pub(super) fn has_credentials(&self) -> bool {
        let is_one = |name: &str| CREDENTIALS.iter().any(|known| name.eq_ignore_ascii_case(known));
        self.server.headers.iter().any(|(name, _)| is_one(name))
    }
}

/// Asks a server how it is. Takes at most `probe.timeout`, and a little to end the session.
pub async fn probe(subject: &Subject) -> Report {
    let began = Instant::now();
    let mut report = Report::new(subject.server.url.to_string());
    let talk = match talk(subject).await {
        Ok(talk) => talk,
        Err(trouble) => {
            let Trouble { kind, message, .. } = trouble;
            report.fault = Some(Fault { kind, phase: ProbePhase::Connect, message });
            return report;
        }
    };
    let mut conversation = Conversation::new(talk, subject);
    let ended = tokio::time::timeout(subject.probe.timeout, conversation.run()).await;
    let ended = match ended {
        Ok(Ok(())) => None,
        Ok(Err(trouble)) => Some(trouble),
        Err(_elapsed) => {
            let message = format!("no answer within {:?}", subject.probe.timeout);
            Some(Trouble::new(FaultKind::Timeout, message))
        }
    };
    let Ended { refused, is_streaming } = conversation.fill(&mut report, ended);
    report.took = began.elapsed();
    if subject.explains {
        let found = tokio::time::timeout(CLOSING, conversation.metadata(refused.as_ref())).await;
        report.hints.extend(found.ok().flatten());
    }
    hints::add(&mut report, refused.as_ref(), subject, is_streaming);
    // What was begun is ended, whatever came of it.
    let _ = tokio::time::timeout(CLOSING, conversation.close()).await;
    report
}

/// Files of TLS are read where no traffic passes.
async fn talk(subject: &Subject) -> Result<Talk, Trouble> {
    let headers = subject.headers()?;
    let server = subject.server.clone();
    let talk = tokio::task::spawn_blocking(move || Talk::new(&server, &headers)).await;
    match talk {
        Ok(Ok(talk)) => Ok(talk),
        Ok(Err(error)) => Err(Trouble::setup(causes(&error))),
        Err(_panicked) => Err(Trouble::setup("TLS cannot be set up".to_owned())),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
