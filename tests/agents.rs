//! The agents of `examples/agents` through `nestns test`: the naive one is right where it was tried, and wrong wherever namespaces
//! are nested; the corrected one is right everywhere.

use std::fs;
use std::path::Path;

use crate::harness::example;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};
use crate::harness::requirement::{SYSTEM_PATH, python, require};

/// `nestns test TOPOLOGY --in NAMESPACE -- python3 AGENT`, with copies that every user may read.
fn agent(identity: Identity, topology: &str, namespace: &str, agent: &str) -> Ended {
    let nest = Nest::new(topology)
        .identity(identity)
        .env("PATH", SYSTEM_PATH);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/agents");
    for name in [agent, "compare.py"] {
        fs::copy(directory.join(name), nest.directory.path().join(name))
            .expect("the directory is writable");
    }
    let (file, script) = (
        nest.file.display().to_string(),
        nest.directory.path().join(agent).display().to_string(),
    );
    nest.start_verb(&["test", &file, "--in", namespace, "--", "python3", &script])
        .wait()
}

const LAPTOP: &str = "[ns.@]\ninit = \"pause\"\nproc.app = { actor = \"idle\" }\nproc.db = { actor = \"idle\", enter = \"join\" }\n";

#[test]
fn both_agents_are_right_on_the_host_and_one_level_deep() {
    require!(python());
    for_each_identity(|identity| {
        for name in ["naive.py", "corrected.py"] {
            let ended = agent(identity, LAPTOP, "host", name);
            assert_eq!(
                ended.code, 0,
                "{identity:?} {name}: {}{}",
                ended.stdout, ended.stderr
            );
            assert!(
                ended
                    .stdout
                    .lines()
                    .any(|line| line.ends_with(" is 2 inside")),
                "{}",
                ended.stdout
            );
        }
    });
}

#[test]
fn the_naive_agent_is_wrong_in_nested_namespaces() {
    require!(python());
    let (dind, kind) = (example::text("dind.toml"), example::text("kind.toml"));
    let cases = [
        (
            &dind,
            "host",
            "wrong: vm/ci/runner is 4 in vm/ci; the agent says 7, its number in vm\n",
        ),
        (
            &kind,
            "host",
            "wrong: worker.1/web/app is 2 in worker.1/web; the agent says 6, its number in worker.1\n",
        ),
        (
            &kind,
            "worker.1",
            "wrong: worker.1/web/app is 6 in worker.1; the agent says that it is 6 on the host\n",
        ),
        (
            &dind,
            "vm/ci",
            "wrong: vm/ci/runner is 4 in vm/ci; the agent says that it is 4 on the host\n",
        ),
    ];
    for_each_identity(|identity| {
        for (topology, namespace, reason) in &cases {
            let naive = agent(identity, topology, namespace, "naive.py");
            assert_eq!(
                naive.code, 1,
                "{identity:?} {namespace}: {}{}",
                naive.stdout, naive.stderr
            );
            assert!(
                naive.stdout.contains(reason),
                "{identity:?} {namespace}: {}{}",
                naive.stdout,
                naive.stderr
            );
            assert!(
                naive.stdout.contains("not ok  command python3 "),
                "{}",
                naive.stdout
            );
            let corrected = agent(identity, topology, namespace, "corrected.py");
            let (stdout, stderr) = (&corrected.stdout, &corrected.stderr);
            assert_eq!(
                corrected.code, 0,
                "{identity:?} {namespace}: {stdout}{stderr}"
            );
            assert!(
                stdout.contains(" inside\n") && !stdout.contains("wrong"),
                "{identity:?} {namespace}: {stdout}"
            );
        }
    });
}

#[test]
fn the_corrected_agent_refuses_to_guess_with_the_proc_of_another_namespace() {
    require!(python());
    let topology = format!("{LAPTOP}[ns.\"@/in\"]\nmount_proc = false\ninit = \"pause\"\n");
    for_each_identity(|identity| {
        let naive = agent(identity, &topology, "@/in", "naive.py");
        assert!(
            naive.code == 1 && naive.stdout.contains("wrong: "),
            "{}{}",
            naive.stdout,
            naive.stderr
        );
        let corrected = agent(identity, &topology, "@/in", "corrected.py");
        assert_eq!(
            corrected.code, 1,
            "{identity:?}: {}{}",
            corrected.stdout, corrected.stderr
        );
        assert!(
            corrected
                .stderr
                .contains("this /proc belongs to another PID namespace"),
            "{}",
            corrected.stderr
        );
    });
}
