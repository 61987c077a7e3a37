//! A point in time of the command line: `10m` ago, or a time of the clock.

use std::time::SystemTime;

use nestns_client::journal::stamp::Stamp;
use nestns_topology::parse_duration;

/// Reads `10m`, which is so long ago, or `2026-11-25T10:00:00Z`, of which the end may be missing; UTC.
pub(super) fn parse(text: &str) -> Result<Stamp, String> {
    if let Ok(ago) = parse_duration(text) {
        return Ok(SystemTime::now()
            .checked_sub(ago)
            .unwrap_or(SystemTime::UNIX_EPOCH)
            .into());
    }
    humantime::parse_rfc3339_weak(text)
        .map(Stamp::from)
        .map_err(|_| {
            "a time is either how long ago, such as 10m, or in UTC, such as 2026-11-25T10:00:00Z"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn how_long_ago_and_the_clock() {
        let stamp = |text| parse(text).expect("it is one").to_string();
        assert_eq!(
            stamp("2026-11-25T10:00:00Z"),
            "2026-11-25T10:00:00.000000000Z"
        );
        assert_eq!(
            stamp("2026-11-25 10:00:00.5"),
            "2026-11-25T10:00:00.500000000Z"
        );
        assert!(parse("1h") < parse("1m") && parse("1m") < parse("0s"));
        assert!(parse("yesterday").is_err() && parse("").is_err() && parse("10").is_err());
    }
}
