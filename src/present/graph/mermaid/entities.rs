//! Text inside Mermaid's quotes.
//!
//! There is no escape but the entity, `#quot;` or `#35;`, and many characters have a meaning even in quotes: `%%{`
//! begins a directive anywhere in the text, a backslash and `n` are a line break, backticks make Markdown of a label,
//! `<` begins HTML. So every character that is not plainly harmless becomes an entity.

/// The text with an entity for each character that might mean something.
pub(super) fn entities(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("#quot;"),
            ' ' | '.' | ',' | '/' | '_' | '-' | '(' | ')' => escaped.push(character),
            _ if character.is_ascii_alphanumeric() || !character.is_ascii() => {
                escaped.push(character);
            }
            _ => {
                escaped.push('#');
                escaped.push_str(&u32::from(character).to_string());
                escaped.push(';');
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::entities;

    #[test]
    fn nothing_keeps_a_meaning() {
        assert_eq!(entities("w.0 … w.9 (10 alike)"), "w.0 … w.9 (10 alike)");
        assert_eq!(entities("a\"b#c\\n"), "a#quot;b#35;c#92;n");
        assert_eq!(
            entities("%%{<b>`*`</b>}"),
            "#37;#37;#123;#60;b#62;#96;#42;#96;#60;/b#62;#125;"
        );
    }
}
