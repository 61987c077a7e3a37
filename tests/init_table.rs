//! A program that is PID 1 is a process like any other: each kind of probe, and each key of its table, below nestns and below
//! another program.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::harness::chain::{chain, path};
use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, nesting, require, root};
use crate::harness::script::write_scripts;

/// The kinds of probes: what a PID 1 does to be ready, and its `ready`.
const PROBED: [(&str, &str, &str); 6] = [
    ("log", "echo is up; exec sleep 1000", "{ log = 'is up$' }"),
    (
        "file",
        ": > DIRECTORY/there; exec sleep 1000",
        "{ file = 'DIRECTORY/there' }",
    ),
    (
        "exec",
        ": > DIRECTORY/asked; exec sleep 1000",
        "{ exec = 'test -e asked', every = '20ms', timeout = '9s' }",
    ),
    ("fd", "echo >&3; exec sleep 1000", "{ fd = 3 }"),
    (
        "notify",
        "exec perl DIRECTORY/notify.pl",
        "{ notify = true }",
    ),
    (
        "tcp",
        "exec perl DIRECTORY/listen.pl 8080",
        "{ tcp = 8080, every = '20ms' }",
    ),
];

/// Places of PID 1s: the lines that declare what is around them, and the beginning of their paths.
fn places() -> [(String, String); 4] {
    let program = "init = ['sh', '-c', 'trap exit TERM; while :; do sleep 0.1; done']\n";
    [
        (String::new(), "@-".to_owned()),
        (chain(2), format!("{}/", path(2))),
        (format!("{}{program}", chain(1)), format!("{}/", path(1))),
        (format!("{}{program}", chain(2)), format!("{}/", path(2))),
    ]
}

fn index(events: &[Value], event: &str, path: &str) -> usize {
    let found = events
        .iter()
        .position(|line| line["event"] == event && line["path"] == path);
    found.unwrap_or_else(|| panic!("no {event} of {path}: {events:#?}"))
}

#[test]
fn every_probe_makes_a_pid_one_ready_and_lets_others_through() {
    require!(installed("perl"));
    for_each_identity(|identity| {
        for (around, before) in places() {
            let mut topology = format!("name = '@'\n{around}");
            for (kind, does, ready) in PROBED {
                let _ = write!(
                    topology,
                    "[ns.\"{before}{kind}\"]\nunshare = ['mount', 'net']\nstop = {{ grace = '300ms' }}\n\
                     [ns.\"{before}{kind}\".init]\ncwd = 'DIRECTORY'\n\
                     sh = 'sleep 0.1; : > DIRECTORY/cue.{kind}; {does}'\nready = {ready}\n\
                     [ns.\"{before}{kind}-after\".init]\nsh = 'test -e DIRECTORY/cue.{kind} && exit 7'\n\
                     after = {{ \"{before}{kind}/init\" = 'ready' }}\nok = [7]\noneshot = true\n"
                );
            }
            let nest = Nest::new(&topology).identity(identity);
            write_scripts(&nest);
            let detached = Detached::up(nest);
            let events = detached.events();
            for (kind, ..) in PROBED {
                let home = format!("{before}{kind}").replace('@', &detached.nest.root);
                let (init, after) = (format!("{home}/init"), format!("{home}-after/init"));
                let order = [
                    index(&events, "started", &init),
                    index(&events, "ready", &init),
                    index(&events, "release", &after),
                    index(&events, "exit", &after),
                    index(&events, "ready", &after),
                    index(&events, "ready", "."),
                ];
                assert!(order.is_sorted(), "{before}{kind}: {order:?}");
            }
        }
    });
}

#[test]
fn a_pid_one_that_never_becomes_ready_is_reported() {
    for_each_identity(|identity| {
        for (around, before) in places() {
            for ready in ["exec = 'false'", "tcp = 8080"] {
                let topology = format!(
                    "name = '@'\n{around}[ns.\"{before}p\"]\nunshare = ['mount', 'net']\n[ns.\"{before}p\".init]\n\
                     sh = 'trap exit TERM; while :; do sleep 0.1; done'\n\
                     ready = {{ {ready}, every = '20ms', retries = 2 }}\n"
                );
                let detached = Detached::try_up(Nest::new(&topology).identity(identity));
                let init = format!("{before}p/init").replace('@', &detached.nest.root);
                let said = format!(
                    "`{init}` did not become ready: 2 tries of its probe in a row have failed"
                );
                assert_eq!(detached.up.code, 1, "{before} {ready}: {:?}", detached.up);
                assert!(detached.up.stderr.contains(&said), "{:?}", detached.up);
                assert!(detached.is_running());
            }
        }
    });
}

