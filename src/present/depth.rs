//! The colour of a level: the same in trees, tables and log prefixes.
//!
//! Eight steps from the palette of Okabe and Ito, which people with any of the common colour blindnesses tell apart,
//! without its red, because red means failure alone. Given as 256-colour indices: terminals map those more alike than
//! the sixteen named ones. Whether colour is wanted at all is decided where the output is opened.

use anstyle::{Ansi256Color, Style};

/// Sky blue, orange, green, purple, gold, blue, grey, pale pink.
const RAMP: [u8; 8] = [74, 214, 36, 175, 178, 33, 246, 217];

/// The style of a level: 0 is the host and plain, 1 a namespace directly below it. From 9 on the ramp repeats, underlined.
pub const fn style(level: usize) -> Style {
    let Some(step) = level.checked_sub(1) else { return Style::new() };
    let style = Ansi256Color(RAMP[step % RAMP.len()]).on_default();
    if step < RAMP.len() { style } else { style.underline() }
}

#[cfg(test)]
mod tests {
    use anstyle::Style;

    use super::style;

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
