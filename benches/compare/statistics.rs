//! Medians, quantiles and spreads. Nothing here knows what it counts.

/// The median of some rounds and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` where there is nothing, or something that is no number.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        sorted.iter().all(|value| value.is_finite()).then_some(Self { median, least, most })
    }
}

/// The value below which this share of them lies (nearest rank); sorts what it is given. `None` where there is nothing.
pub(crate) fn quantile(values: &mut [u32], share: f64) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank lies between 0 and the length"
    )]
    let rank = (values.len() as f64 * share).ceil() as usize;
    if values.is_empty() {
        return None;
    }
    let rank = rank.clamp(1, values.len()) - 1;
    Some(*values.select_nth_unstable(rank).1)
}

/// What two targets differ by, round by round, so that what slows a whole round falls out.
pub(crate) fn paired(first: &[f64], second: &[f64], difference: impl Fn(f64, f64) -> f64) -> Option<Spread> {
    let pairs: Vec<f64> = first.iter().zip(second).map(|(this, that)| difference(*this, *that)).collect();
    Spread::of(&pairs)
}
