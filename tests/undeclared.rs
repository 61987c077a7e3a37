//! Undeclared processes: children of programs, orphans, zombies, PID namespaces that programs make; in every verb that
//! shows or takes them, as the kernel has them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::document::{list, text};
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

/// A namespace inside a namespace that a program makes, a zombie, and a child whose parent has ended.
const MADE: &str = "unshare -Urfp --mount-proc --uts sh -c 'hostname web-1; sleep 1003 & exec unshare -fp --mount-proc sleep 1004'";
const ZOMBIE: &str = "sh -c 'true & exec sleep 1005'";
const ORPHAN: &str = "(sleep 1006 &); exec sleep 1007";

fn topology(depth: usize) -> (String, String) {
    let mut path = "@".to_owned();
    let mut text = String::new();
    for level in 1..=depth {
        let _ = writeln!(text, "[ns.\"{path}\"]");
        if level < depth {
            path += "/in";
        }
    }
    let _ = write!(
        text,
        "proc.made = {{ sh = {MADE:?} }}\nproc.zombie = {{ sh = {ZOMBIE:?} }}\nproc.orphan = {{ sh = {ORPHAN:?} }}\n"
    );
    (text, path)
}

/// The undeclared processes of a document, by how long they sleep, or else by their command line; a zombie under its state.
fn undeclared(processes: &[Value]) -> BTreeMap<String, Value> {
    let others = processes
        .iter()
        .filter(|process| process["declared"] == false);
    others
        .map(|process| {
            let argv: Vec<&str> = list(process, "argv")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let key = match argv.as_slice() {
                [] => text(process, "state").to_owned(),
                ["sleep", seconds] => (*seconds).to_owned(),
                others => others.join(" "),
            };
            (key, process.clone())
        })
        .collect()
}

/// Waits until all processes are there, and returns the rows of `ps`.
fn until_complete(nest: &Detached) -> BTreeMap<String, Value> {
    nest.until("everybody is there", |nest| {
        let found = undeclared(list(
            &nest.document(&["ps", "--format", "json"]),
            "processes",
        ));
        ["1003", "1004", "1006", "zombie"]
            .iter()
            .all(|word| found.contains_key(*word))
            .then_some(found)
    })
}

fn numbers(value: &Value, key: &str) -> Vec<i64> {
    list(value, key)
        .iter()
        .map(|number| number.as_i64().expect("a number"))
        .collect()
}

/// `NSpid` of a process, as the kernel has it.
fn chain(pid: i64) -> Vec<i64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .expect("it has numbers");
    line.split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect()
}

