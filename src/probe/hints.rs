//! The usual mistakes around MCP servers behind proxies, by what a probe saw of them (`protocol.md` §11).

use super::ask::Subject;
use super::report::{FaultKind, Report};
use super::talk::Refused;

/// Adds what may help.
pub(super) fn add(report: &mut Report, refused: Option<&Refused>, subject: &Subject, is_streaming: bool) {
    let mut hints = Vec::new();
    if report.wants_credentials {
        hints.push(
            "it answers 401: it is there and wants credentials; with a header that has some, more can be asked"
                .to_owned(),
        );
    }
    if let Some(fault) = &report.fault {
        let has_session = report.server.is_some() && fault.message.to_ascii_lowercase().contains("session");
        hints.extend(of_kind(fault.kind, &fault.message, subject, is_streaming).map(str::to_owned));
        hints.extend(refused.and_then(|refused| of_answer(refused, has_session)));
    }
    report.hints.extend(hints);
}

fn of_kind(kind: FaultKind, message: &str, subject: &Subject, is_streaming: bool) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    match kind {
        FaultKind::Dns => Some("check the name; in a container, the network that it is on"),
        FaultKind::Connect => {
            Some("check that the server runs, its port, and that it listens on this address")
        }
        FaultKind::Tls if message.contains("expired") => Some("the server's certificate has to be renewed"),
        FaultKind::Tls if message.contains("notvalidforname") || message.contains("not valid for name") => {
            Some("the certificate is for another name: ask by that name")
        }
        FaultKind::Tls if message.contains("unknownissuer") || message.contains("badsignature") => {
            Some("the certificate is signed by nobody this machine trusts: name the authority in `tls.ca`")
        }
        FaultKind::Tls => Some("check that TLS is spoken on this port; `http://` is without"),
        FaultKind::NotHttp | FaultKind::Reset if !subject.server.url.tls => {
            Some("what listens there may want TLS: try https://")
        }
        FaultKind::Timeout if is_streaming => Some(
            "the event stream is open and nothing comes: a proxy between may be buffering it (nginx: proxy_buffering off)",
        ),
        FaultKind::Timeout => Some("the server hangs, or needs longer than the timeout"),
        FaultKind::Html => Some("that is a page for people; an MCP endpoint often ends in /mcp or /sse"),
        FaultKind::Credentials => {
            Some("the credentials of the probe are refused: check the header that has them")
        }
        FaultKind::ToolsMissing => {
            Some("the server was started without its tools, or lists them by who asks")
        }
        FaultKind::NotHttp
        | FaultKind::Reset
        | FaultKind::Http
        | FaultKind::NotJson
        | FaultKind::NotMcp
        | FaultKind::JsonRpc
        | FaultKind::ToolError
        | FaultKind::Unexpected
        | FaultKind::Setup => None,
    }
}

fn of_answer(refused: &Refused, has_session: bool) -> Option<String> {
    let says = refused.glance.to_ascii_lowercase();
    let hint = match refused.status.as_u16() {
        421 => HOST,
        403 if says.contains("host") => HOST,
        403 if says.contains("origin") => "the server refuses the Origin that something on the way adds",
        406 => {
            "the Accept header does not reach the server: it must list application/json and text/event-stream"
        }
        301 | 302 | 303 | 307 | 308 => {
            let location =
                refused.location.as_ref().map(|location| String::from_utf8_lossy(location.as_bytes()));
            return Some(match location {
                Some(location) => {
                    format!("it redirects: ask {location} (a slash at the end, or https, is often all)")
                }
                None => "it redirects to nowhere".to_owned(),
            });
        }
        400 | 404 if has_session || says.contains("session") => {
            "the session is not known: something on the way drops Mcp-Session-Id, or requests reach several replicas"
        }
        404 | 405 => "nobody speaks MCP at this path; an MCP endpoint often ends in /mcp or /sse",
        502..=504 => "something on the way cannot reach the server",
        _ => return None,
    };
    Some(hint.to_owned())
}

const HOST: &str =
    "the server refuses this Host: allow it there (allowed hosts), or send it the name that it knows";
