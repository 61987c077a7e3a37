//! Undeclared processes: children of programs, orphans, zombies, PID namespaces that programs make; in every verb that
//! shows or takes them, as the kernel has them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::chain::{chain, path};
use crate::harness::detached::Detached;
use crate::harness::document::{list, text};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};
use crate::harness::visibility::MECHANISMS;

/// A namespace inside a namespace that a program makes, a zombie, and a child whose parent has ended.
const MADE: &str = "unshare -Urfp --mount-proc --uts sh -c 'hostname web-1; sleep 1003 & exec unshare -fp --mount-proc sleep 1004'";
const ZOMBIE: &str = "sh -c 'true & exec sleep 1005'";
const ORPHAN: &str = "(sleep 1006 &); exec sleep 1007";

/// A chain of this depth with the three programs in the innermost namespace.
fn topology(depth: usize) -> String {
    format!(
        "{}proc.made = {{ sh = {MADE:?} }}\nproc.zombie = {{ sh = {ZOMBIE:?} }}\nproc.orphan = {{ sh = {ORPHAN:?} }}\n",
        chain(depth)
    )
}

/// The topology at one depth, with all of its undeclared processes.
struct Tree {
    nest: Detached,
    depth: usize,
    /// The path of the namespace of the programs.
    home: String,
    found: BTreeMap<String, Value>,
}

impl Tree {
    fn up(depth: usize, identity: Identity) -> Self {
        let nest = Detached::up(Nest::new(&topology(depth)).identity(identity));
        let home = path(depth).replace('@', &nest.nest.root);
        let found = until_complete(&nest);
        Self {
            nest,
            depth,
            home,
            found,
        }
    }

    /// Runs a test with the programs in a root and deeper inside, as each of the identities.
    fn for_each(test: impl Fn(&Self)) {
        for_each_identity(|identity| {
            for depth in [1, 3] {
                test(&Self::up(depth, identity));
            }
        });
    }

    /// The process in the namespace that the program has made.
    fn child(&self) -> &Value {
        &self.found["1003"]
    }

    /// The process in the namespace inside that one.
    fn inner(&self) -> &Value {
        &self.found["1004"]
    }

    fn zombie(&self) -> &Value {
        &self.found["zombie"]
    }

