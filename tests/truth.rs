//! `truth.json` while the tree runs: it is up to date before an answer, and never half written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::detached::Detached;
use crate::harness::document::list;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Nest, Truth};
use crate::harness::requirement::{nesting, require};

/// Number of processes that exit at once.
const COUNT: usize = 300;

const TREE: &str = r#"
on_exit = "ignore"
[ns.@]
proc.idle = { actor = "idle" }
proc.setup = { sh = "exit 0", oneshot = true }
proc.late = { cmd = ["sleep", "1000"], after = { setup = "ok" } }
[ns."@/in"]
proc.idle = { actor = "idle" }
proc.job = { sh = "while ! [ -e DIRECTORY/job ]; do sleep 0.01; done; exit 7", oneshot = true }
[ns."@/prog"]
init = ["sleep", "1000"]
"#;

fn state<'a>(truth: &'a Truth, path: &str) -> &'a str {
    truth.process(path)["state"].as_str().expect("a word")
}

/// Path of the tree's truth.
fn file(detached: &Detached) -> std::path::PathBuf {
    detached
        .nest
        .state()
        .join(&detached.nest.root)
        .join("truth.json")
}

#[test]
fn it_has_a_state_before_wait_returns() {
    Detached::for_each_identity(TREE, &["--no-wait"], |detached| {
        let path = |name: &str| format!("{}/{name}", detached.nest.root);
        detached.run(&["wait", "--for", "started"]);
        let truth = detached.truth();
        for name in ["idle", "late", "in/job", "init", "in/init", "prog/init"] {
            assert!(
                ["running", "ready"].contains(&state(&truth, &path(name))),
                "{name}: {truth:?}"
            );
        }
        assert_eq!(truth.process(&path("setup"))["exit"], json!({ "code": 0 }));
        fs::write(detached.nest.directory.path().join("job"), "")
            .expect("the directory is writable");
        detached.run(&["wait", "@/in/job"]);
        let truth = detached.truth();
        assert_eq!(
            (
                state(&truth, &path("in/job")),
                &truth.process(&path("in/job"))["exit"]["code"]
            ),
            ("failed", &json!(7))
        );
        // There is a cgroup of one's own not everywhere.
        if detached.nestns(&["pause", "@/in"]).code == 0 {
            assert_eq!(state(&detached.truth(), &path("in/init")), "paused");
            detached.run(&["resume", "@/in"]);
        }
        let before = detached.truth();
        assert!(["running", "ready"].contains(&state(&before, &path("in/init"))));
        detached.run(&["restart", "@/late", "@/in/"]);
        let after = detached.truth();
        for name in ["late", "in/init", "in/job"] {
            assert_eq!(after.process(&path(name))["restarts"], 1, "{name}");
            assert_ne!(
                after.host_pid(&path(name)),
                before.host_pid(&path(name)),
                "{name}"
            );
        }
        assert_ne!(after.namespace(&path("in"))["pidns"], Value::Null);
        detached.run(&["down", &detached.nest.root, "@/in"]);
        assert!(["exited", "killed", "gone"].contains(&state(&detached.truth(), &path("in/init"))));
    });
}

#[test]
fn it_agrees_with_the_verbs() {
    Detached::for_each_identity(TREE, &["--no-wait"], |detached| {
        detached.run(&["wait", "@/late", "--for", "started"]);
        detached.run(&["exec", "-d", "@/in/", "--", "sleep", "1000"]);
        // They are read one after the other, and a state may change in between.
        detached.until("both are the same", |detached| {
            let tree = detached.document(&["tree", "--format", "json"]);
            let truth = detached.truth().0;
            // Children of programs come and go; the truth has them apart.
            let declared = |name: &str| {
                list(&tree, name)
                    .iter()
                    .filter(|one| one.get("declared").is_none())
            };
            // What waits for what is no fact of the kernel, and in the tree alone.
            let facts = |one: &Value| {
                let mut one = one.clone();
                one.as_object_mut().expect("an object").remove("after");
                one
            };
            let are_equal = |name: &&str| {
                list(&truth, name)
                    .iter()
                    .cloned()
                    .eq(declared(name).map(facts))
            };
            ["namespaces", "processes"]
                .iter()
                .all(are_equal)
                .then_some(())
        });
    });
}

#[test]
fn exec_processes_are_in_it_while_they_run() {
    Detached::for_each_identity(TREE, &["--no-wait"], |detached| {
        let members = |truth: &Truth| {
            truth
                .paths()
                .into_iter()
                .filter(|path| path.contains("exec."))
                .collect::<Vec<_>>()
        };
        detached.run(&["exec", "-d", "@/in/", "--", "sleep", "1000"]);
        let truth = detached.truth();
        let there = members(&truth);
        assert_eq!(there.len(), 1, "{there:?}");
        let extra = truth.process(&there[0]);
        assert_eq!(
            (&extra["enter"], &extra["state"], &extra["argv"]),
            (&json!("exec"), &json!("running"), &json!(["sleep", "1000"]))
        );
        assert_eq!(extra["ns"], format!("{}/in", detached.nest.root));
        for _ in 0..5 {
            detached.run(&["exec", "@/in/", "--", "true"]);
            assert_eq!(members(&detached.truth()), there, "that one has ended");
        }
        kill(Pid::from_raw(truth.host_pid(&there[0])), Signal::SIGKILL).expect("it lives");
        detached.until("nobody is left", |detached| {
            members(&detached.truth()).is_empty().then_some(())
        });
    });
}

