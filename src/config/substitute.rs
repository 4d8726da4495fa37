//! `${VAR}` and `${VAR:-default}` in the string values of the file, so that secrets stay out of it.

use std::borrow::Cow;
use std::cmp::Reverse;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Mistake};
use super::{MASK, Secret};

/// Where variables are looked up: `std::env::var(name).ok()`, or a test's own table.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What was put in place of which variable, so that a message can take it out again, and where.
#[derive(Debug, Default)]
pub(super) struct Substituted {
    values: Vec<(String, String)>,
    places: Vec<Vec<Step>>,
    /// Values that came from the environment, short ones included.
    count: usize,
}

/// A step from a table or a list of the file to what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// A position in a list.
    Index(usize),
}

/// Which values of a configuration came from the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FromEnvironment {
    values: Vec<Secret>,
    places: Vec<Vec<Step>>,
}

impl FromEnvironment {
    /// Where they stand in what is shown of the configuration.
    pub fn places(&self) -> impl Iterator<Item = &[Step]> {
        self.places.iter().map(Vec::as_slice)
    }

    /// `text` with each of them masked.
    pub fn hide_in(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, value| text.replace(&value.0, MASK))
    }

    /// What stood at these keys was replaced by something else.
    pub(super) fn forget(&mut self, keys: &[&str]) {
        self.places.retain(|place| !begins_with(place, keys));
    }

    /// Takes out where they stand in the block of the server at `position`.
    pub(super) fn of_server(&mut self, position: usize) -> Vec<Vec<Step>> {
        let is_of = |place: &Vec<Step>| {
            place.get(1) == Some(&Step::Index(position)) && begins_with(place, &["server"])
        };
        let (of_server, others) = self.places.drain(..).partition::<Vec<_>, _>(is_of);
        self.places = others;
        of_server.into_iter().map(|place| place.into_iter().skip(2).collect()).collect()
    }

    /// Adds those of a configuration of which parts go on.
    pub(super) fn add(&mut self, other: &Self) {
        let values: Vec<_> =
            other.values.iter().filter(|value| !self.values.contains(value)).cloned().collect();
        self.values.extend(values);
        self.values.sort_by_key(|value| Reverse(value.0.len()));
        let places: Vec<_> =
            other.places.iter().filter(|place| !self.places.contains(place)).cloned().collect();
        self.places.extend(places);
    }
}

fn begins_with(place: &[Step], keys: &[&str]) -> bool {
    place.len() >= keys.len()
        && place.iter().zip(keys).all(|(step, key)| matches!(step, Step::Key(named) if named == key))
}

/// Replaces variables in every string value of `table`; keys stay as they are. `$$` becomes `$`, and a `$` before
/// anything but `{` or `$` is left alone.
pub(super) fn table(table: &mut DeTable<'_>, environment: Environment<'_>) -> Result<Substituted, Mistake> {
    let mut substituted = Substituted::default();
    let mut place = Vec::new();
    in_table(table, environment, &mut substituted, &mut place)?;
    Ok(substituted)
}

impl Substituted {
    /// `text` with each value that came from the environment named rather than shown.
    pub(super) fn hide_in(&self, text: &str) -> String {
        self.values.iter().fold(text.to_owned(), |text, (name, value)| {
            let escaped = value.escape_debug().to_string();
            text.replace(value, &format!("${{{name}}}")).replace(&escaped, &format!("${{{name}}}"))
        })
    }

    /// What the configuration has to remember of it.
    pub(super) fn remembered(&self) -> FromEnvironment {
        let mut values: Vec<_> = self.values.iter().map(|(_, value)| Secret(value.clone())).collect();
        // One may be a part of another.
        values.sort_by_key(|value| Reverse(value.0.len()));
        FromEnvironment { values, places: self.places.iter().flat_map(|place| shown_at(place)).collect() }
    }
}

/// Where what stands at `place` of the file is shown. An endpoint of OTLP is resolved into a URL for each signal.
fn shown_at(place: &[Step]) -> Vec<Vec<Step>> {
    let endpoint = ["tracing", "otlp", "endpoint"].map(|key| Step::Key(key.to_owned()));
    if place != endpoint {
        return vec![place.to_vec()];
    }
    let [tracing, otlp, _] = endpoint;
    let signal = |key: &str| vec![tracing.clone(), otlp.clone(), Step::Key(key.to_owned())];
    ["traces", "metrics", "logs"].map(signal).to_vec()
}

