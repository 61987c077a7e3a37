//! Death in the worst moment: controller or guardian killed between two calls, at a named point of the program, and still
//! nothing of the tree is left without a record.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::requirement::{nesting, require, root};
use crate::harness::wait::{suspend, until};
use crate::leftovers::{has_ended, run};
use crate::pause::{Stage, stages_with};

/// A root whose PID 1 has another user and so does not end with its parent, and one that is as it was.
const STUBBORN: &str = r#"
[ns.@]
init = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "1000"]
[ns.@-other]
proc.idle = "sleep 1000"
"#;
const FLAT: &str = "[ns.@]\nproc.idle = \"sleep 1000\"\n";
const DEEP: &str = "[ns.@]\n[ns.\"@/a\"]\n[ns.\"@/a/b\"]\nproc.idle = \"sleep 1000\"\n";

fn roots(tree: &Detached) -> Vec<Pid> {
    let truth = tree.truth();
    let all = truth.0["namespaces"]
        .as_array()
        .expect("it has them")
        .iter();
    let roots = all.filter(|namespace| namespace["parent"].is_null());
    let init = |path: &str| {
        [format!("{path}/init"), path.to_owned()]
            .into_iter()
            .find(|path| truth.paths().contains(path))
    };
    let path = |namespace: &serde_json::Value| {
        init(namespace["path"].as_str().expect("a path")).expect("it has a PID 1")
    };
    roots
        .map(|namespace| Pid::from_raw(truth.host_pid(&path(namespace))))
        .collect()
}

fn has_another_user(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .is_ok_and(|status| status.contains("Uid:\t65534"))
}

#[test]
fn a_root_of_another_user_dies_with_a_controller_that_is_killed_while_replacing_its_guardian() {
    require!(nesting(), root());
    for point in ["guardian-started", "guardian-told#1", "guardian-told#2"] {
        let tree = Detached::up(Nest::new(STUBBORN).env("NESTNS_FAULT", &format!("{point}:kill")));
        let (controller, roots) = (tree.controller(), roots(&tree));
        assert_eq!(roots.len(), 2);
        until("its user has changed", || {
            roots.iter().any(|&root| has_another_user(root))
        });
        kill(
            kernel::guardian(controller).expect("it has one"),
            Signal::SIGKILL,
        )
        .expect("it runs");
        until("the controller has come to the point", || {
            has_ended(controller)
        });
        for &root in &roots {
            until(&format!("{point}: the root has ended"), || has_ended(root));
        }
        // The state was removed by one of the two, without a request.
        assert_nothing_left(&tree.nest);
    }
}

#[test]
fn the_state_is_kept_until_every_root_is_known_to_have_ended() {
    for_each_identity(|identity| {
        for topology in [FLAT, DEEP] {
            // 110 is what await-roots looks for; any number has the guardian doubt what has become of the roots.
            let tree = Detached::up(
                Nest::new(topology)
                    .identity(identity)
                    .env("NESTNS_FAULT", "await-roots:110"),
            );
            let (controller, roots) = (tree.controller(), roots(&tree));
            let guardian = kernel::guardian(controller).expect("it has one");
            kill(controller, Signal::SIGKILL).expect("it runs");
            until("the guardian has done what it can", || has_ended(guardian));
            assert!(
                tree.nest
                    .state()
                    .join(&tree.nest.root)
                    .join("truth.json")
                    .exists(),
                "{identity:?}"
            );
            until("the roots have ended", || {
                roots.iter().all(|&root| has_ended(root))
            });
            let (code, stdout, stderr) = run(&tree.nest, &["prune"]);
            assert_eq!((code, stderr.as_str()), (0, ""), "{identity:?}");
            assert_eq!(
                stdout,
                format!(
                    "removed {}: all of its processes have ended\n",
                    tree.nest.root
                )
            );
            assert_nothing_left(&tree.nest);
        }
    });
}

