//! Leftovers of killed controllers: the next `up` or `down` of the name ends them, believes nothing but the kernel, and
//! touches nothing that nestns has not made.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::identity::{Identity, ORDINARY, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::requirement::{nesting, require, root};
use crate::harness::wait::{suspend, until, until_asleep};

pub(crate) const IDLE: &str = "[ns.@]\nproc.idle = \"sleep 1000\"\n";
/// Topology whose PID 1 changes its user, and so does not die with its parent.
const STUBBORN: &str = "[ns.@]\ninit = [\"setpriv\", \"--reuid=65534\", \"--regid=65534\", \"--clear-groups\", \"sleep\", \"1000\"]\n";

/// Runs `nestns ARGUMENTS` to its end.
pub(crate) fn run(nest: &Nest, arguments: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = nest
        .command(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program was built");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes text");
    (
        status.code().expect("it is not killed"),
        text(stdout),
        text(stderr),
    )
}

/// Starts the nest's topology on its own, and returns its truth.
pub(crate) fn up(nest: &Nest) -> Value {
    let (code, stdout, stderr) = run(nest, &["up", "-d", nest.file_name()]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    truth(nest)
}

fn truth(nest: &Nest) -> Value {
    let text = fs::read(nest.state().join(&nest.root).join("truth.json")).expect("it stands");
    serde_json::from_slice(&text).expect("it is a document")
}

fn number(value: &Value) -> Pid {
    Pid::from_raw(i32::try_from(value.as_i64().expect("a number")).expect("a PID"))
}

pub(crate) fn has_ended(pid: Pid) -> bool {
    kernel::process(pid.as_raw()).is_none_or(|process| process.state == 'Z')
}

/// Kills a controller and its guardian in one moment, as only the kernel's OOM killer does.
pub(crate) fn kill_both(truth: &Value) {
    let controller = number(&truth["controller"]);
    let guardian = kernel::guardian(controller).expect("it has one");
    // Stopped first, so that it does not replace the guardian.
    suspend(controller);
    kill(guardian, Signal::SIGKILL).expect("it runs");
    until("the guardian is gone", || has_ended(guardian));
    kill(controller, Signal::SIGKILL).expect("it runs");
    until("the controller is gone", || has_ended(controller));
}

#[test]
fn a_name_whose_controller_was_killed_can_be_taken_again_at_once() {
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        for _ in 0..5 {
            let first = up(&nest);
            kill(number(&first["controller"]), Signal::SIGKILL).expect("it runs");
            let file = nest.file_name();
            let (code, stdout, stderr) = run(&nest, &["up", "-d", file]);
            assert_eq!(code, 0, "{identity:?}: {stdout}{stderr}");
            // The guardian may have been faster than the caller.
            let said = format!(
                "warning: the controller of an earlier `{}` had just died; waited until its tree was gone\n",
                nest.root
            );
            assert!(
                stderr.is_empty() || stderr == said,
                "{identity:?}: {stderr}"
            );
            let init = number(&first["processes"][0]["pids"][0]);
            assert!(has_ended(init), "{identity:?}");
            assert_eq!(
                run(&nest, &["down", "--now", &nest.root]).0,
                0,
                "{identity:?}"
            );
        }
        assert_nothing_left(&nest);
    });
}

#[test]
fn up_and_down_wait_for_a_guardian_that_cleans_up() {
    for_each_identity(|identity| {
        for verb in ["up", "down"] {
            let nest = Nest::new(IDLE).identity(identity);
            let truth = up(&nest);
            let controller = number(&truth["controller"]);
            let guardian = kernel::guardian(controller).expect("it has one");
            suspend(guardian);
            kill(controller, Signal::SIGKILL).expect("it runs");
            until("the controller is gone", || has_ended(controller));
            let file = nest.file_name();
            let arguments = if verb == "up" {
                vec!["up", "-d", file]
            } else {
                vec!["down", &nest.root]
            };
            let mut command = nest.command(&arguments);
            let waits = command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            let waits = waits.expect("the program was built");
            let waiting = waits.id().cast_signed();
            until_asleep(|| {
                kernel::descendants(waiting)
                    .iter()
                    .map(|one| one.pid)
                    .chain([waiting])
                    .collect()
            });
            kill(guardian, Signal::SIGCONT).expect("it waits");
            let output = waits.wait_with_output().expect("it ends");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{identity:?} {verb}: {stderr}"
            );
            assert!(
                stderr.contains("waited until"),
                "{identity:?} {verb}: {stderr}"
            );
            if verb == "up" {
                assert_eq!(run(&nest, &["down", &nest.root]).0, 0);
            }
            assert_nothing_left(&nest);
        }
    });
}

