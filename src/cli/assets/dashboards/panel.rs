//! One panel, as Grafana's classic dashboards write it.

use serde_json::{Map, Value, json};

/// A panel and how much room it takes: a row of the dashboard is 24 wide.
pub(super) struct Panel {
    json: Map<String, Value>,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// What stands for a set of label matchers in expressions; see [`expand`].
const MATCHERS: [(&str, &str); 3] = [
    (
        "%t",
        "environment=~\"$environment\", instance=~\"$instance\", server=~\"$server\", tool_name=~\"$tool\"",
    ),
    ("%s", "environment=~\"$environment\", instance=~\"$instance\", server=~\"$server\""),
    ("%p", "environment=~\"$environment\", instance=~\"$instance\""),
];

/// `%p`, `%s` and `%t` in `expression` become what the variables have chosen: of processes; and servers; and tools.
fn expand(expression: &str) -> String {
    MATCHERS.iter().fold(expression.to_owned(), |text, (short, long)| text.replace(short, long))
}

/// Where metrics, lines and traces are, as the dashboard's variables say.
pub(super) fn source(kind: &str) -> Value {
    json!({ "type": kind, "uid": format!("${{{kind}}}") })
}

fn letter(index: usize) -> String {
    char::from_u32('A' as u32 + u32::try_from(index).unwrap_or_default()).unwrap_or('A').to_string()
}

impl Panel {
    fn new(kind: &str, title: &str, unit: &str, targets: &[Value]) -> Self {
        let defaults = json!({ "unit": unit });
        let json = json!({
            "type": kind,
            "title": title,
            "datasource": source("prometheus"),
            "fieldConfig": { "defaults": defaults, "overrides": [] },
            "options": {},
            "targets": targets,
        });
        let json = if let Value::Object(json) = json { json } else { Map::new() };
        Self { json, width: 8, height: 8 }
    }

