//! Attributes that a program has from its caller and from nestns: three descriptors, the caller's signals and umask, a session
//! of its own, and of the environment nothing in its PID 1.

use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use crate::harness::chain::{DEPTHS, chain};
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, Running, Truth};
use crate::harness::requirement::{require, root};
use crate::harness::wait::{TIMEOUT, within};

/// A namespace for every way in, with programs and actors.
const FLAVOURS: &str = "[ns.@]\nproc.forked = { cmd = \"sleep 1000\" }\nproc.joined = { cmd = \"sleep 1000\", enter = \"join\" }\n\
                        proc.idle = { actor = \"idle\" }\nproc.member = { actor = \"idle\", enter = \"join\" }\n\
                        [ns.\"@/program\"]\ninit = [\"sleep\", \"1000\"]\nstop = { grace = \"100ms\" }\n\
                        proc.beside = { cmd = \"sleep 1000\" }\n[ns.\"@/program/deep\"]\nproc.low = { cmd = \"sleep 1000\" }\n\
                        [ns.\"@/actor\"]\ninit = { actor = \"idle\" }\n[ns.\"@/abcdefghijklmnopqrs\"]\ninit = \"pause\"\n";
/// The programs and actors of it; the other PID 1s are copies of nestns.
const PROGRAMS: [&str; 8] = [
    "forked",
    "joined",
    "idle",
    "member",
    "program/init",
    "program/beside",
    "program/deep/low",
    "actor/init",
];
/// Prints what a process has decided about signals and files, without a shell in between.
const STATUS: &str = "\"grep\", \"-E\", \"^(Sig(Blk|Ign|Cgt)|Umask)\", \"/proc/self/status\"";

/// Waits until every program runs in place of the copy of nestns, and every actor has closed what it does not need.
fn running(running: &mut Running) -> Truth {
    let truth = running.until_running();
    for name in PROGRAMS {
        let pid = truth.host_pid(&format!("{}/{name}", running.nest.root));
        running.until(&format!("{name} runs"), |_| {
            let command_line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            // An actor that has set its signals up catches TERM.
            let caught = u64::from_str_radix(
                status.split("SigCgt:").nth(1)?.split_whitespace().next()?,
                16,
            )
            .ok()?;
            (!command_line.starts_with("nestns:") || caught & 1 << 14 != 0).then_some(())
        });
    }
    truth
}

#[test]
fn programs_and_actors_see_descriptors_0_1_and_2_whatever_the_caller_has_open() {
    // The descriptors of others are root's to see.
    require!(root());
    let open = "for number in $(seq 3 20); do eval \"exec $number</dev/null\"; done; exec \"$@\"";
    for_each_identity(|identity| {
        for wrapper in [vec![], vec!["bash", "-c", open, "bash"]] {
            let mut nest = Nest::new(FLAVOURS)
                .identity(identity)
                .wrapped(&wrapper)
                .up();
            let truth = running(&mut nest);
            for name in PROGRAMS {
                let pid = truth.host_pid(&format!("{}/{name}", nest.nest.root));
                // While a program is being loaded it has its libraries open; what is inherited stays open.
                nest.until(
                    &format!("{identity:?}, {wrapper:?}: {name} has 0, 1 and 2 only"),
                    |_| {
                        let listing = fs::read_dir(format!("/proc/{pid}/fd"))
                            .expect("root may look")
                            .flatten();
                        let mut numbers: Vec<_> = listing.map(|entry| entry.file_name()).collect();
                        numbers.sort();
                        (numbers == ["0", "1", "2"]).then_some(())
                    },
                );
            }
            nest.stop();
        }
    });
}

