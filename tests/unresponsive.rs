//! Controllers that do not answer: stopped as by Ctrl-Z, before or while something is asked of them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::wait::{suspend, until};
use crate::leftovers::{has_ended, run};

const FLAT: &str = "[ns.@]\nproc.idle = \"sleep 1000\"\n";
const DEEP: &str = "[ns.@]\n[ns.\"@/a\"]\n[ns.\"@/a/b\"]\nproc.idle = \"sleep 1000\"\n";
/// A topology that does not end on request.
const DEAF: &str = "[ns.@]\nproc.deaf = { actor = \"ignore-term\", stop.grace = \"60s\" }\n";

#[test]
fn down_now_ends_a_suspended_controller_and_down_prints_the_remedy() {
    for_each_identity(|identity| {
        for topology in [FLAT, DEEP] {
            for is_guardian_stopped in [false, true] {
                let tree = Detached::up(Nest::new(topology).identity(identity));
                let (controller, root) = (tree.controller(), tree.nest.root.clone());
                let guardian = kernel::guardian(controller).expect("it has one");
                suspend(controller);
                if is_guardian_stopped {
                    suspend(guardian);
                }
                let (code, _, stderr) = run(&tree.nest, &["down", &root]);
                assert_eq!(code, 1, "{identity:?}: {stderr}");
                assert!(stderr.contains("is stopped, as by Ctrl-Z"), "{stderr}");
                assert!(
                    stderr.contains(&format!("`kill -CONT {controller}`")),
                    "{stderr}"
                );
                assert!(
                    stderr.contains(&format!("`nestns down --now {root}`")),
                    "{stderr}"
                );
                assert!(!has_ended(controller));
                let began = Instant::now();
                let (code, _, stderr) = run(&tree.nest, &["down", "--now", &root]);
                assert_eq!(code, 0, "{identity:?}: {stderr}");
                assert!(stderr.contains("killed the controller"), "{stderr}");
                assert!(
                    began.elapsed() < Duration::from_secs(30),
                    "{:?}",
                    began.elapsed()
                );
                assert!(has_ended(controller), "{identity:?}");
                until("its guardian has ended", || has_ended(guardian));
                assert_nothing_left(&tree.nest);
            }
        }
    });
}

#[test]
fn a_controller_suspended_during_a_stop_is_reported_and_can_be_killed() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(DEAF).identity(identity));
        let (controller, root) = (tree.controller(), tree.nest.root.clone());
        let mut command = tree.nest.command(&["down", "--timeout", "4s", &root]);
        let waits = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let waits = waits.expect("the program was built");
        tree.until("it is being stopped", |tree| {
            let events =
                std::fs::read_to_string(tree.nest.state().join(&root).join("events.jsonl"))
                    .unwrap_or_default();
            events.contains("\"event\":\"stopping\"").then_some(())
        });
        suspend(controller);
        let output = waits.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{identity:?}: {stderr}");
        assert!(
            stderr.contains("is stopped, as by Ctrl-Z"),
            "{identity:?}: {stderr}"
        );
        assert!(
            stderr.contains("killed the controller"),
            "{identity:?}: {stderr}"
        );
        assert!(has_ended(controller), "{identity:?}");
        assert_nothing_left(&tree.nest);
    });
}

#[test]
fn down_all_now_ends_suspended_controllers() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(FLAT).identity(identity));
        let file = tree.nest.file_name().to_owned();
        assert_eq!(
            run(&tree.nest, &["up", "-d", &file, "--name", "other"]).0,
            0
        );
        let controller = tree.controller();
        suspend(controller);
        let (code, _, stderr) = run(&tree.nest, &["down", "--all", "--yes", "--now"]);
        assert_eq!(code, 0, "{identity:?}: {stderr}");
        assert!(has_ended(controller), "{identity:?}");
        assert_nothing_left(&tree.nest);
    });
}