#[test]
fn it_is_updated_without_a_request() {
    Detached::for_each_identity(TREE, &["--no-wait"], |detached| {
        let path = format!("{}/idle", detached.nest.root);
        kill(
            Pid::from_raw(detached.truth().host_pid(&path)),
            Signal::SIGKILL,
        )
        .expect("it lives");
        detached.until("its end is written", |detached| {
            (detached.truth().process(&path)["exit"] == json!({ "signal": 9 })).then_some(())
        });
    });
}

#[test]
fn the_command_of_test_finds_the_running_processes() {
    for_each_identity(|identity| {
        for verb in [["test", "--"].as_slice(), &["run", "--"]] {
            let topology = "[ns.@]\nproc.p = { actor = \"idle\" }\nproc.q = { actor = \"idle\" }\n[ns.\"@/in\"]\n";
            let nest = Nest::new(topology).identity(identity);
            let copy = format!(
                "cat \"$NESTNS_TRUTH\" > {}/run/copy",
                nest.directory.path().display()
            );
            let file = nest.file.display().to_string();
            let words = [verb[0], &file, verb[1], "sh", "-c", &copy];
            let ended = nest.start_verb(&words).wait();
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let text =
                fs::read(ended.nest.directory.path().join("run/copy")).expect("it was copied");
            let truth = Truth(serde_json::from_slice(&text).expect("a document"));
            let paths = truth.paths();
            assert_eq!(paths.len(), 4);
            for path in paths {
                assert!(
                    ["running", "ready"].contains(&state(&truth, &path)),
                    "{path}: {}",
                    truth.0
                );
            }
        }
    });
}

#[test]
fn a_burst_of_changes_is_written_a_few_times_and_atomically() {
    require!(nesting());
    let topology = format!(
        "on_exit = \"ignore\"\n[ns.@]\nproc.idle = {{ actor = \"idle\" }}\nproc.w = {{ cmd = [\"sleep\", \"1000\"], count = {COUNT} }}\n"
    );
    let detached = Detached::up(Nest::new(&topology));
    let file = file(&detached);
    let mode = fs::metadata(&file)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let watch =
        Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).expect("inotify is there");
    watch
        .add_watch(
            file.parent().expect("it is in one"),
            AddWatchFlags::IN_MOVED_TO,
        )
        .expect("it is ours");
    let is_over = AtomicBool::new(false);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let text = fs::read(&file).expect("it is always there");
                serde_json::from_slice::<Value>(&text).expect("all of it is");
            }
        });
        detached.run(&["kill", "-s", "KILL", "@/w.*"]);
        detached.run(&["wait", "@/w.*"]);
        is_over.store(true, Ordering::Relaxed);
        reader.join().expect("it has found nothing strange");
    });
    let most = began.elapsed().as_millis() / 50 + 5;
    let truth = detached.truth();
    let ended = truth
        .paths()
        .into_iter()
        .filter(|path| truth.process(path)["exit"]["signal"] == 9)
        .count();
    assert_eq!(ended, COUNT);
    let writings = std::iter::from_fn(|| watch.read_events().ok())
        .flatten()
        .filter(|event| {
            event
                .name
                .as_deref()
                .is_some_and(|name| name == "truth.json")
        })
        .count();
    assert!(
        writings as u128 <= most,
        "{writings} in {:?}",
        began.elapsed()
    );
}

#[test]
fn a_write_failure_is_reported_once_and_delays_nothing() {
    for_each_identity(|identity| {
        let topology = "on_exit = \"ignore\"\n[ns.@]\nproc.p = { actor = \"idle\" }\nproc.q = { actor = \"idle\" }\nproc.r = { actor = \"idle\" }\n";
        let mut running = Nest::new(topology).identity(identity).up();
        let truth = running.until_running();
        running.until("both run", |nest| {
            let output = nest
                .command(&["wait", "--for", "started"])
                .output()
                .expect("the program was built");
            output.status.success().then_some(())
        });
        let file = running
            .nest
            .state()
            .join(&running.nest.root)
            .join("truth.json");
        fs::remove_file(&file).expect("it is there");
        // A directory is not replaced by a file, even by root.
        fs::create_dir(&file).expect("nothing is in its place");
        if identity == Identity::Ordinary {
            std::os::unix::fs::chown(&file, Some(crate::harness::identity::ORDINARY), None)
                .expect("root may give it away");
        }
        for name in ["p", "q"] {
            let path = format!("{}/{name}", running.nest.root);
            kill(Pid::from_raw(truth.host_pid(&path)), Signal::SIGKILL).expect("it lives");
            let waited = running
                .nest
                .command(&["wait", &path])
                .output()
                .expect("the program was built");
            assert_eq!(waited.stderr, b"", "its end is known");
            let path = format!("{}/{name}", running.nest.root);
            let output = running
                .nest
                .command(&["wait", &path])
                .output()
                .expect("the program was built");
            assert!(output.status.success());
            running.until_stderr_has("truth.json is out of date");
        }
        fs::remove_dir(&file).expect("it is empty");
        // After an answer it is written again.
        let output = running
            .nest
            .command(&["ps", "-q"])
            .output()
            .expect("the program was built");
        assert!(output.status.success());
        let truth = running.until_running();
        assert_eq!(
            truth.process(&format!("{}/q", running.nest.root))["exit"],
            json!({ "signal": 9 })
        );
        let ended = running.stop();
        assert_eq!(
            ended.stderr.matches("truth.json").count(),
            1,
            "{}",
            ended.stderr
        );
    });
}
