//! Lines of programs, each behind the path of its process: `vm/ci/runner  │ text`, standard error `!│`.

use super::charset::Charset;
use super::depth;
use super::escape::{self, Colours};
use super::tree::Colour;
use nestns_client::journal::Stream;

/// The widest path in front of a line; a longer one is cut in the middle.
const WIDEST: usize = 32;

/// Treatment of control characters and escape sequences of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Controls {
    /// Made visible, not obeyed: a line cannot overwrite another program's.
    #[default]
    Shown,
    /// Passed on unchanged.
    Raw,
}

impl Controls {
    /// The treatment that `--raw` asks for.
    pub(crate) const fn of_raw(is_raw: bool) -> Self {
        if is_raw { Self::Raw } else { Self::Shown }
    }
}

/// Style of lines.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lines {
    /// Colour of the depth; if on, the programs' own colours are kept.
    pub(crate) colour: Colour,
    /// Treatment of everything else besides text that programs write.
    pub(crate) controls: Controls,
    /// Characters that the bar is drawn with.
    pub(crate) charset: Charset,
    width: usize,
}

impl Lines {
    /// Style with a column as wide as the widest of the paths needs it.
    pub(crate) fn new<'a>(
        colour: Colour,
        charset: Charset,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let width = paths
            .into_iter()
            .map(|path| path.chars().count())
            .max()
            .unwrap_or(0)
            .min(WIDEST);
        Self {
            colour,
            controls: Controls::Shown,
            charset,
            width,
        }
    }

    /// Renders one line, with its line feed.
    pub(crate) fn render(&self, path: &str, stream: Stream, text: &[u8]) -> Vec<u8> {
        let level = path.split('/').count() - 1;
        let style = if self.colour == Colour::On {
            depth::style(level)
        } else {
            anstyle::Style::new()
        };
        let bar = match (self.charset, stream) {
            (Charset::Unicode, Stream::Stdout) => " │",
            (Charset::Unicode, Stream::Stderr) => "!│",
            (Charset::Ascii, Stream::Stdout) => " |",
            (Charset::Ascii, Stream::Stderr) => "!|",
        };
        let path = shorten(path);
        let width = self.width;
        let mut shown = format!("{style}{path:width$}{style:#} {bar} ").into_bytes();
        match (self.controls, self.colour) {
            (Controls::Raw, _) => shown.extend_from_slice(text),
            (Controls::Shown, Colour::On) => escape::line(text, Colours::Kept, &mut shown),
            // Escape sequences of the program belong on a terminal, not in a file.
            (Controls::Shown, Colour::Off) => escape::line(text, Colours::Dropped, &mut shown),
        }
        shown.push(b'\n');
        shown
    }
}

/// Cuts the middle out of a long path: its ends are the most telling parts.
fn shorten(path: &str) -> String {
    let length = path.chars().count();
    if length <= WIDEST {
        return path.to_owned();
    }
    let half = (WIDEST - 1) / 2;
    let head: String = path.chars().take(half).collect();
    let tail: String = path.chars().skip(length - (WIDEST - 1 - half)).collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::{Lines, Stream};
    use crate::present::charset::Charset;
    use crate::present::tree::Colour;

    fn text(lines: Lines, path: &str, stream: Stream, text: &str) -> String {
        String::from_utf8(lines.render(path, stream, text.as_bytes())).expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn the_path_is_padded_and_standard_error_is_marked() {
        let lines = Lines::new(Colour::Off, Charset::Unicode, ["vm/a", "vm/ci/b"]);
        assert_eq!(text(lines, "vm/a", Stream::Stdout, "hi"), "vm/a     │ hi\n");
        assert_eq!(
            text(lines, "vm/ci/b", Stream::Stderr, "\x1b[1mhi\x1b[0m"),
            "vm/ci/b !│ hi\n"
        );
    }

    #[test]
    fn a_long_path_loses_its_middle() {
        let path = format!("{}/{}", "a".repeat(30), "b".repeat(30));
        let lines = Lines::new(Colour::Off, Charset::Ascii, [&*path]);
        let expected = format!("{}…{}  | x\n", "a".repeat(15), "b".repeat(16));
        assert_eq!(text(lines, &path, Stream::Stdout, "x"), expected);
    }
}