fn in_table(
    table: &mut DeTable<'_>,
    environment: Environment<'_>,
    substituted: &mut Substituted,
    place: &mut Vec<Step>,
) -> Result<(), Mistake> {
    for (key, value) in table.iter_mut() {
        place.push(Step::Key(key.get_ref().to_string()));
        in_value(value, environment, substituted, place)?;
        place.pop();
    }
    Ok(())
}

fn in_value(
    value: &mut Spanned<DeValue<'_>>,
    environment: Environment<'_>,
    substituted: &mut Substituted,
    place: &mut Vec<Step>,
) -> Result<(), Mistake> {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) if text.contains('$') => {
            let before = substituted.count;
            let replaced = in_text(text, environment, substituted).map_err(|fault| fault.at(span))?;
            if substituted.count > before {
                substituted.places.push(place.clone());
            }
            *text = Cow::Owned(replaced);
        }
        DeValue::Array(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                place.push(Step::Index(index));
                in_value(value, environment, substituted, place)?;
                place.pop();
            }
        }
        DeValue::Table(values) => in_table(values, environment, substituted, place)?,
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
    Ok(())
}

fn in_text(text: &str, environment: Environment<'_>, substituted: &mut Substituted) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (variable, after) = after.split_once('}').ok_or_else(unfinished)?;
            out.push_str(&value_of(variable, environment, substituted)?);
            after
        } else {
            out.push('$');
            after
        };
    }
    out.push_str(rest);
    Ok(out)
}

/// As in a shell, a default also stands in for a variable that is set but empty.
fn value_of(
    variable: &str,
    environment: Environment<'_>,
    substituted: &mut Substituted,
) -> Result<String, Fault> {
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    };
    if !is_name(name) {
        return Err(Fault::new(
            "expected the name of an environment variable after `${`",
            "write `${NAME}` or `${NAME:-default}`; for a `$` itself write `$$`",
        ));
    }
    match (environment(name), default) {
        (Some(value), None) => Ok(substituted.note(name, value)),
        (Some(value), Some(_)) if !value.is_empty() => Ok(substituted.note(name, value)),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Fault::new(
            format!("the environment variable `{name}` is not set"),
            format!("set it, or write `${{{name}:-default}}`; for a `$` itself write `$$`"),
        )),
    }
}

impl Substituted {
    /// Values too short to be secrets would only garble messages.
    fn note(&mut self, name: &str, value: String) -> String {
        self.count += 1;
        if value.len() >= 4 {
            self.values.push((name.to_owned(), value.clone()));
        }
        value
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn unfinished() -> Fault {
    Fault::new("`${` without its `}`", "write `${NAME}` or `${NAME:-default}`; for a `$` itself write `$$`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> Result<String, Fault> {
        let environment = |name: &str| match name {
            "A" => Some("first".to_owned()),
            "EMPTY" => Some(String::new()),
            "RECURSIVE" => Some("${A}".to_owned()),
            _ => None,
        };
        in_text(text, &environment, &mut Substituted::default())
    }

    #[test]
    fn variables_defaults_and_dollars() {
        for (text, expected) in [
            ("x${A}y${A}", "xfirstyfirst"),
            ("${A:-other}", "first"),
            ("${B:-other}", "other"),
            ("${B:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-other}", "other"),
            ("$$${A}$${A}", "$first${A}"),
            ("5$ $x $", "5$ $x $"),
            ("${RECURSIVE}", "${A}"),
        ] {
            assert_eq!(replaced(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_replaced_is_a_mistake() {
        for text in ["${B}", "${", "${}", "${1}", "${a-b}", "${A"] {
            assert!(replaced(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_of_the_environment_is_not_shown() {
        let mut substituted = Substituted::default();
        substituted.note("TOKEN", "a\"secret".to_owned());
        assert_eq!(substituted.hide_in(r#"string "a\"secret""#), "string \"${TOKEN}\"");
    }
}
