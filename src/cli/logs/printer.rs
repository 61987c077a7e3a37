//! How lines of logs are shown.

use std::io::Write as _;

use super::Args;
use super::merge::Line;
use crate::cli::answer_format::AnswerFormat;
use crate::cli::console_reporter::charset;
use crate::present::line::{Controls, Lines};
use nestns_client::documents::LineDocument;
use nestns_client::journal::record::Wholeness;

/// So much is written at a time.
const FULL: usize = 64 * 1024;

/// Shows lines, and keeps them until they are written.
#[derive(Debug)]
pub(super) struct Printer {
    format: AnswerFormat,
    timestamps: bool,
    lines: Lines,
    shown: Vec<u8>,
}

impl Printer {
    pub(super) fn new(args: &Args, paths: &[String]) -> Self {
        let mut lines = Lines::new(
            args.color.colour(&std::io::stdout()),
            charset(),
            paths.iter().map(String::as_str),
        );
        lines.controls = Controls::of_raw(args.raw);
        Self {
            format: args.format,
            timestamps: args.timestamps,
            lines,
            shown: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, Line { path, record }: &Line) {
        match self.format {
            AnswerFormat::Human => {
                if self.timestamps {
                    let stamp = humantime::format_rfc3339_micros(record.stamp.into());
                    // A vector takes everything.
                    let _ = write!(self.shown, "{stamp} ");
                }
                // A terminal ends its lines with both.
                let text = record.text.strip_suffix(b"\r").unwrap_or(&record.text);
                self.shown
                    .extend(self.lines.render(path, record.stream, text));
            }
            AnswerFormat::Json => {
                let text = String::from_utf8_lossy(&record.text);
                let is_lossy = matches!(text, std::borrow::Cow::Owned(_));
                let document = LineDocument {
                    ts: record.stamp.to_string(),
                    path: &**path,
                    stream: record.word().into(),
                    missing: record.gap.map(|gap| gap.bytes),
                    text: &*text,
                    partial: record.wholeness == Wholeness::Partial,
                    base64: is_lossy.then(|| base64(&record.text)),
                };
                // Text and two words can always be written.
                let _ = serde_json::to_writer(&mut self.shown, &document);
                self.shown.push(b'\n');
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.shown.len() >= FULL
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.shown)
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(padded);
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_as_in_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }
}
