//! `nestns prune`: only what is proven gone is removed, each is named, and what runs is not touched.

use std::fs;

use serde_json::Value;

use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::leftovers::{IDLE, kill_both, run, up};

#[test]
fn state_of_ended_topologies_is_removed_and_of_running_ones_kept() {
    for_each_identity(|identity| {
        let nest = Nest::new(IDLE).identity(identity);
        let file = nest.file_name().to_owned();
        assert_eq!(run(&nest, &["up", "-d", &file, "--name", "alive"]).0, 0);
        let root = nest.root.clone();
        let state = nest.state().join(&root);
        kill_both(&up(&nest));
        assert!(state.join("truth.json").exists());

        let (code, stdout, stderr) = run(&nest, &["prune", "--dry-run"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{identity:?}");
        assert_eq!(
            stdout,
            format!("would remove {root}: all of its processes have ended\n"),
            "{identity:?}"
        );
        assert!(state.join("truth.json").exists(), "{identity:?}");

        let (code, stdout, stderr) = run(&nest, &["prune", "--format", "json"]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{identity:?}");
        let document: Value = serde_json::from_str(&stdout).expect("it is a document");
        let expected = serde_json::json!({
            "schema": "nestns.prune/1",
            "dry_run": false,
            "removed": [{ "name": root, "directory": state, "why": "all of its processes have ended" }],
            "kept": [],
        });
        assert_eq!(document, expected, "{identity:?}");
        assert!(!state.exists(), "{identity:?}");

        let (code, stdout, stderr) = run(&nest, &["prune"]);
        assert_eq!(
            (code, stdout.as_str(), stderr.as_str()),
            (0, "", ""),
            "{identity:?}"
        );
        assert!(
            nest.state().join("alive/truth.json").exists(),
            "{identity:?}"
        );
        assert_eq!(run(&nest, &["down", "alive"]).0, 0);
        assert_nothing_left(&nest);
    });
}

#[test]
fn state_from_before_the_last_boot_or_of_failed_starts_is_removed() {
    for_each_identity(|identity| {
        for (change, why) in [
            ("boot", "it dates from before the last boot"),
            ("none", "its start was never completed"),
        ] {
            let nest = Nest::new(IDLE).identity(identity);
            kill_both(&up(&nest));
            let path = nest.state().join(&nest.root).join("truth.json");
            if change == "boot" {
                let mut document: Value =
                    serde_json::from_slice(&fs::read(&path).expect("it stood"))
                        .expect("a document");
                document["boot_id"] = "00000000-0000-0000-0000-000000000000".into();
                // It is written in place: the owner stays.
                fs::write(&path, document.to_string()).expect("it is ours");
            } else {
                fs::remove_file(&path).expect("it is ours");
            }
            let (code, stdout, stderr) = run(&nest, &["prune"]);
            assert_eq!((code, stderr.as_str()), (0, ""), "{identity:?}");
            assert_eq!(
                stdout,
                format!("removed {}: {why}\n", nest.root),
                "{identity:?}"
            );
            assert_nothing_left(&nest);
        }
    });
}
