//! Dashboards for Grafana.

/// Each by its name, as JSON.
pub(super) fn all() -> Vec<(&'static str, String)> {
    Vec::new()
}
