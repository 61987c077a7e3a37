use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Selected, Selection, Unresolved, resolve, resolve_one};
use crate::cli::command_error::CommandError;
use nestns_client::protocol::message::Snapshot;
use nestns_topology::Address;

fn namespace(path: &str, labels: &Value) -> Value {
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    json!({
        "path": path, "parent": parent, "level": path.split('/').count(), "pidns": 1, "pidns_id": null, "userns": 1,
        "mntns": 1, "init": "builtin", "state": "running", "shared": [], "labels": labels,
    })
}

fn process(ns: &str, name: &str, pids: &[i32], state: &str, labels: &Value) -> Value {
    let exit = if state == "exited" {
        json!({ "code": 0 })
    } else {
        Value::Null
    };
    json!({
        "path": format!("{ns}/{name}"), "ns": ns, "name": name, "pids": pids, "ppids": [], "state": state, "exit": exit,
        "enter": "fork", "argv": [], "start_time": 1, "labels": labels,
    })
}

fn snapshot_of(namespaces: &[Value], processes: &[Value]) -> Snapshot {
    serde_json::from_value(json!({
        "status": {
            "name": "pod", "state": "running", "namespaces": 1, "processes": 1, "depth": 1, "since": 0.0, "file": null,
            "hash": null, "controller": 1,
        },
        "boot_id": "", "host_pidns": 1, "namespaces": namespaces, "processes": processes, "events": 0,
    }))
    .unwrap()
}

fn snapshot() -> Snapshot {
    let (none, web) = (json!({}), json!({ "tier": "web", "size": "1" }));
    snapshot_of(
        &[
            namespace("vm", &none),
            namespace("vm/ci", &web),
            namespace("vm/w.0", &none),
            namespace("vm/w.1", &web),
        ],
        &[
            process("vm", "init", &[100, 1], "running", &none),
            process("vm", "dockerd", &[101, 2], "running", &web),
            process("vm", "old", &[102, 3], "exited", &none),
            process("vm/ci", "init", &[103, 4, 1], "running", &none),
            process("vm/ci", "job", &[104, 5, 7], "stopping", &none),
            process("vm/w.0", "init", &[105, 6, 1], "running", &none),
            process("vm/w.1", "init", &[106, 7, 1], "running", &none),
            // The number of one that has ended.
            process("vm", "new", &[107, 3], "running", &none),
        ],
    )
}

fn addresses(text: &str) -> Vec<Address> {
    text.split_whitespace()
        .map(|word| word.parse().unwrap())
        .collect()
}

fn selection(text: &str) -> Selection {
    let mut selection = Selection::default();
    for word in text.split_whitespace() {
        match word.split_once(':') {
            None if word == "-r" => selection.recursive = true,
            None => selection.leaves = true,
            Some(("l", label)) => selection.label.push(label.parse().unwrap()),
            Some((_, state)) => selection.state.push(state.to_owned()),
        }
    }
    selection
}

#[test]
fn addresses_in_a_topology() {
    let snapshot = snapshot();
    let table = [
        ("vm", "", "vm/"),
        ("vm/ci/job vm vm/ci vm", "", "vm/ vm/ci/ vm/ci/job"),
        (
            "vm/*",
            "",
            "vm/dockerd vm/old vm/new vm/ci/ vm/w.0/ vm/w.1/",
        ),
        ("vm/*/", "", "vm/ci/ vm/w.0/ vm/w.1/"),
        // They hold their PID 1s alone.
        ("vm/w.0/*", "", "vm/w.0/init"),
        ("vm/w/**", "", "vm/w.0/init vm/w.1/init"),
        ("vm/w", "", "vm/w.0/ vm/w.1/"),
        ("vm/w/init", "", "vm/w.0/init vm/w.1/init"),
        ("vm/ci", "-r", "vm/ci/ vm/ci/init vm/ci/job"),
        ("vm/ci/job", "-r", "vm/ci/job"),
        ("pod:/vm/ci#7", "", "vm/ci/job"),
        ("vm#7 vm#2", "", "vm/dockerd vm/w.1/init"),
        ("vm#3", "", "vm/new"),
        ("host#104", "", "vm/ci/job"),
        ("vm/w#1", "", "vm/w.0/init vm/w.1/init"),
        ("vm/*#1", "", "vm/ci/init vm/w.0/init vm/w.1/init"),
        (".", "l:tier=web", "vm/dockerd vm/ci/ vm/w.1/"),
        ("", "l:tier l:size=1", "vm/dockerd vm/ci/ vm/w.1/"),
        ("", "s:stopping s:exited", "vm/old vm/ci/job"),
        (
            "vm",
            "leaves",
            "vm/ci/ vm/ci/init vm/ci/job vm/w.0/ vm/w.0/init vm/w.1/ vm/w.1/init",
        ),
    ];
    for (text, filters, expected) in table {
        let found = resolve(&snapshot, &addresses(text), &selection(filters));
        let found = found.unwrap_or_else(|why| panic!("{text}: {why:?}"));
        let found: Vec<String> = found.iter().map(|selected| selected.address()).collect();
        assert_eq!(found.join(" "), expected, "{text} {filters}");
    }
    assert_eq!(
        resolve(&snapshot, &[], &Selection::default())
            .unwrap()
            .len(),
        12
    );
}

