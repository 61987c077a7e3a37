//! Text that came from elsewhere, without its power over the terminal, or over the text around it in a picture.
//!
//! Names of processes, arguments and lines of notes are anybody's; an escape sequence in them must be seen, not obeyed.

/// The text with every control character written out, `\n` and `\u{1b}` for example, and so everything that reorders or
/// breaks lines, and what is not a character at all, which XML refuses.
pub fn escape(text: &str) -> String {
    // Nearly all names are made of these, and there are as many as lines in a tree.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || has_power(character) || is_nothing(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Marks, embeddings, overrides and isolates of direction, and the separators of lines and paragraphs.
const fn has_power(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The code points that Unicode keeps out of interchange.
const fn is_nothing(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || character as u32 & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_moves_the_cursor_is_written_out() {
        assert_eq!(escape("a\x1b[2Jb\r\n\u{9b}é"), "a\\u{1b}[2Jb\\r\\n\\u{9b}é");
    }

    #[test]
    fn what_turns_the_text_around_it_is_written_out() {
        assert_eq!(
            escape("a\u{202e}b\u{2066}\u{2028}\u{fffe}\u{10ffff}…"),
            "a\\u{202e}b\\u{2066}\\u{2028}\\u{fffe}\\u{10ffff}…"
        );
    }
}
