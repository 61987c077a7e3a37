//! Clean-up that fails: said, with a status that is not 0, and never an abort; `prune` does the rest.

use std::process::Stdio;

use crate::harness::detached::{Detached, outcome};
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::requirement::{nesting, require};
use crate::leftovers::run;

const FLAT: &str = "[ns.@]\nproc.idle = \"true\"\n";
const DEEP: &str = "[ns.@]\n[ns.\"@/a\"]\n[ns.\"@/a/b\"]\nproc.idle = \"true\"\n";

/// EIO, EROFS and EACCES.
const ERRNOS: [i32; 3] = [5, 30, 13];

#[test]
fn a_failed_removal_is_reported_with_a_failure_status() {
    for_each_identity(|identity| {
        for topology in [FLAT, DEEP] {
            for call in ["unlink", "rmdir", "list-remains"] {
                for errno in ERRNOS {
                    let nest = Nest::new(topology).identity(identity);
                    let mut command = nest.command(&["up", nest.file_name()]);
                    command
                        .env("NESTNS_FAULT", format!("{call}:{errno}"))
                        .stdin(Stdio::null());
                    let said = outcome(command);
                    assert_eq!(said.code, 1, "{identity:?} {call} {errno}: {}", said.stderr);
                    assert!(
                        said.stderr.contains("was not removed completely: cannot"),
                        "{identity:?} {call} {errno}: {}",
                        said.stderr
                    );
                    assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
                    let (code, _, stderr) = run(&nest, &["prune"]);
                    assert_eq!(
                        (code, stderr.as_str()),
                        (0, ""),
                        "{identity:?} {call} {errno}"
                    );
                    assert_nothing_left(&nest);
                }
            }
        }
    });
}

#[test]
fn run_reports_leftovers_with_its_own_failure_status() {
    require!(nesting());
    let nest = Nest::new("");
    let mut command = nest.command(&["run", "--", "true"]);
    command.env("NESTNS_FAULT", "unlink:5").stdin(Stdio::null());
    let said = outcome(command);
    assert_eq!(said.code, 125, "{}", said.stderr);
    let mut command = nest.command(&["run", "--", "sh", "-c", "exit 7"]);
    command.env("NESTNS_FAULT", "unlink:5").stdin(Stdio::null());
    let said = outcome(command);
    // What the command says goes first.
    assert_eq!(said.code, 7, "{}", said.stderr);
    assert!(
        said.stderr.contains("`nestns prune` tries again"),
        "{}",
        said.stderr
    );
    assert_eq!(run(&nest, &["prune"]).0, 0);
    assert_nothing_left(&nest);
}

#[test]
fn down_reports_leftovers() {
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\nproc.idle = \"sleep 1000\"\n").identity(identity);
        let tree = Detached::up(nest.env("NESTNS_FAULT", "unlink:5"));
        let root = tree.nest.root.clone();
        let (code, _, stderr) = run(&tree.nest, &["down", &root]);
        assert_eq!(code, 1, "{identity:?}: {stderr}");
        assert!(
            stderr.contains("is still there") && stderr.contains("nestns prune"),
            "{identity:?}: {stderr}"
        );
        let mut command = tree.nest.command(&["prune"]);
        command.env_remove("NESTNS_FAULT");
        assert_eq!(outcome(command).code, 0, "{identity:?}");
        assert_nothing_left(&tree.nest);
    });
}