#[test]
fn every_program_has_its_own_session_and_every_pid_1_its_own_group() {
    for_each_identity(|identity| {
        let mut nest = Nest::new(FLAVOURS).identity(identity).up();
        let truth = running(&mut nest);
        for path in truth.paths() {
            let pid = truth.host_pid(&path);
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
            // Behind the name: state, parent, process group, session.
            let fields: Vec<&str> = stat
                .rsplit(')')
                .next()
                .expect("a name")
                .split_whitespace()
                .collect();
            let process = truth.process(&path);
            let init = &truth.namespace(process["ns"].as_str().expect("a path"))["init"];
            let is_ours = process["enter"] == "init" && (init == "builtin" || init == "pause");
            assert_eq!(
                fields[2],
                pid.to_string(),
                "{identity:?}, the group of {path}"
            );
            // A PID 1 of nestns has only a group: what it starts has sessions.
            assert_eq!(
                fields[3] == pid.to_string(),
                !is_ours,
                "{identity:?}, the session of {path}"
            );
        }
        nest.stop();
    });
}

#[test]
fn names_and_command_lines_identify_processes() {
    for_each_identity(|identity| {
        let mut nest = Nest::new(FLAVOURS).identity(identity).up();
        let truth = running(&mut nest);
        let root = nest.nest.root.clone();
        let long = "abcdefghijklmnopqrs";
        for (path, comm, title) in [
            (
                format!("{root}/init"),
                &root[..root.len().min(15)],
                format!("{root} (init)"),
            ),
            (
                format!("{root}/program/deep/init"),
                "deep",
                format!("{root}/program/deep (init)"),
            ),
            (
                format!("{root}/{long}/init"),
                &long[..15],
                format!("{root}/{long} (pause)"),
            ),
            (
                format!("{root}/idle"),
                "idle",
                format!("{root}/idle (idle)"),
            ),
            (
                format!("{root}/member"),
                "member",
                format!("{root}/member (idle)"),
            ),
        ] {
            let pid = truth.host_pid(&path);
            let read =
                |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).expect("it lives");
            assert_eq!(read("comm"), format!("{comm}\n"), "{identity:?}, {path}");
            assert_eq!(
                read("cmdline").trim_end_matches('\0'),
                format!("nestns: {title}"),
                "{identity:?}, {path}"
            );
        }
        let actor = truth.host_pid(&format!("{root}/actor/init"));
        let title = fs::read_to_string(format!("/proc/{actor}/cmdline")).expect("it lives");
        assert!(
            title.starts_with(&format!("nestns: {root}/actor")) && title.contains("(idle)"),
            "{identity:?}: {title}"
        );
        nest.stop();
    });
}

#[test]
fn pid_1_shows_nothing_of_the_callers_environment() {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            let look = "cat /proc/1/environ; echo; echo own $SECRET";
            let topology = format!(
                "{}proc.look = {{ sh = \"{look}\", stdout = \"DIRECTORY/seen\" }}\n",
                chain(depth)
            );
            let ended = Nest::new(&topology)
                .identity(identity)
                .env("SECRET", "of-the-caller")
                .up()
                .wait();
            assert_eq!(
                ended.code, 0,
                "{identity:?}, depth {depth}: {}",
                ended.stderr
            );
            let seen = fs::read_to_string(ended.nest.directory.path().join("seen"))
                .expect("it was written");
            let (environment, own) = seen
                .trim_start_matches('\0')
                .split_once('\n')
                .expect("two lines");
            assert_eq!(
                (environment, own),
                ("", "own of-the-caller\n"),
                "{identity:?}, depth {depth}"
            );
        }
        // From outside, of all that is a copy of nestns, actors too.
        if geteuid().is_root() {
            let mut nest = Nest::new(FLAVOURS)
                .identity(identity)
                .env("SECRET", "of-the-caller")
                .up();
            let truth = running(&mut nest);
            for path in truth.paths() {
                let read = |name: &str| {
                    fs::read_to_string(format!("/proc/{}/{name}", truth.host_pid(&path)))
                };
                if read("cmdline").expect("it lives").starts_with("nestns:") {
                    let environment = read("environ").expect("root may look");
                    assert!(
                        !environment.contains("of-the-caller"),
                        "{identity:?}, {path}"
                    );
                }
            }
            nest.stop();
        }
    });
}

