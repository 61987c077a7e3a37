//! Signals that are passed on: by `run` to its command, as the small inits do it, and by the PID 1s of nestns to those inside.

use std::fs;
use std::process::{Command, Stdio};

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, Running};
use crate::harness::requirement::{installed, is_met, nesting, require};
use crate::harness::wait::until;

/// The signals that are sent, one after the other; TERM at the end.
const SIGNALS: [&str; 13] = [
    "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH", "ALRM", "VTALRM", "PROF", "IO", "INT", "HUP",
    "TERM",
];
/// The signals for inits that know those beyond 31.
const REAL_TIME: [&str; 3] = ["RTMIN", "RTMIN+5", "RTMAX"];

/// Writes down what it gets, a line each.
const LISTENER: &str = r#"
for s in INT HUP QUIT USR1 USR2 WINCH ALRM VTALRM PROF IO RTMIN RTMIN+5 RTMAX; do
    trap "echo $s >> $1/heard" $s
done
trap "echo TERM >> $1/heard; exit 7" TERM
touch $1/up
while :; do echo >> $1/beat; sleep 0.02; done
"#;

/// Sends a signal by its name; the shell's own kill(1), which knows all of them.
fn send(pid: i32, signal: &str) {
    let status = Command::new("bash")
        .args(["-c", "kill -s \"$0\" \"$1\"", signal, &pid.to_string()])
        .status();
    assert!(status.expect("there is bash").success(), "{signal}");
}

/// Sends everything, each when the one before was heard, and returns what was heard.
fn talk(directory: &std::path::Path, pid: i32, signals: &[&str]) -> Vec<String> {
    until("the listener is up", || directory.join("up").exists());
    let heard = || -> Vec<String> {
        let text = fs::read_to_string(directory.join("heard")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    };
    for (count, signal) in signals.iter().enumerate() {
        // In the midst of one trap a shell may lose the signal for the next.
        let beats = || fs::metadata(directory.join("beat")).map_or(0, |metadata| metadata.len());
        let before = beats();
        until("the listener is back in its loop", || beats() > before + 1);
        send(pid, signal);
        until(
            &format!("{signal} is heard after {:?}", &signals[..count]),
            || heard().len() > count,
        );
    }
    heard()
}

fn listener(nest: &Nest) -> String {
    let script = nest.directory.path().join("listener.sh");
    fs::write(&script, LISTENER).unwrap();
    script.to_str().expect("our own path").to_owned()
}

#[test]
fn run_forwards_every_signal_as_small_inits_do() {
    require!(nesting());
    for (init, words) in [
        ("tini", vec!["-s", "--"]),
        ("catatonit", vec!["--"]),
        ("dumb-init", vec![]),
    ] {
        if !is_met(installed(init)) {
            continue;
        }
        let nest = Nest::new("");
        let script = listener(&nest);
        let directory = nest.directory.path();
        let mut command = Command::new(init);
        command
            .args(words)
            .args(["bash", &script])
            .arg(directory)
            .stdin(Stdio::null());
        let mut child = command.spawn().expect("it is there");
        let mut signals = SIGNALS.to_vec();
        if init != "dumb-init" {
            signals.splice(1..1, REAL_TIME);
        }
        let heard = talk(directory, child.id().cast_signed(), &signals);
        assert_eq!(heard, signals, "{init}");
        assert_eq!(
            child.wait().expect("it is our child").code(),
            Some(7),
            "{init}"
        );
    }
    for_each_identity(|identity| {
        for words in [
            &["run", "--"][..],
            &["run", "--depth", "3", "--"],
            &["run", "--as-init", "--"],
            &["run", "--as-init", "--depth", "2", "--"],
            &["run", "@.toml", "--"],
            &["run", "@.toml", "--in", "@/in", "--"],
        ] {
            let topology =
                "[ns.@]\nproc.idle = { actor = \"idle\" }\n[ns.\"@/in\"]\ninit = \"pause\"\n";
            let nest = Nest::new(topology).identity(identity);
            let script = listener(&nest);
            let directory = nest.directory.path().to_owned();
            let place = directory.to_str().expect("our own path").to_owned();
            let words: Vec<&str> = words
                .iter()
                .copied()
                .chain(["bash", &script, &place])
                .collect();
            let running = nest.start_verb(&words);
            let mut signals = SIGNALS.to_vec();
            signals.splice(1..1, REAL_TIME);
            let heard = talk(&directory, running.pid().as_raw(), &signals);
            assert_eq!(heard, signals, "{identity:?}, {words:?}");
            assert_eq!(running.wait().code, 7, "{identity:?}, {words:?}");
        }
    });
}

#[test]
fn the_command_of_run_decides_what_a_signal_does() {
    let sleeps = |running: &mut Running, count: usize| {
        running.until("the command runs", |nest| {
            let found = crate::harness::nest::processes_of(nest);
            (found
                .iter()
                .filter(|(_, title)| title.starts_with("sleep 1234"))
                .count()
                == count)
                .then_some(())
        });
    };
    for_each_identity(|identity| {
        for (signal, status) in [
            ("INT", 130),
            ("HUP", 129),
            ("QUIT", 131),
            ("USR1", 138),
            ("ALRM", 142),
            ("RTMIN", 162),
        ] {
            let mut running = Nest::new("")
                .identity(identity)
                .start_verb(&["run", "--", "sleep", "1234"]);
            sleeps(&mut running, 1);
            send(running.pid().as_raw(), signal);
            let ended = running.wait();
            assert_eq!(
                ended.code, status,
                "{identity:?}, {signal}: {}",
                ended.stderr
            );
        }
        // For a PID 1 the default action is none: the tree is stopped instead, and the program killed at its deadline.
        let mut running = Nest::new("").identity(identity).start_verb(&[
            "run",
            "--as-init",
            "--",
            "sleep",
            "1234",
        ]);
        sleeps(&mut running, 1);
        send(running.pid().as_raw(), "USR1");
        send(running.pid().as_raw(), "INT");
        let ended = running.wait();
        assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
    });
}

fn state(pid: i32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next())
        .unwrap_or('-')
}

