//! Ends that mean something: `main`, whose end is that of its namespace or of the tree, and `keeps = false` for what serves
//! others.

use std::fs;

use crate::harness::chain::{chain, path};
use crate::harness::detached::Detached;
use crate::harness::identity::{for_each_depth, for_each_identity};
use crate::harness::nest::Nest;

/// A shell that serves until it is asked to stop, and then says so in the file `order`.
const SIDECAR: &str = "sh = \"trap 'echo NAME stopped >> DIRECTORY/order; exit 0' TERM; touch DIRECTORY/NAME; \
                       while :; do sleep 1000 & wait; done\"";

fn sidecar(name: &str) -> String {
    SIDECAR.replace("NAME", name)
}

/// A script that waits until a sidecar serves, and then ends.
fn job(sidecar: &str, code: i32) -> String {
    format!(
        "until test -e DIRECTORY/{sidecar}; do sleep 0.01; done; echo job ends >> DIRECTORY/order; exit {code}"
    )
}

fn order(nest: &Nest) -> String {
    fs::read_to_string(nest.directory.path().join("order")).unwrap_or_default()
}

/// kubernetes/kubernetes#25908: a Job with a sidecar is over when its main process is, and has its status.
#[test]
fn a_job_with_a_sidecar_ends_with_the_status_of_its_main_process() {
    for_each_depth(1, &[3, 8], |depth, identity| {
        for (enter, init) in [
            ("fork", "\"builtin\""),
            ("join", "\"builtin\""),
            ("join", "{ actor = \"idle\" }"),
        ] {
            for code in [0, 3] {
                let at = path(depth);
                let topology = format!(
                    "{}[ns.\"{at}/job\"]\ninit = {init}\nmain = \"worker\"\n\
                     proc.worker = {{ sh = \"{}\", enter = \"{enter}\" }}\n\
                     proc.side = {{ {}, enter = \"{enter}\" }}\n\
                     [ns.\"{at}/job/deep\"]\nproc.side = {{ {} }}\n",
                    chain(depth),
                    job("deep", code),
                    sidecar("side"),
                    sidecar("deep"),
                );
                let ended = Nest::new(&topology).identity(identity).up().wait();
                let context = format!("{enter} {init} {code}: {}", ended.stderr);
                assert_eq!(ended.code, code, "{context}");
                let order = order(&ended.nest);
                assert!(order.starts_with("job ends\n"), "{context}\n{order}");
                // The sidecar beside it may not have set its trap.
                assert!(order.contains("deep stopped\n"), "{context}\n{order}");
            }
        }
    });
}

#[test]
fn a_client_that_waits_sees_the_status_of_the_main_process() {
    let topology = format!(
        "on_exit = \"ignore\"\n[ns.@]\ninit = \"pause\"\n[ns.\"@/job\"]\nmain = \"worker\"\n\
         proc.worker = {{ sh = \"{}\", essential = false }}\nproc.side = {{ {} }}\n",
        job("side", 3),
        sidecar("side")
    );
    Detached::for_each_identity(&topology, &[], |nest| {
        let path = format!("{}/job/", nest.nest.root);
        let waited = nest.nestns(&["wait", "--exit-code", &path]);
        assert_eq!(waited.code, 3, "{}{}", waited.stdout, waited.stderr);
        assert_eq!(order(&nest.nest), "job ends\nside stopped\n");
    });
}

#[test]
fn a_failed_job_is_started_again_as_a_whole() {
    // The second time it succeeds.
    let topology = format!(
        "[ns.@]\n[ns.\"@/job\"]\nmain = \"worker\"\nrestart = \"on-failure\"\nbackoff = \"10ms\"\n\
         proc.worker = {{ sh = \"until test -e DIRECTORY/side; do sleep 0.01; done; rm DIRECTORY/side; \
         echo job >> DIRECTORY/order; test -e DIRECTORY/again || {{ touch DIRECTORY/again; exit 3; }}\", essential = false }}\n\
         proc.side = {{ {} }}\n",
        sidecar("side")
    );
    for_each_identity(|identity| {
        let ended = Nest::new(&topology).identity(identity).up().wait();
        assert_eq!(
            order(&ended.nest),
            "job\nside stopped\njob\nside stopped\n",
            "{}",
            ended.stderr
        );
    });
}

#[test]
fn what_does_not_keep_its_namespace_open_is_stopped_when_the_rest_has_ended() {
    for_each_depth(1, &[3], |depth, identity| {
        for enter in ["fork", "join"] {
            let at = path(depth);
            let topology = format!(
                "{}[ns.\"{at}/pod\"]\nproc.work = {{ sh = \"{}\" }}\n\
                 proc.side = {{ {}, keeps = false, enter = \"{enter}\" }}\n",
                chain(depth),
                job("side", 0),
                sidecar("side")
            );
            let ended = Nest::new(&topology).identity(identity).up().wait();
            assert_eq!(ended.code, 0, "{enter}: {}", ended.stderr);
            assert_eq!(
                order(&ended.nest),
                "job ends\nside stopped\n",
                "{enter}: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn the_main_process_of_the_tree_ends_it_with_its_status() {
    let topology = format!(
        "main = \"@/job/init\"\n[ns.@]\n[ns.\"@/job\"]\ninit = {{ sh = \"{}\", essential = false }}\n\
         [ns.\"@/other\"]\nproc.side = {{ {} }}\n",
        job("side", 7),
        sidecar("side")
    );
    for_each_identity(|identity| {
        let ended = Nest::new(&topology).identity(identity).up().wait();
        assert_eq!(ended.code, 7, "{}", ended.stderr);
        assert_eq!(order(&ended.nest), "job ends\nside stopped\n");
    });
}