#[test]
fn children_orphans_zombies_and_namespaces_of_programs_are_listed() {
    for_each_identity(|identity| {
        for depth in [1, 3] {
            let (file, home) = topology(depth);
            let nest = Detached::up(Nest::new(&file).identity(identity));
            let home = home.replace('@', &nest.nest.root);
            let found = until_complete(&nest);
            let what = format!("{identity:?}, depth {depth}: {found:?}");
            for (word, process) in &found {
                let pids = numbers(process, "pids");
                assert_eq!(pids, chain(pids[0]), "{word}, {what}");
                assert_eq!(
                    text(process, "path"),
                    format!("{home}#{}", pids[depth]),
                    "{what}"
                );
                assert!(
                    process["exit"].is_null() && process["start_time"].is_u64(),
                    "{what}"
                );
            }
            let of = |word: &str| &found[word];
            let (zombie, orphan, child, inner) = (of("zombie"), of("1006"), of("1003"), of("1004"));
            assert_eq!(
                (text(zombie, "state"), text(zombie, "ns")),
                ("zombie", &*home),
                "{what}"
            );
            // An orphan is a child of PID 1.
            assert_eq!(numbers(orphan, "ppids")[depth], 1, "{what}");
            let made = text(child, "ns");
            assert!(
                made.starts_with("pid:[") && text(inner, "ns") != made,
                "{what}"
            );
            assert_eq!(
                (numbers(child, "pids").len(), numbers(inner, "pids").len()),
                (depth + 2, depth + 3),
                "{what}"
            );
            assert_eq!(
                (text(inner, "enter"), numbers(inner, "ppids").last()),
                ("init", Some(&0)),
                "{what}"
            );
            // Exactly the processes in it.
            let inside: Vec<&str> = found.values().map(|process| text(process, "ns")).collect();
            let tree = nest.document(&["tree", "--format", "json"]);
            let namespaces: Vec<&Value> = list(&tree, "namespaces")
                .iter()
                .filter(|namespace| namespace["declared"] == false)
                .collect();
            assert_eq!(namespaces.len(), 2, "{what}");
            for namespace in &namespaces {
                let inode = namespace["pidns"].as_u64().expect("an inode");
                assert!(inside.contains(&text(namespace, "path")), "{what}");
                assert_eq!(text(namespace, "path"), format!("pid:[{inode}]"), "{what}");
            }
            assert_eq!(
                (
                    text(namespaces[0], "parent"),
                    text(namespaces[0], "hostname")
                ),
                (&*home, "web-1"),
                "{what}"
            );
            assert_eq!(
                (text(namespaces[1], "parent"), &namespaces[1]["hostname"]),
                (made, &Value::Null),
                "{what}"
            );
            // A part of it, and only what is declared.
            let direct = nest.document(&["ps", &home, "--format", "json"]);
            assert!(
                !undeclared(list(&direct, "processes")).contains_key("1004"),
                "{what}"
            );
            let all = nest.document(&["ps", "-r", &home, "--format", "json"]);
            assert_eq!(
                undeclared(list(&all, "processes")).len(),
                found.len(),
                "{what}"
            );
            let declared = nest.document(&["ps", "--declared", "--format", "json"]);
            assert_eq!(undeclared(list(&declared, "processes")).len(), 0);
            let zombies = nest.run(&["ps", "--state", "zombie", "-q"]);
            assert_eq!(zombies, format!("{}\n", text(zombie, "path")), "{what}");
        }
    });
}

#[test]
fn undeclared_processes_are_addressed_by_pid() {
    for_each_identity(|identity| {
        for depth in [1, 3] {
            let (file, home) = topology(depth);
            let nest = Detached::up(Nest::new(&file).identity(identity));
            let home = home.replace('@', &nest.nest.root);
            let found = until_complete(&nest);
            let what = format!("{identity:?}, depth {depth}: {found:?}");
            let (child, inner, zombie) = (&found["1003"], &found["1004"], &found["zombie"]);
            let (child_path, inner_path) = (text(child, "path"), text(inner, "path"));
            let pids = numbers(inner, "pids")
                .iter()
                .map(i64::to_string)
                .collect::<Vec<_>>()
                .join("/");
            assert!(
                nest.run(&["pid", inner_path])
                    .starts_with(&format!("{pids}  (")),
                "{what}"
            );
            // Inside: in its PID namespace, with its host name.
            let inside = nest.run(&[
                "exec",
                child_path,
                "--",
                "sh",
                "-c",
                "hostname; readlink /proc/self/ns/pid",
            ]);
            assert_eq!(inside, format!("web-1\n{}\n", text(child, "ns")), "{what}");
            let sheet = nest.document(&["inspect", inner_path, "--format", "json"]);
            assert_eq!(
                (text(&sheet["process"], "ns"), &sheet["process"]["declared"]),
                (text(inner, "ns"), &false.into())
            );
            let sheet = nest.document(&["inspect", text(zombie, "path"), "--format", "json"]);
            assert_eq!(text(&sheet["process"], "state"), "zombie");
            let sheet = nest.document(&["inspect", &format!("{home}/"), "--format", "json"]);
            let strays: Vec<&str> = list(&sheet["namespace"]["members"], "strays")
                .iter()
                .map(|one| text(one, "path"))
                .collect();
            assert!(
                strays.contains(&text(zombie, "path")) && !strays.contains(&inner_path),
                "{strays:?}, {what}"
            );
            let told = nest.run(&["inspect", &format!("{home}/")]);
            assert!(
                told.contains(text(zombie, "path")) && told.contains(", zombie"),
                "{told}"
            );
            // As observers, by each mechanism: the one inside sees itself alone.
            for via in ["chain", "proc", "kill", "pidfd", "cred"] {
                let seen = nest.document(&[
                    "see", inner_path, "--of", inner_path, child_path, "--via", via, "--format",
                    "json",
                ]);
                let number = |path: &str| {
                    let row = list(&seen, "rows")
                        .iter()
                        .find(|row| row["path"] == path)
                        .expect("it was asked for");
                    row["pids"][inner_path].as_i64()
                };
                assert_eq!(
                    (number(inner_path), number(child_path)),
                    (Some(1), None),
                    "{via}, {what}"
                );
                // unshare(1) has the /proc of the namespace that it makes.
                let told = nest.nestns(&["see", "--via", via, "--diff"]).stdout;
                let is_right = if via == "proc" {
                    !told.contains("unexplained")
                } else {
                    told.starts_with("no difference: ")
                };
                assert!(is_right, "{via}, {what}: {told}");
            }
            let all = nest.document(&["see", "--format", "json"]);
            let observers: Vec<&str> = list(&all, "observers")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            for process in [child, inner] {
                assert!(
                    observers.contains(&text(process, "ns")),
                    "{observers:?}, {what}"
                );
            }
            let told = nest.document(&[
                "whois",
                &numbers(inner, "pids")[depth].to_string(),
                "--in",
                &home,
                "--format",
                "json",
            ]);
            assert_eq!(list(&told, "matches").len(), 1, "{told}");
        }
    });
}

