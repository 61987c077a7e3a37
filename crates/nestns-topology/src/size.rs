//! Sizes as the language writes them: a number of bytes, or a whole number with a unit, `"64K"`.
//!
//! Units are powers of 1024, as those of `dd(1)`, of the cgroup files and of the kernel's mount options.

use thiserror::Error;

const UNITS: [(&str, u32); 4] = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];
/// The largest number that a file can say.
const LARGEST: u64 = i64::MAX.unsigned_abs();

/// Why a text is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SizeError {
    /// There is no whole number in front.
    #[error("a size is a whole number with a unit")]
    NoNumber,
    /// The text behind the number is no unit.
    #[error("the unit is not one of K, M, G, T")]
    UnknownUnit,
    /// The size is more than a file can say.
    #[error("it is more than 2^63 bytes")]
    TooLarge,
}

/// Reads `512`, `64K`, `16M`, `1G`, in bytes.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    if number.is_empty() {
        return Err(SizeError::NoNumber);
    }
    let unit = unit.trim();
    let shift = match unit {
        "" => 0,
        _ => {
            UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or(SizeError::UnknownUnit)?
                .1
        }
    };
    let number: u64 = number.parse().map_err(|_| SizeError::TooLarge)?;
    number
        .checked_mul(1 << shift)
        .filter(|&size| size <= LARGEST)
        .ok_or(SizeError::TooLarge)
}

/// Writes a size so that [`parse_size`] reads the same again: `64K`, `1G`, `1000`.
pub fn format_size(bytes: u64) -> String {
    let unit = UNITS
        .iter()
        .find(|(_, shift)| bytes != 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(
        || bytes.to_string(),
        |(name, shift)| format!("{}{name}", bytes >> shift),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_language_allows() {
        for (text, bytes) in [
            ("512", 512),
            ("64K", 65_536),
            (" 16 M ", 16 << 20),
            ("1G", 1 << 30),
            ("2T", 2 << 40),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        use SizeError::{NoNumber, TooLarge, UnknownUnit};
        for (text, error) in [
            ("", NoNumber),
            ("K", NoNumber),
            ("-1K", NoNumber),
            ("1.5M", UnknownUnit),
            ("64k", UnknownUnit),
            ("64KB", UnknownUnit),
            ("9999999T", TooLarge),
            ("99999999999999999999", TooLarge),
        ] {
            assert_eq!(parse_size(text), Err(error), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["0", "1", "1000", "64K", "65537", "1500M", "1G", "3T"] {
            assert_eq!(format_size(parse_size(text).unwrap()), text);
        }
    }
}
