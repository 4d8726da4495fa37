//! What a server says of its own time: `Server-Timing` (<https://www.w3.org/TR/server-timing/>).

use super::field::Field;
use super::text::Text;

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Its name, a token.
    pub name: Text,
    /// `dur`, in milliseconds: finite and not negative.
    pub milliseconds: Option<f64>,
    /// What `desc` says of a cache.
    pub cache: Option<CacheResult>,
}

/// Whether a cache had what was asked of it: the label `result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheResult {
    /// `desc=hit`
    Hit,
    /// `desc=miss`
    Miss,
}

impl CacheResult {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }

    fn described(description: &[u8]) -> Option<Self> {
        let is = |result: &Self| description.eq_ignore_ascii_case(result.as_str().as_bytes());
        [Self::Hit, Self::Miss].into_iter().find(is)
    }
}

/// So many entries of one field are told.
const ENTRIES_MAX: usize = 32;

/// An entry whose name is longer is passed over.
const NAME_BYTES_MAX: usize = 64;

/// Shows the first 32 entries of a field to `sink`, in order. One whose name is no token, or longer than 64 bytes, is
/// none of them. Of parameters that stand twice in an entry the first holds, of other parameters none.
pub fn server_timing(value: &[u8], sink: &mut dyn FnMut(Timing)) {
    let mut field = Field::new(value);
    let mut told = 0;
    while !field.is_empty() && told < ENTRIES_MAX {
        if let Some(timing) = entry(&mut field) {
            told += 1;
            sink(timing);
        }
        field.pass_up_to(b",");
        field.pass(b',');
    }
}

fn entry(field: &mut Field<'_>) -> Option<Timing> {
    field.pass_blanks();
    let name = field.token();
    field.pass_blanks();
    let is_named = (1..=NAME_BYTES_MAX).contains(&name.len()) && field.is_before(b";,");
    is_named.then_some(())?;
    let (mut duration, mut description) = (None, None);
    while field.pass(b';') {
        let parameter = field.token();
        let value = if field.pass(b'=') { field.value() } else { None };
        if parameter.eq_ignore_ascii_case(b"dur") {
            duration.get_or_insert(value);
        } else if parameter.eq_ignore_ascii_case(b"desc") {
            description.get_or_insert(value);
        }
        field.pass_up_to(b";,");
    }
    Some(Timing {
        name: Text::from(name),
        milliseconds: duration.flatten().and_then(|value| milliseconds(&value)),
        cache: description.flatten().and_then(|value| CacheResult::described(&value)),
    })
}

fn milliseconds(value: &[u8]) -> Option<f64> {
    let milliseconds: f64 = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
    (milliseconds.is_finite() && milliseconds.is_sign_positive()).then_some(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<(String, Option<f64>, Option<&'static str>)> {
        let mut entries = Vec::new();
        server_timing(value.as_bytes(), &mut |timing| {
            let cache = timing.cache.map(CacheResult::as_str);
            entries.push((timing.name.as_str().to_owned(), timing.milliseconds, cache));
        });
        entries
    }

    fn one(value: &str) -> (Option<f64>, Option<&'static str>) {
        let entries = read(value);
        assert_eq!(entries.len(), 1, "{value}");
        (entries[0].1, entries[0].2)
    }

    #[test]
    fn entries_are_told_in_order() {
        let name = |name: &str, milliseconds, cache| (name.to_owned(), milliseconds, cache);
        assert_eq!(
            read(r#"miss, db;dur=53, app ; dur = 47.2;desc="a, b; dur=1", cache;desc="Hit";dur=0"#),
            [
                name("miss", None, None),
                name("db", Some(53.0), None),
                name("app", Some(47.2), None),
                name("cache", Some(0.0), Some("hit")),
            ]
        );
        assert_eq!(read(""), []);
        assert_eq!(read(" ,, ,"), []);
    }

    #[test]
    fn a_duration_is_a_time_or_nothing() {
        for (value, milliseconds) in [
            ("db;dur=1.5e3", Some(1500.0)),
            ("db;DUR=\"2.5\"", Some(2.5)),
            ("db;dur=-1", None),
            ("db;dur=-0", None),
            ("db;dur=nan", None),
            ("db;dur=inf", None),
            ("db;dur=1e999", None),
            ("db;dur=1ms", None),
            ("db;dur=", None),
            ("db;dur", None),
            ("db;dur=1;dur=2", Some(1.0)),
            ("db;dur=x;dur=2", None),
            ("db;other=1;;dur=2", Some(2.0)),
            ("db;dur=3 x;desc=y", Some(3.0)),
        ] {
            assert_eq!(one(value), (milliseconds, None), "{value}");
        }
    }

    #[test]
    fn a_cache_is_described_as_hit_or_miss() {
        for (value, cache) in [
            ("cache;desc=hit", Some("hit")),
            ("cache;desc=MISS", Some("miss")),
            (r#"cache;desc="m\iss""#, Some("miss")),
            ("cache;desc=hits", None),
            (r#"cache;desc="hit"#, None),
            ("cache;desc=miss;desc=hit", Some("miss")),
        ] {
            assert_eq!(one(value), (None, cache), "{value}");
        }
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        let names = |value: &str| read(value).into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
        assert_eq!(names("a b;dur=1, c(d, \"e, f\", ;dur=1, =g, h"), ["h"]);
        assert_eq!(names(&format!("{}, {}", "x".repeat(64), "y".repeat(65))), ["x".repeat(64)]);
    }

    #[test]
    fn no_more_than_32_entries_are_told() {
        assert_eq!(read(&"a;dur=1,".repeat(100)).len(), ENTRIES_MAX);
    }
}
