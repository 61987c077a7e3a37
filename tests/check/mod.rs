//! `nestns check`: every diagnostic as people see it, the other formats, and files that nobody would write.

mod editors;
mod expectations;
mod files;
mod formats;
mod keys;
mod lints;
mod names;
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

/// What people are shown about a text; tests compare it to the letter, and `SNAPSHOTS=overwrite` writes it anew.
pub(crate) fn human(text: &str) -> String {
    let outcome = Nestns::new(&["check", "-"]).input(text).run();
    if outcome.code == 0 {
        agrees(text);
    }
    outcome.stdout
}
