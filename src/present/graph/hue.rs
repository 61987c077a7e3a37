//! Colours made from the colour of a level: light tints to fill with, dark shades for lines.

use std::fmt;

use crate::present::depth;

/// A colour of a picture, written as `#5fafd7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hue([u8; 3]);

impl Hue {
    pub(super) const WHITE: Self = Self([255; 3]);
    pub(super) const BLACK: Self = Self([0; 3]);

    /// A colour by its parts.
    pub(super) const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Colour of a level.
    pub(super) const fn of(level: usize) -> Self {
        Self(depth::rgb(level))
    }

    /// Mixes so many hundredths of this colour with the other.
    pub(super) fn over(self, share: u16, ground: Self) -> Self {
        let mix = |place: usize| {
            let sum = u16::from(self.0[place]) * share + u16::from(ground.0[place]) * (100 - share);
            u8::try_from(sum / 100).unwrap_or(u8::MAX)
        };
        Self([mix(0), mix(1), mix(2)])
    }
}

impl fmt::Display for Hue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::Hue;

    #[test]
    fn a_mixture_lies_between() {
        assert_eq!(Hue::of(1).to_string(), "#5fafd7");
        assert_eq!(Hue::of(1).over(0, Hue::WHITE), Hue::WHITE);
        assert_eq!(Hue::of(1).over(100, Hue::BLACK), Hue::of(1));
        assert_eq!(Hue::BLACK.over(50, Hue::WHITE).to_string(), "#7f7f7f");
    }
}
