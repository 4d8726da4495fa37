//! Dashboards for Grafana, in its classic JSON: six of them, with the same variables, annotations and links.

use serde_json::{Value, json};

mod cost;
mod errors;
mod overview;
mod panel;
mod performance;
mod sessions;
mod tools;

use panel::{Panel, source};

/// The version of the classic schema that Grafana 12 and 13 write.
const SCHEMA: u32 = 42;

/// Columns of a dashboard.
const COLUMNS: u32 = 24;

/// A heading and the panels below it, which are laid out from left to right.
type Row = (&'static str, Vec<Panel>);

struct Dashboard {
    /// Its uid, without `sightglass-`.
    name: &'static str,
    title: &'static str,
    about: &'static str,
    rows: Vec<Row>,
}

/// Each by its name, as JSON.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let boards = [
        overview::dashboard(),
        tools::dashboard(),
        errors::dashboard(),
        sessions::dashboard(),
        performance::dashboard(),
        cost::dashboard(),
    ];
    boards.into_iter().map(|board| (board.name, board.text())).collect()
}

impl Dashboard {
    fn text(self) -> String {
        let json = json!({
            "uid": format!("sightglass-{}", self.name),
            "title": format!("MCP / {}", self.title),
            "description": self.about,
            "tags": ["mcp", "sightglass"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": true,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": { "from": "now-1h", "to": "now" },
            "templating": { "list": variables() },
            "annotations": { "list": annotations() },
            "links": [{
                "title": "MCP dashboards", "type": "dashboards", "tags": ["sightglass"], "asDropdown": true,
                "includeVars": true, "keepTime": true, "targetBlank": false, "icon": "external link", "tooltip": "",
                "url": "",
            }],
            "panels": laid_out(self.rows),
        });
        // A tree of text and numbers always has a text.
        format!("{json:#}\n")
    }
}

fn laid_out(rows: Vec<Row>) -> Vec<Value> {
    let mut panels = Vec::new();
    let (mut id, mut y) = (0, 0);
    for (title, members) in rows {
        id += 1;
        let place = json!({ "h": 1, "w": COLUMNS, "x": 0, "y": y });
        panels.push(json!({
            "type": "row", "id": id, "title": title, "collapsed": false, "gridPos": place, "panels": [],
        }));
        y += 1;
        let (mut x, mut height) = (0, 0);
        for panel in members {
            if x + panel.width > COLUMNS {
                (x, y, height) = (0, y + height, 0);
            }
            id += 1;
            height = height.max(panel.height);
            let width = panel.width;
            panels.push(panel.at(id, x, y));
            x += width;
        }
        y += height;
    }
    panels
}

fn variables() -> Vec<Value> {
    let sources = [("prometheus", "Metrics"), ("loki", "Logs"), ("tempo", "Traces")];
    let mut variables: Vec<Value> = sources.map(|(kind, label)| datasource(kind, label)).to_vec();
    let process = "environment=~\"$environment\"";
    variables.extend([
        labels("environment", "Environment", "mcp_proxy_build_info", "environment"),
        labels("instance", "Instance", &format!("mcp_proxy_build_info{{{process}}}"), "instance"),
        labels("server", "Server", "mcp_requests_total", "server"),
        labels("tool", "Tool", "mcp_tool_invocations_total{server=~\"$server\"}", "tool_name"),
    ]);
    variables
}

fn datasource(kind: &str, label: &str) -> Value {
    json!({
        "type": "datasource", "name": kind, "label": label, "query": kind, "refresh": 1, "hide": 0,
        "multi": false, "includeAll": false, "regex": "", "options": [], "skipUrlSync": false,
        "current": { "selected": false, "text": kind, "value": kind },
    })
}

/// Any of the values that a label has; all of them where none is chosen, also where the label is absent.
fn labels(name: &str, title: &str, series: &str, label: &str) -> Value {
    let query = format!("label_values({series},{label})");
    json!({
        "type": "query", "name": name, "label": title, "datasource": source("prometheus"),
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "refresh": 2, "sort": 1, "hide": 0, "multi": true, "includeAll": true, "allValue": ".*", "regex": "",
        "options": [], "skipUrlSync": false,
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
    })
}

fn annotations() -> Vec<Value> {
    let metric = |name: &str, color: &str, expression: &str, title: &str, text: &str| {
        json!({
            "name": name, "enable": true, "hide": false, "iconColor": color, "datasource": source("prometheus"),
            "expr": expression, "step": "30s", "titleFormat": title, "textFormat": text,
            "target": { "refId": "Anno", "expr": expression },
        })
    };
    let incidents = "{event=~\"reload_failed|circuit|health_changed|export_failing\", level=~\"warn|error\"}";
    vec![
        metric(
            "Deployments",
            "blue",
            "sum by (version, revision) (mcp_proxy_build_info unless mcp_proxy_build_info offset 1m) > 0",
            "Deployed {{version}}",
            "revision {{revision}}",
        ),
        metric(
            "Reloads",
            "purple",
            "sum by (instance) (changes(mcp_proxy_config_last_reload_success_timestamp_seconds[1m])) > 0",
            "Configuration read again",
            "{{instance}}",
        ),
        json!({
            "name": "Incidents", "enable": true, "hide": false, "iconColor": "red", "datasource": source("loki"),
            "expr": incidents, "titleFormat": "{{event}}", "textFormat": "{{message}}",
            "target": { "refId": "Anno", "expr": incidents },
        }),
    ]
}

/// What a link of a series leads to; Grafana fills in what stands in `${…}`.
mod links {
    /// The server's lines.
    pub(super) const SERVER_LOGS: (&str, &str) = (
        "Lines of this server",
        "/explore?schemaVersion=1&orgId=1&panes=%7B%22a%22%3A%7B%22datasource%22%3A%22${loki}%22%2C%22queries%22%3A%5B%7B%22refId%22%3A%22A%22%2C%22expr%22%3A%22%7Bserver%3D%5C%22${__field.labels.server:percentencode}%5C%22%7D%22%7D%5D%2C%22range%22%3A%7B%22from%22%3A%22${__from}%22%2C%22to%22%3A%22${__to}%22%7D%7D%7D",
    );
    /// The tool's lines.
    pub(super) const TOOL_LOGS: (&str, &str) = (
        "Lines of this tool",
        "/explore?schemaVersion=1&orgId=1&panes=%7B%22a%22%3A%7B%22datasource%22%3A%22${loki}%22%2C%22queries%22%3A%5B%7B%22refId%22%3A%22A%22%2C%22expr%22%3A%22%7Bserver%3D%5C%22${__field.labels.server:percentencode}%5C%22%7D%20%7C%20json%20%7C%20tool_name%3D%5C%22${__field.labels.tool_name:percentencode}%5C%22%22%7D%5D%2C%22range%22%3A%7B%22from%22%3A%22${__from}%22%2C%22to%22%3A%22${__to}%22%7D%7D%7D",
    );
    /// The tool's traces.
    pub(super) const TOOL_TRACES: (&str, &str) = (
        "Traces of this tool",
        "/explore?schemaVersion=1&orgId=1&panes=%7B%22a%22%3A%7B%22datasource%22%3A%22${tempo}%22%2C%22queries%22%3A%5B%7B%22refId%22%3A%22A%22%2C%22queryType%22%3A%22traceql%22%2C%22query%22%3A%22%7Bresource.service.name%3D%5C%22sightglass%5C%22%20%26%26%20span.gen_ai.tool.name%3D%5C%22${__field.labels.tool_name:percentencode}%5C%22%7D%22%7D%5D%2C%22range%22%3A%7B%22from%22%3A%22${__from}%22%2C%22to%22%3A%22${__to}%22%7D%7D%7D",
    );
    /// The same server, more closely.
    pub(super) const SERVER_TOOLS: (&str, &str) =
        ("Tools of this server", "/d/sightglass-tools?var-server=${__field.labels.server:percentencode}");
}
