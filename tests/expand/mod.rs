//! Expansion of a short file to a large tree: every rule of merging, every generator, all of their errors, and
//! their human output, to the letter.

mod arithmetic;
mod defaults;
mod expanded;
mod generators;
mod includes;
mod instances;
mod merging;
mod names;
mod placeholders;
mod property;
mod sizes;
mod templates;
mod variables;

use std::fs;

use tempfile::TempDir;

use crate::harness::{Nestns, Outcome};
use crate::schema::agrees;

/// Files in a directory of their own; the first is the topology.
struct Files {
    directory: TempDir,
    first: &'static str,
}

impl Files {
    fn new(files: &[(&'static str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self {
            directory,
            first: files[0].0,
        }
    }

    /// A verb on the topology, with further arguments.
    fn run(&self, verb: &str, arguments: &[&str]) -> Outcome {
        let arguments: Vec<_> = [verb, self.first]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        Nestns::new(&arguments)
            .directory(self.directory.path())
            .env("COLOR", "blue")
            .run()
    }

    /// Expansion of the topology, without the first three lines.
    fn expanded(&self, arguments: &[&str]) -> String {
        let outcome = self.run("config", arguments);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        agrees(&outcome.stdout);
        let body = outcome
            .stdout
            .strip_prefix("nestns = 1\nexpanded = true\nname = \"x\"\n");
        body.expect("the topology is called x").to_owned()
    }

    /// Diagnostics of the topology.
    fn human(&self, arguments: &[&str]) -> String {
        self.run("check", arguments).stdout
    }
}

/// The expansion of a file.
fn expanded(text: &str) -> String {
    agrees(text);
    Files::new(&[("x.toml", text)]).expanded(&[])
}

/// The diagnostics of a file.
fn human(text: &str) -> String {
    Files::new(&[("x.toml", text)]).human(&[])
}

/// A file with the numbers that its tree will get.
fn tree(text: &str) -> String {
    let outcome = Files::new(&[("x.toml", text)]).run("tree", &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    outcome.stdout
}

/// A text for each number, one after the other.
fn joined(numbers: std::ops::Range<usize>, text: impl Fn(usize) -> String) -> String {
    numbers.map(text).collect::<Vec<_>>().concat()
}
