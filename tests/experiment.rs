//! The experiments: on this kernel all of them hold, as root and as an ordinary user, and nothing is left of them.

use serde_json::Value;

use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

#[test]
fn every_experiment_holds_as_each_user_and_is_reproducible() {
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\n").identity(identity);
        let run = || {
            let output = nest
                .command(&["experiment", "run", "--all", "--format", "json"])
                .output()
                .expect("it was built");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            let document: Value =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{stderr}"));
            assert_eq!(
                output.status.code(),
                Some(0),
                "{identity:?}: {document:#}{stderr}"
            );
            document
        };
        let document = run();
        assert_eq!(document["schema"], "nestns.experiment/1");
        let experiments = document["experiments"].as_array().expect("a list");
        assert_eq!(experiments.len(), 15);
        for experiment in experiments {
            // How deep a container is cannot be told, and there may be less room.
            let is_known = experiment["id"] == "depth-32" && experiment["verdict"] == "skipped";
            assert!(
                experiment["verdict"] == "holds" || is_known,
                "{identity:?}: {experiment:#}"
            );
            for key in ["hypothesis", "layout", "did", "found"] {
                assert!(
                    experiment[key]
                        .as_str()
                        .is_some_and(|text| !text.is_empty()),
                    "{experiment:#}"
                );
            }
        }
        assert_eq!(
            run(),
            document,
            "{identity:?}: the numbers on a stage are always the same"
        );
    });
}

#[test]
fn an_experiment_is_described_in_words() {
    require!(nesting());
    let nest = Nest::new("[ns.@]\n");
    let output = nest
        .command(&["experiment", "run", "pid-one"])
        .output()
        .expect("it was built");
    let expected = "\
✔ pid-one  The first process in a PID namespace is PID 1 there.
    layout   outside > a
    did      unshare(CLONE_NEWPID), fork; the child calls getpid()
    found    getpid() = 1
    verdict  holds
";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    let own = std::process::id().cast_signed();
    let left = kernel::descendants(own)
        .into_iter()
        .filter(|process| process.numbers.len() > 1);
    // Those of other tests are children of controllers, which are not ours alone: only a stage's would be ours directly.
    assert!(left.into_iter().all(|process| process.parent != own));
}

#[test]
fn an_unknown_name_is_reported_with_the_nearest() {
    let nest = Nest::new("[ns.@]\n");
    let output = nest
        .command(&["experiment", "run", "pid-won"])
        .output()
        .expect("it was built");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("did you mean `pid-one`?"), "{stderr}");
    let output = nest
        .command(&["experiment", "ls"])
        .output()
        .expect("it was built");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 15);
}
