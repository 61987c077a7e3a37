//! `restart`: a process, a namespace, a root is stopped and stands again, and nothing else has noticed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::harness::detached::{Detached, ended};
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::kernel::descriptors;
use crate::harness::nest::{Nest, Truth, assert_nothing_left};
use crate::harness::requirement::{nesting, require};
use crate::harness::wait::{suspend, until};

/// Every way in which something can stand: forked and moved in, below nestns and below a program, on several levels.
const LAYOUT: &str = r#"
[ns.@]
proc.top = { cmd = ["sleep", "1000"] }
[ns."@/a"]
proc.one = { cmd = ["sleep", "1000"] }
proc.two = { cmd = ["sleep", "1000"] }
[ns."@/a/b"]
proc.deep = { cmd = ["sleep", "1000"] }
proc.joined = { cmd = ["sleep", "1000"], enter = "join" }
[ns."@/p"]
init = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
proc.member = { cmd = ["sleep", "1000"], enter = "join" }
[ns."@/p/q"]
proc.x = { cmd = ["sleep", "1000"] }
proc.joined = { cmd = ["sleep", "1000"], enter = "join" }
[ns.@-z]
init = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
proc.member = { cmd = ["sleep", "1000"], enter = "join" }
[ns."@-z/q"]
proc.x = { cmd = ["sleep", "1000"] }
"#;

/// The PIDs of all processes, by path.
fn numbers(truth: &Truth) -> BTreeMap<String, Vec<i32>> {
    let exists = |path: &String| truth.process(path)["pids"][0].is_number();
    truth
        .paths()
        .into_iter()
        .filter(exists)
        .map(|path| (path.clone(), truth.pids(&path)))
        .collect()
}

/// The truth as the kernel has it: each process lives, and its numbers and parent are those that are written.
fn agrees_with_the_kernel(truth: &Truth, but: &[&str]) {
    for path in truth.paths() {
        if but.contains(&&*path) {
            continue;
        }
        let pids = truth.pids(&path);
        let status = fs::read_to_string(format!("/proc/{}/status", pids[0]));
        let status = status.unwrap_or_else(|_| panic!("{path} lives"));
        let field = |name: &str| {
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .expect("a field of the kernel's");
            line.split_whitespace()
                .map(|word| word.parse::<i32>().expect("a number"))
                .collect::<Vec<_>>()
        };
        assert_eq!(field("NSpid:"), pids, "{path}");
        assert_eq!(
            i64::from(field("PPid:")[0]),
            truth.process(&path)["ppids"][0]
                .as_i64()
                .expect("it has one"),
            "{path}"
        );
    }
}

fn is_in(path: &str, part: &str) -> bool {
    path.strip_prefix(part)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn resident(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .expect("the kernel counts it");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

#[test]
fn every_part_restarts_and_the_rest_is_unaffected() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(LAYOUT).identity(identity));
        let parts = [
            "@/a/one",
            "@/a/b/deep",
            "@/a/b/joined",
            "@/p/member",
            "@/p/q/joined",
            "@-z/member",
            "@/a/b",
            "@/p/q",
            "@-z/q",
            "@/p",
            "@-z",
            "@/a/init",
            "@",
        ];
        for part in parts {
            let before = numbers(&detached.truth());
            let said = detached.run(&["restart", part]);
            let whole = part.replace('@', &detached.nest.root);
            let whole = whole.strip_suffix("/init").unwrap_or(&whole).to_owned();
            assert_eq!(said, format!("{whole}\n"));
            let truth = detached.truth();
            agrees_with_the_kernel(&truth, &[]);
            let first = truth
                .paths()
                .into_iter()
                .find(|path| is_in(path, &whole))
                .expect("it stands");
            assert!(
                truth.process(&first)["restarts"].as_u64() >= Some(1),
                "{part}: {}",
                truth.process(&first)
            );
            let after = numbers(&truth);
            assert_eq!(before.len(), after.len());
            for (path, pids) in &after {
                let is_same = pids == &before[path];
                assert_eq!(
                    is_same,
                    !is_in(path, &whole),
                    "{part} ({identity:?}): {path} {pids:?} {:?}",
                    before[path]
                );
            }
        }
        detached.run(&["down", "@"]);
    });
}

