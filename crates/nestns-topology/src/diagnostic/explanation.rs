//! Explanations of codes, as `nestns explain NS301` shows them: one Markdown file a code, in `explanations/`.
//!
//! The files are hard-wrapped, so that a terminal shows them as they stand: prose as it is, and
//! examples indented, without their fences. The words behind the language of a fence tell the tests
//! what to expect of the example: `wrong` must lead to the code and `right` must not; `root` and
//! `user` give the user that runs it, where not every user can.

use std::fmt;

/// A text about a code, in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The whole text, as it stands in its file.
    pub markdown: &'static str,
    /// Blocks of the text, in their order.
    pub blocks: Vec<Block>,
}

/// A piece of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Paragraphs and lists.
    Prose(&'static str),
    /// A fenced block.
    Example(Example),
}

/// A fenced block: a topology, or commands for a shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The words behind the fence: the language, then what it shows.
    pub info: &'static str,
    /// The text between the fences.
    pub text: &'static str,
}

const FENCE: &str = "```";

impl Explanation {
    /// Takes a text apart.
    pub fn parse(markdown: &'static str) -> Self {
        let mut blocks = Vec::new();
        let mut rest = markdown;
        loop {
            let (prose, fenced) = rest.split_once(FENCE).unwrap_or((rest, ""));
            if !prose.trim().is_empty() {
                blocks.push(Block::Prose(prose.trim()));
            }
            if fenced.is_empty() {
                return Self { markdown, blocks };
            }
            let (info, text) = fenced.split_once('\n').unwrap_or((fenced, ""));
            let (text, behind) = text.split_once(FENCE).unwrap_or((text, ""));
            blocks.push(Block::Example(Example {
                info: info.trim(),
                text,
            }));
            rest = behind;
        }
    }

    /// The first paragraph, as one line.
    pub fn summary(&self) -> String {
        let first = self.markdown.split("\n\n").next().unwrap_or_default();
        first.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The fenced blocks.
    pub fn examples(&self) -> impl Iterator<Item = Example> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Example(example) => Some(*example),
            Block::Prose(_) => None,
        })
    }
}

impl Example {
    /// Returns whether one of the words behind the fence is this.
    pub fn is(&self, word: &str) -> bool {
        self.info.split_whitespace().any(|found| found == word)
    }
}

/// As a terminal shows it; the last line ends with a newline.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, block) in self.blocks.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            match block {
                Block::Prose(text) => writeln!(f, "{text}")?,
                Block::Example(example) => {
                    for line in example.text.lines() {
                        writeln!(
                            f,
                            "{:indent$}{line}",
                            "",
                            indent = if line.is_empty() { 0 } else { 4 }
                        )?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_text_falls_into_prose_and_examples() {
        let text = "One\ntwo.\n\n```toml wrong\n[ns.a]\n\nx = 1\n```\n\nThree.\n";
        let explanation = Explanation::parse(text);
        let example = Example {
            info: "toml wrong",
            text: "[ns.a]\n\nx = 1\n",
        };
        assert_eq!(
            explanation.blocks,
            [
                Block::Prose("One\ntwo."),
                Block::Example(example),
                Block::Prose("Three.")
            ]
        );
        assert_eq!(
            explanation.to_string(),
            "One\ntwo.\n\n    [ns.a]\n\n    x = 1\n\nThree.\n"
        );
        assert_eq!(explanation.summary(), "One two.");
        assert!(example.is("wrong") && !example.is("right"));
    }

    #[test]
    fn every_explanation_fits_a_terminal_and_has_examples_of_both_kinds() {
        for &code in Code::ALL {
            let explanation = code.explanation();
            for word in ["wrong", "right"] {
                assert!(
                    explanation.examples().any(|example| example.is(word)),
                    "{code}: no example is {word}"
                );
            }
            for line in explanation.to_string().lines() {
                assert!(line.chars().count() <= 80, "{code}: {line}");
                assert!(
                    !line.starts_with('#'),
                    "{code}: headings are shown as they stand: {line}"
                );
            }
        }
    }
}
