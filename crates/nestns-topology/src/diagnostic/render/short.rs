//! One line a problem, in the form that editors and terminals turn into links.

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostics, Sources};

pub(super) fn render(files: &[(&Sources, &Diagnostics)]) -> String {
    let mut text = String::new();
    for (sources, diagnostics) in files {
        for diagnostic in *diagnostics {
            let source = sources.of(diagnostic);
            text.push_str(source.name());
            // Writing to a String cannot fail.
            if let Some(label) = &diagnostic.primary {
                let place = source.position(label.span.start());
                let _ = write!(text, ":{}:{}", place.line, place.column);
            }
            let _ = writeln!(
                text,
                ": {}[{}]: {}",
                diagnostic.level(),
                diagnostic.code,
                diagnostic.message
            );
        }
    }
    text
}