#[test]
fn undeclared_processes_are_in_the_truth() {
    for_each_identity(|identity| {
        let (file, _) = topology(1);
        let nest = Detached::up(Nest::new(&file).identity(identity));
        let found = until_complete(&nest);
        let expected: Vec<&str> = found
            .values()
            .map(|process| text(process, "path"))
            .collect();
        let paths = |truth: &Value| -> Vec<String> {
            list(&truth["undeclared"], "processes")
                .iter()
                .map(|process| text(process, "path").to_owned())
                .collect()
        };
        let is_told = |truth: &Value| {
            expected
                .iter()
                .all(|path| paths(truth).iter().any(|other| other == path))
        };
        let truth = nest.until("the truth has them", |nest| {
            Some(nest.truth().0).filter(is_told)
        });
        assert_eq!(
            list(&truth["undeclared"], "namespaces").len(),
            2,
            "{identity:?}: {truth}"
        );
        assert!(
            list(&truth, "processes")
                .iter()
                .all(|process| process.get("declared").is_none()),
            "{truth}"
        );
        assert!(is_told(&nest.document(&["save", "--truth"])));
        // One that has gone is no longer told.
        let zombie = numbers(&found["1006"], "pids")[0];
        let killed = std::process::Command::new("kill")
            .arg(zombie.to_string())
            .status();
        assert!(killed.is_ok_and(|status| status.success()));
        let gone = text(&found["1006"], "path");
        nest.until("it is told no more", |nest| {
            (!paths(&nest.truth().0).iter().any(|path| path == gone)).then_some(())
        });
    });
}

#[test]
fn equal_undeclared_processes_are_folded_in_tables() {
    require!(nesting());
    let topology =
        "[ns.@]\nproc.p = { sh = \"for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1008 & done; wait\" }\n";
    let nest = Detached::up(Nest::new(topology));
    let all = |nest: &Detached| {
        let document = nest.document(&["ps", "--format", "json"]);
        list(&document, "processes")
            .iter()
            .filter(|process| process["argv"][1] == "1008")
            .count()
    };
    nest.until("all of them are there", |nest| {
        (all(nest) == 10).then_some(())
    });
    let told = nest.run(&["ps"]);
    assert_eq!(told.matches("sleep 1008\n").count(), 5, "{told}");
    assert_eq!(told.matches("… 5 more like ").count(), 1, "{told}");
    assert_eq!(
        nest.run(&["ps", "--no-fold"])
            .matches("sleep 1008\n")
            .count(),
        10
    );
    assert_eq!(
        nest.run(&["ps", "-q"])
            .lines()
            .filter(|line| line.contains('#'))
            .count(),
        10
    );
    let drawn = nest.run(&["tree"]);
    assert!(drawn.contains("(10 processes undeclared)"), "{drawn}");
    assert!(
        drawn.matches("sleep 1008").count() == 5 && drawn.contains("… 5 more like #"),
        "{drawn}"
    );
}
