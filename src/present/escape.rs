//! Text that came from elsewhere, without its power over the terminal.
//!
//! Names of processes, arguments and lines of notes are anybody's; an escape sequence in them must be seen, not obeyed.

/// The text with every control character written out, `\n` and `\u{1b}` for example.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_moves_the_cursor_is_written_out() {
        assert_eq!(escape("a\x1b[2Jb\r\n\u{9b}é"), "a\\u{1b}[2Jb\\r\\n\\u{9b}é");
    }
}