#[test]
fn the_state_of_a_dead_controller_and_guardian_is_removed_and_reported() {
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        kill_both(&up(&nest));
        let file = nest.file_name();
        let (code, _, stderr) = run(&nest, &["up", "-d", file]);
        assert_eq!(code, 0, "{identity:?}: {stderr}");
        let said = format!(
            "warning: removed what an earlier `{}` left behind",
            nest.root
        );
        assert!(stderr.starts_with(&said), "{identity:?}: {stderr}");
        kill_both(&truth(&nest));
        let (code, _, stderr) = run(&nest, &["down", &nest.root]);
        assert_eq!(code, 0, "{identity:?}: {stderr}");
        assert!(
            stderr.starts_with(&format!("removed what `{}` left behind", nest.root)),
            "{identity:?}: {stderr}"
        );
        assert_nothing_left(&nest);
        let (code, _, stderr) = run(&nest, &["down", &nest.root]);
        assert_eq!(code, 1, "{identity:?}: {stderr}");
    });
}

#[test]
fn a_root_that_survived_controller_and_guardian_is_killed_and_named() {
    require!(nesting(), root());
    for verb in ["up", "down"] {
        let nest = Nest::new(STUBBORN);
        let truth = up(&nest);
        let init = number(&truth["processes"][0]["pids"][0]);
        until("its user has changed", || {
            fs::read_to_string(format!("/proc/{init}/status"))
                .is_ok_and(|status| status.contains("Uid:\t65534"))
        });
        kill_both(&truth);
        assert!(!has_ended(init), "it was to survive");
        // `prune` removes what is gone, and ends nothing.
        let (code, stdout, stderr) = run(&nest, &["prune"]);
        assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
        let root = &nest.root;
        let said = format!(
            "error: `{root}` of `{root}` still runs without a controller\n  = help: `nestns down {root}` ends what is \
             left of it\n"
        );
        assert_eq!(stderr, said);
        assert!(!has_ended(init));
        let file = nest.file_name();
        let arguments = if verb == "up" {
            vec!["up", "-d", file]
        } else {
            vec!["down", root]
        };
        let (code, _, stderr) = run(&nest, &arguments);
        assert_eq!(code, 0, "{stderr}");
        assert!(
            stderr.contains(&format!(
                "; `{root}` was still running without a controller and was killed\n"
            )),
            "{stderr}"
        );
        assert!(has_ended(init));
        if verb == "up" {
            assert_eq!(run(&nest, &["down", "--now", root]).0, 0);
        }
        assert_nothing_left(&nest);
    }
}

#[test]
fn an_unrelated_process_with_a_recorded_pid_is_left_alone() {
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        kill_both(&up(&nest));
        let path = nest.state().join(&nest.root).join("truth.json");
        let mut stranger = nest
            .other_command(Path::new("sleep"), &["1000"])
            .spawn()
            .expect("sleep(1) is everywhere");
        let text = fs::read_to_string(format!("/proc/{}/stat", stranger.id())).expect("it lives");
        let start: u64 = text
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .nth(19)
            .unwrap()
            .parse()
            .unwrap();
        let mut document = truth(&nest);
        let host = kernel::own_pid_namespace();
        // Each document differs from the stranger in one thing: its start, its namespace, the boot.
        for (start_time, pidns, boot) in [
            (start + 1, host, None),
            (start, host + 1, None),
            (start, host, Some("other")),
        ] {
            let init = &mut document["processes"][0];
            init["pids"][0] = stranger.id().into();
            init["start_time"] = start_time.into();
            document["namespaces"][0]["pidns"] = pidns.into();
            document["namespaces"][0]["pidns_id"] = if pidns == host {
                Value::Null
            } else {
                pidns.into()
            };
            if let Some(boot) = boot {
                document["boot_id"] = boot.into();
            }
            fs::create_dir_all(path.parent().unwrap()).expect("it is ours");
            fs::write(&path, document.to_string()).expect("it is ours");
            if identity == Identity::Ordinary {
                for path in [&path, path.parent().unwrap()] {
                    chown(path, Some(ORDINARY), Some(ORDINARY)).expect("root may");
                }
            }
            fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700))
                .expect("it is ours");
            let (code, _, stderr) = run(&nest, &["down", &nest.root]);
            assert_eq!(code, 0, "{identity:?}: {stderr}");
            assert!(!stderr.contains("killed"), "{identity:?}: {stderr}");
            assert!(
                stranger.try_wait().expect("it is our child").is_none(),
                "{identity:?}"
            );
        }
        stranger.kill().expect("it lives");
        stranger.wait().expect("it is our child");
        assert_nothing_left(&nest);
    });
}

