//! Visibility between processes: by listing /proc and by signal 0, from programs inside, at the depths 1, 2, 5 and 31.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::harness::chain::{DEPTHS, paths};
use crate::harness::identity::identities;
use crate::harness::lines::answer;
use crate::harness::nest::{Nest, Truth};
use crate::harness::requirement::{nesting, require};

/// A script without a fork, in which `WHO` is the process: the names in /proc, and the PIDs below 200 that a signal reaches.
const TELLS: &str = "names=; for d in /proc/[0-9]*; do read -r c < $d/comm && names=\"$names $c\"; done; echo WHO names $names; \
                     hits=; n=1; while [ $n -lt 200 ]; do kill -0 $n 2>/dev/null && hits=\"$hits $n\"; n=$((n+1)); done; \
                     echo WHO hits $hits; exec sleep 1000";

fn tells(who: &str) -> String {
    TELLS.replace("WHO", who)
}

fn numbers(text: &str) -> BTreeSet<i32> {
    text.split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect()
}

fn subtree(truth: &Truth, path: &str) -> BTreeSet<i32> {
    let level = path.split('/').count();
    let inside = truth
        .paths()
        .into_iter()
        .filter(|other| other.starts_with(&format!("{path}/")));
    inside.map(|process| truth.pids(&process)[level]).collect()
}

#[test]
fn siblings_do_not_see_each_other_a_parent_sees_both_and_a_child_no_parent() {
    require!(nesting());
    for depth in DEPTHS {
        for identity in identities() {
            // The siblings stand at the depth, their parent above them; at depth 1 it is the host, which is not asked.
            let mut topology = String::new();
            let chain = paths(depth);
            let (leaf, above) = chain.split_last().expect("not empty");
            for (index, path) in above.iter().enumerate() {
                writeln!(
                    topology,
                    "[ns.{path:?}]\nproc.top{index} = {{ actor = \"idle\" }}"
                )
                .expect("memory");
                writeln!(
                    topology,
                    "proc.watch = {{ sh = {:?} }}",
                    tells(&format!("{path}/watch"))
                )
                .expect("memory");
            }
            let (left, right) = (format!("{leaf}-left"), format!("{leaf}-right"));
            for (path, name) in [(&left, "lefty"), (&right, "righty")] {
                writeln!(
                    topology,
                    "[ns.{path:?}]\nproc.{name} = {{ actor = \"idle\" }}"
                )
                .expect("memory");
                for (name, enter) in [("watch", "fork"), ("joined", "join")] {
                    let tells = tells(&format!("{path}/{name}"));
                    writeln!(
                        topology,
                        "proc.{name} = {{ sh = {tells:?}, enter = {enter:?} }}"
                    )
                    .expect("memory");
                }
            }
            let mut running = Nest::new(&topology).identity(identity).up();
            let truth = running.until_running();
            let root = running.nest.root.clone();
            let mut watch = |path: &str, watcher: &str| {
                let path = path.replace('@', &root);
                let watcher = format!("{path}/{watcher}");
                let names = answer(&mut running, &format!("{watcher} names "));
                let hits = numbers(&answer(&mut running, &format!("{watcher} hits ")));
                let names: BTreeSet<String> = names.split_whitespace().map(str::to_owned).collect();
                assert_eq!(hits, subtree(&truth, &path), "{identity:?} {watcher}");
                names
            };
            for watcher in ["watch", "joined"] {
                let (sees_left, sees_right) = (watch(&left, watcher), watch(&right, watcher));
                assert!(
                    sees_left.contains("lefty") && !sees_left.contains("righty"),
                    "{sees_left:?}"
                );
                assert!(
                    sees_right.contains("righty") && !sees_right.contains("lefty"),
                    "{sees_right:?}"
                );
                assert!(
                    !sees_left
                        .iter()
                        .chain(&sees_right)
                        .any(|name| name.starts_with("top")),
                    "{sees_left:?}"
                );
            }
            for (index, path) in above.iter().enumerate() {
                let sees = watch(path, "watch");
                assert!(
                    sees.contains("lefty") && sees.contains("righty"),
                    "{identity:?} {path}: {sees:?}"
                );
                // Downward everything, upward nothing.
                let tops: BTreeSet<String> = sees
                    .into_iter()
                    .filter(|name| name.starts_with("top"))
                    .collect();
                let below: BTreeSet<String> = (index..above.len())
                    .map(|level| format!("top{level}"))
                    .collect();
                assert_eq!(tops, below, "{identity:?} {path}");
            }
            assert_eq!(running.stop().code, 130);
        }
    }
}
