//! Bars with their spread, as an SVG that needs nothing but a browser.

use std::fmt::Write as _;

use super::statistics::Spread;

const WIDTH: f64 = 860.0;
const LABELS: f64 = 170.0;
const FIGURES: f64 = 150.0;
const BAR: f64 = 16.0;
const GAP: f64 = 5.0;
const TITLE: f64 = 30.0;

/// One group of bars with a scale of its own, from 0.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Bar {
    pub(crate) label: &'static str,
    pub(crate) spread: Spread,
}

/// The panels below each other. A bar ends at the median, its whisker spans all rounds.
pub(crate) fn svg(title: &str, panels: &[Panel]) -> String {
    let heights: f64 = panels.iter().map(height).sum();
    let total = heights + 2.0 * TITLE;
    let mut page = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{total}\" viewBox=\"0 0 {WIDTH} {total}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"22\" font-size=\"16\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    let mut top = TITLE;
    for panel in panels {
        draw(&mut page, panel, top);
        top += height(panel);
    }
    page.push_str("</svg>\n");
    page
}

#[expect(clippy::cast_precision_loss, reason = "a panel has some ten bars")]
fn height(panel: &Panel) -> f64 {
    TITLE + panel.bars.len() as f64 * (BAR + GAP) + GAP
}

fn draw(page: &mut String, panel: &Panel, top: f64) {
    let _ = writeln!(
        page,
        "<text x=\"10\" y=\"{:.1}\" font-size=\"13\" font-weight=\"bold\">{}</text>",
        top + 20.0,
        escaped(&panel.title)
    );
    let most = panel.bars.iter().map(|bar| bar.spread.most).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABELS - FIGURES) / most;
    let mut y = top + TITLE;
    for Bar { label, spread } in &panel.bars {
        let right = |value: f64| LABELS + value.max(0.0) * scale;
        let (middle, text) = (y + BAR / 2.0, y + BAR - 4.0);
        let (colour, end) = (colour(label), right(spread.median));
        let (low, high) = (right(spread.least), right(spread.most));
        let _ = writeln!(
            page,
            "<text x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>\n\
             <rect x=\"{LABELS}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
             <path d=\"M{low:.1} {middle:.1}H{high:.1}M{low:.1} {:.1}v6M{high:.1} {:.1}v6\" stroke=\"#222222\" fill=\"none\"/>\n\
             <text x=\"{:.1}\" y=\"{text:.1}\">{}</text>",
            LABELS - 8.0,
            escaped(label),
            end - LABELS,
            middle - 3.0,
            middle - 3.0,
            high.max(end) + 6.0,
            rounded(spread.median)
        );
        y += BAR + GAP;
    }
}

fn colour(label: &str) -> &'static str {
    match label {
        "direct" => "#d9d9d9",
        _ if label.starts_with("sightglass") => "#2a7f9e",
        _ => "#b08d57",
    }
}

/// Three figures or so.
pub(crate) fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
