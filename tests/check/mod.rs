//! `nestns check`: every diagnostic in the human format, the other formats, and random files.

mod editors;
mod expectations;
mod files;
mod formats;
mod keys;
mod lints;
mod names;
mod numbers;
mod processes;
mod programs;
mod property;
mod ready;
mod sarif;
mod surroundings;
mod syntax;
mod table;
mod tree;
mod values;

use crate::harness::Nestns;
use crate::schema::agrees;

/// The human output about a text; tests compare it to the letter, and `SNAPSHOTS=overwrite` writes it anew.
pub(crate) fn human(text: &str) -> String {
    let outcome = Nestns::new(&["check", "-"]).input(text).run();
    if outcome.code == 0 {
        agrees(text);
    }
    outcome.stdout
}
