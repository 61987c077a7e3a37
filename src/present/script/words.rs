//! Words of a command line, and the variables that hold what is hard to quote.
//!
//! The lines of a namespace stand within single quotes. A word in them is plain or in double quotes; whatever would need
//! more than that (quotes, `$`, line breaks) is a variable of its own, so that nothing is ever quoted twice.

use std::collections::HashSet;

use super::page::Page;
use super::series::MARK;

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a line of the script itself.
    Outside,
    /// In a line within single quotes.
    Within,
}

/// The names of variables, each given once.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<String>);

impl Names {
    /// A name made from a path. Different paths have different names, `a-b` and `a_b` included.
    pub(super) fn give(&mut self, prefix: &str, path: &str) -> String {
        let plain: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let plain = format!("{prefix}_{plain}");
        let candidates = std::iter::once(plain.clone()).chain((2_u64..).map(|n| format!("{plain}_{n}")));
        let name = candidates.into_iter().find(|name| !self.0.contains(name)).unwrap_or(plain);
        self.0.insert(name.clone());
        name
    }
}

/// Quotes a word; what needs it becomes a variable of the page, named after `owner`.
pub(super) fn word(text: &str, place: Place, owner: &str, page: &mut Page) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    if place == Place::Outside && !text.contains(MARK) && !has_control(text) {
        return quoted(text);
    }
    let mut result = "\"".to_owned();
    let mut name_before = false;
    for (index, piece) in text.split(MARK).enumerate().filter(|(_, piece)| !piece.is_empty()) {
        let name = match () {
            () if index % 2 == 1 => Some(piece.to_owned()),
            () if is_tame(piece) => None,
            () => Some(page.remember(piece, owner)),
        };
        if name_before && name.is_none() && piece.starts_with(|c: char| c == '_' || c.is_ascii_alphanumeric()) {
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

/// The text as one word outside of quotes.
pub(super) fn quoted(text: &str) -> String {
    // For several lines the idiom that everybody knows; for one, whatever is shortest.
    let short = if text.contains('\n') { None } else { shlex::try_quote(text).ok() };
    short.map_or_else(|| format!("'{}'", text.replace('\'', r"'\''")), std::borrow::Cow::into_owned)
}

/// The text as one word outside of quotes, with control characters written out: a terminal that shows the script must
/// not obey them.
pub(super) fn printable(text: &str) -> String {
    if !has_control(text) {
        return quoted(text);
    }
    let mut format = String::new();
    for character in text.chars() {
        match character {
            '\\' => format.push_str(r"\\"),
            '%' => format.push_str("%%"),
            '\n' => format.push('\n'),
            _ if character.is_control() => {
                let mut buffer = [0; 4];
                let bytes = character.encode_utf8(&mut buffer).bytes();
                format.extend(bytes.map(|byte| format!("\\{byte:03o}")));
            }
            _ => format.push(character),
        }
    }
    // `$(…)` would cut line breaks at the end.
    format!("\"$(printf {})\"", quoted(&format))
}

/// Whether a shell takes it as it is, wherever it stands behind the first word.
fn is_plain(text: &str) -> bool {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "+-./:@_=,%^".contains(c);
    !text.is_empty() && text.chars().all(is_harmless)
}

/// Whether it is just text, within double quotes within single ones.
fn is_tame(text: &str) -> bool {
    !text.contains(['"', '\'', '$', '`', '\\']) && !text.contains(char::is_control)
}

/// Whether there is a control character that has no place in a script.
fn has_control(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}
