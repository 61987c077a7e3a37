//! Names: each belongs to one running topology; a second one is refused and disturbs nothing, and what a dead one left behind
//! is taken over.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::process::{Child, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::identity::{Identity, ORDINARY, for_each_identity};
use crate::harness::nest::{Nest, Running, assert_nothing_left};
use crate::harness::requirement::{require, root};
use crate::harness::wait::until_some;

const IDLE: &str = "[ns.@]\nproc.one = { actor = \"idle\" }\n";

fn file(nest: &Nest) -> String {
    nest.file_name().to_owned()
}

#[test]
fn a_second_topology_of_the_same_name_is_refused_and_the_first_goes_on() {
    for_each_identity(|identity| {
        let mut first = Nest::new(IDLE).identity(identity).up();
        let truth = first.until_running();
        let root = first.nest.root.clone();
        let state = first.nest.state().join(&root);
        // What is waited for is in its truth, and then nothing changes any more.
        let ready = first
            .nest
            .command(&["wait", "--for", "ready"])
            .output()
            .expect("the program was built");
        assert!(ready.status.success(), "{identity:?}");
        let document = fs::read(state.join("truth.json")).expect("it stands");
        let file = file(&first.nest);
        for (arguments, code) in [
            (vec!["up", &file], 1),
            (vec!["up", &file], 1),
            (vec!["run", "--name", &root, "--", "true"], 125),
        ] {
            let second = first
                .nest
                .command(&arguments)
                .stdin(Stdio::null())
                .output()
                .expect("the program was built");
            let stderr = String::from_utf8_lossy(&second.stderr);
            assert_eq!(second.status.code(), Some(code), "{identity:?}: {stderr}");
            let text = if arguments[0] == "up" {
                format!(
                    "error[NS501]: a topology named `{root}` is already running\n  = help: stop it with `nestns down \
                     {root}`, give this one another name with `--name`, or replace it with `--recreate`\n"
                )
            } else {
                format!(
                    "error[NS501]: a topology named `{root}` is already running (its state is in {})\n  = help: stop \
                     it first, or give this one another name with `--name`\nsee `nestns explain NS501`\n",
                    state.display()
                )
            };
            assert_eq!(stderr, text, "{identity:?}");
        }
        assert_eq!(
            fs::read(state.join("truth.json")).expect("it still stands"),
            document,
            "{identity:?}"
        );
        let one = truth.host_pid(&format!("{root}/one"));
        assert!(
            fs::exists(format!("/proc/{one}")).expect("/proc is mounted"),
            "{identity:?}"
        );
        assert_eq!(first.stop().code, 130, "{identity:?}");
    });
}

#[test]
fn the_same_file_runs_twice_under_two_names() {
    for_each_identity(|identity| {
        let mut first = Nest::new(IDLE).identity(identity).up();
        first.until_running();
        let (file, name) = (file(&first.nest), format!("{}-two", first.nest.root));
        let second = first
            .nest
            .command(&["up", "--name", &name, "--timeout", "200ms", &file])
            .output();
        let second = second.expect("the program was built");
        assert_eq!(
            second.status.code(),
            Some(124),
            "{identity:?}: {}",
            String::from_utf8_lossy(&second.stderr)
        );
        assert_eq!(first.stop().code, 130, "{identity:?}");
    });
}

/// Waits for the document of the winner; the loser may end before or after.
fn one_stands(nest: &Nest) -> Value {
    until_some("one has won", || {
        serde_json::from_slice(&fs::read(nest.state().join(&nest.root).join("truth.json")).ok()?)
            .ok()
    })
}

#[test]
fn exactly_one_of_two_simultaneous_starts_wins() {
    for_each_identity(|identity| {
        for round in 0..10 {
            let nest = Nest::new(IDLE).identity(identity);
            let mut command = nest.command(&["up", &file(&nest)]);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut rival: Child = command.spawn().expect("the program was built");
            let mut running: Running = nest.up();
            let truth = one_stands(&running.nest);
            let winner = truth["controller"].as_i64().expect("a number");
            if winner == i64::from(rival.id()) {
                let pid = nix::unistd::Pid::from_raw(rival.id().cast_signed());
                // The loser first: the winner's tree must outlive it.
                running.until_ended();
                assert!(
                    rival.try_wait().expect("it is our child").is_none(),
                    "{identity:?}, round {round}: nobody won"
                );
                nix::sys::signal::kill(pid, Signal::SIGINT).expect("it runs");
                assert_eq!(
                    rival.wait().expect("it is our child").code(),
                    Some(130),
                    "{identity:?}, round {round}"
                );
                let ended = running.wait();
                assert_eq!(
                    ended.code, 1,
                    "{identity:?}, round {round}: {}",
                    ended.stderr
                );
                assert!(
                    ended.stderr.contains("is already running"),
                    "{identity:?}, round {round}: {}",
                    ended.stderr
                );
            } else {
                assert_eq!(
                    winner,
                    i64::from(running.pid().as_raw()),
                    "{identity:?}, round {round}"
                );
                assert_eq!(
                    rival.wait().expect("it is our child").code(),
                    Some(1),
                    "{identity:?}, round {round}"
                );
                let ended = running.stop();
                assert_eq!(
                    ended.code, 130,
                    "{identity:?}, round {round}: {}",
                    ended.stderr
                );
            }
        }
    });
}