/// A namespace that is built anew numbers what is in it as at first.
#[test]
fn a_rebuilt_namespace_has_the_same_numbers_inside() {
    require!(nesting());
    let detached = Detached::up(Nest::new(LAYOUT));
    let before = numbers(&detached.truth());
    detached.run(&["restart", "@/a", "@/p", "@-z"]);
    for (path, pids) in numbers(&detached.truth()) {
        let from = if path.contains("-z") { 1 } else { 2 };
        if path.matches('/').count() > from - 1 {
            let level = path.matches('/').count().min(from);
            assert_eq!(
                pids[level.min(pids.len() - 1)..],
                before[&path][level.min(pids.len() - 1)..],
                "{path}"
            );
        }
    }
}

#[test]
fn the_effects_are_reported_first() {
    require!(nesting());
    let detached = Detached::up(Nest::new(LAYOUT));
    let told = |arguments: &[&str]| {
        detached
            .nestns(arguments)
            .stderr
            .replace(&detached.nest.root, "@")
    };
    assert_eq!(
        told(&["restart", "@/a/one"]),
        "restarting `@/a/one`: 1 process, to be stopped and started again\n"
    );
    assert_eq!(
        told(&["restart", "@/a"]),
        "restarting `@/a`: 2 namespaces, 4 processes, to be stopped and created again\n"
    );
    detached.run(&["down", "@", "@/a"]);
    assert_eq!(
        told(&["restart", "@/a"]),
        "restarting `@/a`: 2 namespaces, 4 processes, to be created again; nothing of it is running\n"
    );
    let nothing = detached.nestns(&["restart", "@/nobody"]);
    assert_eq!(nothing.code, 1);
    assert!(
        nothing.stderr.contains("there is no namespace or process"),
        "{}",
        nothing.stderr
    );
}

/// Restarts a process that has exited by itself, after its conditions.
#[test]
fn an_exited_process_restarts_after_its_conditions() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.first = { sh = "date +%s%N > DIRECTORY/first", oneshot = true }
proc.second = { sh = "date +%s%N > DIRECTORY/second; sleep 1000", after = { first = "ok" } }
"#;
    let detached = Detached::up(Nest::new(topology));
    let read = |name: &str| -> Option<u64> {
        fs::read_to_string(detached.nest.directory.path().join(name))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    let (first, second) = detached.until("both have run", |_| read("first").zip(read("second")));
    assert!(first < second);
    detached.run(&["restart", "@/second"]);
    let again = detached.until("the second has run again", |_| {
        read("second").filter(|&at| at != second)
    });
    detached.run(&["restart", "@"]);
    let (first, second) = detached.until("both have run again", |_| {
        read("first")
            .zip(read("second"))
            .filter(|&(at, then)| at != first && then != again)
    });
    assert!(first < second);
}

/// Two members that were moved into one namespace: each is restarted for itself.
#[test]
fn processes_of_one_namespace_restart_independently() {
    let topology = r#"
[ns.@]
[ns."@/pod"]
init = "pause"
proc.a = { sh = "sleep 1000 & sleep 1000 & wait", enter = "join" }
proc.b = { sh = "sleep 1000 & wait", enter = "join" }
"#;
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(topology).identity(identity));
        let before = numbers(&detached.truth());
        let path = |name: &str| format!("{}/pod/{name}", detached.nest.root);
        detached.run(&["restart", "@/pod/a"]);
        let after = numbers(&detached.truth());
        assert_ne!(before[&path("a")], after[&path("a")]);
        assert_eq!(before[&path("b")], after[&path("b")]);
        assert_eq!(before[&path("init")], after[&path("init")]);
        agrees_with_the_kernel(&detached.truth(), &[]);
        // The one that has come again is a member like the other: the stop waits for it, and asks it.
        let stopped = detached.document(&["down", "@", "--format", "json"]);
        let steps = stopped["steps"].as_array().expect("a timeline");
        let step = steps
            .iter()
            .find(|step| step["path"] == path("a").as_str())
            .expect("it was there");
        assert_eq!(step["signal"], "TERM");
        assert_eq!(step["how"], "signalled");
    });
}

