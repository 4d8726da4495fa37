//! Placeholder.
#![expect(missing_docs, reason = "a placeholder")]
use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};

#[derive(Debug)]
pub struct Client {
    pub address: IpAddr,
    pub tls: bool,
    pub version: http::Version,
    pub trusted: bool,
    pub host: Option<String>,
}

pub fn add(fields: &mut HeaderMap, client: &Client) {
    if let Ok(value) = HeaderValue::from_str(&client.address.to_string()) {
        fields.insert("x-forwarded-for", value);
    }
}