#[test]
fn of_two_simultaneous_starts_one_wins_and_the_other_reports_it() {
    for_each_identity(|identity| {
        for round in 0..10 {
            let nest = Nest::new(IDLE).identity(identity);
            let file = nest.file_name();
            let both: Vec<_> = (0..2)
                .map(|_| {
                    let mut command = nest.command(&["up", "-d", file]);
                    command
                        .stdin(Stdio::null())
                        .stdout(Stdio::piped())
                        .stderr(Stdio::piped());
                    command.spawn().expect("the program was built")
                })
                .collect();
            let outputs: Vec<Output> = both
                .into_iter()
                .map(|child| child.wait_with_output().expect("it ends"))
                .collect();
            let said: Vec<(Option<i32>, String)> = outputs
                .iter()
                .map(|output| {
                    let text = [&output.stdout[..], &output.stderr[..]].concat();
                    (
                        output.status.code(),
                        String::from_utf8_lossy(&text).into_owned(),
                    )
                })
                .collect();
            let won = said
                .iter()
                .filter(|(code, text)| *code == Some(0) && text.contains("ready in"))
                .count();
            assert_eq!(won, 1, "{identity:?}, {round}: {said:?}");
            // A start after the other one has finished is told that the same topology runs.
            let lost = said.iter().filter(|(code, text)| {
                (*code == Some(1) && text.contains("is already running"))
                    || (*code == Some(0) && text.contains("already running with the same content"))
            });
            assert_eq!(lost.count(), 1, "{identity:?}, {round}: {said:?}");
            assert_eq!(run(&nest, &["down", "--now", &nest.root]).0, 0);
            assert_nothing_left(&nest);
        }
    });
}

#[test]
fn fifty_topologies_live_side_by_side() {
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        let file = nest.file_name();
        let names: Vec<String> = (0..50).map(|number| format!("t{number}")).collect();
        let all: Vec<_> = names
            .iter()
            .map(|name| {
                let mut command = nest.command(&["up", "-d", file, "--name", name]);
                command
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                command.spawn().expect("the program was built")
            })
            .collect();
        for child in all {
            let output = child.wait_with_output().expect("it ends");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{identity:?}: {stderr}");
        }
        assert_eq!(
            fs::read_dir(nest.state()).expect("they stand").count(),
            names.len()
        );
        let (code, _, stderr) = run(&nest, &["down", "--all", "--yes", "--now"]);
        assert_eq!(code, 0, "{identity:?}: {stderr}");
        assert_nothing_left(&nest);
    });
}

