//! A pause init: like the pause container of a pod it leaves on TERM and INT, and only a stop of nestns asks its members.

use serde_json::{Value, json};

use crate::harness::detached::Detached;
use crate::harness::document::list;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;

/// A forked and a joined member that take their time to clean up, beside a namespace that stays.
const POD: &str = r#"
on_exit = "ignore"
[ns.@]
proc.stays = { actor = "idle" }
[ns."@/pod"]
init = "pause"
proc.forked = { sh = "trap 'sleep 0.2; touch DIRECTORY/forked.cleaned; exit' TERM; touch DIRECTORY/forked.up; while :; do sleep 0.05; done", enter = "fork" }
proc.joined = { sh = "trap 'sleep 0.2; touch DIRECTORY/joined.cleaned; exit' TERM; touch DIRECTORY/joined.up; while :; do sleep 0.05; done", enter = "join" }
"#;

const MEMBERS: [&str; 2] = ["forked", "joined"];

fn exists(detached: &Detached, file: &str) -> bool {
    detached.nest.directory.path().join(file).exists()
}

fn up(nest: Nest) -> Detached {
    let detached = Detached::up(nest);
    for member in MEMBERS {
        detached.until("the members run", |detached| {
            exists(detached, &format!("{member}.up")).then_some(())
        });
    }
    detached
}

/// Waits until the pod is gone, and returns the event of its stop.
fn until_gone(detached: &Detached) -> Value {
    let pod = format!("{}/pod", detached.nest.root);
    let of_pod = |event: &str| {
        let mut events = detached.events().into_iter();
        events.find(|found| found["event"] == event && found["path"] == pod.as_str())
    };
    detached.until("the pod is gone", |_| of_pod("gone"));
    of_pod("stopping").expect("it was told to stop")
}

#[test]
fn it_leaves_at_once_on_term_and_int_from_outside() {
    for_each_identity(|identity| {
        for signal in ["TERM", "INT"] {
            let detached = up(Nest::new(POD).identity(identity));
            // Nothing is passed on, and nothing else is a request.
            for other in ["USR1", "HUP", "QUIT", "RTMIN+3"] {
                detached.run(&["kill", "-s", other, "@/pod/"]);
            }
            detached.sync();
            assert!(
                detached
                    .events()
                    .iter()
                    .all(|event| event["event"] != "gone")
            );
            detached.run(&["kill", "-s", signal, "@/pod/"]);
            let stopping = until_gone(&detached);
            let cause = format!("its PID 1 has got {signal}, on which a pause init leaves");
            assert_eq!(
                (&stopping["stage"], &stopping["cause"], &stopping["by_pid"]),
                (&json!("kill"), &json!(cause), &Value::Null),
                "{identity:?}"
            );
            for member in MEMBERS {
                assert!(!exists(&detached, &format!("{member}.cleaned")), "{member}");
            }
            let root = detached.nest.root.clone();
            let exit = detached.events().into_iter().find(|event| {
                event["event"] == "exit" && event["path"] == format!("{root}/pod/init")
            });
            assert_eq!(exit.expect("it has left")["exit"]["code"], 0);
            detached.run(&["down", "@"]);
        }
    });
}

#[test]
fn whoever_inside_makes_it_leave_is_named() {
    for_each_identity(|identity| {
        let topology = "on_exit = \"ignore\"\n[ns.@]\nproc.stays = { actor = \"idle\" }\n[ns.\"@/pod\"]\ninit = \"pause\"\n\
                        proc.killer = { sh = \"kill 1; sleep 1000\", enter = \"fork\" }\n";
        let detached = Detached::up(Nest::new(topology).identity(identity));
        let stopping = until_gone(&detached);
        assert_eq!(
            (&stopping["stage"], &stopping["by_pid"]),
            (&json!("kill"), &json!(2)),
            "{identity:?}"
        );
        detached.run(&["down", "@"]);
    });
}

/// Asserts that a stop of nestns has asked the members, which have cleaned up.
fn check_asked(detached: &Detached, timeline: &Value) {
    for member in MEMBERS {
        let path = format!("{}/pod/{member}", detached.nest.root);
        let step = list(timeline, "steps")
            .iter()
            .find(|step| step["path"] == path.as_str());
        assert_eq!(step.expect("a step")["how"], "exited", "{timeline:#}");
        assert!(exists(detached, &format!("{member}.cleaned")), "{member}");
    }
    let init = format!("{}/pod/init", detached.nest.root);
    let steps = list(timeline, "steps").iter();
    let last: Vec<_> = steps.filter(|step| step["path"] == init.as_str()).collect();
    assert_eq!(
        (&last[0]["signal"], &last[0]["how"]),
        (&json!("TERM"), &json!("exited"))
    );
}

#[test]
fn a_stop_of_nestns_asks_its_members_first() {
    for_each_identity(|identity| {
        for words in [
            &["down", "@", "--format", "json"][..],
            &["down", "@", "@/pod", "--format", "json"],
        ] {
            let detached = up(Nest::new(POD).identity(identity));
            let timeline = detached.document(words);
            check_asked(&detached, &timeline);
        }
    });
}

/// Without room for a queued signal the value of a request is lost, and with it what tells it from anybody else's.
#[test]
fn it_knows_a_stop_of_nestns_without_room_for_queued_signals() {
    for_each_identity(|identity| {
        let limited = ["bash", "-c", "ulimit -i 0 && exec \"$@\"", "bash"];
        for words in [
            &["down", "@", "--format", "json"][..],
            &["down", "@", "@/pod", "--format", "json"],
        ] {
            let detached = up(Nest::new(POD).identity(identity).wrapped(&limited));
            let timeline = detached.document(words);
            check_asked(&detached, &timeline);
        }
    });
}

#[test]
fn what_is_killed_at_once_was_not_killed_at_a_deadline() {
    for_each_identity(|identity| {
        for (words, path, how) in [
            (
                &["down", "@", "--now", "--format", "json"][..],
                "@/init",
                "killed",
            ),
            (
                &["down", "@", "@/stays", "--now", "--format", "json"],
                "@/stays",
                "killed",
            ),
            (
                &[
                    "down",
                    "@",
                    "@/stays",
                    "--timeout",
                    "200ms",
                    "--format",
                    "json",
                ],
                "@/stays",
                "killed at deadline",
            ),
        ] {
            let topology = "on_exit = \"ignore\"\n[ns.@]\nproc.stays = { actor = \"ignore-term\" }\nproc.other = { actor = \"idle\" }\n";
            let detached = Detached::up(Nest::new(topology).identity(identity));
            let timeline = detached.document(words);
            let path = path.replace('@', &detached.nest.root);
            let step = list(&timeline, "steps")
                .iter()
                .find(|step| step["path"] == path.as_str());
            assert_eq!(
                step.expect("a step")["how"],
                how,
                "{identity:?}, {words:?}: {timeline:#}"
            );
        }
    });
}