#[test]
fn fifty_restarts_leak_nothing() {
    require!(nesting());
    let detached = Detached::up(Nest::new(LAYOUT));
    let controller = detached.controller().as_raw();
    let guardian = kernel::guardian(detached.controller())
        .expect("it has one")
        .as_raw();
    let init = detached
        .truth()
        .host_pid(&format!("{}/init", detached.nest.root));
    let observe = || {
        [controller, guardian, init]
            .map(|pid| (descriptors(pid).expect("root may look"), resident(pid)))
    };
    // It watches its state directory from its first second on.
    detached.until("the state directory is watched", |_| {
        let descriptors = fs::read_dir(format!("/proc/{controller}/fd")).ok()?;
        let is_watch = |path: PathBuf| {
            fs::read_link(path).is_ok_and(|link| link.as_os_str() == "anon_inode:inotify")
        };
        descriptors
            .flatten()
            .any(|entry| is_watch(entry.path()))
            .then_some(())
    });
    // The first few fill caches and tables.
    for _ in 0..3 {
        detached.run(&["restart", "@/a/one", "@/a/b", "@/p", "@-z", "-q"]);
    }
    // A restart is over when everything has been let go; the pipes of the programs come a moment later.
    let at_rest = || {
        let (mut last, mut same) = (observe(), 0);
        detached.until("descriptors stay as they are", |_| {
            let now = observe();
            same = if (0..3).all(|place| now[place].0 == last[place].0) {
                same + 1
            } else {
                0
            };
            last = now;
            (same > 60).then_some(now)
        })
    };
    let before = at_rest();
    for _ in 0..50 {
        detached.run(&["restart", "@/a/one", "@/a/b", "@/p", "@-z", "-q"]);
    }
    let after = at_rest();
    for place in 0..3 {
        assert!(
            after[place].0 <= before[place].0,
            "descriptors: {before:?} → {after:?}"
        );
        assert!(
            after[place].1 <= before[place].1 + 300,
            "memory: {before:?} → {after:?}"
        );
    }
    agrees_with_the_kernel(&detached.truth(), &[]);
}

/// The controller is killed in the middle of a restart: nothing stays, and the name is free.
#[test]
fn a_controller_that_dies_in_the_middle_leaves_nothing() {
    for_each_identity(|identity| {
        for round in 0..12_u64 {
            let detached = Detached::up(Nest::new(LAYOUT).identity(identity));
            let part =
                ["@", "@/a", "@/p", "@-z/q"][usize::try_from(round % 4).expect("a small number")];
            let restart = detached.start(&["restart", part]);
            // The moment of death is what is varied.
            std::thread::sleep(Duration::from_millis(3 + 4 * round));
            kill(detached.controller(), Signal::SIGKILL).expect("it runs");
            let _ = ended(restart);
            assert_nothing_left(&detached.nest);
        }
    });
}

/// A stop that comes while something is brought back: both are answered, and nothing is left.
#[test]
fn a_stop_in_the_middle_of_a_restart() {
    for_each_identity(|identity| {
        for round in 0..8_u64 {
            let detached = Detached::up(Nest::new(LAYOUT).identity(identity));
            let parts = ["@", "@-z", "@/a", "@/p"];
            let restarts: Vec<_> = parts
                .iter()
                .map(|part| detached.start(&["restart", part]))
                .collect();
            // The moment of the stop is what is varied.
            std::thread::sleep(Duration::from_millis(4 * round));
            detached.run(&["down", "@"]);
            for restart in restarts {
                let outcome = ended(restart);
                assert!(
                    [0, 1, 5].contains(&outcome.code),
                    "{round}: {} {}",
                    outcome.code,
                    outcome.stderr
                );
            }
            assert_nothing_left(&detached.nest);
        }
    });
}

/// Signals from outside do not affect a PID 1 that has a control channel, or that was not called.
#[test]
fn an_unexpected_signal_to_an_empty_init_changes_nothing() {
    require!(nesting());
    let detached = Detached::up(Nest::new(LAYOUT));
    let init = nix::unistd::Pid::from_raw(
        detached
            .truth()
            .host_pid(&format!("{}/a/b/init", detached.nest.root)),
    );
    detached.run(&["down", "@", "@/a/b/deep"]);
    detached.run(&["down", "@", "@/a/b/joined"]);
    for _ in 0..20 {
        kill(init, Signal::SIGURG).expect("it stays although it is empty");
        until("it has taken the signal", || {
            kernel::signals(init.as_raw(), "ShdPnd:") == 0
        });
    }
    detached.run(&["restart", "@/a/b/joined"]);
    detached.run(&["restart", "@/a/b/deep"]);
    agrees_with_the_kernel(&detached.truth(), &[]);
}

