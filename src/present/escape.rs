//! Foreign text, without its power over the terminal, or over the text around it in a picture.
//!
//! Names of processes, arguments and lines of notes may contain anything; an escape sequence in them must be seen, not
//! obeyed. The same holds for the lines of programs: one of them must not overwrite another, as a carriage return or a
//! cursor movement does. Of these a terminal gets the colours (SGR), and nothing else that is not text.

/// The text with every control character written out, `\n` and `\u{1b}` for example, and so everything that reorders or
/// breaks lines, and what is not a character at all, which XML refuses.
pub(crate) fn escape(text: &str) -> String {
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

/// Treatment of the colours in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Colours {
    /// Colours are kept, and end with the text.
    #[default]
    Kept,
    /// Colours are left out, as all other escape sequences are.
    Dropped,
}

/// A line of a program, without its line feed, with no effect but colours: other controls are written out, except tabs,
/// and a carriage return at the end is left out.
pub(crate) fn line(text: &[u8], colours: Colours, to: &mut Vec<u8>) {
    let end = text
        .iter()
        .rposition(|&byte| byte != b'\r')
        .map_or(0, |end| end + 1);
    let mut text = &text[..end];
    if text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        to.extend_from_slice(text);
        return;
    }
    let stripped;
    if colours == Colours::Dropped {
        stripped = without_sequences(text);
        text = &stripped;
    }
    let mut is_coloured = false;
    while let Some(&first) = text.first() {
        if let Some(length) = (colours == Colours::Kept).then(|| sgr(text)).flatten() {
            is_coloured = !matches!(&text[..length], b"\x1b[m" | b"\x1b[0m");
            to.extend_from_slice(&text[..length]);
            text = &text[length..];
            continue;
        }
        let length = text
            .utf8_chunks()
            .next()
            .map_or(0, |chunk| chunk.valid().len());
        if length == 0 {
            // Above the controls of eight bits any byte may be a letter.
            if matches!(first, 0x80..=0x9f) {
                to.extend_from_slice(format!("\\x{first:x}").as_bytes());
            } else {
                to.push(first);
            }
            text = &text[1..];
            continue;
        }
        let valid = text.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let part = &valid[..valid
            .find('\x1b')
            .filter(|&place| place > 0)
            .unwrap_or(if first == 0x1b { 1 } else { valid.len() })];
        for character in part.chars() {
            if character != '\t' && (character.is_control() || has_power(character)) {
                to.extend(character.escape_default().map(|escaped| escaped as u8));
            } else {
                to.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        text = &text[part.len()..];
    }
    if is_coloured {
        to.extend_from_slice(b"\x1b[0m");
    }
}

/// A text of ours of several lines, in which there may be words of others: it keeps its lines and its colours.
pub(crate) fn message(text: &str) -> String {
    let mut shown = Vec::with_capacity(text.len());
    for whole in text.split_inclusive('\n') {
        let (words, end) = whole
            .strip_suffix('\n')
            .map_or((whole, &b""[..]), |words| (words, b"\n"));
        line(words.as_bytes(), Colours::Kept, &mut shown);
        shown.extend_from_slice(end);
    }
    // What was text is text.
    String::from_utf8_lossy(&shown).into_owned()
}

/// The length of the sequence at the beginning of a text that sets colours: `ESC [`, numbers, `m`. One that hides
/// the text after it (SGR 8) is none.
fn sgr(text: &[u8]) -> Option<usize> {
    let numbers = text.strip_prefix(b"\x1b[")?;
    let length = numbers
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':'))?;
    (numbers[length] == b'm' && !conceals(&numbers[..length])).then_some(length + 3)
}

/// True if one of the parameters of SGR is 8, conceal: not one of an extended colour, as in `38;5;8`.
fn conceals(parameters: &[u8]) -> bool {
    let mut parameters = parameters.split(|&byte| byte == b';');
    while let Some(parameter) = parameters.next() {
        let number = parameter.iter().skip_while(|&&byte| byte == b'0');
        if number.copied().eq(*b"8") {
            return true;
        }
        if matches!(parameter, b"38" | b"48" | b"58") {
            match parameters.next() {
                Some(b"5") => drop(parameters.next()),
                Some(b"2") => drop(parameters.nth(2)),
                _ => {}
            }
        }
    }
    false
}

/// The text without escape sequences, where a reader is no terminal.
fn without_sequences(text: &[u8]) -> Vec<u8> {
    let mut left = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.iter().position(|&byte| byte == 0x1b) {
        left.extend_from_slice(&rest[..place]);
        rest = &rest[place..];
        rest = &rest[sequence(rest)..];
    }
    left.extend_from_slice(rest);
    left
}