#[test]
fn a_state_directory_of_another_user_is_not_touched() {
    require!(root());
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        let (caller, other) = if identity == Identity::Own {
            (0, ORDINARY)
        } else {
            (ORDINARY, 0)
        };
        let (above, state) = (nest.state(), nest.state().join(&nest.root));
        for foreign in [&above, &state] {
            fs::create_dir_all(&state).expect("the directory is ours");
            chown(&above, Some(caller), Some(caller)).expect("root may");
            chown(&state, Some(caller), Some(caller)).expect("root may");
            fs::write(state.join("truth.json"), "not yours").expect("root may");
            chown(foreign, Some(other), Some(other)).expect("root may");
            let refused = nest
                .command(&["up", &file(&nest)])
                .stdin(Stdio::null())
                .output()
                .expect("the program was built");
            let stderr = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(4), "{identity:?}: {stderr}");
            let text = format!(
                "error[NS401]: {} belongs to user {other}, not to the caller ({caller})\n  = help: remove it, or set \
                 NESTNS_STATE_ROOT to a directory of your own\nsee `nestns explain NS401`\n`nestns doctor` checks this \
                 as state-directory\n",
                foreign.display()
            );
            assert_eq!(stderr, text, "{identity:?}");
            assert_eq!(
                fs::read(state.join("truth.json")).expect("it is still there"),
                b"not yours",
                "{identity:?}"
            );
            fs::remove_dir_all(&above).expect("root may");
        }
        assert_nothing_left(&nest);
    });
}

#[test]
fn a_symbolic_link_in_place_of_the_state_directory_is_not_followed() {
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        let elsewhere = nest.directory.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("the directory is ours");
        fs::write(elsewhere.join("precious"), "").expect("the directory is ours");
        std::os::unix::fs::symlink(&elsewhere, nest.state()).expect("the directory is ours");
        let refused = nest
            .command(&["up", &file(&nest)])
            .stdin(Stdio::null())
            .output()
            .expect("the program was built");
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(4), "{identity:?}: {stderr}");
        assert!(elsewhere.join("precious").exists(), "{identity:?}");
        fs::remove_file(nest.state()).expect("the directory is ours");
        assert_nothing_left(&nest);
    });
}

#[test]
fn the_leftovers_of_a_dead_topology_are_taken_over_and_reported() {
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        let state = nest.state().join(&nest.root);
        fs::create_dir_all(state.join("logs")).expect("the directory is ours");
        for name in ["lock", "topology.toml", "logs/one"] {
            fs::write(state.join(name), "old").expect("the directory is ours");
        }
        let truth = r#"{"boot_id":"another","host":{"pidns":1},"namespaces":[],"processes":[]}"#;
        fs::write(state.join("truth.json"), truth).expect("the directory is ours");
        drop(
            std::os::unix::net::UnixListener::bind(state.join("control.sock"))
                .expect("the directory is ours"),
        );
        fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).expect("it is ours");
        if identity == Identity::Ordinary {
            let all = [
                "",
                "logs",
                "lock",
                "topology.toml",
                "truth.json",
                "control.sock",
                "logs/one",
            ];
            for path in all
                .map(|name| state.join(name))
                .iter()
                .chain([&nest.state()])
            {
                chown(path, Some(ORDINARY), Some(ORDINARY)).expect("root may give it away");
            }
        }
        let root = nest.root.clone();
        let mut running = nest.up();
        running.until_stderr_has(&format!(
            "warning: removed what an earlier `{root}` left behind\n"
        ));
        let truth = running.until_running();
        assert_eq!(
            truth.0["topology"].as_str(),
            Some(root.as_str()),
            "{identity:?}"
        );
        let found = fs::metadata(&state).expect("it is the new one's");
        assert_eq!(found.mode() & 0o777, 0o700, "{identity:?}");
        assert!(!state.join("logs/one").exists(), "{identity:?}");
        assert_eq!(running.stop().code, 130, "{identity:?}");
    });
}
