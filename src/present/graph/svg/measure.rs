//! Width of text, without a font at hand: never less than that of any renderer.
//!
//! Names, numbers and commands are set in a fixed-width face, where every character of Latin, Greek and Cyrillic has
//! the same width: three fifths of the size in all faces in use, a little less in some. Characters that such a face may
//! lack come from another one, and are given room for the widest.

/// The width in pixels of text in the fixed-width face of this size.
pub(super) fn fixed(text: &str, size: u32) -> u32 {
    // In hundredths of the size.
    let width: u32 = text
        .chars()
        .map(|character| if is_plain(character) { 62 } else { 140 })
        .sum();
    (width * size).div_ceil(100)
}

/// Width in pixels of text in the proportional face, of which less is known.
pub(super) fn proportional(text: &str, size: u32) -> u32 {
    let width = |character: char| match character {
        'i' | 'j' | 'l' | 't' | 'f' | 'I' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!'
        | '(' | ')' | '·' => 42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' | '—' => 105,
        _ if character.is_uppercase() => 80,
        _ if is_plain(character) => 66,
        _ => 140,
    };
    (text.chars().map(width).sum::<u32>() * size).div_ceil(100)
}

const fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{24f}' | '\u{370}'..='\u{4ff}' | '–' | '…')
}

/// The text in lines no wider than this, at most so many; the last ends with an ellipsis if that is not all.
pub(super) fn wrap(text: &str, size: u32, width: u32, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text
        .split_whitespace()
        .flat_map(|word| pieces(word, size, width))
    {
        let longer = if line.is_empty() {
            word.clone()
        } else {
            format!("{line} {word}")
        };
        if proportional(&longer, size) <= width {
            line = longer;
        } else {
            lines.push(std::mem::replace(&mut line, word));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            while !last.is_empty() && proportional(last, size) + size > width {
                last.pop();
            }
            last.push('…');
        }
    }
    lines
}

/// A word, or the parts of one that is too wide for a line.
fn pieces(word: &str, size: u32, width: u32) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut taken = 0;
    for character in word.chars() {
        let wide = proportional(character.encode_utf8(&mut [0; 4]), size);
        if taken > 0 && taken + wide > width {
            pieces.push(String::new());
            taken = 0;
        }
        taken += wide;
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{fixed, proportional, wrap};

    #[test]
    fn foreign_text_gets_more_room() {
        assert!(fixed("漢字", 10) > fixed("ab", 10));
        assert_eq!(fixed("vm/ci", 100), 310);
    }

    #[test]
    fn lines_are_filled_and_cut() {
        let lines = wrap("three words here", 10, proportional("three words", 10), 4);
        assert_eq!(lines, ["three words", "here"]);
        let lines = wrap(&"x".repeat(1000), 10, 100, 2);
        assert_eq!(lines.len(), 2);
        assert!(
            lines[1].ends_with('…') && lines.iter().all(|line| proportional(line, 10) <= 110),
            "{lines:?}"
        );
        assert!(wrap("  ", 10, 100, 2).is_empty());
    }
}
