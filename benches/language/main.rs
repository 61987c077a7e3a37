//! Large topology files: how long they take and how much memory, and that twice as much takes twice as long.
//!
//!     cargo bench --bench language                every row
//!     cargo bench --bench language -- declared    the rows whose file begins with `declared`
//!
//! Measured is the built executable, `nestns check FILE` and `nestns up --dry-run FILE`, from its start to its end: the time
//! of the quickest of some rounds, because whatever else the machine does only adds to it, and the largest resident set.
//! Each round is a process of this executable with the argument `measure`, whose only child is measured, so that what the
//! kernel knows of all children is about that one. Two rows are only about reading the text of the largest declared file into
//! values: as the program does it, and with the tree of the `toml` library. Ends with 1 when a bound is exceeded.

mod file;
mod measure;
mod report;
mod rows;
#[path = "../table/mod.rs"]
mod table;
mod topology;

use std::process::ExitCode;

/// Imports of the modules of the library that are compiled here.
mod diagnostic {
    pub(crate) use nestns_topology::diagnostic::{
        Code, Diagnostic, Diagnostics, FileId, Source, Span,
    };
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo's own mark for a bench target.
    arguments.retain(|argument| argument != "--bench");
    match arguments.first().map(String::as_str) {
        Some("measure") => measure::print(measure::run(&arguments[1..])),
        Some("parse") => measure::print(measure::parse(&arguments[1..])),
        Some("--help") => {
            eprintln!(
                "usage: language [FILE]\n       language measure WORD…\n       language parse TREE FILE"
            );
            ExitCode::from(2)
        }
        filter => report::print(&rows::measure(filter.unwrap_or_default())),
    }
}
