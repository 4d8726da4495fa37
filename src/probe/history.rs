//! How a server has been: what is remembered of its probes, bounded.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// A day, by the minute.
const MINUTES: usize = 24 * 60;

/// Successful probes by which the usual time is known.
const TIMES_MAX: usize = 256;

/// So many are needed for a usual time.
const TIMES_MIN: usize = 5;

/// How many times slower than usual is slow, where it is by more than [`SLOWER_BY`].
const SLOWER: u32 = 3;
const SLOWER_BY: Duration = Duration::from_millis(50);

/// How many probes were fine, and how many there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Fine.
    pub fine: u64,
    /// Of so many.
    pub of: u64,
}

impl Share {
    /// The ratio; `None` = there was no probe.
    #[expect(clippy::cast_precision_loss, reason = "a day has at most 86,400 probes")]
    pub fn ratio(self) -> Option<f64> {
        (self.of > 0).then(|| self.fine as f64 / self.of as f64)
    }
}

/// Probes by the minute in which they ended.
#[derive(Debug)]
pub(super) struct Minutes {
    since: Instant,
    /// The newest last, with its number.
    kept: VecDeque<(u64, Share)>,
}

impl Minutes {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, kept: VecDeque::new() }
    }

    pub(super) fn add(&mut self, fine: bool, now: Instant) {
        let minute = self.minute(now);
        if self.kept.back().is_none_or(|(newest, _)| *newest != minute) {
            self.kept.push_back((minute, Share::default()));
        }
        if let Some((_, share)) = self.kept.back_mut() {
            share.of += 1;
            share.fine += u64::from(fine);
        }
        while self.kept.front().is_some_and(|(oldest, _)| minute - oldest >= MINUTES as u64) {
            self.kept.pop_front();
        }
    }

    /// The share in the last so many minutes, this one included.
    pub(super) fn share(&self, minutes: u64, now: Instant) -> Share {
        let from = (self.minute(now) + 1).saturating_sub(minutes);
        let add = |sum: Share, share: &Share| Share { fine: sum.fine + share.fine, of: sum.of + share.of };
        let within = self.kept.iter().filter(|(minute, _)| *minute >= from).map(|(_, share)| share);
        within.fold(Share::default(), add)
    }

    fn minute(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs() / 60
    }
}

/// How long successful probes took.
#[derive(Debug, Default)]
pub(super) struct Times {
    kept: VecDeque<Duration>,
}

/// How long a probe usually takes, and how long it takes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// The median of those before the last two.
    pub usual: Duration,
    /// The faster one of the last two: a single slow one is chance.
    pub now: Duration,
}

impl Baseline {
    /// Whether it is much slower than usual.
    pub fn is_slow(&self) -> bool {
        self.now > self.usual * SLOWER && self.now > self.usual + SLOWER_BY
    }

    /// How many times as long as usual.
    pub fn ratio(&self) -> f64 {
        self.now.as_secs_f64() / self.usual.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl Times {
    pub(super) fn add(&mut self, took: Duration) {
        self.kept.push_back(took);
        if self.kept.len() > TIMES_MAX {
            self.kept.pop_front();
        }
    }

    /// `None` = there were too few for anything to be usual.
    pub(super) fn baseline(&self) -> Option<Baseline> {
        let now = *self.kept.iter().rev().take(2).min()?;
        let mut before: Vec<Duration> = self.kept.iter().rev().skip(2).copied().collect();
        if before.len() < TIMES_MIN {
            return None;
        }
        before.sort_unstable();
        let usual = *before.get(before.len() / 2)?;
        Some(Baseline { usual, now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_last_minutes_and_a_day_is_kept() {
        let start = Instant::now();
        let mut minutes = Minutes::new(start);
        let at = |minute: u64| start + Duration::from_secs(60 * minute + 1);
        assert_eq!(minutes.share(60, at(0)).ratio(), None);
        minutes.add(true, at(0));
        minutes.add(false, at(0));
        minutes.add(true, at(59));
        assert_eq!(minutes.share(60, at(59)), Share { fine: 2, of: 3 });
        assert_eq!(minutes.share(60, at(60)), Share { fine: 1, of: 1 });
        assert_eq!(minutes.share(1440, at(60)).of, 3);
        for minute in 0..5000 {
            minutes.add(true, at(minute));
        }
        assert_eq!(minutes.kept.len(), MINUTES);
        assert_eq!(minutes.share(1440, at(4999)), Share { fine: 1440, of: 1440 });
    }

    #[test]
    fn slow_is_what_takes_much_longer_than_usual() {
        let mut times = Times::default();
        let ms = Duration::from_millis;
        for took in [9, 10, 11, 10, 12] {
            assert_eq!(times.baseline(), None);
            times.add(ms(took));
        }
        times.add(ms(10));
        assert_eq!(times.baseline(), None);
        times.add(ms(10));
        assert_eq!(times.baseline(), Some(Baseline { usual: ms(10), now: ms(10) }));
        for took in [55, 55] {
            times.add(ms(took));
            assert!(!times.baseline().expect("enough").is_slow(), "45 ms more are noise");
        }
        times.add(ms(10));
        times.add(ms(100));
        assert!(!times.baseline().expect("enough").is_slow(), "one is chance");
        times.add(ms(110));
        let baseline = times.baseline().expect("enough");
        assert!(baseline.is_slow());
        assert!((baseline.ratio() - 10.0).abs() < 1e-9);
        times.add(ms(11));
        assert!(!times.baseline().expect("enough").is_slow());
        for _ in 0..1000 {
            times.add(ms(100));
        }
        assert!(!times.baseline().expect("enough").is_slow(), "what lasts becomes usual");
        assert_eq!(times.kept.len(), TIMES_MAX);
    }
}
