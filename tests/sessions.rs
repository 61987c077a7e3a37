//! `session`: the numbers inside are those under unshare(1), and kill(0) of a program that inherits its process group reaches
//! nothing of nestns; and the null device of a program is that of its own mounts.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgid};
use serde_json::Value;

use crate::harness::chain::chain;
use crate::harness::detached::{Detached, ended};
use crate::harness::document::{step, timeline};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, nesting, require};
use crate::harness::terminal::Terminal;
use crate::harness::wait::until;

/// Says which numbers a shell has: its own, its parent's, its process group's and its session's.
const SAY: &str =
    "read -r pid name state ppid pgrp sid rest </proc/self/stat; echo $pid $ppid $pgrp $sid";

/// Depths of the comparison with unshare(1).
const DEPTHS: [usize; 2] = [1, 3];

/// Numbers that a PID 1 of util-linux's unshare says, and a child of it.
fn under_unshare(identity: Identity, depth: usize) -> [String; 2] {
    let nest = Nest::new("").identity(identity);
    let script = format!("{SAY}; sh -c '{SAY}'; :");
    let mut words = Vec::new();
    for level in 1..=depth {
        if level > 1 {
            words.push("unshare");
        } else if identity == Identity::Ordinary || !nix::unistd::geteuid().is_root() {
            words.extend(["--user", "--map-root-user"]);
        }
        words.extend(["--fork", "--pid"]);
    }
    words.extend(["--mount-proc", "sh", "-c", &script]);
    let output = nest
        .outside(Path::new("unshare"), &words)
        .stdin(Stdio::null())
        .output()
        .expect("it is installed");
    let said = String::from_utf8(output.stdout).expect("numbers");
    let lines: Vec<&str> = said.lines().collect();
    let [first, child] = lines[..] else {
        panic!(
            "{identity:?}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    [first.to_owned(), child.to_owned()]
}

#[test]
fn inherit_is_as_under_unshare() {
    require!(nesting());
    require!(installed("unshare"));
    for_each_identity(|identity| {
        for depth in DEPTHS {
            let [first, child] = under_unshare(identity, depth);
            assert_eq!(first, "1 0 0 0");
            let chain = chain(depth);
            let script = format!("{{ {SAY}; }} >DIRECTORY/said");
            let as_program =
                format!("{chain}init = [\"sh\", \"-c\", \"{script}\"]\nsession = \"inherit\"\n");
            let as_process =
                format!("{chain}proc.p = {{ sh = \"{script}\", session = \"inherit\" }}\n");
            for (topology, expected) in [(as_program, first), (as_process, child)] {
                let ended = Nest::new(&topology).identity(identity).up().wait();
                assert_eq!(ended.code, 0, "{identity:?}, {depth}: {}", ended.stderr);
                let said = fs::read_to_string(ended.nest.directory.path().join("said"))
                    .expect("it was written");
                assert_eq!(said.trim_end(), expected, "{identity:?}, {topology}");
            }
        }
    });
}

/// Every way in, at depth 1 and 3: forked, joined, PID 1, below a PID 1 that is a program; and an actor.
const WAYS: &str = r#"
[ns.@]
proc.own = "sleep 1000"
proc.forked = { cmd = "sleep 1000", session = "inherit", restart = "always", backoff = "10ms" }
proc.actor = { actor = "idle", session = "inherit" }
proc.joined = { cmd = "sleep 1000", session = "inherit", enter = "join", stdout = "null" }
[ns."@/a"]
[ns."@/a/b"]
proc.own = "sleep 1000"
proc.forked = { cmd = "sleep 1000", session = "inherit" }
proc.joined = { cmd = "sleep 1000", session = "inherit", enter = "join", restart = "always", backoff = "10ms" }
[ns."@/a/first"]
init = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
session = "inherit"
restart = "always"
backoff = "10ms"
proc.joined = { cmd = "sleep 1000", session = "inherit" }
[ns."@/a/first/in"]
init = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
session = "inherit"
[ns.@-z.init]
sh = "trap 'exit 0' TERM; sleep 1000 & wait"
session = "inherit"
"#;

/// The processes of it that inherit.
const INHERITING: [&str; 9] = [
    "@/forked",
    "@/actor",
    "@/joined",
    "@/a/b/forked",
    "@/a/b/joined",
    "@/a/first/init",
    "@/a/first/joined",
    "@/a/first/in/init",
    "@-z/init",
];

/// `NSpgid` or `NSsid` of a process, by the kernel.
fn chain_of(pid: i32, field: &str) -> Vec<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.expect("every kernel has it")
        .trim_start_matches(':')
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect()
}

fn numbers(value: &Value) -> Vec<i32> {
    let list = value.as_array().expect("a list").iter();
    list.map(|number| {
        number
            .as_i64()
            .expect("a number")
            .try_into()
            .expect("a PID")
    })
    .collect()
}

#[test]
fn every_way_in_has_a_group_without_nestns_and_every_document_names_it() {
    require!(nesting());
    Detached::for_each_identity(WAYS, &[], |tree| {
        let name = |path: &str| path.replace('@', &tree.nest.root);
        tree.sync();
        let truth = tree.truth();
        let listed = tree.document(&["ps", "--format", "json"]);
        let controller = tree.controller();
        let group_of = |pid: i32| getpgid(Some(Pid::from_raw(pid))).expect("it lives");
        let outside = [controller, kernel::guardian(controller).expect("it lives")];
        for path in INHERITING.map(name) {
            let pid = truth.host_pid(&path);
            let (groups, sessions) = (chain_of(pid, "NSpgid"), chain_of(pid, "NSsid"));
            assert_eq!(
                (groups.last(), sessions.last()),
                (Some(&0), Some(&0)),
                "{path}"
            );
            assert_eq!(sessions[0], controller.as_raw(), "{path}");
            let listed = listed["processes"].as_array().expect("a list").iter();
            let row = listed
                .clone()
                .find(|row| row["path"] == *path)
                .expect("it is listed");
            for document in [truth.process(&path), row] {
                assert_eq!(numbers(&document["pgids"]), groups, "{path}");
                assert_eq!(numbers(&document["sids"]), sessions, "{path}");
            }
            let shown = tree
                .document(&["inspect", &path, "--format", "json"])
                .to_string();
            assert!(shown.contains(&format!("\"pgids\":{}", truth.process(&path)["pgids"])));
            assert!(
                outside
                    .iter()
                    .all(|&one| group_of(one.as_raw()).as_raw() != groups[0])
            );
            // The only PID 1 of nestns in the group is that of the namespace.
            for init in truth.paths().iter().filter(|path| path.ends_with("/init")) {
                let is_around = path
                    .rsplit_once('/')
                    .map(|(space, _)| format!("{space}/init"))
                    == Some(init.clone());
                if group_of(truth.host_pid(init)).as_raw() == groups[0] {
                    assert!(is_around, "{init} is in the group of {path}");
                }
            }
        }
        let own = truth.host_pid(&name("@/a/b/own"));
        assert_eq!(chain_of(own, "NSsid"), truth.pids(&name("@/a/b/own")));
        let columns = tree.run(&["ps", "-o", "path,pgid,sid", &name("@/a/b/")]);
        let forked = columns
            .lines()
            .find(|line| line.contains("forked"))
            .expect("a line");
        assert_eq!(
            forked.split_whitespace().skip(1).collect::<Vec<_>>(),
            ["0", "0"]
        );
    });
}

#[test]
fn a_restart_keeps_the_numbers() {
    require!(nesting());
    Detached::for_each_identity(WAYS, &[], |tree| {
        let name = |path: &str| path.replace('@', &tree.nest.root);
        for path in ["@/forked", "@/a/b/joined", "@/a/first/init"].map(name) {
            let before = tree.truth().host_pid(&path);
            kill(Pid::from_raw(before), Signal::SIGKILL).expect("it lives");
            let after = tree.until(&format!("{path} runs again"), |tree| {
                tree.sync();
                let truth = tree.truth();
                let process = truth.process(&path);
                let pid = i32::try_from(process["pids"][0].as_i64()?).ok()?;
                (pid != before && process["exit"].is_null()).then_some(pid)
            });
            assert_eq!(chain_of(after, "NSpgid").last(), Some(&0), "{path}");
            assert_eq!(chain_of(after, "NSsid").last(), Some(&0), "{path}");
        }
    });
}

#[test]
fn kill_0_reaches_neither_nestns_nor_other_namespaces() {
    require!(nesting());
    // A PID 1 that has no handler drops TERM; its child gets it. KILL of a PID 1 is dropped from inside.
    let topology = r#"
[ns.@]
proc.bystander = "sleep 1000"
proc.mate = { cmd = "sleep 1000", session = "inherit", essential = false }
proc.killer = { sh = "trap : TERM; kill -s TERM 0; kill -s USR1 1; touch DIRECTORY/forked; exec sleep 1000", session = "inherit", after = { mate = "started" } }
[ns."@/a"]
init = ["sh", "-c", "sleep 1000 & kill -s TERM 0; kill -s KILL 0; wait $!; echo $? >DIRECTORY/first; exec sleep 1000"]
session = "inherit"
stop.signal = "KILL"
proc.joined = { sh = "touch DIRECTORY/joined; kill -s KILL 0", session = "inherit", essential = false }
proc.other = { cmd = "sleep 1000", session = "inherit" }
[ns."@/b"]
init = ["sleep", "1000"]
session = "inherit"
stop.signal = "KILL"
"#;
    // Those that kill themselves do not become ready.
    Detached::for_each_identity(topology, &["--no-wait"], |tree| {
        let name = |path: &str| path.replace('@', &tree.nest.root);
        let file = |name: &str| tree.nest.directory.path().join(name);
        for said in ["forked", "first", "joined"] {
            until(said, || file(said).exists());
        }
        tree.run(&[
            "wait",
            &name("@/mate"),
            &name("@/a/joined"),
            "--for",
            "exited",
        ]);
        for path in [
            "@/init",
            "@/bystander",
            "@/killer",
            "@/a/init",
            "@/a/other",
            "@/b/init",
        ] {
            tree.sync();
            let state = tree.truth().process(&name(path))["state"].clone();
            assert!(
                ["running", "ready"].contains(&state.as_str().unwrap_or_default()),
                "{path}: {state}"
            );
        }
        assert_eq!(tree.truth().process(&name("@/mate"))["exit"]["signal"], 15);
        assert_eq!(
            tree.truth().process(&name("@/a/joined"))["exit"]["signal"],
            9
        );
        until("the PID 1 has said how its child ended", || {
            let said = fs::read_to_string(file("first")).unwrap_or_default();
            ["143\n", "137\n"].contains(&&*said)
        });
        // From inside, TERM to the PID 1 of nestns could have been meant for its group; from outside it stops it.
        tree.run(&["exec", &name("@/"), "sh", "-c", "kill -s TERM 1"]);
        tree.sync();
        assert_eq!(tree.truth().process(&name("@/init"))["exit"], Value::Null);
    });
}

/// An init in the group of its programs stops itself when only what does not keep it open is left, stops in order when it is
/// asked, and takes the lifting of a hold from the controller alone.
#[test]
fn an_init_in_the_group_of_its_programs_stops_as_any_other() {
    require!(nesting());
    let topology = r#"
[ns.@]
[ns."@/pod"]
proc.work = { sh = "until test -e DIRECTORY/side; do sleep 0.01; done; echo work ends >>DIRECTORY/order", session = "inherit" }
proc.side = { sh = "trap 'echo side stopped >>DIRECTORY/order; exit 0' TERM; touch DIRECTORY/side; while :; do sleep 1000 & wait; done", keeps = false, session = "inherit" }
[ns."@/db"]
proc.db = { sh = "trap '' 64; trap 'echo db asked >>DIRECTORY/order; exit 0' TERM; while :; do kill -64 0; touch DIRECTORY/db; sleep 0.01; done", session = "inherit" }
[ns."@/app"]
proc.app = { sh = "trap 'sleep 0.3; echo app ends >>DIRECTORY/order; exit 0' TERM; touch DIRECTORY/app; while :; do sleep 1000 & wait; done", session = "inherit", after = { "../db/db" = "started" } }
"#;
    for_each_identity(|identity| {
        let mut running = Nest::new(topology)
            .identity(identity)
            .arguments(&["--format", "json"])
            .up();
        running.until("the pod is over and the others run", |nest| {
            let file = |name: &str| nest.directory.path().join(name);
            let is_over = fs::read_to_string(file("order"))
                .is_ok_and(|order| order.ends_with("side stopped\n"));
            (is_over && file("db").exists() && file("app").exists()).then_some(())
        });
        let ended = running.stop();
        assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
        let order = fs::read_to_string(ended.nest.directory.path().join("order"));
        assert_eq!(
            order.expect("it was written"),
            "work ends\nside stopped\napp ends\ndb asked\n",
            "{identity:?}: {}",
            ended.stderr
        );
        let timeline = timeline(&ended);
        for path in ["@/db/init", "@/db/db", "@/app/init"] {
            assert_eq!(
                step(&timeline, &ended, path)["how"],
                "exited",
                "{timeline:#}"
            );
        }
    });
}

#[test]
fn exec_inherits_and_its_group_ends_with_its_client() {
    require!(nesting());
    let topology = "[ns.@]\n[ns.\"@/a\"]\n[ns.\"@/a/b\"]\nproc.p = \"sleep 1000\"\n";
    Detached::for_each_identity(topology, &[], |tree| {
        let name = |path: &str| path.replace('@', &tree.nest.root);
        for target in ["@/", "@/a/b"].map(name) {
            for (words, is_inherited) in [
                (["--session", "inherit"], true),
                (["--session", "own"], false),
            ] {
                let arguments = [&["exec"], &words[..], &[&target, "sh", "-c", SAY]].concat();
                let said = tree.run(&arguments);
                let numbers: Vec<&str> = said.split_whitespace().collect();
                let expected = if is_inherited { "0" } else { numbers[0] };
                assert_eq!(numbers[1..], ["0", expected, expected], "{arguments:?}");
            }
        }
        let refused = tree.nestns(&["exec", "-t", "--session", "inherit", &name("@/a"), "true"]);
        assert_eq!(refused.code, 2);
        assert!(
            refused.stderr.contains("--session inherit"),
            "{}",
            refused.stderr
        );
        // A process that ignores SIGHUP, and its child.
        let script = "trap '' HUP; sleep 1000 & echo $!; wait";
        let mut client = tree.start(&[
            "exec",
            "--session",
            "inherit",
            &name("@/a/b"),
            "sh",
            "-c",
            script,
        ]);
        let inside = || {
            let said = tree.run(&[
                "exec",
                &name("@/a/b"),
                "sh",
                "-c",
                "ls /proc | grep -c '^[0-9]'",
            ]);
            said.trim().parse::<u32>().expect("a number")
        };
        // init, p, the shell and its child, and the three of this very command.
        until("both are there", || inside() >= 7);
        client.kill().expect("it lives");
        assert_ne!(ended(client).code, 0);
        until("both are gone", || inside() <= 5);
    });
}

#[test]
fn expectations_name_groups_and_sessions() {
    require!(nesting());
    let topology = "[ns.@]\n[ns.\"@/a\"]\nproc.p = { actor = \"idle\", session = \"inherit\" }\n\
                    proc.own = { actor = \"idle\" }\n\
                    [[expect]]\nproc = \"@/a/p\"\npgid = { \"@/a\" = 0 }\nsid = { \"@/a\" = 0, \"@\" = 0 }\n\
                    [[expect]]\nproc = \"@/a/own\"\npgid = { \"@/a\" = 3, \"@\" = 4 }\nsid = { \"@/a\" = 3 }\n\
                    [[expect]]\nproc = \"@/a/own\"\nsid = { \"@/a\" = 0 }\n";
    for_each_identity(|identity| {
        let nest = Nest::new(topology).identity(identity);
        let file = nest.file.display().to_string();
        let ended = nest.start_verb(&["test", &file, "--require"]).wait();
        assert_eq!(ended.code, 1, "{}{}", ended.stdout, ended.stderr);
        let root = &ended.nest.root;
        assert!(
            ended
                .stdout
                .contains(&format!("the session of {root}/a/own is 0 in {root}/a"))
                && ended.stdout.contains("expected 0   found 3\n")
                && ended.stdout.contains("6 passed, 1 failed"),
            "{}",
            ended.stdout
        );
    });
}

#[test]
fn ctrl_c_is_for_nestns_and_the_terminal_cannot_be_read() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.plain = { sh = "trap 'echo ca''ught INT; exit' INT; trap 'echo ca''ught TERM; exit' TERM; echo wai''ting; while :; do sleep 0.1; done", session = "inherit" }
[ns."@/a"]
init = ["sh", "-c", "trap 'exit 0' TERM; cat </dev/tty; echo re''fused; while :; do sleep 0.1; done"]
session = "inherit"
"#;
    Terminal::for_each_identity(topology, |mut terminal| {
        terminal.until("both have spoken", |terminal| {
            let screen = terminal.screen();
            (screen.contains("waiting") && screen.contains("refused")).then_some(())
        });
        terminal.send("\x03");
        assert_eq!(terminal.status(), 130);
        let screen = terminal.screen();
        assert!(
            screen.contains("caught TERM") && !screen.contains("caught INT"),
            "{screen}"
        );
        assert!(screen.contains("Input/output error"), "{screen}");
        terminal.close();
    });
}