/// A left-over directory with one thing in it that nestns has not made.
fn spoil(nest: &Nest, how: &str) {
    let state = nest.state().join(&nest.root);
    fs::create_dir_all(&state).expect("the directory is ours");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).expect("it is ours");
    fs::set_permissions(nest.state(), fs::Permissions::from_mode(0o700)).expect("it is ours");
    let precious = nest.directory.path().join("precious");
    fs::create_dir_all(&precious).expect("the directory is ours");
    fs::write(precious.join("file"), "precious").expect("the directory is ours");
    let fifo = |name: &str| {
        nix::unistd::mkfifo(&state.join(name), nix::sys::stat::Mode::S_IRWXU).expect("it is ours");
    };
    match how {
        "truncated truth" => {
            fs::write(
                state.join("truth.json"),
                "{\"schema\":\"nestns.truth/1\",\"topo",
            )
            .expect("ours");
        }
        "link as lock" => symlink(precious.join("file"), state.join("lock")).expect("ours"),
        "link as socket" => {
            symlink(precious.join("file"), state.join("control.sock")).expect("ours");
        }
        "link as logs" => symlink(&precious, state.join("logs")).expect("ours"),
        "link as truth" => symlink(precious.join("file"), state.join("truth.json")).expect("ours"),
        "fifo as lock" => fifo("lock"),
        "fifo as truth" => fifo("truth.json"),
        "stranger" => fs::write(state.join("notes"), "mine").expect("ours"),
        "directory as truth" => fs::create_dir(state.join("truth.json")).expect("ours"),
        "open to all" => {
            fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).expect("ours");
        }
        "above open to all" => {
            fs::set_permissions(nest.state(), fs::Permissions::from_mode(0o777)).expect("ours");
        }
        _ => unreachable!(),
    }
    if nest.identity == Identity::Ordinary {
        for path in [nest.state(), state.clone()] {
            chown(&path, Some(ORDINARY), Some(ORDINARY)).expect("root may");
        }
        for entry in fs::read_dir(&state).expect("it is ours").flatten() {
            std::os::unix::fs::lchown(entry.path(), Some(ORDINARY), Some(ORDINARY))
                .expect("root may");
        }
    }
}

fn listing(directory: &Path) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        all.push(format!(
            "{} {:?}",
            entry.path().display(),
            entry.file_type().expect("it is there")
        ));
        if entry.file_type().expect("it is there").is_dir() {
            all.extend(listing(&entry.path()));
        }
    }
    all.sort();
    all
}

#[test]
fn files_of_others_are_named_and_neither_followed_nor_removed() {
    let kinds = [
        ("truncated truth", "truth.json cannot be read"),
        ("link as lock", "lock is a symbolic link"),
        ("link as socket", "control.sock is a symbolic link"),
        ("link as logs", "logs is a symbolic link"),
        ("link as truth", "truth.json is a symbolic link"),
        ("fifo as lock", "lock is a FIFO"),
        ("fifo as truth", "truth.json is a FIFO"),
        ("directory as truth", "truth.json is a directory"),
        ("stranger", "notes is a file"),
        ("open to all", "is writable by others (mode 0777)"),
        ("above open to all", "is writable by others (mode 0777)"),
    ];
    for_each_identity(|identity| {
        for (how, said) in kinds {
            let nest = Nest::new(IDLE).identity(identity);
            spoil(&nest, how);
            let before = listing(nest.directory.path());
            let began = Instant::now();
            let file = nest.file_name();
            for (arguments, expected) in [
                (&["up", "-d", file][..], 4),
                (&["prune"], 1),
                (&["prune", "-n"], 1),
            ] {
                let (code, stdout, stderr) = run(&nest, arguments);
                let context = format!("{identity:?}, {how}, {arguments:?}: {stdout}{stderr}");
                assert_eq!(code, expected, "{context}");
                assert!(
                    stderr.contains(said) && stderr.contains("= help: "),
                    "{context}"
                );
                // But for the lock that was taken to look.
                let after = listing(nest.directory.path());
                let lost: Vec<_> = before
                    .iter()
                    .filter(|entry| !after.contains(entry))
                    .collect();
                assert!(lost.is_empty(), "{context}: {lost:?}");
                let new: Vec<_> = after
                    .iter()
                    .filter(|entry| !before.contains(entry))
                    .collect();
                assert!(
                    new.iter().all(|entry| entry.contains("/lock ")),
                    "{context}: {new:?}"
                );
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{how}: {:?}",
                began.elapsed()
            );
            let precious =
                fs::read(nest.directory.path().join("precious/file")).expect("it is still there");
            assert_eq!(precious, b"precious", "{identity:?}, {how}");
            fs::remove_dir_all(nest.state()).expect("it is ours");
            assert_nothing_left(&nest);
        }
    });
}
