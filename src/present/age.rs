//! How long something has been there: one whole number in the largest unit that it fills, `12s`, `3m`, `5h`, `2d`.
//!
//! For a column that is read downward; durations in sentences are those of `present::duration`.

use std::fmt;
use std::time::Duration;

/// An age that displays as `0s`, `12s`, `3m`, `5h`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub Duration);

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

    use super::Age;

    #[test]
    fn a_unit_begins_where_it_says_two() {
        let texts = [0, 12, 119, 120, 7_199, 7_200, 172_799, 172_800, 31_536_000]
            .map(|seconds| Age(Duration::from_secs(seconds)).to_string());
        assert_eq!(texts, ["0s", "12s", "119s", "2m", "119m", "2h", "47h", "2d", "365d"]);
    }
}
