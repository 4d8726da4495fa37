//! Rules as Prometheus and Loki read them.

use std::fmt::Write as _;

/// Rules that are evaluated one after the other.
pub(super) struct Group {
    pub(super) name: &'static str,
    /// How often; `None` = as the server does by default.
    pub(super) every: Option<&'static str>,
    pub(super) rules: Vec<Rule>,
}

/// A recording rule or an alert.
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) expression: String,
    /// How long it must be true.
    pub(super) wait: Option<&'static str>,
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) annotations: Vec<(&'static str, String)>,
}

/// What a rule makes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Record,
    Alert,
}

impl Rule {
    /// A series by this name.
    pub(super) fn record(name: &'static str, expression: impl Into<String>) -> Self {
        let (labels, annotations) = (Vec::new(), Vec::new());
        Self { kind: Kind::Record, name, expression: expression.into(), wait: None, labels, annotations }
    }
}

const HEAD: &str = "# Written by `sightglass assets`; changes belong there.\n";

/// A file of rules.
pub(super) fn render(groups: &[Group]) -> String {
    let mut out = format!("{HEAD}groups:\n");
    for group in groups {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  - name: {}", group.name);
        if let Some(every) = group.every {
            let _ = writeln!(out, "    interval: {every}");
        }
        out.push_str("    rules:\n");
        for rule in &group.rules {
            write_rule(&mut out, rule);
        }
    }
    out
}

fn write_rule(out: &mut String, rule: &Rule) {
    let kind = if rule.kind == Kind::Record { "record" } else { "alert" };
    let _ = writeln!(out, "      - {kind}: {}", rule.name);
    if rule.expression.contains('\n') {
        out.push_str("        expr: |-\n");
        for line in rule.expression.lines() {
            let _ = writeln!(out, "          {line}");
        }
    } else {
        let _ = writeln!(out, "        expr: {}", quoted(&rule.expression));
    }
    if let Some(wait) = rule.wait {
        let _ = writeln!(out, "        for: {wait}");
    }
    for (key, pairs) in [("labels", &rule.labels), ("annotations", &rule.annotations)] {
        if !pairs.is_empty() {
            let _ = writeln!(out, "        {key}:");
        }
        for (name, value) in pairs {
            let _ = writeln!(out, "          {name}: {}", quoted(value));
        }
    }
}

/// In single quotes, in which nothing but they themselves has a meaning.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