#[test]
fn a_controller_that_dies_at_any_point_of_a_start_leaves_nothing() {
    let points = [
        "name-taken",
        "root-made#1",
        "root-guarded#1",
        "truth-written",
        "released",
    ];
    for_each_identity(|identity| {
        for topology in [FLAT, DEEP] {
            for point in points {
                let fault = format!("{point}:kill");
                let nest = Nest::new(topology)
                    .identity(identity)
                    .env("NESTNS_FAULT", &fault);
                let file = nest.file_name().to_owned();
                let (code, stdout, stderr) = run(&nest, &["up", "-d", &file]);
                assert_ne!(code, 0, "{identity:?} {point}: {stdout}{stderr}");
                assert_nothing_left(&nest);
            }
        }
    });
}

#[test]
fn a_guardian_that_dies_during_a_start_is_replaced_before_anything_runs() {
    for_each_identity(|identity| {
        // The controller stops where it has made the root, and goes on when its guardian is dead.
        let nest = Nest::new(DEEP)
            .identity(identity)
            .env("NESTNS_FAULT", "root-made#1:stop");
        let mut running = nest.up();
        let controller = running.pid();
        running.until("it has stopped", |_| {
            kernel::process(controller.as_raw())
                .is_some_and(|found| found.state == 'T')
                .then_some(())
        });
        kill(
            kernel::guardian(controller).expect("it has one"),
            Signal::SIGKILL,
        )
        .expect("it runs");
        running.signal(Signal::SIGCONT);
        let truth = running.until_running();
        let root = Pid::from_raw(truth.host_pid(&format!("{}/init", running.nest.root)));
        // The new guardian knows the root.
        until("there is another guardian", || {
            !kernel::descendants(controller.as_raw()).is_empty()
        });
        running.signal(Signal::SIGKILL);
        let ended = running.wait();
        assert_eq!(ended.code, 137, "{identity:?}: {}", ended.stderr);
        assert!(has_ended(root), "{identity:?}");
    });
}

/// The part that cleans up after an interrupted pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Survivor {
    /// The guardian lives and does it.
    Guardian,
    /// None: only the state directory records it.
    State,
    /// Nothing but the name of the cgroup.
    Nothing,
}

#[test]
fn a_freezer_cgroup_is_removed_when_controller_and_guardian_die_while_creating_it() {
    for topology in [FLAT, DEEP] {
        for point in ["cgroup-noted", "cgroup-made"] {
            for survivor in [Survivor::Guardian, Survivor::State, Survivor::Nothing] {
                for stage in stages_with(topology, &[("NESTNS_FAULT", &format!("{point}:kill"))]) {
                    cut_off_a_pause(&stage, survivor, usize::from(point == "cgroup-made"));
                }
            }
        }
    }
}

fn cut_off_a_pause(stage: &Stage, survivor: Survivor, made: usize) {
    let tree = &stage.detached;
    let (controller, root) = (tree.controller(), tree.nest.root.clone());
    let (guardian, roots) = (
        kernel::guardian(controller).expect("it has one"),
        roots(tree),
    );
    if survivor != Survivor::Guardian {
        suspend(guardian);
    }
    tree.nestns(&["pause", &root]);
    until("the controller has come to the point", || {
        has_ended(controller)
    });
    if survivor == Survivor::Guardian {
        until("the guardian has ended", || has_ended(guardian));
    } else {
        assert_eq!(stage.groups().len(), made, "{:?}", stage.groups());
        kill(guardian, Signal::SIGKILL).expect("it runs");
        until("the guardian is gone", || has_ended(guardian));
        until("the roots have ended", || {
            roots.iter().all(|&root| has_ended(root))
        });
        if survivor == Survivor::Nothing {
            fs::remove_dir_all(tree.nest.state().join(&root)).expect("it is there");
        }
        let (code, stdout, stderr) = run(&tree.nest, &["prune"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{survivor:?}: {stdout}");
    }
    assert_eq!(
        stage.groups(),
        Vec::<std::path::PathBuf>::new(),
        "{survivor:?}"
    );
    assert_nothing_left(&tree.nest);
}
