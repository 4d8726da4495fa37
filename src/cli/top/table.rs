//! Tables: which rows stand there and in what order, and which columns there is room for.

use std::cmp::Ordering;

use super::text::{padded, plain};

/// Between two columns.
pub(super) const GAP: u16 = 1;

/// One column of rows of this kind.
pub(super) struct Column<T> {
    pub(super) title: &'static str,
    pub(super) width: u16,
    /// Takes a part of what is left.
    pub(super) grows: bool,
    /// Where there is no room, columns of higher ranks go first.
    pub(super) rank: u8,
    pub(super) text: fn(&T) -> String,
    pub(super) order: Order<T>,
}

/// By what a column sorts.
pub(super) enum Order<T> {
    /// Numbers, which stand to the right: the highest first, and last where there is none.
    Number(fn(&T) -> Option<f64>),
    /// Texts, from A on.
    Text(fn(&T) -> &str),
}

/// How the rows of a table are looked at.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sight {
    /// The column that it is sorted by.
    pub(super) sort: usize,
    pub(super) reversed: bool,
    /// The first row that is shown.
    pub(super) top: usize,
}

/// How a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Usual,
    Warning,
    Bad,
}

/// What is shown of a table.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<(Vec<String>, Tone)>,
    /// Rows that there are, and the first that is shown.
    pub(super) many: usize,
    pub(super) top: usize,
}

#[derive(Debug)]
pub(super) struct Head {
    pub(super) title: &'static str,
    /// Whether the rows are sorted by it, and how.
    pub(super) mark: &'static str,
    pub(super) width: u16,
    pub(super) to_the_right: bool,
}

/// A kind of rows with its columns.
pub(super) struct Kind<T: 'static> {
    pub(super) columns: &'static [Column<T>],
    /// Whether a row says this, which is in lower case.
    pub(super) says: fn(&T, &str) -> bool,
    pub(super) tone: fn(&T) -> Tone,
}

impl<T> Kind<T> {
    /// The rows that are wanted, in as much room as there is. Where there are fewer rows than were scrolled over, the last
    /// ones are shown.
    pub(super) fn sheet(&self, rows: &[T], filter: &str, sight: Sight, width: u16, room: usize) -> Sheet {
        let wanted = filter.to_lowercase();
        let mut rows: Vec<&T> = rows.iter().filter(|row| (self.says)(row, &wanted)).collect();
        self.sort(&mut rows, sight);
        let columns = self.fitting(width, sight.sort);
        let top = sight.top.min(rows.len().saturating_sub(room.max(1)));
        let shown = rows.iter().skip(top).take(room).map(|row| {
            let cells = columns.iter().map(|(column, _)| plain(&(column.text)(row)));
            (cells.collect(), (self.tone)(row))
        });
        let head = |(column, width): &(&Column<T>, u16)| Head {
            title: column.title,
            mark: self.mark(column, sight),
            width: *width,
            to_the_right: column.order.is_number(),
        };
        Sheet { rows: shown.collect(), heads: columns.iter().map(head).collect(), many: rows.len(), top }
    }

    /// By the column that is asked for, and what is equal there by the columns in their order.
    fn sort(&self, rows: &mut [&T], sight: Sight) {
        let Some(first) = self.columns.get(sight.sort) else { return };
        rows.sort_by(|one, other| {
            let rest = self.columns.iter().map(|column| column.order.compare(one, other));
            let order = first.order.compare(one, other);
            let order = if sight.reversed { order.reverse() } else { order };
            rest.fold(order, Ordering::then)
        });
    }

    /// The columns that there is room for, each with its width.
    fn fitting(&self, width: u16, sort: usize) -> Vec<(&Column<T>, u16)> {
        let rank = |place: usize| {
            let ours =
                if place == sort { Some(0) } else { self.columns.get(place).map(|column| column.rank) };
            ours.unwrap_or_default()
        };
        let mut places: Vec<usize> = (0..self.columns.len()).collect();
        let taken = |places: &[usize]| {
            let widths = places.iter().filter_map(|place| self.columns.get(*place));
            widths.map(|column| column.width + GAP).sum::<u16>().saturating_sub(GAP)
        };
        while places.len() > 1 && taken(&places) > width {
            let last = places.iter().copied().max_by_key(|place| rank(*place));
            places.retain(|place| Some(*place) != last);
        }
        let mut left = width.saturating_sub(taken(&places));
        let columns: Vec<&Column<T>> = places.iter().filter_map(|place| self.columns.get(*place)).collect();
        let mut growing = columns.iter().filter(|column| column.grows).count();
        let grown = columns.into_iter().map(|column| {
            let more =
                if column.grows { left / u16::try_from(growing.max(1)).unwrap_or(u16::MAX) } else { 0 };
            left -= more;
            growing -= usize::from(column.grows);
            (column, (column.width + more).min(width))
        });
        grown.collect()
    }

    fn mark(&self, column: &Column<T>, sight: Sight) -> &'static str {
        let is_sorted = self.columns.get(sight.sort).is_some_and(|sorted| sorted.title == column.title);
        let falls = column.order.is_number() != sight.reversed;
        match (is_sorted, falls) {
            (false, _) => "",
            (true, true) => "▼",
            (true, false) => "▲",
        }
    }
}

impl<T> Order<T> {
    fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    fn compare(&self, one: &T, other: &T) -> Ordering {
        match self {
            Self::Number(value) => value(other).unwrap_or(-1.0).total_cmp(&value(one).unwrap_or(-1.0)),
            Self::Text(text) => text(one).cmp(text(other)),
        }
    }
}

impl Sheet {
    /// As lines of text.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let cells = cells.zip(&self.heads);
            let cells = cells.map(|(cell, head)| padded(cell, usize::from(head.width), head.to_the_right));
            cells.collect::<Vec<_>>().join(&" ".repeat(usize::from(GAP))).trim_end().to_owned()
        };
        let heads = line(&mut self.heads.iter().map(|head| head.title));
        let rows = self.rows.iter().map(|(cells, _)| line(&mut cells.iter().map(String::as_str)));
        std::iter::once(heads).chain(rows).collect()
    }
}
