//! Durations as the language writes them: numbers with a unit, `"200ms"`, `"1.5s"`, `"1m30s"`.
//!
//! Not `humantime`, which knows no fractions, and takes months and years, which no grace lasts.

use std::time::Duration;

use thiserror::Error;

/// Longer than this is a slip of the pen: ten years.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DurationError {
    /// There is no number where one must stand.
    #[error("a duration is a number with a unit")]
    NoNumber,
    /// A number stands alone.
    #[error("the unit is missing")]
    NoUnit,
    /// The unit does not exist.
    #[error("the unit is not one of ms, s, m, h, d")]
    UnknownUnit,
    /// Longer than ten years.
    #[error("it is longer than ten years")]
    TooLong,
}

/// Reads `200ms`, `1.5s`, `2m`, `1m30s`.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::NoNumber);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        if number.is_empty() {
            return Err(DurationError::NoNumber);
        }
        let end = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let nanos = match unit.trim() {
            "" => return Err(DurationError::NoUnit),
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return Err(DurationError::UnknownUnit),
        };
        total = total
            .checked_add(scale(number, nanos)?)
            .ok_or(DurationError::TooLong)?;
        if total > LONGEST {
            return Err(DurationError::TooLong);
        }
        rest = behind;
    }
    Ok(total)
}

fn scale(number: &str, nanos: u64) -> Result<Duration, DurationError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(DurationError::NoNumber);
    }
    let whole: u64 = whole.parse().map_err(|_| DurationError::TooLong)?;
    // Nine digits reach a nanosecond of a second; what follows is below what any timer tells apart.
    let fraction = &fraction[..fraction.len().min(9)];
    // At most nine digits always fit.
    let numerator: u64 = fraction.parse().map_err(|_| DurationError::TooLong)?;
    let mut denominator: u64 = 1;
    for _ in 0..fraction.len() {
        denominator *= 10;
    }
    let fraction = u128::from(numerator) * u128::from(nanos) / u128::from(denominator);
    let whole = whole.checked_mul(nanos).ok_or(DurationError::TooLong)?;
    let fraction = u64::try_from(fraction).map_err(|_| DurationError::TooLong)?;
    Ok(Duration::from_nanos(whole).saturating_add(Duration::from_nanos(fraction)))
}

/// Writes a duration so that [`parse_duration`] reads the same again: `2s`, `1.5s`, `200ms`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let nanos = duration.subsec_nanos();
    let fraction = |number: String| {
        number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    };
    match (seconds, nanos) {
        (0, _) => fraction(format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000)) + "ms",
        _ => fraction(format!("{seconds}.{nanos:09}")) + "s",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_language_allows() {
        for (text, millis) in [
            ("200ms", 200),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1m30s", 90_000),
            ("0s", 0),
            ("1 s", 1000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        use DurationError::{NoNumber, NoUnit, TooLong, UnknownUnit};
        for (text, error) in [
            ("", NoNumber),
            ("5", NoUnit),
            ("s", NoNumber),
            ("-1s", NoNumber),
            ("1.s", NoNumber),
            ("1.2.3s", NoNumber),
            ("5 sec", UnknownUnit),
            ("99999999999999999999d", TooLong),
            ("99999999999d", TooLong),
            ("4000d", TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(error), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in [
            "0ms",
            "200ms",
            "0.5ms",
            "1.5s",
            "2s",
            "90s",
            "1.05s",
            "1.000000001s",
        ] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }
}
