//! Time stamps of logs and events: taken when something was read or happened, and never going back.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Nanoseconds since 1970, in UTC. As text always 30 characters of RFC 3339,
/// `2026-11-25T10:00:00.123456789Z`, so that the order of the texts is that of the stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp(u64);

/// Length of its text in bytes.
pub const LENGTH: usize = 30;

impl Stamp {
    /// Reads the text.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.len() == LENGTH)?;
        humantime::parse_rfc3339(text).ok().map(Self::from)
    }
}

impl From<SystemTime> for Stamp {
    fn from(time: SystemTime) -> Self {
        let since = time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Stamp> for SystemTime {
    fn from(stamp: Stamp) -> Self {
        Self::UNIX_EPOCH + Duration::from_nanos(stamp.0)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_nanos((*self).into()).fmt(out)
    }
}

/// The clock of one controller. A system clock that is set back stands still here until the time
/// has come round again: what is written later has no earlier stamp, in one file as in all of them
/// together.
#[derive(Debug, Default)]
pub struct Clock(Stamp);

impl Clock {
    /// Stamp of this moment.
    pub fn now(&mut self) -> Stamp {
        self.0 = self.0.max(SystemTime::now().into());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, LENGTH, Stamp};

    #[test]
    fn the_text_is_read_again_and_has_one_length() {
        for nanoseconds in [0, 1, 999_999_999, 1_795_600_800_123_456_789] {
            let text = Stamp(nanoseconds).to_string();
            assert_eq!(text.len(), LENGTH);
            assert_eq!(
                Stamp::parse(text.as_bytes()),
                Some(Stamp(nanoseconds)),
                "{text}"
            );
        }
        assert_eq!(Stamp::parse(b"2026-11-25T10:00:00Z"), None);
        assert_eq!(Stamp::parse(&[0xff; LENGTH]), None);
    }

    #[test]
    fn the_clock_does_not_go_back() {
        let mut clock = Clock(Stamp(u64::MAX / 2));
        assert_eq!(clock.now(), Stamp(u64::MAX / 2));
        let mut clock = Clock::default();
        let first = clock.now();
        assert!(clock.now() >= first && first > Stamp(0));
    }
}
