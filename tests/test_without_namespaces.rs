//! `nestns test` on a machine that cannot build the tree, which is one where a limit of a user namespace around it says so:
//! everything is skipped with the reason, or has failed where that was required.

use serde_json::Value;

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};

const TOPOLOGY: &str = "[ns.@]\nproc.p = { actor = \"idle\" }\n[[expect]]\nfrom = \"@\"\nsees = [\"@/p\"]\n[[expect]]\n\
                        proc = \"@/p\"\npid = { \"@\" = 9 }\n";
/// Reason of the check of `nestns doctor` that fails.
const REASON: &str = "`nestns doctor` checks this as pid-namespaces: refused: a limit is reached";

/// `nestns test ARGUMENTS` where no PID namespace can be made. The command of the arguments would write a file `ran`.
fn test(identity: Identity, topology: &str, arguments: &[&str]) -> Ended {
    let nest = Nest::new(topology).identity(identity).without_namespaces();
    let file = nest.file.display().to_string();
    let mut words = vec!["test", &file];
    words.extend(arguments);
    let ended = nest.start_verb(&words).wait();
    assert!(
        !ended.nest.directory.path().join("ran").exists(),
        "{identity:?}: the command has run"
    );
    ended
}

#[test]
fn expectations_are_skipped_with_the_reason_of_the_doctor() {
    for_each_identity(|identity| {
        let ended = test(identity, TOPOLOGY, &["--", "touch", "ran"]);
        let root = &ended.nest.root;
        assert_eq!(
            ended.code, 0,
            "{identity:?}: {}{}",
            ended.stdout, ended.stderr
        );
        let label = ended
            .nest
            .file
            .file_stem()
            .expect("it has a name")
            .to_string_lossy();
        let expected = format!(
            "skip    {root} sees {root}/p: {REASON}\nskip    {root}/p is 9 in {root}: {REASON}\nskip    command touch ran: {REASON}\n\
             {label}: 0 passed, 0 failed, 3 skipped\n"
        );
        assert_eq!(ended.stdout, expected, "{identity:?}");
        // The messages on standard error name the remedy.
        assert!(
            ended.stderr.contains("user.max_pid_namespaces (0)"),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}

#[test]
fn skipped_expectations_are_marked_in_every_format() {
    for_each_identity(|identity| {
        let tap = test(
            identity,
            TOPOLOGY,
            &["--format", "tap", "--", "touch", "ran"],
        );
        let text = tap.stdout.replace(&tap.nest.root, "@");
        assert_eq!(
            text,
            format!(
                "TAP version 14\n1..3\nok 1 - @ sees @/p # SKIP {REASON}\nok 2 - @/p is 9 in @ # SKIP {REASON}\n\
                 ok 3 - command touch ran # SKIP {REASON}\n"
            )
        );
        let junit = test(identity, TOPOLOGY, &["--format", "junit"]);
        assert!(
            junit
                .stdout
                .contains("<testsuites tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"2\">")
        );
        assert_eq!(
            junit
                .stdout
                .matches(&format!("<skipped message=\"{REASON}\"/>"))
                .count(),
            2,
            "{}",
            junit.stdout
        );
        let json = test(identity, TOPOLOGY, &["--format", "json"]);
        let document: Value = serde_json::from_str(&json.stdout).expect("one document");
        assert_eq!(
            (
                &document["passed"],
                &document["failed"],
                &document["skipped"]
            ),
            (&0.into(), &0.into(), &2.into())
        );
        assert!(
            document["cases"]
                .as_array()
                .expect("a list")
                .iter()
                .all(|case| case["found"] == REASON)
        );
        assert_eq!((tap.code, junit.code, json.code), (0, 0, 0));
    });
}

#[test]
fn require_turns_a_skip_into_a_failure() {
    for_each_identity(|identity| {
        let ended = test(identity, TOPOLOGY, &["--require", "--", "touch", "ran"]);
        assert_eq!(
            ended.code, 4,
            "{identity:?}: {}{}",
            ended.stdout, ended.stderr
        );
        assert!(
            ended.stdout.ends_with(": 0 passed, 3 failed\n"),
            "{}",
            ended.stdout
        );
        assert_eq!(
            ended.stdout.matches(&format!("found {REASON}\n")).count(),
            3,
            "{}",
            ended.stdout
        );
        let declared = format!("declared {}:5\n", ended.nest.file.display());
        assert!(ended.stdout.contains(&declared), "{}", ended.stdout);
        let json = test(identity, TOPOLOGY, &["--require", "--format", "json"]);
        let document: Value = serde_json::from_str(&json.stdout).expect("one document");
        assert_eq!(
            (json.code, &document["failed"], &document["skipped"]),
            (4, &2.into(), &0.into())
        );
    });
}

#[test]
fn learning_is_refused() {
    for_each_identity(|identity| {
        let ended = test(identity, TOPOLOGY, &["--learn"]);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (4, ""),
            "{identity:?}: {}",
            ended.stderr
        );
        assert!(
            ended
                .stderr
                .contains("`nestns doctor` checks this as nesting"),
            "{}",
            ended.stderr
        );
    });
}

#[test]
fn a_wrong_file_is_reported() {
    for_each_identity(|identity| {
        let ended = test(
            identity,
            &TOPOLOGY.replace("[\"@/p\"]", "[\"@/q\"]"),
            &["--", "touch", "ran"],
        );
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (3, ""),
            "{identity:?}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("NS215"),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}

#[test]
fn require_skips_nothing_that_can_be_built() {
    for_each_identity(|identity| {
        for (number, code) in [("2", 0), ("9", 1)] {
            let nest =
                Nest::new(&TOPOLOGY.replace("= 9", &format!("= {number}"))).identity(identity);
            let file = nest.file.display().to_string();
            let ended = nest.start_verb(&["test", &file, "--require"]).wait();
            assert_eq!(
                ended.code, code,
                "{identity:?}: {}{}",
                ended.stdout, ended.stderr
            );
        }
    });
}
