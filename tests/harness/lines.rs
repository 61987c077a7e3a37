//! Output of the programs of a tree: `path │ line` on the standard output of `up`.
//!
//! A long path is shortened there, so that a line that is looked for has to name its process itself.

use std::fs;

use super::nest::{Nest, Running};

/// The lines of all processes, without the paths; what went to standard error is among them.
pub(crate) fn lines(nest: &Nest) -> Vec<String> {
    let text = fs::read_to_string(nest.directory.path().join("stdout")).unwrap_or_default();
    // The last one may be half written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = whole.lines().filter_map(|line| line.split_once('│'));
    lines
        .map(|(_, line)| line.strip_prefix(' ').unwrap_or(line).to_owned())
        .collect()
}

/// Waits for a line that begins with this, and gives what follows.
pub(crate) fn answer(running: &mut Running, beginning: &str) -> String {
    running.until(&format!("somebody says {beginning}"), |nest| {
        let lines = lines(nest);
        lines
            .iter()
            .find_map(|line| line.strip_prefix(beginning))
            .map(|rest| rest.trim().to_owned())
    })
}
