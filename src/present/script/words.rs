//! Words of a command line, and the variables for those that are hard to quote.
//!
//! The lines of a namespace stand within single quotes. A word in them is plain or in double quotes; a word that would
//! need more than that (quotes, `$`, line breaks) is a variable of its own, so that nothing is ever quoted twice.

use super::page::Page;
use super::quoting::{has_control, is_plain, quoted};
use super::series::MARK;

/// Position of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Line of the script itself.
    Outside,
    /// Line within single quotes.
    Within,
}

/// Quotes a word; if that takes more, it becomes a variable of the page, named after `owner`.
pub(super) fn word(text: &str, place: Place, owner: &str, page: &mut Page) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    if place == Place::Outside && !text.contains(MARK) && !has_control(text) {
        return quoted(text);
    }
    let mut result = "\"".to_owned();
    let mut name_before = false;
    for (index, piece) in text
        .split(MARK)
        .enumerate()
        .filter(|(_, piece)| !piece.is_empty())
    {
        let name = match () {
            () if index % 2 == 1 => Some(piece.to_owned()),
            () if is_tame(piece) => None,
            () => Some(page.remember(piece, owner)),
        };
        if name_before
            && name.is_none()
            && piece.starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric())
        {
            brace_last_name(&mut result);
        }
        name_before = name.is_some();
        match name {
            Some(name) => result.extend(["$", &name]),
            None => result.push_str(piece),
        }
    }
    result.push('"');
    result
}

/// `"a-$i` becomes `"a-${i}`, for a letter that follows.
fn brace_last_name(text: &mut String) {
    if let Some(place) = text.rfind('$') {
        text.insert(place + 1, '{');
        text.push('}');
    }
}

/// Returns whether it is just text, within double quotes within single ones.
fn is_tame(text: &str) -> bool {
    !text.contains(['"', '\'', '$', '`', '\\']) && !text.contains(char::is_control)
}