/// Its place, its environment and its streams are its own; and it is brought back after the end that its file names.
#[test]
fn the_keys_of_a_process_are_those_of_a_pid_one() {
    for_each_identity(|identity| {
        let is_root = identity.uid() == 0;
        let user = if is_root { "user = '1234:2345'\n" } else { "" };
        for (around, before) in places() {
            let topology = format!(
                "name = '@'\n{around}[ns.\"{before}q\".init]\n\
                 sh = 'read line; echo $PWD $COLOUR $(id -u) $(id -g) $line; echo no >&2; exec sleep 1000'\n\
                 {user}env = {{ COLOUR = 'blue' }}\ncwd = '/usr'\nlabels = {{ tier = 'front' }}\n\
                 stdin = 'DIRECTORY/in'\nstdout = 'DIRECTORY/out'\nstderr = 'null'\nstop = {{ grace = '100ms' }}\n\
                 ready = {{ exec = ['test', '-s', 'DIRECTORY/out'], every = '20ms' }}\n\
                 [ns.\"{before}r\".init]\n\
                 sh = 'echo >> DIRECTORY/runs; test $(wc -l < DIRECTORY/runs) -gt 2 || exit 88; echo up; exec sleep 1000'\n\
                 restart = {{ on = [88], backoff = '10ms', backoff_max = '20ms' }}\nready = {{ log = '^up$' }}\n\
                 stop = {{ grace = '100ms' }}\n"
            );
            let nest = Nest::new(&topology).identity(identity);
            fs::write(nest.directory.path().join("in"), "hello\n").unwrap();
            let detached = Detached::up(nest);
            let out = fs::read_to_string(detached.nest.directory.path().join("out")).unwrap();
            let ids = if is_root { "1234 2345" } else { "0 0" };
            assert_eq!(out, format!("/usr blue {ids} hello\n"), "{before}");
            let runs = fs::read_to_string(detached.nest.directory.path().join("runs")).unwrap();
            assert_eq!(runs.lines().count(), 3, "{before}");
            let init = format!("{before}q/init");
            let document = detached.document(&["inspect", "--format", "json", &init]);
            assert_eq!(
                document["process"]["labels"],
                json!({ "tier": "front" }),
                "{document:#}"
            );
            let home = format!("{before}r").replace('@', &detached.nest.root);
            let document =
                detached.document(&["inspect", "--format", "json", &format!("{home}/init")]);
            let restart = json!({ "when": "on", "on": [{ "code": 88 }], "max": null, "backoff": "10ms", "backoff_max": "20ms" });
            assert_eq!(
                document["process"]["declaration"]["restart"], restart,
                "{document:#}"
            );
        }
    });
}

#[test]
fn the_end_of_a_pid_one_counts_as_its_weight_says() {
    for_each_identity(|identity| {
        for (around, before) in places() {
            // A program around it would go on.
            if around.contains("init") {
                continue;
            }
            for (essential, code) in [(true, 3), (false, 1)] {
                let topology = format!(
                    "{around}[ns.\"{before}e\".init]\nsh = 'exit 3'\nessential = {essential}\n\
                     [ns.\"{before}f\".init]\nsh = 'exit 0'\nafter = {{ \"{before}e/init\" = 'exited' }}\n"
                );
                let ended = Nest::new(&topology).identity(identity).up().wait();
                assert_eq!(ended.code, code, "{before} {essential}: {}", ended.stderr);
            }
        }
    });
}

#[test]
fn an_ordinary_user_cannot_make_a_pid_one_another_user() {
    require!(nesting(), root());
    for (around, before) in places() {
        let topology = format!("{around}[ns.\"{before}q\".init]\nsh = 'exit 0'\nuser = '1234'\n");
        let ended = Nest::new(&topology)
            .identity(Identity::Ordinary)
            .up()
            .wait();
        let init = format!("{before}q/init").replace('@', &ended.nest.root);
        let expected = format!(
            "error[NS402]: `{init}` needs user 1234, but without root a tree has only ID 0, which is mapped to the caller\n"
        );
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
    }
}