#[test]
fn stopping_the_job_stops_the_session_of_its_command() {
    for_each_identity(|identity| {
        for words in [
            &["run", "--"][..],
            &["run", "--as-init", "--"],
            &["run", "@.toml", "--"],
        ] {
            let nest = Nest::new("[ns.@]\nproc.idle = { actor = \"idle\" }\n").identity(identity);
            let words: Vec<&str> = words
                .iter()
                .copied()
                .chain(["sh", "-c", "sleep 1234 & sleep 1234; echo never"])
                .collect();
            let mut running = nest.start_verb(&words);
            let sleepers = running.until("both sleep", |nest| {
                let found = crate::harness::nest::processes_of(nest);
                let pids: Vec<i32> = found
                    .into_iter()
                    .filter(|(_, title)| title.starts_with("sleep 1234"))
                    .map(|(pid, _)| pid)
                    .collect();
                (pids.len() == 2).then_some(pids)
            });
            let all: Vec<i32> = sleepers
                .iter()
                .copied()
                .chain([running.pid().as_raw()])
                .collect();
            for signal in ["TSTP", "TTIN"] {
                send(running.pid().as_raw(), signal);
                until("all of them are stopped", || {
                    all.iter().all(|&pid| state(pid) == 'T')
                });
                send(running.pid().as_raw(), "CONT");
                until("all of them go on", || {
                    all.iter().all(|&pid| state(pid) != 'T')
                });
            }
            let shell = crate::harness::nest::processes_of(&running.nest);
            let shell = shell
                .iter()
                .find(|(_, title)| title.starts_with("sh -c"))
                .expect("it lives")
                .0;
            // Beside a tree, children of the command are not killed with it.
            send(shell, "KILL");
            for pid in sleepers.into_iter().filter(|_| words.contains(&"@.toml")) {
                // It may have gone with the shell's terminal, or live on.
                let _ = Command::new("kill")
                    .args(["-KILL", &pid.to_string()])
                    .stderr(Stdio::null())
                    .status();
            }
            assert_eq!(running.wait().code, 137, "{identity:?}");
        }
    });
}

