//! What stands in a cell: texts of others without what would act in a terminal, and numbers as people read them.

use ratatui::text::Span;

/// What somebody else wrote, with everything written out that moves a cursor, turns what stands beside it, or is not
/// seen.
pub(super) fn plain(text: &str) -> String {
    let unseen = |character: char| {
        character.is_control()
            || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            || matches!(character, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let mut told = String::with_capacity(text.len());
    for character in text.chars() {
        if unseen(character) { told.extend(character.escape_unicode()) } else { told.push(character) }
    }
    told
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// The same, of at most so many columns.
pub(super) fn fit(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let (mut told, mut taken) = (String::new(), 1);
    for character in text.chars() {
        taken += width(character.encode_utf8(&mut [0; 4]));
        if taken > most {
            break;
        }
        told.push(character);
    }
    told.push('…');
    told
}

/// The same, of just so many columns.
pub(super) fn padded(text: &str, columns: usize, to_the_right: bool) -> String {
    let told = fit(text, columns);
    let room = " ".repeat(columns.saturating_sub(width(&told)));
    if to_the_right { room + &told } else { told + &room }
}

pub(super) fn rate(value: Option<f64>) -> String {
    value
        .map_or_else(none, |value| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") })
}

pub(super) fn share(value: Option<f64>) -> String {
    value.map_or_else(none, |value| format!("{:.1}%", 100.0 * value))
}

/// Seconds.
pub(super) fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => none(),
        Some(seconds) if seconds < 0.1 => format!("{:.2}ms", 1000.0 * seconds),
        Some(seconds) if seconds < 1.0 => format!("{:.0}ms", 1000.0 * seconds),
        Some(seconds) if seconds < 120.0 => format!("{seconds:.1}s"),
        Some(seconds) if seconds < 7200.0 => format!("{:.0}min", seconds / 60.0),
        Some(seconds) if seconds < 172_800.0 => format!("{:.1}h", seconds / 3600.0),
        Some(seconds) => format!("{:.0}d", seconds / 86_400.0),
    }
}

/// Of a timestamp the time of day, in UTC as it stands there: `2026-11-20T19:02:07.123Z` → `19:02:07.123`.
pub(super) fn clock(timestamp: &str) -> &str {
    let time = timestamp.split_once('T').map_or(timestamp, |(_, time)| time);
    time.strip_suffix('Z').unwrap_or(time)
}

pub(super) fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_in_a_terminal_is_written_out() {
        assert_eq!(plain("\u{1b}[2J\u{9b}31m\u{202e}x\r\n"), r"\u{1b}[2J\u{9b}31m\u{202e}x\u{d}\u{a}");
        assert_eq!(plain("größer 日本 e\u{301}"), "größer 日本 e\u{301}");
    }

    #[test]
    fn a_text_takes_as_many_columns_as_there_are() {
        assert_eq!((fit("日本語", 5).as_str(), fit("abc", 3).as_str()), ("日本…", "abc"));
        assert_eq!((padded("日本", 6, false).as_str(), padded("7", 3, true).as_str()), ("日本  ", "  7"));
        assert_eq!((fit("ab", 0).as_str(), fit("日本", 2).as_str()), ("…", "…"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!((rate(Some(123.4)), rate(Some(0.5)), share(None)), ("123".into(), "0.50".into(), none()));
        let times = [0.0012, 0.25, 61.0, 600.0, 10_000.0, 259_200.0].map(|seconds| time(Some(seconds)));
        assert_eq!(times, ["1.20ms", "250ms", "61.0s", "10min", "2.8h", "3d"]);
        assert_eq!(clock("2026-11-20T19:02:07.123Z"), "19:02:07.123");
    }
}