    /// Lines over time; each query with what its series are called. Exemplars are asked for where buckets are.
    pub(super) fn lines(title: &str, unit: &str, queries: &[(&str, &str)]) -> Self {
        let targets = queries.iter().enumerate().map(|(index, (expression, legend))| {
            json!({
                "refId": letter(index),
                "datasource": source("prometheus"),
                "expr": expand(expression),
                "legendFormat": legend,
                "editorMode": "code",
                "range": true,
                "exemplar": expression.contains("_bucket"),
            })
        });
        let custom = json!({
            "drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false,
        });
        let mut panel = Self::new("timeseries", title, unit, &targets.collect::<Vec<_>>());
        panel.default("custom", custom);
        panel.default("min", json!(0));
        panel.options(json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }));
        panel
    }

    /// One number.
    pub(super) fn number(title: &str, unit: &str, expression: &str) -> Self {
        let target = instant(0, expression, "");
        let mut panel = Self::new("stat", title, unit, &[target]);
        panel.options(json!({
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
            "textMode": "auto", "wideLayout": true,
        }));
        panel.sized(4, 4)
    }

    /// A bar for each series, of what is used of something.
    pub(super) fn bars(title: &str, unit: &str, expression: &str, legend: &str) -> Self {
        let mut panel = Self::new("bargauge", title, unit, &[instant(0, expression, legend)]);
        panel.default("min", json!(0));
        panel.options(json!({
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "valueMode": "color",
            "namePlacement": "auto", "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
        }));
        panel
    }

    /// A table of the labels `columns` and one column for each query, by its name.
    pub(super) fn table(title: &str, unit: &str, columns: &[(&str, &str)], queries: &[(&str, &str)]) -> Self {
        let targets = queries.iter().enumerate().map(|(index, (expression, _))| {
            let mut target = instant(index, expression, "");
            if let Value::Object(target) = &mut target {
                target.insert("format".to_owned(), json!("table"));
            }
            target
        });
        let mut panel = Self::new("table", title, unit, &targets.collect::<Vec<_>>());
        let column = |index: usize| {
            if queries.len() == 1 { "Value".to_owned() } else { format!("Value #{}", letter(index)) }
        };
        let labels = columns.iter().map(|(label, name)| ((*label).to_owned(), *name));
        let values = queries.iter().enumerate().map(|(index, (_, name))| (column(index), *name));
        let fields: Vec<(String, &str)> = labels.chain(values).collect();
        let order: Map<String, Value> =
            fields.iter().enumerate().map(|(at, (field, _))| (field.clone(), json!(at))).collect();
        let names: Map<String, Value> =
            fields.into_iter().map(|(field, name)| (field, json!(name))).collect();
        let transformations = json!([
            { "id": "merge", "options": {} },
            { "id": "organize", "options": {
                "excludeByName": { "Time": true }, "indexByName": order, "renameByName": names,
            } },
        ]);
        panel.json.insert("transformations".to_owned(), transformations);
        panel.options(json!({ "showHeader": true, "cellHeight": "sm" }));
        panel
    }

    /// How many observations fell where, over time.
    pub(super) fn heatmap(title: &str, unit: &str, buckets: &str) -> Self {
        let target = json!({
            "refId": "A",
            "datasource": source("prometheus"),
            "expr": expand(buckets),
            "legendFormat": "{{le}}",
            "editorMode": "code",
            "format": "heatmap",
            "range": true,
            "exemplar": true,
        });
        let mut panel = Self::new("heatmap", title, "short", &[target]);
        panel.options(json!({
            "calculate": false,
            "cellGap": 1,
            "color": { "mode": "scheme", "scheme": "Blues", "exponent": 0.5, "steps": 64, "reverse": false, "fill": "dark-blue" },
            "exemplars": { "color": "rgba(255,0,255,0.7)" },
            "filterValues": { "le": 1e-9 },
            "legend": { "show": true },
            "rowsFrame": { "layout": "auto" },
            "showValue": "never",
            "tooltip": { "mode": "single", "yHistogram": false, "showColorScale": false },
            "yAxis": { "axisPlacement": "left", "reverse": false, "unit": unit },
        }));
        panel
    }

    /// Lines of the log.
    pub(super) fn log(title: &str, expression: &str) -> Self {
        let target = json!({
            "refId": "A",
            "datasource": source("loki"),
            "expr": expression,
            "editorMode": "code",
            "queryType": "range",
            "maxLines": 200,
        });
        let mut panel = Self::new("logs", title, "short", &[target]);
        panel.json.insert("datasource".to_owned(), source("loki"));
        panel.options(json!({
            "showTime": true, "showLabels": false, "showCommonLabels": false, "wrapLogMessage": true,
            "prettifyLogMessage": false, "enableLogDetails": true, "dedupStrategy": "none", "sortOrder": "Descending",
        }));
        panel.sized(12, 10)
    }

    /// What it means, where the title does not say it.
    pub(super) fn about(mut self, text: &str) -> Self {
        self.json.insert("description".to_owned(), json!(text));
        self
    }

    /// Its room: of 24 columns, and rows of 30 pixels.
    pub(super) fn sized(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// One on top of the other.
    pub(super) fn stacked(mut self) -> Self {
        let custom =
            self.json.get_mut("fieldConfig").and_then(|config| config.pointer_mut("/defaults/custom"));
        if let Some(Value::Object(custom)) = custom {
            custom.insert("stacking".to_owned(), json!({ "mode": "normal", "group": "A" }));
            custom.insert("fillOpacity".to_owned(), json!(40));
        }
        self
    }

    /// Green below the first value, then yellow, from the second on red.
    pub(super) fn levels(self, yellow: f64, red: f64) -> Self {
        self.steps(["green", "yellow", "red"], yellow, red)
    }

    /// Red below the first value, then yellow, from the second on green.
    pub(super) fn levels_from_below(self, yellow: f64, green: f64) -> Self {
        self.steps(["red", "yellow", "green"], yellow, green)
    }

    fn steps(mut self, colors: [&str; 3], second: f64, third: f64) -> Self {
        let [first, middle, last] = colors;
        let steps = json!([
            { "color": first, "value": null },
            { "color": middle, "value": second },
            { "color": last, "value": third },
        ]);
        self.default("thresholds", json!({ "mode": "absolute", "steps": steps }));
        self.default("color", json!({ "mode": "thresholds" }));
        self
    }

    /// No more than this on the scale.
    pub(super) fn up_to(mut self, most: f64) -> Self {
        self.default("max", json!(most));
        self
    }

    /// From a series to its lines; where series are tools, to their traces, too.
    pub(super) fn linked(mut self, links: &[(&str, &str)]) -> Self {
        let links =
            links.iter().map(|(title, url)| json!({ "title": title, "url": url, "targetBlank": true }));
        let links: Vec<Value> = links.collect();
        self.default("links", json!(links));
        self
    }

    fn default(&mut self, key: &str, value: Value) {
        let defaults = self.json.get_mut("fieldConfig").and_then(|config| config.get_mut("defaults"));
        if let Some(Value::Object(defaults)) = defaults {
            defaults.insert(key.to_owned(), value);
        }
    }

    fn options(&mut self, options: Value) {
        self.json.insert("options".to_owned(), options);
    }

    /// The panel at its place.
    pub(super) fn at(mut self, id: u32, x: u32, y: u32) -> Value {
        self.json.insert("id".to_owned(), json!(id));
        self.json.insert("gridPos".to_owned(), json!({ "h": self.height, "w": self.width, "x": x, "y": y }));
        Value::Object(self.json)
    }
}

fn instant(index: usize, expression: &str, legend: &str) -> Value {
    json!({
        "refId": letter(index),
        "datasource": source("prometheus"),
        "expr": expand(expression),
        "legendFormat": legend,
        "editorMode": "code",
        "instant": true,
        "range": false,
    })
}
