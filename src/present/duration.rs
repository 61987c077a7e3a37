//! A duration for people: three digits at most, in the largest unit that leaves something before the point.
//!
//! For reading only; documents carry milliseconds.

use std::fmt;
use std::time::Duration;

/// A duration that displays as `420 µs`, `6 ms`, `1.24 s`, `12.3 s`, `2 m 3 s`, `1 h 4 m` or `3 d 2 h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Human(pub Duration);

impl Human {
    /// Duration from the seconds of a document; a number that no duration has becomes the nearest one.
    pub(crate) fn of_seconds(seconds: f64) -> Self {
        let beyond = if seconds > 0.0 {
            Duration::MAX
        } else {
            Duration::ZERO
        };
        Self(Duration::try_from_secs_f64(seconds).unwrap_or(beyond))
    }

    /// Duration from the milliseconds of a document.
    pub(crate) fn of_milliseconds(milliseconds: f64) -> Self {
        Self::of_seconds(milliseconds / 1e3)
    }
}

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        // Each step rounds before it compares, so that 999.6 ms is a second and 59.96 s a minute.
        let microseconds = rounded(nanoseconds, 1_000);
        if microseconds < 1_000 {
            return write!(f, "{microseconds} µs");
        }
        let milliseconds = rounded(nanoseconds, 1_000_000);
        if milliseconds < 1_000 {
            return write!(f, "{milliseconds} ms");
        }
        let hundredths = rounded(nanoseconds, 10_000_000);
        if hundredths < 1_000 {
            return write!(f, "{}.{:02} s", hundredths / 100, hundredths % 100);
        }
        let tenths = rounded(nanoseconds, 100_000_000);
        if tenths < 600 {
            return write!(f, "{}.{} s", tenths / 10, tenths % 10);
        }
        let seconds = rounded(nanoseconds, 1_000_000_000);
        if seconds < 3_600 {
            return write!(f, "{} m {} s", seconds / 60, seconds % 60);
        }
        let minutes = rounded(nanoseconds, 60_000_000_000);
        if minutes < 24 * 60 {
            return write!(f, "{} h {} m", minutes / 60, minutes % 60);
        }
        let hours = rounded(nanoseconds, 3_600_000_000_000);
        write!(f, "{} d {} h", hours / 24, hours % 24)
    }
}

fn rounded(value: u128, unit: u128) -> u128 {
    (value + unit / 2) / unit
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Human;

    #[test]
    fn what_is_no_duration_is_the_nearest_one() {
        let texts = [1.24, -1.0, f64::NAN, f64::MIN_POSITIVE]
            .map(|seconds| Human::of_seconds(seconds).to_string());
        assert_eq!(texts, ["1.24 s", "0 µs", "0 µs", "0 µs"]);
        for seconds in [1e19, 1e20, f64::MAX, f64::INFINITY] {
            assert!(
                Human::of_seconds(seconds).to_string().contains(" d "),
                "{seconds}"
            );
        }
    }

    #[test]
    fn every_unit_and_every_border() {
        let cases = [
            (0, "0 µs"),
            (420, "420 µs"),
            (999, "999 µs"),
            (1_000, "1 ms"),
            (6_400, "6 ms"),
            (999_499, "999 ms"),
            (999_600, "1.00 s"),
            (1_240_000, "1.24 s"),
            (9_994_000, "9.99 s"),
            (9_996_000, "10.0 s"),
            (12_340_000, "12.3 s"),
            (59_960_000, "1 m 0 s"),
            (123_000_000, "2 m 3 s"),
            (3_599_600_000, "1 h 0 m"),
            (3_840_000_000, "1 h 4 m"),
            (266_400_000_000, "3 d 2 h"),
        ];
        for (microseconds, text) in cases {
            assert_eq!(
                Human(Duration::from_micros(microseconds)).to_string(),
                text,
                "{microseconds} µs"
            );
        }
    }
}