/// A forked process in each namespace, where that is possible, and a joined one.
const INITS: &str = r#"
on_exit = "ignore"
[ns.@]
proc.idle = { actor = "idle" }
[ns."@/builtin"]
proc.forked = { cmd = ["bash", "DIRECTORY/listen.sh", "DIRECTORY/builtin.forked"] }
proc.joined = { cmd = ["bash", "DIRECTORY/listen.sh", "DIRECTORY/builtin.joined"], enter = "join" }
[ns."@/builtin/inside"]
proc.deeper = { cmd = ["bash", "DIRECTORY/listen.sh", "DIRECTORY/builtin.deeper"] }
[ns."@/pause"]
init = "pause"
proc.forked = { cmd = ["bash", "DIRECTORY/listen.sh", "DIRECTORY/pause.forked"], enter = "fork" }
proc.joined = { cmd = ["bash", "DIRECTORY/listen.sh", "DIRECTORY/pause.joined"], enter = "join" }
"#;

#[test]
fn a_builtin_init_forwards_to_its_children_and_a_pause_init_forwards_nothing() {
    let passed = [
        "HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "RTMIN", "RTMIN+5", "RTMAX",
    ];
    for_each_identity(|identity| {
        let nest = Nest::new(INITS).identity(identity);
        let script = LISTENER
            .replace("$1/heard", "$1.heard")
            .replace("$1/up", "$1.up")
            .replace("$1/beat", "$1.beat");
        fs::write(nest.directory.path().join("listen.sh"), script).unwrap();
        let detached = Detached::up(nest);
        let directory = detached.nest.directory.path().to_owned();
        let all = [
            "builtin.forked",
            "builtin.joined",
            "builtin.deeper",
            "pause.forked",
            "pause.joined",
        ];
        for name in all {
            detached.until(name, |_| {
                directory.join(format!("{name}.up")).exists().then_some(())
            });
        }
        let heard = |name: &str| {
            fs::read_to_string(directory.join(format!("{name}.heard"))).unwrap_or_default()
        };
        let beats = || {
            fs::metadata(directory.join("builtin.forked.beat")).map_or(0, |metadata| metadata.len())
        };
        for (count, signal) in passed.iter().enumerate() {
            let before = beats();
            detached.until("the listener is back in its loop", |_| {
                (beats() > before + 1).then_some(())
            });
            detached.run(&["kill", "-s", signal, "@/builtin/"]);
            // On this one it would leave, like the pause container of a pod.
            if *signal != "INT" {
                detached.run(&["kill", "-s", signal, "@/pause/"]);
            }
            detached.until(signal, |_| {
                (heard("builtin.forked").lines().count() > count).then_some(())
            });
        }
        // Not these, although the init does not act on them either.
        detached.run(&["kill", "-s", "ALRM", "@/builtin/", "@/pause/"]);
        // Each by itself still gets what is sent to it, and gets it after whatever was on its way.
        for (count, name) in all
            .iter()
            .enumerate()
            .map(|(count, name)| (if count == 0 { passed.len() } else { 0 }, name))
        {
            let path = format!(
                "@/{}",
                name.replace('.', "/")
                    .replace("builtin/deeper", "builtin/inside/deeper")
            );
            detached.run(&["kill", "-s", "PROF", &path]);
            detached.until(name, |_| heard(name).contains("PROF").then_some(()));
            let expected: Vec<&str> = passed[..count].iter().chain(&["PROF"]).copied().collect();
            assert_eq!(
                heard(name).lines().collect::<Vec<_>>(),
                expected,
                "{identity:?}, {name}"
            );
        }
        // A stop asks all of them all the same.
        detached.run(&["down", &detached.nest.root]);
        for name in all {
            assert!(
                heard(name).ends_with("TERM\n"),
                "{identity:?}, {name}: {}",
                heard(name)
            );
        }
    });
}
