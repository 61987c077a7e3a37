//! Words of a command, and signs that a shell was expected to read them.

/// Splits a command into words as a shell would, without expanding anything; `None` for an open quote.
pub(super) fn split(text: &str) -> Option<Vec<String>> {
    shlex::split(text)
}

/// The beginning of a comment, which [`split`] leaves out.
pub(super) const COMMENT: &str = "#";

/// The first piece of shell syntax outside quotes.
pub(super) fn shell_syntax(text: &str) -> Option<&'static str> {
    let mut quote = None;
    let mut before = ' ';
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        let rest = &text[index..];
        let begins_word = before.is_whitespace();
        before = character;
        match (quote, character) {
            (None | Some('"'), '\\') => {
                characters.next();
            }
            (None, '#') if begins_word => return Some(COMMENT),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, _) => {
                if let Some(found) = starts_with_syntax(rest) {
                    return Some(found);
                }
            }
        }
    }
    None
}

fn starts_with_syntax(rest: &str) -> Option<&'static str> {
    const SYNTAX: [&str; 9] = ["&&", "||", ">>", "$(", "|", ">", "<", "*", "`"];
    // Within a word they are ordinary: http://host/?a=1&b=2;c
    if let Some(found) = ["&", ";"]
        .into_iter()
        .find(|&end| rest.strip_prefix(end).is_some_and(ends_word))
    {
        return Some(found);
    }
    if let Some(found) = SYNTAX.into_iter().find(|syntax| rest.starts_with(syntax)) {
        return Some(found);
    }
    let variable = rest.strip_prefix('$')?;
    variable
        .starts_with(|c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '{' | '$' | '?' | '@')
        })
        .then_some("$")
}

fn ends_word(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::shell_syntax;

    #[test]
    fn quoted_syntax_is_text() {
        for (text, found) in [
            ("sleep 5", None),
            ("a | b", Some("|")),
            ("a && b", Some("&&")),
            ("echo $(date)", Some("$(")),
            ("echo $HOME", Some("$")),
            ("echo 5$", None),
            ("sh -c 'a | b'", None),
            ("grep \"a|b\" x", None),
            ("echo a\\|b", None),
            ("ls *", Some("*")),
            ("echo a #b", Some("#")),
            ("echo a#b", None),
            ("sleep 5 &", Some("&")),
            ("curl http://host/?a=1&b=2;c", None),
            ("cd /; ls", Some(";")),
            ("echo it\\'s; b", Some(";")),
        ] {
            assert_eq!(shell_syntax(text), found, "{text}");
        }
    }
}
