//! The text of a file, its name, and the way from byte offsets to lines and columns.

use super::codes::Code;
use super::problem::Diagnostic;
use super::span::{FileId, Span};

/// A place as editors count: from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the two fields are their names")]
pub struct LineColumn {
    pub line: usize,
    pub column: usize,
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    /// The characters that start before each multiple of [`STRIDE`], so that a column in a very long line costs no walk
    /// through the line.
    characters_before: Vec<usize>,
}

const STRIDE: usize = 128;

impl Source {
    /// A text under the name that messages give it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut line_starts = vec![0];
        line_starts.extend(
            text.bytes()
                .enumerate()
                .filter(|&(_, byte)| byte == b'\n')
                .map(|(index, _)| index + 1),
        );
        let mut characters_before = vec![0];
        let mut total = 0;
        for chunk in text.as_bytes().chunks(STRIDE) {
            total += characters(chunk);
            characters_before.push(total);
        }
        Self {
            name: name.into(),
            text,
            line_starts,
            characters_before,
        }
    }

    /// A source from the bytes of a file, which may not be text.
    ///
    /// # Errors
    ///
    /// The problem that it is not UTF-8, with a source in which the offending bytes are replaced, so that it can be shown.
    pub fn from_bytes(
        name: impl Into<String>,
        bytes: Vec<u8>,
    ) -> Result<Self, Box<(Self, Diagnostic)>> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let start = error.utf8_error().valid_up_to();
                let byte = error.as_bytes().get(start).copied().unwrap_or_default();
                let source = Self::new(name, String::from_utf8_lossy(error.as_bytes()));
                // The replacement character takes three bytes.
                let span = Span::new(FileId::MAIN, start..start + '\u{fffd}'.len_utf8());
                let diagnostic = Diagnostic::at(Code::NotUtf8, span, "the file is not UTF-8 text")
                    .label(format!("the byte 0x{byte:02x} is not valid here"))
                    .help("save the file as UTF-8");
                Err(Box::new((source, diagnostic)))
            }
        }
    }

    /// The name that messages give it: a path as the caller wrote it, or `<stdin>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The position of a byte offset; one behind the end is the end.
    pub fn position(&self, offset: usize) -> LineColumn {
        let offset = self.boundary(offset);
        let line = self.line_starts.partition_point(|&start| start <= offset);
        let start = self.line_starts[line - 1];
        LineColumn {
            line,
            column: self.characters_up_to(offset) - self.characters_up_to(start) + 1,
        }
    }

    /// The line around an offset, without its end.
    pub fn line_at(&self, offset: usize) -> &str {
        let offset = self.boundary(offset);
        let line = self.line_starts.partition_point(|&start| start <= offset);
        self.text[self.line_starts[line - 1]..]
            .lines()
            .next()
            .unwrap_or_default()
    }

    /// The nearest offset at or before this one that is in the text and between two characters.
    pub(super) fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    fn characters_up_to(&self, offset: usize) -> usize {
        let stride = offset / STRIDE;
        self.characters_before[stride] + characters(&self.text.as_bytes()[stride * STRIDE..offset])
    }
}

/// The number of characters that start in these bytes: all bytes but the continuations `0b10xx_xxxx`.
fn characters(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new("x", format!("é = 1\n{}é!", "ü".repeat(2000)));
        assert_eq!(source.position(0), LineColumn { line: 1, column: 1 });
        assert_eq!(source.position(3), LineColumn { line: 1, column: 3 });
        assert_eq!(source.position(7), LineColumn { line: 2, column: 1 });
        assert_eq!(
            source.position(7 + 4000 + 2),
            LineColumn {
                line: 2,
                column: 2002
            }
        );
        assert_eq!(
            source.position(usize::MAX),
            LineColumn {
                line: 2,
                column: 2003
            }
        );
        assert_eq!(source.line_at(2), "é = 1");
    }

    #[test]
    fn bytes_that_are_no_text_are_located() {
        let (source, diagnostic) = *Source::from_bytes("x", b"ok = 1\n\xff".to_vec()).unwrap_err();
        assert_eq!(
            source.position(diagnostic.primary.unwrap().span.start()),
            LineColumn { line: 2, column: 1 }
        );
    }
}
