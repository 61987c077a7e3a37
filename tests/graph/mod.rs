//! `nestns graph`: what it writes to the letter, and that others can draw it.

mod artefacts;
mod text;

use std::path::Path;

use crate::harness::{Nestns, Outcome};

/// A name that no name can be, descriptions and commands that would mean something to each format.
const HOSTILE: &str = include_str!("hostile.toml");

/// Three namespaces in a chain: a database, two backends that wait for it, and a proxy that waits for both.
const SHOP: &str = include_str!("shop.toml");

fn graph(file: &Path, arguments: &[&str]) -> Outcome {
    let words = [&["graph", file.to_str().expect("our own path")], arguments].concat();
    Nestns::new(&words).run()
}

/// The picture of a text, without messages.
fn drawn(text: &str, arguments: &[&str]) -> String {
    let outcome = Nestns::new(&[&["graph", "-"], arguments].concat())
        .input(text)
        .run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    outcome.stdout
}
