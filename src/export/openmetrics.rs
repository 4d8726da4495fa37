//! The classic page → `OpenMetrics` 1.0: counters are named without `_total`, buckets point at traces, and the page says
//! that it ends.

use super::exemplars::Exemplars;

/// `application/openmetrics-text; version=1.0.0` of a page in the classic text format.
pub fn to_openmetrics(page: &str, exemplars: &Exemplars) -> String {
    let mut out = String::with_capacity(page.len() + 8);
    let exemplars = exemplars.now();
    for line in page.lines().filter(|line| !line.is_empty()) {
        match metadata(line) {
            Some(metadata) => out.push_str(&metadata),
            None => out.push_str(line),
        }
        if let Some(exemplar) = exemplars.of_line(line) {
            out.push_str(&exemplar);
        }
        out.push('\n');
    }
    out.push_str("# EOF\n");
    out
}

/// `# HELP` and `# TYPE` name the family: for a counter that is the name without `_total`.
fn metadata(line: &str) -> Option<String> {
    let (keyword, rest) = line.strip_prefix("# ")?.split_once(' ')?;
    let (name, rest) = rest.split_once(' ')?;
    let family = name.strip_suffix("_total")?;
    Some(format!("# {keyword} {family} {rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counters_family_has_no_total_and_the_page_ends() {
        let page = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 1\n# TYPE b gauge\nb 2\n";
        insta::assert_snapshot!(to_openmetrics(page, &Exemplars::default()), @r##"
        # HELP a A.
        # TYPE a counter
        a_total{x="1"} 1
        # TYPE b gauge
        b 2
        # EOF
        "##);
    }
}
