//! Labels of custom metrics, and lists of values that labels may have.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;

use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, LabelValue, Value};
use crate::config::{LabelSource, RuleLabel};

/// Labels of one metric.
const MOST_LABELS: usize = 8;

/// Values of one label.
const MOST_VALUES: usize = 100;

/// Series that the listed values of one metric's labels stand for, for each server.
const MOST_SERIES: usize = 10_000;

/// What built-in labels have beside the values that are known.
pub(super) fn is_reserved(value: &str) -> bool {
    matches!(value, "none" | "_other")
}

/// The labels in the order of their names.
pub(super) fn resolve(raw: Spanned<raw::Labels>) -> Result<Vec<RuleLabel>, Mistake> {
    let span = raw.span();
    let mut labels = Vec::new();
    for (name, label) in raw.into_inner().0 {
        labels.push(RuleLabel { name: name.into_inner().0.0, source: source(label)? });
    }
    if labels.len() > MOST_LABELS {
        let message = format!("expected at most {MOST_LABELS} labels, and these are {}", labels.len());
        return Err(Fault::new(message, "each label multiplies the series of its metric").at(span));
    }
    check_series(&labels, span)?;
    labels.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(labels)
}

/// The values that are written, in their order.
pub(super) fn values(
    raw: Spanned<Vec<Spanned<Value<LabelValue>>>>,
    count: RangeInclusive<usize>,
) -> Result<Vec<String>, Mistake> {
    if !count.contains(&raw.get_ref().len()) {
        let message = match count.start() {
            0 => format!("expected at most {} values", count.end()),
            fewest => format!("expected {fewest} to {} values", count.end()),
        };
        return Err(Fault::new(message, "every value is a series of its own").at(raw.span()));
    }
    let mut values: Vec<String> = Vec::new();
    for value in raw.into_inner() {
        let span = value.span();
        let value = value.into_inner().0.0;
        if values.contains(&value) {
            return Err(Fault::new(format!("`{value}` stands twice"), "keep one of the two").at(span));
        }
        values.push(value);
    }
    Ok(values)
}

fn source(raw: Spanned<raw::Label>) -> Result<LabelSource, Mistake> {
    let span = raw.span();
    let raw::Label { pointer, allowed, fact } = raw.into_inner();
    match (pointer, allowed, fact) {
        (Some(pointer), Some(allowed), None) => Ok(LabelSource::Pointer {
            pointer: pointer.into_inner().0.0,
            allowed: values(allowed, 1..=MOST_VALUES)?,
        }),
        (None, None, Some(fact)) => Ok(LabelSource::Fact(fact.into_inner().0)),
        (Some(_), None, None) => Err(no_values().at(span)),
        (_, _, Some(fact)) => Err(Fault::new(
            "`fact` beside `pointer` or `allowed`",
            "a fact has the values that built-in metrics have; keep it alone, or remove it",
        )
        .at(fact.span())),
        (None, _, None) => Err(Fault::new(
            "a label that does not say where its value comes from",
            "write { pointer = \"/params/arguments/…\", allowed = [\"…\"] } or { fact = \"tool_name\" }",
        )
        .at(span)),
    }
}

fn no_values() -> Fault {
    Fault::new(
        "`pointer` without `allowed`: a label has known values alone",
        "list them: allowed = [\"low\", \"high\"]; what is none of them is `_other`, what is absent `none`",
    )
}

fn check_series(labels: &[RuleLabel], span: Range<usize>) -> Result<(), Mistake> {
    let counts = labels.iter().map(|label| match &label.source {
        LabelSource::Pointer { allowed, .. } => allowed.len(),
        LabelSource::Fact(_) => 1,
    });
    let series = counts.fold(1_usize, usize::saturating_mul);
    if series <= MOST_SERIES {
        return Ok(());
    }
    let message =
        format!("the values of these labels are {series} series together, and may be {MOST_SERIES}");
    Err(Fault::new(message, "shorten `allowed`, or leave a label out").at(span))
}
