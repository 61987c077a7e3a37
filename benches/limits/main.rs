//! nestns beside the least that the kernel must be asked for, on the same machine, in one go.
//!
//!     cargo bench                  every row
//!     cargo bench -- wide          the rows whose shape begins with `wide`
//!
//! Each measurement alternates between the two sides and reports medians, so that a machine that slows down slows both.
//! The baseline is this executable again, with the argument `baseline`: a small process with one thread, as the fork of
//! a large or threaded one would measure something else. Building needs root, or user namespaces
//! for every user. Ends with 1 when a bound is exceeded.

mod baseline;
mod memory;
mod ordered;
mod report;
mod rows;
mod shape;
mod subject;
#[path = "../table/mod.rs"]
mod table;

use std::process::ExitCode;

use shape::Shape;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo's own mark for a bench target.
    arguments.retain(|argument| argument != "--bench");
    match arguments.first().map(String::as_str) {
        Some("baseline") => match Shape::parse(&arguments[1..]) {
            Some(shape) => baseline::main(shape),
            None => usage(),
        },
        Some("--help") => usage(),
        filter => report::print(&rows::measure(filter.unwrap_or_default())),
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: limits [SHAPE]\n       limits baseline wide N | chain N");
    ExitCode::from(2)
}
