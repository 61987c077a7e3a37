//! Visibility between processes: by listing /proc and by signal 0, from programs inside, at the depths 1, 2, 5 and 31.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::harness::chain::{DEPTHS, path, paths};
use crate::harness::identity::for_each_identity;
use crate::harness::lines::answer;
use crate::harness::nest::{Nest, Running, Truth};

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

/// Two siblings at a depth, and the namespaces above them, the outermost first.
struct Family {
    above: Vec<String>,
    left: String,
    right: String,
}

impl Family {
    /// The siblings stand at the depth, their parent above them; at depth 1 it is the host, which is not asked.
    fn new(depth: usize) -> Self {
        let leaf = path(depth);
        Self {
            above: paths(depth - 1),
            left: format!("{leaf}-left"),
            right: format!("{leaf}-right"),
        }
    }

    fn topology(&self) -> String {
        let mut topology = String::new();
        let mut add = |path: &str, name: &str, watchers: &[(&str, &str)]| {
            writeln!(
                topology,
                "[ns.{path:?}]\nproc.{name} = {{ actor = \"idle\" }}"
            )
            .expect("memory");
            for (watcher, enter) in watchers {
                let tells = tells(&format!("{path}/{watcher}"));
                writeln!(
                    topology,
                    "proc.{watcher} = {{ sh = {tells:?}, enter = {enter:?} }}"
                )
                .expect("memory");
            }
        };
        for (index, path) in self.above.iter().enumerate() {
            add(path, &format!("top{index}"), &[("watch", "fork")]);
        }
        for (path, name) in [(&self.left, "lefty"), (&self.right, "righty")] {
            add(path, name, &[("watch", "fork"), ("joined", "join")]);
        }
        topology
    }
}

/// Makes sure that signals of a watcher reach exactly its subtree, and returns the names that it finds in /proc.
fn watch(running: &mut Running, truth: &Truth, path: &str, watcher: &str) -> BTreeSet<String> {
    let path = path.replace('@', &running.nest.root);
    let watcher = format!("{path}/{watcher}");
    let names = answer(running, &format!("{watcher} names "));
    let hits = numbers(&answer(running, &format!("{watcher} hits ")));
    assert_eq!(hits, subtree(truth, &path), "{watcher}");
    names.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn siblings_do_not_see_each_other_a_parent_sees_both_and_a_child_no_parent() {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            let family = Family::new(depth);
            let mut running = Nest::new(&family.topology()).identity(identity).up();
            let truth = running.until_running();
            let mut watch = |path: &str, watcher| watch(&mut running, &truth, path, watcher);
            for watcher in ["watch", "joined"] {
                for (path, own, other) in [
                    (&family.left, "lefty", "righty"),
                    (&family.right, "righty", "lefty"),
                ] {
                    let sees = watch(path, watcher);
                    assert!(
                        sees.contains(own) && !sees.contains(other),
                        "{path}/{watcher}: {sees:?}"
                    );
                    assert!(
                        !sees.iter().any(|name| name.starts_with("top")),
                        "{path}/{watcher}: {sees:?}"
                    );
                }
            }
            for (index, path) in family.above.iter().enumerate() {
                let sees = watch(path, "watch");
                assert!(
                    sees.contains("lefty") && sees.contains("righty"),
                    "{path}: {sees:?}"
                );
                // Downward everything, upward nothing.
                let tops: BTreeSet<String> = sees
                    .into_iter()
                    .filter(|name| name.starts_with("top"))
                    .collect();
                let below: BTreeSet<String> = (index..family.above.len())
                    .map(|level| format!("top{level}"))
                    .collect();
                assert_eq!(tops, below, "{path}");
            }
            assert_eq!(running.stop().code, 130);
        }
    });
}
