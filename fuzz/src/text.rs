//! How values are written in TOML.

use std::fmt::Write as _;

/// A basic string: whatever the text, on one line.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Text without anything that could be, or become, a placeholder.
pub fn without_braces(text: &str) -> String {
    text.chars().filter(|&c| c != '{').collect()
}
