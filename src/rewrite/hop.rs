//! Placeholder.
#![expect(missing_docs, reason = "a placeholder")]
use http::{HeaderMap, HeaderName, HeaderValue, header};

pub fn request_fields(from: &HeaderMap, upgrade: bool) -> HeaderMap {
    let mut fields = copy(from, upgrade, true);
    if upgrade {
        fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    fields
}

pub fn response_fields(from: &HeaderMap, upgrade: bool) -> HeaderMap {
    let mut fields = copy(from, upgrade, false);
    if upgrade {
        fields.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    fields
}

pub fn trailers(from: HeaderMap) -> HeaderMap {
    from
}

fn copy(from: &HeaderMap, upgrade: bool, request: bool) -> HeaderMap {
    let listed: Vec<String> = from
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut fields = HeaderMap::with_capacity(from.len());
    for (name, value) in from {
        let hop = is_hop(name) || listed.iter().any(|other| other == name.as_str());
        let keep = (name == header::UPGRADE && upgrade) || (request && name == header::TE && value == "trailers");
        if !hop || keep {
            fields.append(name.clone(), value.clone());
        }
    }
    fields
}

fn is_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}
