//! Output, events and truth that could not be kept: reported by the verbs, and marked where something is missing.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::detached::Detached;
use crate::harness::document::objects;
use crate::harness::identity::{Identity, ORDINARY, for_each_identity};
use crate::harness::nest::Nest;
use crate::harness::requirement::{require, root};

/// A writes more than there is room for; b is quiet.
const LOUD: &str = r#"
[ns.@]
proc.loud = { sh = "i=0; while [ $i -lt 4000 ]; do echo \"line $i xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"; i=$((i+1)); done; touch DIRECTORY/run/done; exec sleep 1000" }
proc.quiet = "sleep 1000"
"#;

/// A tiny file system on a directory of its own, which is removed with it.
struct Tiny(TempDir);

impl Tiny {
    fn mount(identity: Identity) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("nest-tiny-")
            .tempdir()
            .expect("the directory is writable");
        let place = directory.path();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "nest-tiny"])
            .arg(place)
            .status();
        assert!(mounted.expect("mount(8) is everywhere").success());
        fs::set_permissions(place, fs::Permissions::from_mode(0o700)).expect("it is ours");
        if identity == Identity::Ordinary {
            chown(place, Some(ORDINARY), Some(ORDINARY)).expect("root may");
        }
        Self(directory)
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Bytes that are told as missing, and bytes that are there.
fn count(lines: &[Value]) -> (u64, u64) {
    let missing = lines
        .iter()
        .filter_map(|line| line["missing"].as_u64())
        .sum();
    let output = lines.iter().filter(|line| line["stream"] != "notice");
    (
        missing,
        output
            .map(|line| line["text"].as_str().expect("text").len() as u64 + 1)
            .sum(),
    )
}

#[test]
fn a_full_state_directory_is_reported_by_ls_and_inspect_and_marked_in_the_log() {
    require!(root());
    for_each_identity(|identity| {
        let nest = Nest::new(LOUD).identity(identity);
        // Dropped after the tree.
        let tiny = Tiny::mount(identity);
        let text = tiny
            .0
            .path()
            .join("state")
            .to_str()
            .expect("our own path")
            .to_owned();
        let nest = nest
            .env("NESTNS_STATE_ROOT", &text)
            .arguments(&["--no-wait"]);
        let tree = Detached::up(nest);
        let done = tree.nest.directory.path().join("run/done");
        tree.until("all was written", |_| done.exists().then_some(()));
        let problem = tree.until("it is told", |tree| {
            let document = tree.document(&["ls", "--format", "json"]);
            document["topologies"][0]["problem"]
                .as_str()
                .map(str::to_owned)
        });
        assert!(
            problem.contains("bytes of output of 1 process were lost"),
            "{identity:?}: {problem}"
        );
        assert!(
            problem.contains("No space left on device"),
            "{identity:?}: {problem}"
        );
        let listed = tree.nestns(&["ls"]);
        assert!(
            listed.stderr.contains("were lost"),
            "{identity:?}: {}",
            listed.stderr
        );
        let inspected = tree.document(&["inspect", "@/loud", "--format", "json"]);
        assert!(
            inspected["problem"]
                .as_str()
                .is_some_and(|text| text.contains("were lost")),
            "{inspected}"
        );
        let sheet = tree.run(&["inspect", "@/loud"]);
        assert!(
            sheet.contains("lost output") && sheet.contains("problem"),
            "{sheet}"
        );
        let inspected = tree.document(&["inspect", "@/quiet", "--format", "json"]);
        assert!(
            inspected["process"]["declaration"]
                .get("lost_output")
                .is_none(),
            "{inspected}"
        );
        let whole: u64 = (0..4000)
            .map(|number| format!("line {number} ").len() as u64 + 61)
            .sum();
        let lines = objects(&tree.run(&["logs", "@/loud", "--format", "json"]));
        let (missing, there) = count(&lines);
        assert_eq!(
            missing + there,
            whole,
            "{identity:?}: {missing} missing, {there} there"
        );
        assert!(missing > 0, "{identity:?}");
        let text = tree.run(&["logs", "@/loud"]);
        assert!(
            text.contains("bytes of output missing here: it could not be written"),
            "{text}"
        );
        assert_eq!(tree.nestns(&["down", "@"]).code, 0);
    });
}

#[test]
fn output_dropped_by_log_bytes_is_marked_and_counted() {
    for_each_identity(|identity| {
        let topology = format!("[limits]\nlog_bytes = \"64K\"\n{LOUD}");
        let tree = Detached::up(
            Nest::new(&topology)
                .identity(identity)
                .arguments(&["--no-wait"]),
        );
        let done = tree.nest.directory.path().join("run/done");
        tree.until("all was written", |_| done.exists().then_some(()));
        let whole: u64 = (0..4000)
            .map(|number| format!("line {number} ").len() as u64 + 61)
            .sum();
        let lines = tree.until("all was kept or counted", |tree| {
            let lines = objects(&tree.run(&["logs", "@/loud", "--format", "json"]));
            let (missing, there) = count(&lines);
            (missing + there == whole).then_some(lines)
        });
        // One mark, in front of everything.
        let marks: Vec<usize> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line["stream"] == "notice")
            .map(|(place, _)| place)
            .collect();
        assert_eq!(marks, [0], "{identity:?}");
        let text = tree.run(&["logs", "@/loud"]);
        assert!(
            text.lines().next().is_some_and(|line| line.contains("more was written than `limits.log_bytes` keeps")),
            "{text}"
        );
        // A limit that does what it is for is no problem of the topology.
        let document = tree.document(&["ls", "--format", "json"]);
        assert!(document["topologies"][0]["problem"].is_null(), "{document}");
        // A follower from the end misses nothing, and is told of nothing.
        let tail = objects(&tree.run(&["logs", "@/loud", "--tail", "5", "--format", "json"]));
        assert!(
            tail.iter().all(|line| line["stream"] != "notice"),
            "{tail:?}"
        );
    });
}
