//! Connections, streams, HTTP, sessions, and the proxy itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::durations::NETWORK;
use super::fates::exchange_labels;
use super::server::{Server, Verb};
use super::{Prometheus, as_f64, series};
use crate::mcp::Version;
use crate::observe::{Event, Label, StreamKind, Transport, is_known_status};

impl Prometheus {
    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_connection(&self, event: &Event<'_>) {
        match *event {
            Event::ConnectionOpened => self.connection(Transport::Http, 1.0),
            Event::ConnectionTransport { from, to } => {
                self.connection(from, -1.0);
                self.connection(to, 1.0);
            }
            Event::ConnectionClosed { transport, lasted, reason } => {
                self.connection(transport, -1.0);
                let labels = [("transport", transport.as_str()), ("disconnect_reason", reason.as_str())];
                let make = || self.histograms.handle("mcp_connection_duration_seconds", &labels);
                let key = (transport, reason.as_str());
                self.connection_durations.with(key, make, |histogram| histogram.record(lasted.as_secs_f64()));
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_stream(&self, event: &Event<'_>) {
        match *event {
            Event::StreamOpened { server, kind } => self.stream(server, kind, 1.0),
            Event::StreamKindKnown { server, from, to } => {
                self.stream(server, from, -1.0);
                self.stream(server, to, 1.0);
            }
            Event::StreamEnded { server, kind, lasted, reason } => {
                self.stream(server, kind, -1.0);
                let of = self.server(Some(server));
                let labels = [("kind", kind.as_str()), ("end_reason", reason.as_str())];
                let name = "mcp_stream_duration_seconds";
                self.record(&of.stream_durations, (kind, reason), name, of, &labels, lasted.as_secs_f64());
            }
            Event::StreamFirstEvent { server, transport, after } => {
                let of = self.server(Some(server));
                let labels = [("transport", transport.as_str())];
                let name = "mcp_stream_first_event_seconds";
                self.record(&of.first_events, transport, name, of, &labels, after.as_secs_f64());
            }
            Event::StreamEvent { server, kind } => {
                let of = self.server(Some(server));
                self.count(
                    &of.stream_events,
                    kind,
                    "mcp_stream_events_total",
                    of,
                    &[("kind", kind.as_str())],
                );
            }
            Event::StreamResumed { server } => {
                let of = self.server(Some(server));
                self.count(&of.resumes, (), "mcp_stream_resumes_total", of, &[]);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_session(&self, event: &Event<'_>) {
        match *event {
            Event::SessionStarted { session } => {
                let (client, version) = (&session.client, session.version);
                let of = self.server(Some(session.server));
                self.session(of, 1.0);
                let labels = [("client_name", client.as_str()), ("protocol_version", version_label(version))];
                self.count(&of.sessions_total, (client.number(), version), "mcp_sessions_total", of, &labels);
            }
            Event::SessionEnded { session, lasted, reason, calls } => {
                let of = self.server(Some(session.server));
                self.session(of, -1.0);
                let labels = [("end_reason", reason.as_str())];
                let name = "mcp_session_duration_seconds";
                self.record(&of.session_durations, reason, name, of, &labels, lasted.as_secs_f64());
                if self.semconv {
                    self.semconv_session_ended(of, session.version, lasted);
                }
                let tier = session.tier();
                let labels = [("user_tier", tier.map_or("none", Label::as_str))];
                let key = tier.map_or(0, Label::number);
                self.record(&of.session_calls, key, "mcp_session_tool_calls", of, &labels, as_f64(calls));
            }
            Event::ClientSeen { server, client, version, era } => {
                let of = self.server(Some(server));
                let labels = [
                    ("client_name", client.as_str()),
                    ("protocol_version", version_label(version)),
                    ("era", era.as_str()),
                ];
                self.count(&of.clients, (client.number(), version, era), "mcp_clients_total", of, &labels);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_http(&self, event: &Event<'_>) {
        match *event {
            Event::HttpEnded {
                server,
                method,
                route,
                status,
                took,
                request_bytes,
                response_bytes,
                credentials,
            } => {
                let of = self.server(server);
                let (verb, known) = (Verb::of(method), is_known_status(status));
                let status_code = if known { status.as_str() } else { "_other" };
                let make = || self.exchanged(of, verb, route, status_code, credentials);
                let key = (verb, route, if known { status.as_u16() } else { 0 }, credentials);
                of.exchanges.with(key, make, |series| {
                    series.requests.increment(1);
                    series.attempts.iter().for_each(|counter| counter.increment(1));
                    if let Some(took) = took {
                        let labels = || exchange_labels(of, verb, route, status_code);
                        let make = || self.histogram("mcp_http_request_duration_seconds", of, &labels());
                        series.duration.get_or_init(make).record(took.as_secs_f64());
                    }
                    series.request_size.record(as_f64(request_bytes));
                    series.response_size.record(as_f64(response_bytes));
                });
            }
            Event::UpstreamConnected { server, took } => {
                let of = self.server(Some(server));
                self.record(&of.connects, (), "mcp_upstream_connect_seconds", of, &[], took.as_secs_f64());
            }
            Event::UpstreamFirstByte { server, took } => {
                let of = self.server(Some(server));
                let make = || self.histogram("mcp_upstream_first_byte_seconds", of, &[]);
                of.first_bytes.get_or_init(make).record(took.as_secs_f64());
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_proxy(&self, event: &Event<'_>) {
        match *event {
            Event::Refused { server, reason } => {
                let of = self.server(server);
                self.count(
                    &of.refused,
                    reason,
                    "mcp_proxy_refused_total",
                    of,
                    &[("reason", reason.as_str())],
                );
            }
            Event::LeftAsItWas { server, what, because } => {
                let of = self.server(Some(server));
                let labels = [("body", what.as_str()), ("reason", because.as_str())];
                self.count(&of.left, (what, because), "mcp_proxy_not_rewritten_total", of, &labels);
            }
            Event::Overhead { server, took } => {
                let of = self.server(Some(server));
                let make = || self.histogram("mcp_proxy_overhead_seconds", of, &[]);
                of.overhead.get_or_init(make).record(took.as_secs_f64());
            }
            Event::LabelOverflow { label } => {
                let labels = [("label", label.as_str())];
                let make = || series::counter(&self.recorder, "mcp_proxy_label_overflow_total", &labels);
                self.overflow.with(label, make, |counter| counter.increment(1));
            }
            Event::Dropped { what, reason } => self.losses.lose(what, reason, 1),
            _ => {}
        }
    }

    pub(super) fn connection(&self, transport: Transport, by: f64) {
        let labels = [("transport", transport.as_str())];
        let make = || series::gauge(&self.recorder, "mcp_active_connections", &labels);
        self.connections.with(transport, make, |gauge| gauge.increment(by));
    }

    pub(super) fn session(&self, of: &Server, by: f64) {
        of.open_sessions.fetch_add(whole(by), Ordering::Relaxed);
        self.change(&of.sessions, (), "mcp_active_sessions", of, &[], by);
    }

    /// What `OTel` calls the same fact.
    fn semconv_session_ended(&self, of: &Server, version: Option<Version>, lasted: Duration) {
        let version_label = version.map(|version| ("mcp_protocol_version", version.as_str()));
        let labels: Vec<_> = version_label.into_iter().chain(NETWORK).collect();
        let (name, seconds) = ("mcp_server_session_duration_seconds", lasted.as_secs_f64());
        self.record(&of.semconv_sessions, version, name, of, &labels, seconds);
    }

    fn stream(&self, server: usize, kind: StreamKind, by: f64) {
        let of = self.server(Some(server));
        of.open_streams.fetch_add(whole(by), Ordering::Relaxed);
        self.change(&of.streams, kind, "mcp_active_streams", of, &[("kind", kind.as_str())], by);
    }
}

/// What gauges are changed by: one, none, or one less.
fn whole(by: f64) -> i64 {
    i64::from(by > 0.0) - i64::from(by < 0.0)
}

fn version_label(version: Option<Version>) -> &'static str {
    version.map_or("none", Version::as_str)
}
