//! Directories that another user may replace, and special files in place of state files: refused, never followed, never
//! waited for.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::harness::Outcome;
use crate::harness::detached::{Detached, outcome};
use crate::harness::identity::{Identity, ORDINARY, for_each_identity};
use crate::harness::nest::{Nest, assert_nothing_left, program};
use crate::harness::requirement::{nesting, require, root};

const FLAT: &str = "[ns.@]\nproc.idle = \"sleep 1000\"\n";
const DEEP: &str =
    "[ns.@]\n[ns.\"@/a\"]\n[ns.\"@/a/b\"]\nproc.idle = { sh = \"echo hello; sleep 1000\" }\n";

fn give_away(path: &Path, identity: Identity) {
    if identity == Identity::Ordinary {
        chown(path, Some(ORDINARY), Some(ORDINARY)).expect("root may");
    }
}

/// A nest with its state root below a directory of this mode.
fn below(topology: &str, identity: Identity, mode: u32) -> (Nest, std::path::PathBuf) {
    let nest = Nest::new(topology).identity(identity);
    let shared = nest.directory.path().join("shared");
    fs::create_dir(&shared).expect("it is ours");
    fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).expect("it is ours");
    give_away(&shared, identity);
    let state = shared.join("state");
    let text = state.to_str().expect("our own path").to_owned();
    (nest.env("NESTNS_STATE_ROOT", &text), state)
}

fn up(nest: &Nest) -> Outcome {
    let file = nest.file_name();
    let mut command = nest.command(&["up", "-d", file]);
    command.stdin(Stdio::null());
    outcome(command)
}

#[test]
fn a_state_root_that_other_users_could_replace_is_refused() {
    for_each_identity(|identity| {
        for topology in [FLAT, DEEP] {
            for mode in [0o777, 0o773] {
                let (nest, state) = below(topology, identity, mode);
                let said = up(&nest);
                assert_ne!(said.code, 0, "{identity:?} {mode:o}");
                assert!(
                    said.stderr.contains("another user could replace it"),
                    "{}",
                    said.stderr
                );
                assert!(said.stderr.contains("not sticky"), "{}", said.stderr);
                assert!(!state.exists(), "{identity:?} {mode:o}");
                assert_nothing_left(&nest);
            }
            // As /tmp is.
            let (nest, _) = below(topology, identity, 0o1777);
            assert_eq!(up(&nest).code, 0, "{identity:?}");
            assert_eq!(
                outcome(nest.command(&["down", "--now", &nest.root])).code,
                0
            );
        }
    });
}

#[test]
fn a_state_root_in_the_directory_of_another_user_is_refused() {
    require!(nesting(), root());
    let nest = Nest::new(FLAT);
    let theirs = nest.directory.path().join("theirs");
    fs::create_dir(&theirs).expect("it is ours");
    chown(&theirs, Some(ORDINARY), Some(ORDINARY)).expect("root may");
    // A link of theirs in a sticky directory means what they like as well.
    let sticky = nest.directory.path().join("sticky");
    fs::create_dir(&sticky).expect("it is ours");
    fs::set_permissions(&sticky, fs::Permissions::from_mode(0o1777)).expect("it is ours");
    symlink("/tmp", sticky.join("link")).expect("it is ours");
    std::os::unix::fs::lchown(sticky.join("link"), Some(ORDINARY), Some(ORDINARY))
        .expect("root may");
    for root in [theirs.join("state"), sticky.join("link").join(&nest.root)] {
        let mut command = nest.command(&["up", "-d", nest.file_name()]);
        command.env("NESTNS_STATE_ROOT", &root).stdin(Stdio::null());
        let said = outcome(command);
        assert_ne!(said.code, 0, "{}", root.display());
        assert!(
            said.stderr.contains(&format!("belongs to user {ORDINARY}")),
            "{}",
            said.stderr
        );
        assert!(!root.exists());
    }
}

#[test]
fn a_directory_that_is_replaced_while_the_topology_runs_is_not_written_to() {
    for_each_identity(|identity| {
        for topology in [FLAT, DEEP] {
            let tree = Detached::up(Nest::new(topology).identity(identity));
            let (state, root) = (tree.nest.state(), tree.nest.root.clone());
            let victim = tree.nest.directory.path().join("victim");
            fs::write(&victim, "precious").expect("it is ours");
            give_away(&victim, identity);
            // An attacker that could do so puts a directory of links in its place.
            let moved = state.join("moved");
            fs::rename(state.join(&root), &moved).expect("it is there");
            let trap = state.join(&root);
            fs::create_dir(&trap).expect("it is ours");
            fs::set_permissions(&trap, fs::Permissions::from_mode(0o700)).expect("it is ours");
            for name in [
                "truth.json",
                "truth.json.part",
                "events.jsonl",
                "control.sock.part",
                "lock",
                "topology.toml",
            ] {
                symlink(&victim, trap.join(name)).expect("it is ours");
            }
            symlink(tree.nest.directory.path(), trap.join("logs")).expect("it is ours");
            give_away(&trap, identity);
            // The controller is told of the exchange, and what it does about it has no event of its own.
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(
                fs::read_to_string(&victim).expect("it is there"),
                "precious",
                "{identity:?}"
            );
            // The controller was asked to stop by a signal: its socket is somewhere else.
            let truth = fs::read(moved.join("truth.json")).expect("it was written");
            let truth: serde_json::Value =
                serde_json::from_slice(&truth).expect("it is a document");
            let controller =
                i32::try_from(truth["controller"].as_i64().expect("a number")).expect("a PID");
            let controller = nix::unistd::Pid::from_raw(controller);
            nix::sys::signal::kill(controller, nix::sys::signal::Signal::SIGTERM).expect("it runs");
            crate::harness::wait::until("it has ended", || crate::leftovers::has_ended(controller));
            assert_eq!(
                fs::read_to_string(&victim).expect("it is there"),
                "precious",
                "{identity:?}"
            );
            assert!(trap.join("truth.json").is_symlink(), "{identity:?}");
            fs::remove_dir_all(&trap).expect("it is ours");
            fs::remove_dir_all(&moved).expect("it is ours");
            assert_nothing_left(&tree.nest);
        }
    });
}

