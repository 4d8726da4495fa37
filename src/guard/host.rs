//! Placeholder.
#![expect(missing_docs, reason = "a placeholder")]
use http::HeaderValue;

use crate::{config, observe};

pub struct HostGuard(Option<Vec<String>>);

impl HostGuard {
    pub fn new(proxy: &config::Proxy) -> Self {
        Self(proxy.allowed_hosts.clone())
    }

    pub fn check(&self, host: Option<&str>, _origin: Option<&HeaderValue>) -> Result<(), observe::Refusal> {
        let name = host.map(|host| host.split(':').next().unwrap_or(host));
        match (&self.0, name) {
            (Some(allowed), Some(name)) if allowed.iter().any(|other| other == name) => Ok(()),
            (Some(_), _) => Err(observe::Refusal::HostRefused),
            (None, _) => Ok(()),
        }
    }
}