    fn about(&self) -> String {
        format!("depth {}: {:?}", self.depth, self.found)
    }
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

fn numbers(value: &Value, key: &str) -> Vec<i32> {
    list(value, key)
        .iter()
        .map(|number| i32::try_from(number.as_i64().expect("a number")).expect("a PID"))
        .collect()
}

#[test]
fn children_orphans_and_zombies_of_programs_are_listed() {
    Tree::for_each(|tree| {
        let (home, depth, about) = (&tree.home, tree.depth, tree.about());
        for (word, process) in &tree.found {
            let pids = numbers(process, "pids");
            let kernel = kernel::process(pids[0]).expect("it lives");
            assert_eq!(pids, kernel.numbers, "{word}, {about}");
            assert_eq!(
                text(process, "path"),
                format!("{home}#{}", pids[depth]),
                "{about}"
            );
            assert!(
                process["exit"].is_null() && process["start_time"].is_u64(),
                "{about}"
            );
        }
        let (zombie, orphan) = (tree.zombie(), &tree.found["1006"]);
        assert_eq!(
            (text(zombie, "state"), text(zombie, "ns")),
            ("zombie", home.as_str()),
            "{about}"
        );
        // An orphan is a child of PID 1.
        assert_eq!(numbers(orphan, "ppids")[depth], 1, "{about}");
        let zombies = tree.nest.run(&["ps", "--state", "zombie", "-q"]);
        assert_eq!(zombies, format!("{}\n", text(zombie, "path")), "{about}");
    });
}

#[test]
fn namespaces_of_programs_are_listed() {
    Tree::for_each(|tree| {
        let (child, inner) = (tree.child(), tree.inner());
        let (depth, about) = (tree.depth, tree.about());
        let made = text(child, "ns");
        assert!(
            made.starts_with("pid:[") && text(inner, "ns") != made,
            "{about}"
        );
        assert_eq!(
            (numbers(child, "pids").len(), numbers(inner, "pids").len()),
            (depth + 2, depth + 3),
            "{about}"
        );
        assert_eq!(
            (text(inner, "enter"), numbers(inner, "ppids").last()),
            ("init", Some(&0)),
            "{about}"
        );
        // Exactly the processes in it.
        let processes = tree.found.values();
        let inside: Vec<&str> = processes.map(|process| text(process, "ns")).collect();
        let drawn = tree.nest.document(&["tree", "--format", "json"]);
        let namespaces: Vec<&Value> = list(&drawn, "namespaces")
            .iter()
            .filter(|namespace| namespace["declared"] == false)
            .collect();
        assert_eq!(namespaces.len(), 2, "{about}");
        for namespace in &namespaces {
            let inode = namespace["pidns"].as_u64().expect("an inode");
            assert!(inside.contains(&text(namespace, "path")), "{about}");
            assert_eq!(text(namespace, "path"), format!("pid:[{inode}]"), "{about}");
        }
        let (outer, inner) = (namespaces[0], namespaces[1]);
        assert_eq!(
            (text(outer, "parent"), text(outer, "hostname")),
            (tree.home.as_str(), "web-1"),
            "{about}"
        );
        assert_eq!(
            (text(inner, "parent"), &inner["hostname"]),
            (made, &Value::Null),
            "{about}"
        );
    });
}

#[test]
fn a_part_of_the_undeclared_processes_is_listed() {
    Tree::for_each(|tree| {
        let listed = |arguments: &[&str]| {
            let words = [&["ps"], arguments, &["--format", "json"]].concat();
            undeclared(list(&tree.nest.document(&words), "processes"))
        };
        let direct = listed(&[&tree.home]);
        assert!(!direct.contains_key("1004"), "{}", tree.about());
        let all = listed(&["-r", &tree.home]);
        assert_eq!(all.len(), tree.found.len(), "{}", tree.about());
        assert_eq!(listed(&["--declared"]).len(), 0);
    });
}

#[test]
fn undeclared_processes_are_addressed_by_pid() {
    Tree::for_each(|tree| {
        let (nest, home, about) = (&tree.nest, &tree.home, tree.about());
        let inner_path = text(tree.inner(), "path");
        let pids = numbers(tree.inner(), "pids");
        let words: Vec<String> = pids.iter().map(i32::to_string).collect();
        assert!(
            nest.run(&["pid", inner_path])
                .starts_with(&format!("{}  (", words.join("/"))),
            "{about}"
        );
        let number = &words[tree.depth];
        let told = nest.document(&["whois", number, "--in", home, "--format", "json"]);
        assert_eq!(list(&told, "matches").len(), 1, "{told}");
        // Inside: in its PID namespace, with its host name.
        let script = "hostname; readlink /proc/self/ns/pid";
        let child = tree.child();
        let inside = nest.run(&["exec", text(child, "path"), "--", "sh", "-c", script]);
        assert_eq!(inside, format!("web-1\n{}\n", text(child, "ns")), "{about}");
    });
}

#[test]
fn undeclared_processes_are_inspected() {
    Tree::for_each(|tree| {
        let (nest, inner, about) = (&tree.nest, tree.inner(), tree.about());
        let (inner_path, zombie_path) = (text(inner, "path"), text(tree.zombie(), "path"));
        let sheet = nest.document(&["inspect", inner_path, "--format", "json"]);
        assert_eq!(
            (text(&sheet["process"], "ns"), &sheet["process"]["declared"]),
            (text(inner, "ns"), &false.into())
        );
        let sheet = nest.document(&["inspect", zombie_path, "--format", "json"]);
        assert_eq!(text(&sheet["process"], "state"), "zombie");
        let home = format!("{}/", tree.home);
        let sheet = nest.document(&["inspect", &home, "--format", "json"]);
        let strays: Vec<&str> = list(&sheet["namespace"]["members"], "strays")
            .iter()
            .map(|one| text(one, "path"))
            .collect();
        assert!(
            strays.contains(&zombie_path) && !strays.contains(&inner_path),
            "{strays:?}, {about}"
        );
        let told = nest.run(&["inspect", &home]);
        assert!(
            told.contains(zombie_path) && told.contains(", zombie"),
            "{told}"
        );
    });
}

#[test]
fn undeclared_processes_are_observers() {
    Tree::for_each(|tree| {
        let (nest, about) = (&tree.nest, tree.about());
        let (child, inner) = (text(tree.child(), "path"), text(tree.inner(), "path"));
        // By each mechanism: the one inside sees itself alone.
        for via in MECHANISMS {
            let seen = nest.document(&[
                "see", inner, "--of", inner, child, "--via", via, "--format", "json",
            ]);
            let number = |path: &str| {
                let row = list(&seen, "rows")
                    .iter()
                    .find(|row| row["path"] == path)
                    .expect("it was asked for");
                row["pids"][inner].as_i64()
            };
            assert_eq!(
                (number(inner), number(child)),
                (Some(1), None),
                "{via}, {about}"
            );
            // unshare(1) has the /proc of the namespace that it makes.
            let told = nest.nestns(&["see", "--via", via, "--diff"]).stdout;
            let is_right = if via == "proc" {
                !told.contains("unexplained")
            } else {
                told.starts_with("no difference: ")
            };
            assert!(is_right, "{via}, {about}: {told}");
        }
        let all = nest.document(&["see", "--format", "json"]);
        let observers: Vec<&str> = list(&all, "observers")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for process in [tree.child(), tree.inner()] {
            assert!(
                observers.contains(&text(process, "ns")),
                "{observers:?}, {about}"
            );
        }
    });
}

#[test]
fn undeclared_processes_are_in_the_truth() {
    for_each_identity(|identity| {
        let Tree { nest, found, .. } = Tree::up(1, identity);
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
