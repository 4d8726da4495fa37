//! What is wrong with a configuration: where, what was expected, what to do.

use std::fmt;
use std::ops::Range;

/// Why a configuration was refused. `Display` is the whole message: the place with its caret (as `toml` draws
/// it), what was expected, and one line `hint: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The file, or the option, that holds the mistake; empty where it is neither.
    origin: String,
    /// Boxed to keep results small.
    excerpt: Option<Box<Excerpt>>,
    fault: Fault,
}

/// A mistake apart from its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is wrong and what was expected.
    pub(super) message: String,
    /// What to do.
    pub(super) hint: String,
}

/// A mistake and the bytes of the file that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) span: Option<Range<usize>>,
    pub(super) fault: Fault,
}

/// The line that holds a mistake, and which part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    line: usize,
    column: usize,
    /// Characters of `text` before the caret: fewer than `column` where the line is cut.
    indent: usize,
    width: usize,
    text: String,
}

/// Between a fault's message and its hint where both travel as one string through `serde`.
const HINT: &str = "\nhint: ";

/// Of a longer line only this many characters around the mistake are shown.
const LONGEST_LINE: usize = 160;

impl Fault {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    pub(super) fn at(self, span: Range<usize>) -> Mistake {
        Mistake { span: Some(span), fault: self }
    }

    /// The reverse of `Display`; `None` where the text holds no hint.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        text.rsplit_once(HINT).map(|(message, hint)| Self::new(message, hint))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{HINT}{}", self.message, self.hint)
    }
}

impl Error {
    /// A mistake that has no line: in an option, in a file as a whole, or nowhere (`origin` empty).
    pub(super) fn whole(origin: impl Into<String>, fault: Fault) -> Self {
        Self { origin: origin.into(), excerpt: None, fault }
    }

    /// A mistake somewhere in the `text` of `file`.
    pub(super) fn in_text(file: &str, text: &str, mistake: Mistake) -> Self {
        let excerpt = mistake.span.map(|span| Box::new(Excerpt::of(text, &span)));
        Self { origin: file.to_owned(), excerpt, fault: mistake.fault }
    }

    /// Where it is and what is wrong, without the line of the file: that may hold a secret, and what is told of a running
    /// process leaves it.
    pub fn without_line(&self) -> String {
        match &self.excerpt {
            Some(excerpt) => {
                format!("{}, line {}, column {}: {}", self.origin, excerpt.line, excerpt.column, self.fault)
            }
            None => self.to_string(),
        }
    }

    /// A program's own mistake of this kind, for callers that know both ways to begin.
    pub fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::whole("", Fault::new(message, hint))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.excerpt {
            Some(excerpt) => excerpt.draw(formatter, &self.origin)?,
            None if self.origin.is_empty() => {}
            None => write!(formatter, "{}: ", self.origin)?,
        }
        write!(formatter, "{}", self.fault)
    }
}

impl Excerpt {
    fn of(text: &str, span: &Range<usize>) -> Self {
        let bytes = text.as_bytes();
        let start = span.start.min(bytes.len());
        let before = bytes.get(..start).unwrap_or_default();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let line = before.split(|byte| *byte == b'\n').count();
        let rest = bytes.get(line_start..).unwrap_or_default();
        let content = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let end = span.end.clamp(start, line_start + content.len().max(start - line_start));
        let characters = |range: Range<usize>| {
            String::from_utf8_lossy(bytes.get(range).unwrap_or_default()).chars().count()
        };
        let text = String::from_utf8_lossy(content).trim_end_matches('\r').replace('\t', " ");
        let (column, width) = (characters(line_start..start) + 1, characters(start..end).max(1));
        let cut =
            if text.chars().count() > LONGEST_LINE { column.saturating_sub(LONGEST_LINE / 2) } else { 0 };
        Self {
            line,
            column,
            indent: column - 1 - cut.min(column - 1),
            width: width.min(LONGEST_LINE / 2),
            text: text.chars().skip(cut).take(LONGEST_LINE).collect(),
        }
    }

    fn draw(&self, formatter: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        let Self { line, column, indent, width, text } = self;
        let gutter = " ".repeat(line.to_string().len());
        writeln!(formatter, "{file}, line {line}, column {column}")?;
        writeln!(formatter, "{gutter} |")?;
        writeln!(formatter, "{line} | {text}")?;
        writeln!(formatter, "{gutter} | {}{}", " ".repeat(*indent), "^".repeat(*width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, span: Range<usize>) -> String {
        Error::in_text("f", text, Fault::new("m", "h").at(span)).to_string()
    }

    #[test]
    fn a_span_is_drawn_under_its_own_characters() {
        assert_eq!(drawn("a\nü = x\nb", 7..8), "f, line 2, column 5\n  |\n2 | ü = x\n  |     ^\nm\nhint: h");
    }

    #[test]
    fn a_span_over_several_lines_ends_with_its_first() {
        assert_eq!(drawn("ab\r\ncd", 1..6).lines().nth(3), Some("  |  ^^"));
    }

    #[test]
    fn a_long_line_is_cut_around_its_mistake() {
        let text = format!("{}x{}", "a".repeat(100_000), "b".repeat(100_000));
        let drawn = drawn(&text, 100_000..150_000);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.first(), Some(&"f, line 1, column 100001"));
        assert_eq!(lines.get(2).map(|line| line.chars().count()), Some(4 + LONGEST_LINE));
        let caret = lines.get(3).and_then(|line| line.find('^'));
        assert_eq!(caret, lines.get(2).and_then(|line| line.find('x')));
    }

    #[test]
    fn a_span_at_the_end_of_the_text_has_a_caret() {
        assert_eq!(drawn("ab", 2..2).lines().nth(3), Some("  |   ^"));
        assert_eq!(drawn("", 0..9).lines().nth(3), Some("  | ^"));
    }
}
