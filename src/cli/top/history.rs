//! The last minutes: figures of the last seconds, and a chart of all of them.

use super::ask::Points;

/// Seconds that are kept, which is what the proxy keeps by the second.
pub(super) const SECONDS: usize = 300;

/// Seconds of which the figures are.
const LATELY: usize = 10;

/// Of the last seconds.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Figures {
    pub(super) calls: Option<f64>,
    pub(super) errors: Option<f64>,
    /// Median, 95 %, 99 %.
    pub(super) quantiles: [Option<f64>; 3],
    pub(super) sessions: u64,
    pub(super) streams: u64,
}

/// Calls and errors in a thousand seconds, column by column and the newest last; `None` = nothing is known.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chart {
    pub(super) calls: Vec<Option<u64>>,
    pub(super) errors: Vec<Option<u64>>,
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "of a few seconds")]
    pub(super) fn of(points: &Points) -> Self {
        let sum = |counts: &[u64]| counts.iter().rev().take(LATELY).sum::<u64>() as f64;
        let seconds: f64 = points.seconds.iter().rev().take(LATELY).sum();
        let (errors, successes) = (sum(&points.errors), sum(&points.successes));
        let newest = |values: &[Option<f64>]| values.iter().rev().take(LATELY).find_map(|value| *value);
        Self {
            calls: (seconds > 0.0).then(|| sum(&points.calls) / seconds),
            errors: (errors + successes > 0.0).then(|| errors / (errors + successes)),
            quantiles: [&points.p50, &points.p95, &points.p99].map(|values| newest(values)),
            sessions: points.sessions.last().copied().unwrap_or_default(),
            streams: points.streams.last().copied().unwrap_or_default(),
        }
    }
}

impl Points {
    /// Puts newer ones behind these; where they are older, as after a clock was set, they take their place.
    pub(super) fn grow(&mut self, more: Self) {
        let (newest, last) = (self.at.last().copied(), more.at.last().copied());
        let follows = newest.is_none() || last >= newest;
        if !follows {
            *self = more;
            return;
        }
        let known = newest.map_or(0, |newest| more.at.iter().take_while(|at| **at <= newest).count());
        let gone = (self.at.len() + more.at.len() - known).saturating_sub(SECONDS);
        grow(&mut self.at, more.at, known, gone);
        grow(&mut self.seconds, more.seconds, known, gone);
        for (column, more) in [
            (&mut self.calls, more.calls),
            (&mut self.errors, more.errors),
            (&mut self.successes, more.successes),
            (&mut self.sessions, more.sessions),
            (&mut self.streams, more.streams),
        ] {
            grow(column, more, known, gone);
        }
        for (column, more) in
            [(&mut self.p50, more.p50), (&mut self.p95, more.p95), (&mut self.p99, more.p99)]
        {
            grow(column, more, known, gone);
        }
    }

    /// All of it in so many columns. Each stands for as many whole seconds, always the same ones: what was drawn stays
    /// as it is and moves to the left.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "of positive numbers that are far from any limit"
    )]
    pub(super) fn chart(&self, columns: usize) -> Chart {
        let step = SECONDS.div_ceil(columns.max(1)).max(1) as f64;
        let Some(last) = self.at.last().map(|at| (at / step).floor()) else { return Chart::default() };
        let mut sums = vec![(0.0, 0, 0); columns];
        for (((at, seconds), calls), errors) in
            self.at.iter().zip(&self.seconds).zip(&self.calls).zip(&self.errors)
        {
            let back = (last - (at / step).floor()) as usize;
            let place = columns.checked_sub(back + 1).and_then(|place| sums.get_mut(place));
            if let Some((long, called, failed)) = place {
                (*long, *called, *failed) = (*long + seconds, *called + calls, *failed + errors);
            }
        }
        let rate =
            |count: u64, long: f64| (long > 0.0).then(|| (1000.0 * count as f64 / long).round() as u64);
        Chart {
            calls: sums.iter().map(|(long, calls, _)| rate(*calls, *long)).collect(),
            errors: sums.iter().map(|(long, _, errors)| rate(*errors, *long)).collect(),
        }
    }
}

/// Puts what is not `known` of `more` behind a column, whose oldest are `gone`.
fn grow<T>(column: &mut Vec<T>, more: Vec<T>, known: usize, gone: usize) {
    column.extend(more.into_iter().skip(known));
    column.drain(..gone.min(column.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(at: std::ops::Range<u32>) -> Points {
        let many = at.len();
        Points {
            at: at.map(f64::from).collect(),
            seconds: vec![1.0; many],
            calls: vec![2; many],
            errors: vec![1; many],
            ..Points::default()
        }
    }

    #[test]
    fn points_grow_without_a_second_twice_and_not_for_ever() {
        let mut grown = points(0..10);
        grown.grow(points(5..12));
        assert_eq!(grown.at, points(0..12).at);
        assert_eq!(grown.calls.len(), 12);
        grown.grow(points(12..500));
        assert_eq!((grown.at.len(), grown.at.last()), (SECONDS, Some(&499.0)));
        grown.grow(points(3..7));
        assert_eq!(grown.at, points(3..7).at, "the clock was set back");
    }

    #[test]
    fn a_chart_moves_to_the_left_and_does_not_change_what_was_drawn() {
        let chart = points(0..6).chart(150);
        assert_eq!(chart.calls.len(), 150);
        assert_eq!(chart.calls.get(146..), Some(&[None, Some(2000), Some(2000), Some(2000)][..]));
        let next = points(0..8).chart(150);
        assert_eq!(next.calls.get(145..149), chart.calls.get(146..));
        assert_eq!(next.errors.last(), Some(&Some(1000)));
        assert_eq!(points(0..3).chart(0), Chart { calls: vec![], errors: vec![] });
    }
}
