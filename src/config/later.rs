//! Keys that the interface describes and this version does not have yet. A setting silently ignored would be a
//! lie, and "unknown" would be a riddle.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Mistake};

/// Keys of tables that exist.
const KEYS: &[(&str, &[&str])] = &[("server", &["slo"])];

/// The first key of `file`, in the order it is written, that belongs to a later version.
pub(super) fn check(file: &DeTable<'_>) -> Result<(), Mistake> {
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    for (key, value) in file {
        let name = key.get_ref().as_ref();
        let keys = KEYS.iter().find(|(table, _)| *table == name).map(|(_, keys)| *keys);
        in_table(name, value, keys.unwrap_or_default(), &mut found);
    }
    match found.into_iter().min_by_key(|(span, _)| span.start) {
        None => Ok(()),
        Some((span, name)) => Err(Fault::new(
            format!("this version does not have `{name}` yet"),
            "remove it; a setting that does nothing would mislead",
        )
        .at(span)),
    }
}

fn in_table(
    table: &str,
    value: &Spanned<DeValue<'_>>,
    keys: &[&str],
    found: &mut Vec<(Range<usize>, String)>,
) {
    if let DeValue::Array(blocks) = value.get_ref() {
        blocks.iter().for_each(|block| in_table(table, block, keys, found));
    } else if let DeValue::Table(entries) = value.get_ref() {
        let later = entries.keys().filter(|key| keys.contains(&key.get_ref().as_ref()));
        found.extend(later.map(|key| (key.span(), format!("{table}.{}", key.get_ref()))));
    }
}