/// A restart that cannot be finished says so, and where; the rest goes on, and it can be tried again.
#[test]
fn a_failed_restart_is_reported_and_can_be_repeated() {
    let topology = r#"
[ns.@]
proc.top = { cmd = ["sleep", "1000"] }
[ns."@/x"]
proc.one = { cmd = ["sleep", "1000"], cwd = "DIRECTORY/work" }
[ns."@/x/y"]
proc.two = { cmd = ["sleep", "1000"] }
"#;
    for_each_identity(|identity| {
        let nest = Nest::new(topology).identity(identity);
        let work = nest.directory.path().join("work");
        fs::create_dir(&work).unwrap();
        let detached = Detached::up(nest);
        let before = numbers(&detached.truth());
        fs::remove_dir(&work).unwrap();
        for part in ["@/x/one", "@/x"] {
            let failed = detached.nestns(&["restart", part]);
            assert_eq!(failed.code, 5, "{}", failed.stderr);
            let one = format!(
                "`{}/x/one`: cannot enter its working directory (chdir)",
                detached.nest.root
            );
            assert!(failed.stderr.contains(&one), "{}", failed.stderr);
        }
        let truth = detached.truth();
        let root = &detached.nest.root;
        let gone: Vec<String> = ["one", "init", "y/init", "y/two"]
            .iter()
            .map(|name| format!("{root}/x/{name}"))
            .collect();
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        agrees_with_the_kernel(&truth, &gone);
        assert_eq!(
            numbers(&truth)[&format!("{root}/top")],
            before[&format!("{root}/top")]
        );
        for path in &gone {
            assert!(
                ["failed", "gone", "killed", "exited"]
                    .contains(&truth.process(path)["state"].as_str().unwrap())
            );
        }
        fs::create_dir(&work).unwrap();
        detached.run(&["restart", "@/x"]);
        agrees_with_the_kernel(&detached.truth(), &[]);
    });
}

/// A PID 1 that does not answer because it was stopped delays no request forever.
#[test]
fn a_stopped_parent_is_not_waited_for_forever() {
    require!(nesting());
    let detached = Detached::up(Nest::new(LAYOUT));
    let init = nix::unistd::Pid::from_raw(
        detached
            .truth()
            .host_pid(&format!("{}/a/init", detached.nest.root)),
    );
    suspend(init);
    let began = Instant::now();
    let failed = detached.nestns(&["restart", "@/a/one"]);
    assert_ne!(failed.code, 0, "{}", failed.stdout);
    assert!(
        began.elapsed() < Duration::from_secs(40),
        "{:?}",
        began.elapsed()
    );
    // Other requests are served meanwhile.
    detached.run(&["restart", "@/p/member"]);
    kill(init, Signal::SIGCONT).expect("it lives");
    detached.run(&["restart", "@/a"]);
    agrees_with_the_kernel(&detached.truth(), &[]);
}

/// Requests at the same moment: what has nothing in common goes on side by side, what has comes one after the other.
#[test]
fn several_parts_restart_at_once() {
    require!(nesting());
    let detached = Detached::up(Nest::new(LAYOUT));
    let parts = [
        "@/a/one", "@/a", "@/a/b", "@/p", "@-z", "@", "@/a/two", "@/p/q/x",
    ];
    let commands: Vec<_> = parts
        .iter()
        .map(|part| detached.start(&["restart", part]))
        .collect();
    for (command, part) in commands.into_iter().zip(parts) {
        let outcome = ended(command);
        assert_eq!(outcome.code, 0, "{part}: {}", outcome.stderr);
    }
    agrees_with_the_kernel(&detached.truth(), &[]);
}

/// The kernel gives the inode of a namespace that has ended to another one, which is not taken for the first.
#[test]
fn a_reused_inode_belongs_to_its_current_namespace() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(LAYOUT).identity(identity));
        let root = &detached.nest.root;
        let inode = |path: &str| {
            detached.truth().namespace(path)["pidns"]
                .as_u64()
                .expect("it has stood")
        };
        let ended = inode(&format!("{root}/a"));
        detached.run(&["down", "@", "@/a"]);
        // Others on the machine take inodes too, so that it may not come at the first turn.
        let mut has_come = false;
        for _ in 0..50 {
            detached.run(&["restart", "@-z"]);
            has_come |= inode(&format!("{root}-z")) == ended;
            if has_come {
                break;
            }
        }
        let truth = detached.truth();
        assert_eq!(
            truth.pids(&format!("{root}-z/member")).len(),
            2,
            "{truth:?}"
        );
        eprintln!("{identity:?}: the inode has come again: {has_come}");
    });
}
