//! Text that may be shown on a terminal.

use crate::present::escape::{escape, message};

/// Checks that a text of several lines has no power over a terminal.
///
/// # Panics
///
/// If it has: with the text.
pub fn check(text: &str) {
    assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
}

/// Shows words of others as names and as a part of what is told, and checks both.
///
/// # Panics
///
/// If either has power over a terminal.
pub fn show(words: &str) {
    let name = escape(words);
    assert!(!name.contains('\n'), "{name:?}");
    check(&name);
    let told: String = message(words).split('\u{1b}').map(after_colour).collect();
    check(&told.replace('\t', " "));
}

/// The text after an ESC, without the colour that it sets.
fn after_colour(rest: &str) -> &str {
    let numbers = rest.strip_prefix('[').unwrap_or(rest);
    let end = numbers.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'));
    end.and_then(|end| numbers[end..].strip_prefix('m'))
        .unwrap_or(rest)
}