#[test]
fn signals_and_umask_are_as_the_caller_has_them() {
    let shells = [
        vec!["env", "--default-signal=PIPE"],
        vec![
            "env",
            "--ignore-signal=HUP",
            "--ignore-signal=USR1",
            "--ignore-signal=PIPE",
            "--block-signal=USR2",
        ],
        vec![
            "env",
            "--ignore-signal=CHLD",
            "--block-signal=TERM",
            "--block-signal=RTMIN+3",
            "--default-signal=PIPE",
        ],
    ];
    for_each_identity(|identity| {
        for (shell, umask) in shells.iter().zip(["022", "027", "077"]) {
            // The reference is the same program, started in the same way but for nestns.
            let script = format!("umask {umask}; exec \"$@\"");
            let wrapper: Vec<&str> = ["sh", "-c", &script, "sh"]
                .into_iter()
                .chain(shell.iter().copied())
                .collect();
            let plain: Vec<String> = STATUS
                .split(", ")
                .map(|word| word.trim_matches('"').to_owned())
                .collect();
            // With a directory, as the harness has one: without, the C library's spawn ignores two signals of its own.
            let mut reference = std::process::Command::new(wrapper[0]);
            let reference = reference
                .args(&wrapper[1..])
                .args(&plain)
                .current_dir("/")
                .output();
            let reference = String::from_utf8(reference.expect("a shell").stdout).expect("ASCII");
            assert_eq!(reference.lines().count(), 4, "{reference}");
            let topology = format!(
                "[defaults.proc]\nstdout = \"inherit\"\n[ns.@]\nproc.a = {{ cmd = [{STATUS}] }}\n\
                 proc.b = {{ cmd = [{STATUS}], enter = \"join\", after = {{ a = \"exited\" }} }}\n"
            );
            let ended = Nest::new(&topology)
                .identity(identity)
                .wrapped(&wrapper)
                .up()
                .wait();
            assert_eq!(ended.code, 0, "{identity:?}, {shell:?}: {}", ended.stderr);
            assert_eq!(ended.stdout, reference.repeat(2), "{identity:?}, {shell:?}");
            for more in [vec![], vec!["--as-init"], vec!["--depth", "31"]] {
                let mut words = vec!["run"];
                words.extend(more.iter().copied());
                words.push("--");
                words.extend(plain.iter().map(String::as_str));
                let ended = Nest::new("")
                    .identity(identity)
                    .wrapped(&wrapper)
                    .start_verb(&words)
                    .wait();
                let context = format!("{identity:?}, {shell:?}, {more:?}: {}", ended.stderr);
                assert_eq!(
                    (ended.code, ended.stdout.as_str()),
                    (0, reference.as_str()),
                    "{context}"
                );
            }
        }
    });
}

#[test]
fn children_of_the_caller_are_neither_reaped_nor_signalled() {
    // One that has ended already, one that ends during the run, one that outlives it.
    let script = "true & (sleep 0.02) & (sleep 2; echo survived > outlived) & exec \"$@\"";
    for_each_identity(|identity| {
        for depth in ["1", "5"] {
            let nest = Nest::new("")
                .identity(identity)
                .wrapped(&["sh", "-c", script, "sh"]);
            let began = Instant::now();
            let command = "sleep 0.1; exit 7";
            let mut running =
                nest.start_verb(&["run", "--depth", depth, "--", "sh", "-c", command]);
            running.until_ended();
            assert!(
                began.elapsed() < Duration::from_secs(2),
                "{identity:?}: it waited for somebody else's child"
            );
            let outlived = running.nest.directory.path().join("outlived");
            let found = within(TIMEOUT, || outlived.exists().then_some(()));
            assert!(found.is_some(), "{identity:?}, depth {depth}");
            assert_eq!(running.wait().code, 7, "{identity:?}, depth {depth}");
        }
    });
}

#[test]
fn a_caller_that_ignores_sigchld_gets_the_status() {
    for_each_identity(|identity| {
        for depth in ["1", "5", "31"] {
            let nest = Nest::new("")
                .identity(identity)
                .wrapped(&["env", "--ignore-signal=CHLD"]);
            let ended = nest
                .start_verb(&["run", "--depth", depth, "--", "sh", "-c", "exit 7"])
                .wait();
            assert_eq!(
                ended.code, 7,
                "{identity:?}, depth {depth}: {}",
                ended.stderr
            );
        }
    });
}
