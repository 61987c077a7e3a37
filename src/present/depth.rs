//! The colour of a level: the same in trees, tables and log prefixes.
//!
//! Eight steps from the palette of Okabe and Ito, which people with any of the common colour blindnesses can
//! distinguish, without its red, because red means failure alone. Given as 256-colour indices: terminals map those more
//! alike than the sixteen named ones. The use of colour is decided where the output is opened.

use anstyle::{Ansi256Color, Style};

/// Sky blue, orange, green, purple, gold, blue, grey, pale pink.
const RAMP: [u8; 8] = [74, 214, 36, 175, 178, 33, 246, 217];

/// The style of a level: 0 is the host and plain, 1 a namespace directly below it. From 9 on the ramp repeats, underlined.
pub(crate) const fn style(level: usize) -> Style {
    let Some(step) = level.checked_sub(1) else {
        return Style::new();
    };
    let style = Ansi256Color(RAMP[step % RAMP.len()]).on_default();
    if step < RAMP.len() {
        style
    } else {
        style.underline()
    }
}

/// Colour of a level in red, green and blue, for pictures; the host has none of its own and is given a grey.
pub(crate) const fn rgb(level: usize) -> [u8; 3] {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let Some(step) = level.checked_sub(1) else {
        return [128; 3];
    };
    // The 256 colours are 16 named ones, a cube of 6 x 6 x 6, and 24 greys.
    match RAMP[step % RAMP.len()] {
        grey @ 232.. => [8 + 10 * (grey - 232); 3],
        colour => {
            let place = (colour - 16) as usize;
            [STEPS[place / 36], STEPS[place / 6 % 6], STEPS[place % 6]]
        }
    }
}

#[cfg(test)]
mod tests {
    use anstyle::Style;

    use super::{rgb, style};

    #[test]
    fn pictures_have_the_colours_of_the_terminal() {
        assert_eq!(
            [rgb(0), rgb(1), rgb(7), rgb(8)],
            [[128; 3], [95, 175, 215], [148; 3], [255, 175, 175]]
        );
        assert_eq!(rgb(9), rgb(1));
    }

    #[test]
    fn the_host_is_plain_and_eight_levels_differ() {
        assert_eq!(style(0), Style::new());
        for level in 1..=8 {
            for other in level + 1..=8 {
                assert_ne!(style(level), style(other));
            }
        }
    }

    #[test]
    fn the_ninth_level_is_the_first_underlined() {
        assert_eq!(style(9), style(1).underline());
        assert_eq!(style(16), style(8).underline());
    }
}
