//! Workflow commands of GitHub Actions, one a line; what is not allowed in them is percent-encoded.

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostics, Sources};

pub(super) fn render(files: &[(&Sources, &Diagnostics)]) -> String {
    let mut text = String::new();
    for (sources, diagnostics) in files {
        for diagnostic in *diagnostics {
            let source = sources.of(diagnostic);
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "::{} file={}",
                diagnostic.level(),
                property(source.name())
            );
            if let Some(label) = &diagnostic.primary {
                let start = source.position(label.span.start());
                let end = source.position(label.span.end().max(label.span.start()));
                let _ = write!(
                    text,
                    ",line={},col={},endLine={},endColumn={}",
                    start.line, start.column, end.line, end.column
                );
            }
            let _ = write!(
                text,
                ",title={}::{}",
                diagnostic.code,
                data(&diagnostic.message)
            );
            if let Some(help) = &diagnostic.help {
                let _ = write!(text, "%0Ahelp: {}", data(help));
            }
            text.push('\n');
        }
    }
    text
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Code, Diagnostic, FileId, Source, Span};

    #[test]
    fn what_ends_a_command_is_encoded() {
        let source = Source::new("a,b:c%.toml", "x = 1\n");
        let problem = Diagnostic::at(
            Code::UnknownKey,
            Span::new(FileId::MAIN, 0..1),
            "50% of `x`",
        )
        .help("no, never");
        assert_eq!(
            render(&[(&source.into(), &problem.into())]),
            "::error file=a%2Cb%3Ac%25.toml,line=1,col=1,endLine=1,endColumn=2,title=NS102::50%25 of `x`%0Ahelp: no, never\n"
        );
    }
}