#[test]
fn what_means_nothing_is_told_with_what_could_be_meant() {
    let snapshot = snapshot();
    let table = [
        (
            "vm/cj",
            "",
            "there is no namespace or process `vm/cj`\n  = help: did you mean `vm/ci`",
        ),
        ("dockrd", "", "did you mean `vm/dockerd`?"),
        (
            "vm nosuchthing",
            "",
            "there is no namespace or process `nosuchthing`\n  = help: `nestns tree`",
        ),
        ("vm/ci/job/", "", "`vm/ci/job` is a process"),
        ("host", "", "`host` is outside"),
        (
            "vm/ci#9",
            "",
            "no process of the topology has the number 9 in `vm/ci`",
        ),
        ("host#102", "", "was `vm/old`, which has ended"),
        ("vm/dockerd#3", "", "`vm/dockerd` is a process"),
        (
            "vm",
            "l:tier=db",
            "passes the filters\n  = help: `--label`, `--leaves` and `--state` selected from `vm/` (running)",
        ),
    ];
    for (text, filters, expected) in table {
        let why = CommandError::from(
            resolve(&snapshot, &addresses(text), &selection(filters)).expect_err(text),
        );
        assert!(why.text().contains(expected), "{text}: {}", why.text());
    }
}

#[test]
fn one_is_one() {
    let snapshot = snapshot();
    let one = |text: &str| resolve_one(&snapshot, &text.parse().unwrap()).map(Selected::address);
    assert_eq!(one("vm/ci").as_deref(), Ok("vm/ci/"));
    assert_eq!(one("vm/ci#7").as_deref(), Ok("vm/ci/job"));
    let why = one("vm/w").unwrap_err();
    assert!(matches!(why, Unresolved::Several { .. }));
    let why = CommandError::from(why);
    assert!(
        why.text().contains("2 targets") && why.text().contains("\n  vm/w.0/\n  vm/w.1/"),
        "{}",
        why.text()
    );
}

#[test]
fn a_namespace_and_a_process_of_one_name() {
    let none = json!({});
    let snapshot = snapshot_of(
        &[namespace("vm", &none), namespace("vm/exec.1", &none)],
        &[
            process("vm", "exec.1", &[9, 2], "running", &none),
            process("vm/exec.1", "init", &[8, 3, 1], "running", &none),
        ],
    );
    let found = |text: &str| {
        let found = resolve(&snapshot, &addresses(text), &Selection::default()).unwrap();
        found
            .iter()
            .map(|selected| selected.address())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(found("vm/exec.1"), "vm/exec.1 vm/exec.1/");
    assert_eq!(found("vm/exec.1/"), "vm/exec.1/");
}

proptest! {
    #[test]
    fn what_is_found_is_in_order_and_once(
        words in prop::collection::vec("(vm|w|ci|\\*|\\*\\*|w\\.0\\.\\.3)(/(ci|job|init|\\*|w|\\*\\*)){0,2}/?", 1..5),
        recursive in any::<bool>(),
    ) {
        let snapshot = snapshot();
        let wanted: Vec<Address> = words.iter().map(|word| word.parse().unwrap()).collect();
        let selection = Selection { recursive, ..Selection::default() };
        if let Ok(found) = resolve(&snapshot, &wanted, &selection) {
            let all = resolve(&snapshot, &[], &Selection::default()).unwrap();
            let places: Vec<_> = found.iter().map(|selected| all.iter().position(|other| other == selected).unwrap()).collect();
            prop_assert!(places.is_sorted_by(|a, b| a < b), "{:?}", places);
            for selected in &found {
                let is_meant = wanted.iter().any(|address| {
                    let path = selected.path();
                    let mut around = path.match_indices('/').map(|(slash, _)| &path[..slash]);
                    let means = |path| Address::READINGS.iter().any(|reading| reading(address, path));
                    means(path) || (recursive && around.any(means))
                });
                prop_assert!(is_meant, "{} by {:?}", selected.path(), words);
            }
        }
    }
}
