//! The state directory is removed while the topology runs: it is put back, nothing is lost that can be kept, and no other
//! topology takes the name meanwhile.

use std::fs;

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::wait::suspend;
use crate::leftovers::{has_ended, run};

const FLAT: &str =
    "[ns.@]\nproc.idle = { sh = \"echo before; while :; do echo tick; sleep 0.05; done\" }\n";
const DEEP: &str = "[ns.@]\n[ns.\"@/a\"]\n[ns.\"@/a/b\"]\nproc.idle = { sh = \"echo before; while :; do echo tick; sleep 0.05; done\" }\n";

fn problem(tree: &Detached) -> Option<String> {
    let outcome = tree.nestns(&["ls", "--format", "json"]);
    let document: Value = serde_json::from_str(&outcome.stdout).ok()?;
    let all = document["topologies"].as_array()?;
    let own = all
        .iter()
        .find(|one| one["name"] == tree.nest.root.as_str())?;
    own["problem"].as_str().map(str::to_owned)
}

/// Checks that everything that clients need is there and works.
fn works(tree: &Detached) {
    let root = tree.nest.root.clone();
    let directory = tree.nest.state().join(&root);
    for name in [
        "lock",
        "truth.json",
        "control.sock",
        "topology.toml",
        "events.jsonl",
        "logs",
    ] {
        tree.until(name, |_| directory.join(name).exists().then_some(()));
    }
    tree.until("the problem is told", problem);
    let saved = tree.run(&["save", "@", "--topology", "-o", "-"]);
    assert!(saved.contains("[ns."), "{saved}");
    let (code, stdout, stderr) = run(
        &tree.nest,
        &["exec", "-n", &root, &root, "--", "echo", "inside"],
    );
    assert_eq!((code, stdout.as_str()), (0, "inside\n"), "{stderr}");
    let logs = tree.until("there is output again", |tree| {
        let outcome = tree.nestns(&["logs"]);
        outcome.stdout.contains("tick").then_some(outcome.stdout)
    });
    assert!(
        logs.contains("of output missing here: the state directory was removed"),
        "{logs}"
    );
    let file = tree.nest.file_name().to_owned();
    let (code, _, stderr) = run(&tree.nest, &["up", &file]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("already running"), "{stderr}");
}

#[test]
fn a_removed_state_directory_is_restored_with_its_files() {
    for_each_identity(|identity| {
        for topology in [FLAT, DEEP] {
            let tree = Detached::up(Nest::new(topology).identity(identity));
            let controller = tree.controller();
            let root = tree.nest.root.clone();
            // All of it, the directory above as well, and that again.
            for gone in [
                tree.nest.state().join(&root),
                tree.nest.state(),
                tree.nest.state(),
            ] {
                fs::remove_dir_all(&gone).expect("it is there");
                works(&tree);
            }
            assert_eq!(tree.controller(), controller, "{identity:?}");
            let (code, _, stderr) = run(&tree.nest, &["down", &root]);
            assert_eq!(code, 0, "{identity:?}: {stderr}");
            tree.until("its controller has ended", |_| {
                has_ended(controller).then_some(())
            });
            assert_nothing_left(&tree.nest);
        }
    });
}

#[test]
fn a_removed_state_file_is_restored() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(FLAT).identity(identity));
        let directory = tree.nest.state().join(&tree.nest.root);
        for name in [
            "control.sock",
            "truth.json",
            "topology.toml",
            "events.jsonl",
            "lock",
        ] {
            fs::remove_file(directory.join(name)).expect("it is there");
            tree.until(name, |_| directory.join(name).exists().then_some(()));
        }
        fs::remove_dir_all(directory.join("logs")).expect("it is there");
        tree.until("logs", |_| directory.join("logs").exists().then_some(()));
        works(&tree);
    });
}

#[test]
fn killing_the_controller_after_a_removal_leaves_nothing() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(DEEP).identity(identity));
        let controller = tree.controller();
        fs::remove_dir_all(tree.nest.state()).expect("it is there");
        tree.until("it is back", |tree| tree.is_running().then_some(()));
        tree.until("it is complete", problem);
        kill(controller, Signal::SIGKILL).expect("it runs");
        assert_nothing_left(&tree.nest);
    });
}

#[test]
fn a_stopped_controller_without_a_directory_is_found_and_keeps_its_name() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(FLAT).identity(identity));
        let (controller, root) = (tree.controller(), tree.nest.root.clone());
        suspend(controller);
        tree.until("it has stopped", |_| {
            kernel::process(controller.as_raw()).filter(|found| found.state == 'T')
        });
        fs::remove_dir_all(tree.nest.state()).expect("it is there");
        let file = tree.nest.file_name().to_owned();
        let (code, _, stderr) = run(&tree.nest, &["up", "-d", &file]);
        assert_ne!(code, 0, "{identity:?}");
        assert!(
            stderr.contains("already running") && stderr.contains(&controller.to_string()),
            "{identity:?}: {stderr}"
        );
        let (_, stdout, _) = run(&tree.nest, &["ls"]);
        assert!(
            stdout.contains(&root) && stdout.contains("silent"),
            "{identity:?}: {stdout}"
        );
        let (code, _, stderr) = run(&tree.nest, &["down", &root]);
        assert_eq!(code, 1, "{identity:?}: {stderr}");
        assert!(stderr.contains("is stopped"), "{identity:?}: {stderr}");
        let (code, _, stderr) = run(&tree.nest, &["down", "--now", &root]);
        assert_eq!(code, 0, "{identity:?}: {stderr}");
        assert!(has_ended(controller), "{identity:?}");
        assert_nothing_left(&tree.nest);
    });
}
