//! Any text as one word of a shell, outside of all quotes.

/// The text as one word outside of quotes.
pub(super) fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    // The usual idiom for several lines; the shortest form for one.
    let short = if text.contains('\n') {
        None
    } else {
        shlex::try_quote(text).ok()
    };
    short.map_or_else(
        || format!("'{}'", text.replace('\'', r"'\''")),
        std::borrow::Cow::into_owned,
    )
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

/// Returns whether a shell takes it as it is, wherever it stands behind the first word.
pub(super) fn is_plain(text: &str) -> bool {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "+-./:@_=,%^".contains(c);
    !text.is_empty() && text.chars().all(is_harmless)
}

/// Returns whether there is a control character that has no place in a script.
pub(super) fn has_control(text: &str) -> bool {
    text.chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
}
