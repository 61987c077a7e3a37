//! A foreign topology that runs beside: it never changes the answer of a verb that names its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::wait::suspend;

const TOPOLOGY: &str = "[ns.@]\nproc.talker = { sh = \"echo hello; exec sleep 1000\" }\n[ns.\"@/in\"]\nproc.one = { actor = \"idle\" }\n";

/// Commands that name their topology, each in another way, with answers that are the same in every run.
const NAMED: [&[&str]; 11] = [
    &["ps", "-n", "@", "--redact"],
    &["ps", "@:/", "-q"],
    &[
        "exec",
        "-n",
        "@",
        "@/in",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 7",
    ],
    &["exec", "@:/@/in", "--", "true"],
    &["wait", "-n", "@", "--for", "ready"],
    &["logs", "--name", "@"],
    &["inspect", "-n", "@", "@/in/one", "--redact"],
    &["tree", "-n", "@", "--redact"],
    &["see", "-n", "@", "@/talker", "--of", "@/in/one", "--redact"],
    &["kill", "-n", "@", "-s", "CONT", "@/talker"],
    &["pid", "-n", "@", "@/in/one", "--in", "@/in"],
];

fn answers(detached: &Detached) -> Vec<(i32, String, String)> {
    let answer = |words: &&[&str]| {
        let outcome = detached.nestns(words);
        (outcome.code, outcome.stdout, outcome.stderr)
    };
    NAMED.iter().map(answer).collect()
}

/// What is wrong with the stranger.
#[derive(Debug, Clone, Copy)]
enum Stranger {
    Well,
    Stopped,
    Killed,
    Unreadable,
    Exposed,
    Torn,
}

#[test]
fn a_verb_that_names_its_topology_is_not_concerned_with_another() {
    for_each_identity(|identity| {
        for stranger in [
            Stranger::Well,
            Stranger::Stopped,
            Stranger::Killed,
            Stranger::Unreadable,
            Stranger::Exposed,
            Stranger::Torn,
        ] {
            let detached = Detached::up(Nest::new(TOPOLOGY).identity(identity));
            detached.until("it has written", |detached| {
                let logs = detached.run(&["logs", "@:/"]);
                logs.contains("hello").then_some(())
            });
            let alone = answers(&detached);
            let file = detached.nest.file_name().to_owned();
            detached.run(&["up", "-d", &file, "--name", "stranger"]);
            let directory = detached.nest.state().join("stranger");
            let truth = fs::read(directory.join("truth.json")).expect("it stands");
            let truth: serde_json::Value = serde_json::from_slice(&truth).expect("a document");
            let controller = truth["controller"]
                .as_i64()
                .and_then(|pid| i32::try_from(pid).ok());
            let controller = Pid::from_raw(controller.expect("a PID"));
            let protect = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode));
            match stranger {
                Stranger::Well => {}
                Stranger::Stopped => suspend(controller),
                Stranger::Killed => {
                    kill(controller, Signal::SIGKILL).expect("it runs");
                    detached.until("its end is there", |_| {
                        directory.join("ended.json").exists().then_some(())
                    });
                }
                Stranger::Unreadable => protect(0o000).expect("it is our own"),
                Stranger::Exposed => protect(0o777).expect("it is our own"),
                Stranger::Torn => {
                    fs::write(directory.join("truth.json"), "{").expect("it is our own");
                    fs::write(directory.join("ended.json"), "{").expect("it is our own");
                }
            }
            let beside = answers(&detached);
            for ((words, alone), beside) in NAMED.iter().zip(&alone).zip(&beside) {
                assert_eq!(alone, beside, "{stranger:?}, {words:?}");
            }
            let down = detached.nestns(&["down", "-q", "@"]);
            assert_eq!((down.code, down.stderr.as_str()), (0, ""), "{stranger:?}");
            let logs = detached.nestns(&["logs", "@:/"]);
            assert!(!logs.stderr.contains("stranger"), "{}", logs.stderr);

            // The stranger is taken down as well.
            if matches!(stranger, Stranger::Unreadable | Stranger::Exposed) {
                protect(0o700).expect("it is our own");
            }
            if matches!(stranger, Stranger::Torn) {
                fs::remove_file(directory.join("ended.json")).expect("it is our own");
            }
            if matches!(stranger, Stranger::Stopped) {
                kill(controller, Signal::SIGCONT).expect("it runs");
            }
            if !matches!(stranger, Stranger::Killed) {
                detached.run(&["down", "stranger"]);
            }
        }
    });
}