/// Length of the sequence that begins with this ESC: of ECMA-48 a control sequence, a string up to its end, or one of
/// two or more characters.
fn sequence(text: &[u8]) -> usize {
    let until = |from: usize, is_last: fn(&u8) -> bool| {
        text.get(from..)
            .and_then(|rest| rest.iter().position(is_last))
            .map_or(text.len(), |place| from + place + 1)
    };
    match text.get(1) {
        Some(b'[') => until(2, |byte| !matches!(byte, 0x20..=0x3f)),
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let end = until(2, |byte| matches!(byte, 0x07 | 0x1b));
            if text.get(end - 1) == Some(&0x1b) && text.get(end) == Some(&b'\\') {
                end + 1
            } else {
                end
            }
        }
        Some(0x20..=0x2f) => until(2, |byte| !matches!(byte, 0x20..=0x2f)),
        Some(0x30..=0x7e) => 2,
        _ => 1,
    }
}

/// True for marks, embeddings, overrides and isolates of direction, the separators of lines and paragraphs, and
/// invisible characters: zero-width spaces, invisible operators and tags. The joiners of scripts and of emoji stay.
const fn has_power(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// True for the code points that Unicode keeps out of interchange.
const fn is_nothing(character: char) -> bool {
    matches!(character, '\u{fdd0}'..='\u{fdef}') || character as u32 & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Colours, escape, line, message};

    fn shown(text: &[u8], colours: Colours) -> String {
        let mut shown = Vec::new();
        line(text, colours, &mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    }

    #[test]
    fn of_a_program_s_line_the_colours_are_left() {
        for (text, kept, dropped) in [
            (
                &b"hello\rb/bank  | approved"[..],
                "hello\\rb/bank  | approved",
                "hello\\rb/bank  | approved",
            ),
            (b"50%\r100%\r", "50%\\r100%", "50%\\r100%"),
            (b"a\tb", "a\tb", "a\tb"),
            (b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m", "red"),
            (b"\x1b[38:5:1mred", "\x1b[38:5:1mred\x1b[0m", "red"),
            (b"\x1b[2K\x1b[1Gx", "\\u{1b}[2K\\u{1b}[1Gx", "x"),
            (b"\x1b]0;title\x07x", "\\u{1b}]0;title\\u{7}x", "x"),
            (b"\x1b]8;;a\x1b\\link", "\\u{1b}]8;;a\\u{1b}\\link", "link"),
            ("\u{9b}2Jx".as_bytes(), "\\u{9b}2Jx", "\\u{9b}2Jx"),
            (b"\x9b2Jx", "\\x9b2Jx", "\\x9b2Jx"),
            (
                "a\u{202e}b \u{e9}".as_bytes(),
                "a\\u{202e}b \u{e9}",
                "a\\u{202e}b \u{e9}",
            ),
            (b"\x1b[8mhidden", "\\u{1b}[8mhidden", "hidden"),
            (b"\x1b[31;08mhidden", "\\u{1b}[31;08mhidden", "hidden"),
            (b"\x1b[38;5;8mgrey", "\x1b[38;5;8mgrey\x1b[0m", "grey"),
            (b"\x1b[38;2;8;8;8;8mx", "\\u{1b}[38;2;8;8;8;8mx", "x"),
            (
                "a\u{200b}b\u{feff}c\u{e0041}".as_bytes(),
                "a\\u{200b}b\\u{feff}c\\u{e0041}",
                "a\\u{200b}b\\u{feff}c\\u{e0041}",
            ),
            (b"\x08\x7f", "\\u{8}\\u{7f}", "\\u{8}\\u{7f}"),
            (b"\x1b", "\\u{1b}", ""),
        ] {
            assert_eq!(shown(text, Colours::Kept), kept, "{text:?}");
            assert_eq!(shown(text, Colours::Dropped), dropped, "{text:?}");
        }
        assert_eq!(
            message("error: `a\rb`\n  \x1b[1mhelp\x1b[0m\n"),
            "error: `a\\rb`\n  \x1b[1mhelp\x1b[0m\n"
        );
    }

    proptest! {
        #[test]
        fn nothing_but_colours_and_text_comes_out(text in proptest::collection::vec(any::<u8>(), 0..200), kept: bool) {
            let mut out = Vec::new();
            line(&text, if kept { Colours::Kept } else { Colours::Dropped }, &mut out);
            let mut rest = &out[..];
            while let Some(&byte) = rest.first() {
                if let Some(length) = super::sgr(rest) {
                    prop_assert!(kept);
                    rest = &rest[length..];
                    continue;
                }
                prop_assert!(byte >= 0x20 || byte == b'\t', "{byte:x} in {out:?}");
                rest = &rest[1..];
            }
            for chunk in out.utf8_chunks() {
                prop_assert!(!chunk.invalid().iter().any(|byte| (0x80..0xa0).contains(byte)));
                let is_strong = |c: char| ('\u{7f}'..'\u{a0}').contains(&c) || super::has_power(c);
                prop_assert!(!chunk.valid().chars().any(is_strong));
            }
        }
    }

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