/// The mount that a descriptor of a process is on, and true if it is one of the process's own.
fn mount_of(pid: i32, descriptor: u32) -> (String, bool) {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).expect("it is open");
    let mount = info.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    let mount = mount.expect("every kernel has it").trim().to_owned();
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).expect("it lives");
    let is_own = mounts
        .lines()
        .any(|line| line.split(' ').next() == Some(&mount));
    (mount, is_own)
}

#[test]
fn the_null_device_is_that_of_the_own_mount_namespace() {
    require!(nesting());
    Detached::for_each_identity(WAYS, &[], |tree| {
        let name = |path: &str| path.replace('@', &tree.nest.root);
        for target in ["@/", "@/a/b", "@/a/first"].map(name) {
            tree.run(&["exec", "-d", &target, "sleep", "1000"]);
        }
        tree.sync();
        let truth = tree.truth();
        let programs: Vec<String> = truth
            .paths()
            .into_iter()
            .filter(|path| truth.process(path)["argv"][1] != "init")
            .collect();
        assert!(programs.len() >= INHERITING.len() + 5, "{programs:?}");
        for path in programs {
            let pid = truth.host_pid(&path);
            assert!(mount_of(pid, 0).1, "standard input of {path}");
            if path == name("@/joined") {
                assert!(mount_of(pid, 1).1, "standard output of {path}");
            }
        }
    });
}

#[test]
fn without_a_null_device_inside_there_is_the_one_outside() {
    require!(nesting());
    let topology = "[ns.@]\ninit = [\"sh\", \"-c\", \"mount -t tmpfs none /dev && touch DIRECTORY/done && exec sleep 1000\"]\n\
                    stop.signal = \"KILL\"\n";
    Detached::for_each_identity(topology, &[], |tree| {
        let done = tree.nest.directory.path().join("done");
        until("it is mounted", || done.exists());
        let target = tree.nest.root.clone();
        for prepare in ["true", "mkfifo /dev/null"] {
            tree.run(&["exec", &target, "sh", "-c", prepare]);
            tree.run(&["exec", "-d", &target, "sleep", "1000"]);
        }
        tree.sync();
        let truth = tree.truth();
        for number in [2, 4] {
            let pid = truth.host_pid(&format!("{target}/exec.{number}"));
            assert!(!mount_of(pid, 0).1);
            let file = fs::metadata(format!("/proc/{pid}/fd/0")).expect("it is open");
            assert_eq!(
                std::os::unix::fs::MetadataExt::rdev(&file),
                nix::sys::stat::makedev(1, 3)
            );
        }
    });
}