/// Runs a verb that must not take long, whatever it says.
fn is_quick(tree: &Detached, arguments: &[&str]) -> Outcome {
    let began = Instant::now();
    let said = tree.nestns(arguments);
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{arguments:?} took {:?}",
        began.elapsed()
    );
    assert!(
        !said.stderr.contains("panicked"),
        "{arguments:?}: {}",
        said.stderr
    );
    said
}

#[test]
fn a_fifo_or_a_device_in_place_of_a_file_blocks_no_reader() {
    for_each_identity(|identity| {
        let tree = Detached::up(Nest::new(DEEP).identity(identity));
        let (directory, root) = (
            tree.nest.state().join(&tree.nest.root),
            tree.nest.root.clone(),
        );
        let log = directory.join("logs").join("2.1.log");
        crate::harness::wait::until("it has written", || log.exists());
        // Put there beside the files, so that nothing is missing and made again.
        for (name, verb) in [("events.jsonl.1", "events"), ("logs/2.1.log.1", "logs")] {
            mkfifo(&directory.join(name), Mode::S_IRWXU).expect("it is ours");
            give_away(&directory.join(name), identity);
            let said = is_quick(
                &tree,
                if verb == "events" {
                    &["events", "--no-follow"]
                } else {
                    &["logs"]
                },
            );
            if said.code != 0 {
                assert!(
                    said.stderr.contains("not a regular file"),
                    "{identity:?} {verb}: {}",
                    said.stderr
                );
            }
            fs::remove_file(directory.join(name)).expect("it is there");
        }
        for verb in [
            vec!["ls"],
            vec!["ps"],
            vec!["prune"],
            vec!["save", &root, "--force"],
        ] {
            is_quick(&tree, &verb);
        }
    });
}

#[test]
fn unexpected_files_in_leftovers_are_neither_read_nor_removed() {
    for_each_identity(|identity| {
        let nest = Nest::new(FLAT).identity(identity);
        let state = nest.state();
        for name in ["lock", "truth.json", "cgroups"] {
            let directory = state.join(&nest.root);
            fs::create_dir_all(&directory).expect("it is ours");
            for path in [&state, &directory] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("it is ours");
                give_away(path, identity);
            }
            mkfifo(&directory.join(name), Mode::S_IRWXU).expect("it is ours");
            give_away(&directory.join(name), identity);
            let began = Instant::now();
            let said = up(&nest);
            assert!(began.elapsed() < Duration::from_secs(20));
            assert_ne!(said.code, 0, "{identity:?} {name}");
            assert!(
                said.stderr.contains("is a FIFO"),
                "{identity:?} {name}: {}",
                said.stderr
            );
            assert!(directory.join(name).exists());
            fs::remove_dir_all(&directory).expect("it is ours");
        }
    });
}

#[test]
fn output_files_of_verbs_follow_no_symbolic_link() {
    require!(nesting());
    let tree = Detached::up(Nest::new(FLAT));
    let directory = tree.nest.directory.path();
    let victim = directory.join("victim");
    fs::write(&victim, "precious").expect("it is ours");
    let link = directory.join("out.toml");
    let output = link.to_str().expect("our own path");
    for arguments in [
        vec!["save", "@", "-o", output],
        vec!["save", "@", "-o", output, "--force"],
        vec!["save", "@", "--truth", "-o", output, "--force"],
    ] {
        let _ = fs::remove_file(&link);
        symlink(&victim, &link).expect("it is ours");
        tree.nestns(&arguments);
        assert_eq!(
            fs::read_to_string(&victim).expect("it is there"),
            "precious",
            "{arguments:?}"
        );
    }
    let mut command = Command::new(program());
    let _ = fs::remove_file(&link);
    symlink(&victim, &link).expect("it is ours");
    command.args([
        "capture",
        "--pid",
        &tree.controller().to_string(),
        "-o",
        output,
        "--force",
    ]);
    let _ = outcome(command);
    assert_eq!(
        fs::read_to_string(&victim).expect("it is there"),
        "precious"
    );
}
