//! Verbs about a topology that runs beside the tools that do the same by hand, on the same machine, in one go.
//!
//!     cargo bench --bench life             every row
//!     cargo bench --bench life -- ps       the rows whose name begins with `ps`
//!
//! Each measurement alternates between the two sides and reports medians, so that a machine that slows down slows both.
//! Building needs root, or user namespaces for every user; nsenter(1) needs root. Ends with 1 when
//! a bound is exceeded.

mod pair;
mod report;
#[path = "../table/mod.rs"]
mod table;
mod topology;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    // Cargo's own mark for a bench target.
    let filter = arguments
        .find(|argument| argument != "--bench")
        .unwrap_or_default();
    if filter == "--help" {
        eprintln!("usage: life [ROW]");
        return ExitCode::from(2);
    }
    report::print(&pair::measure(&filter))
}
