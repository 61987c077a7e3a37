//! Sheet of facts about one thing: sections of keys and values, the keys aligned.
//!
//! Nothing is left out and nothing is cut. A value of several lines stands below itself.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::escape::escape;
use super::table::{Align, Columns};
use super::tree::Colour;

/// Section of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    title: String,
    style: Style,
    rows: Vec<(String, Vec<String>)>,
}

impl Section {
    /// An empty section, which is not shown.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            style: Style::new(),
            rows: Vec::new(),
        }
    }

    /// Sets the style.
    #[must_use]
    pub(crate) fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// Adds a line; an empty value is shown as absent.
    pub(crate) fn put(&mut self, key: impl Into<String>, value: &(impl ToString + ?Sized)) {
        self.rows.push((key.into(), vec![value.to_string()]));
    }

    /// Adds a line if there is a value.
    pub(crate) fn maybe(&mut self, key: impl Into<String>, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(key, &value);
        }
    }

    /// Adds a line for each value, with the key before the first.
    pub(crate) fn list(&mut self, key: impl Into<String>, values: Vec<String>) {
        if !values.is_empty() {
            self.rows.push((key.into(), values));
        }
    }
}

/// Draws a sheet.
pub(crate) fn render(sections: &[Section], colour: Colour) -> String {
    let keys = sections
        .iter()
        .flat_map(|section| &section.rows)
        .map(|(key, _)| key.width());
    let width = keys.max().unwrap_or(0);
    let mut text = String::new();
    for section in sections.iter().filter(|section| !section.rows.is_empty()) {
        if !text.is_empty() {
            text.push('\n');
        }
        let mut title = Columns::begin(&mut text, colour);
        title.paint(&escape(&section.title), section.style.bold());
        title.end();
        for (key, values) in &section.rows {
            for (place, value) in values.iter().enumerate() {
                let mut columns = Columns::begin(&mut text, colour);
                columns.paint("  ", Style::new());
                let key = if place == 0 { key.as_str() } else { "" };
                columns.put(key, Style::new().dimmed(), width, Align::Left);
                let value = escape(value);
                columns.put(
                    if value.is_empty() { "—" } else { &value },
                    Style::new(),
                    0,
                    Align::Left,
                );
                columns.end();
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Section, render};
    use crate::present::tree::Colour;

    #[test]
    fn keys_are_aligned_over_all_sections_and_empty_sections_left_out() {
        let mut one = Section::new("vm/ci");
        one.put("state", "running");
        one.list("members", vec!["a".to_owned(), "b\n".to_owned()]);
        let mut other = Section::new("kernel");
        other.put("descriptors", &7);
        other.maybe("cwd", None::<String>);
        other.put("env", "");
        let text = render(&[one, Section::new("nothing"), other], Colour::Off);
        assert_eq!(
            text,
            "\
vm/ci
  state        running
  members      a
               b\\n

kernel
  descriptors  7
  env          —
"
        );
    }
}
