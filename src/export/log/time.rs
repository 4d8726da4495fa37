//! Points in time as lines write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::format::three_digits;

/// One moment on both clocks, so that what the monotonic one measured can be told by the wall's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    wall: SystemTime,
    monotonic: Instant,
}

impl Clocks {
    pub(super) fn now() -> Self {
        Self { wall: SystemTime::now(), monotonic: Instant::now() }
    }

    /// When `at` was.
    #[inline]
    pub(super) fn wall(self, at: Instant) -> SystemTime {
        let wall = match at.checked_duration_since(self.monotonic) {
            Some(later) => self.wall.checked_add(later),
            None => self.wall.checked_sub(self.monotonic.duration_since(at)),
        };
        wall.unwrap_or(self.wall)
    }

    /// These, or new ones where they are too far from `at` for the wall's clock not to have been set since.
    #[inline]
    pub(super) fn near(self, at: Instant) -> Self {
        let apart = match at.checked_duration_since(self.monotonic) {
            Some(later) => later,
            None => self.monotonic.duration_since(at),
        };
        if apart < COMPARED_EVERY { self } else { Self::now() }
    }
}

/// How long what the two clocks showed together stands.
const COMPARED_EVERY: Duration = Duration::from_secs(1);

/// The timestamp that was last written: most lines are of the same second as the line before.
#[derive(Debug, Default)]
pub(super) struct Second {
    since_epoch: Option<u64>,
    /// `2026-11-20T19:02:07.123Z`
    text: [u8; TIMESTAMP_BYTES],
}

impl Second {
    /// Appends what [`timestamp`] does.
    #[inline]
    pub(super) fn timestamp(&mut self, at: SystemTime, out: &mut Vec<u8>) {
        let since = since_epoch(at);
        if self.since_epoch != Some(since.as_secs()) {
            self.set(at, since.as_secs());
        }
        let millis = three_digits(since.subsec_millis().into());
        self.text[TIMESTAMP_BYTES - 4..TIMESTAMP_BYTES - 1].copy_from_slice(&millis);
        out.extend_from_slice(&self.text);
    }

    #[cold]
    fn set(&mut self, at: SystemTime, since_epoch: u64) {
        let mut text = Vec::with_capacity(TIMESTAMP_BYTES);
        timestamp(at, &mut text);
        for (kept, byte) in self.text.iter_mut().zip(text) {
            *kept = byte;
        }
        self.since_epoch = Some(since_epoch);
    }
}

/// Of every timestamp up to the year 9999.
const TIMESTAMP_BYTES: usize = 24;

/// Appends RFC 3339, UTC, milliseconds. Every line has it, so it does without the formatting machinery.
pub(super) fn timestamp(at: SystemTime, out: &mut Vec<u8>) {
    let (year, month, day) = civil(since_epoch(at).as_secs() / 86_400);
    digits(year, 4, out);
    for number in [month, day] {
        out.push(b'-');
        digits(number, 2, out);
    }
    out.push(b'T');
    out.extend_from_slice(time_of_day(at).as_bytes());
    out.push(b'Z');
}

/// `12:34:56.789`, UTC.
pub(super) fn time_of_day(at: SystemTime) -> String {
    let since = since_epoch(at);
    let seconds = since.as_secs() % 86_400;
    let mut out = Vec::with_capacity(12);
    digits(seconds / 3600, 2, &mut out);
    for number in [seconds / 60 % 60, seconds % 60] {
        out.push(b':');
        digits(number, 2, &mut out);
    }
    out.push(b'.');
    digits(u64::from(since.subsec_millis()), 3, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The last `count` decimal digits of `number`.
fn digits(number: u64, count: u32, out: &mut Vec<u8>) {
    for place in (0..count).rev() {
        let digit = number / 10_u64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or_default());
    }
}

/// Days since 1970-01-01 → year, month, day (proleptic Gregorian calendar, Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wall's clock is set, forward or back: for a second lines go by what it showed before, then by what it shows.
    #[test]
    fn a_clock_that_was_set_is_followed_when_it_is_compared_next() {
        const DAY: Duration = Duration::from_secs(86_400);
        let (wall, monotonic) = (SystemTime::now(), Instant::now());
        for before in [wall - DAY, wall + DAY] {
            let clocks = Clocks { wall: before, monotonic };
            let soon = clocks.near(monotonic + COMPARED_EVERY / 2);
            assert_eq!(soon.wall(monotonic), before);
            let later = clocks.near(monotonic + COMPARED_EVERY);
            let apart = match later.wall.duration_since(wall) {
                Ok(later) => later,
                Err(earlier) => earlier.duration(),
            };
            assert!(apart < DAY / 2, "it still goes by the clock as it was");
        }
        // Lengths are never told by it: what lies before the moment of comparison is as far before on the wall.
        let clocks = Clocks { wall: UNIX_EPOCH, monotonic: monotonic + DAY };
        assert_eq!(clocks.wall(monotonic + DAY + DAY), UNIX_EPOCH + DAY);
        assert!(clocks.wall(monotonic) <= UNIX_EPOCH, "a time before 1970 is none that stops anything");
        let mut out = Vec::new();
        timestamp(clocks.wall(monotonic), &mut out);
        assert_eq!(out, b"1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_777), (2026, 11, 20));
    }

    #[test]
    fn a_moment_is_written_to_the_millisecond() {
        let at = UNIX_EPOCH + Duration::from_micros(1_795_201_327_000_999);
        let mut out = Vec::new();
        timestamp(at, &mut out);
        assert_eq!(out, b"2026-11-20T19:02:07.000Z");
        let mut second = Second::default();
        for more in [0, 1, 999_999, 1_000_000, 86_400_000_000, 5] {
            let at = at + Duration::from_micros(more);
            let mut same = Vec::new();
            out.clear();
            timestamp(at, &mut out);
            second.timestamp(at, &mut same);
            assert_eq!(out, same);
        }
    }
}
