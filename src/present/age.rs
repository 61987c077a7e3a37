//! Age of something: one whole number in the largest unit that it fills, `12s`, `3m`, `5h`, `2d`.
//!
//! For columns; durations in sentences are those of `present::duration`.

use std::fmt;
use std::time::{Duration, SystemTime};

/// The last second that has a date of four digits, in seconds since 1970.
const LAST: u64 = 253_402_300_799;

/// The date of a moment that a document has, in seconds since 1970; one outside of the years 1970 to 9999 is the nearest.
pub(crate) fn date(since: f64) -> String {
    let beyond = if since > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    };
    let time = Duration::try_from_secs_f64(since)
        .unwrap_or(beyond)
        .min(Duration::from_secs(LAST));
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + time).to_string()
}

/// An age that displays as `0s`, `12s`, `3m`, `5h`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (number, unit) = match seconds {
            0..120 => (seconds, "s"),
            120..7_200 => (seconds / 60, "m"),
            7_200..172_800 => (seconds / 3_600, "h"),
            _ => (seconds / 86_400, "d"),
        };
        write!(f, "{number}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Age, date};

    #[test]
    fn every_number_has_a_date() {
        let dates = [0.0, 1.5, -1.0, f64::NAN, 1e300, 253_402_300_800.0].map(date);
        let (first, last) = ("1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000Z");
        assert_eq!(
            dates,
            [first, "1970-01-01T00:00:01.500Z", first, first, last, last]
        );
    }

    #[test]
    fn a_unit_begins_where_it_says_two() {
        let texts = [0, 12, 119, 120, 7_199, 7_200, 172_799, 172_800, 31_536_000]
            .map(|seconds| Age(Duration::from_secs(seconds)).to_string());
        assert_eq!(
            texts,
            ["0s", "12s", "119s", "2m", "119m", "2h", "47h", "2d", "365d"]
        );
    }
}
