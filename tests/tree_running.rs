//! `tree` of a topology that runs, and as one of its namespaces sees it.

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

const TOPOLOGY: &str = r#"
[ns.@]
proc.idle = { actor = "idle" }
[ns."@/in"]
proc.one = { actor = "idle" }
proc.two = { actor = "idle", enter = "join" }
[ns."@/in/deep"]
init = "pause"
"#;

/// The lines, with the root's name taken out and columns apart by one bar.
fn lines(detached: &Detached, arguments: &[&str]) -> Vec<String> {
    let text = detached.run(arguments).replace(&detached.nest.root, "@");
    text.lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect()
}

#[test]
fn the_tree_as_seen_from_a_namespace() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TOPOLOGY).identity(identity));
        assert_eq!(
            lines(&detached, &["tree", "--from", "@/in"]),
            [
                "@: 3 namespaces, 3 processes, depth 3, ready, as seen from @/in",
                "└─ @/|·|✔ ready",
                "├─ idle|·|✔ ready|nestns actor idle",
                "└─ in/|1|✔ ready",
                "├─ one|2|✔ ready|nestns actor idle",
                "├─ two|3|✔ ready|nestns actor idle (joined)",
                "└─ deep/|4/1|✔ ready|pause",
            ]
        );
        assert_eq!(
            lines(&detached, &["tree", "--from", "@/in/deep", "@/in/deep"]),
            [
                "@: 3 namespaces, 3 processes, depth 3, ready, as seen from @/in/deep",
                "└─ @/|·|✔ ready",
                "└─ in/|·|✔ ready",
                "└─ deep/|1|✔ ready|pause",
            ]
        );
        let document = detached.document(&["tree", "--from", "@/in", "--format", "json"]);
        assert_eq!(document["schema"], "nestns.tree/1");
        let seen: Vec<_> = document["processes"]
            .as_array()
            .expect("there are some")
            .iter()
            .map(|one| one["seen_as"].as_i64())
            .collect();
        assert_eq!(seen, [None, None, Some(1), Some(2), Some(3), Some(4)]);
        let truth = detached.truth();
        let drawn = lines(&detached, &["tree", "@/in/one"]);
        let pid = truth.host_pid(&format!("{}/in/one", detached.nest.root));
        assert!(
            drawn
                .last()
                .is_some_and(|line| line.starts_with(&format!("└─ one|{pid}/4/2|"))),
            "{drawn:?}"
        );
        let wrong = detached.nestns(&["tree", "--from", "@/in/one"]);
        assert_eq!(wrong.code, 1);
        assert!(wrong.stderr.contains("is a process"), "{}", wrong.stderr);
    });
}

#[test]
fn a_file_is_distinguished_from_an_address() {
    require!(nesting());
    let detached = Detached::up(Nest::new(TOPOLOGY));
    let file = detached.nest.file_name().to_owned();
    for word in [
        file.clone(),
        format!("./{}.toml", detached.nest.root),
        format!("{}.toml", detached.nest.root),
    ] {
        let drawn = detached.run(&["tree", &word]);
        assert!(
            drawn.contains("?/1") && !drawn.contains("running"),
            "{word}: {drawn}"
        );
    }
    // Nothing: what runs.
    assert!(detached.run(&["tree"]).contains("✔ ready"));
    let wrong = detached.nestns(&["tree", "no such thing"]);
    assert_eq!(wrong.code, 2, "{}", wrong.stderr);
    let from = detached.nestns(&["tree", &file, "--from", "@"]);
    assert_eq!(from.code, 2, "{}", from.stderr);
    detached.run(&["down", "@"]);
    // Nothing, and nothing runs: the file of this directory.
    std::fs::rename(&file, detached.nest.directory.path().join("topology.toml"))
        .expect("it is our own");
    assert!(detached.run(&["tree"]).contains("?/1"));
}

#[test]
fn what_is_waited_for_in_other_namespaces_is_shown() {
    let topology = r#"
[ns.@]
proc.hub = { actor = "serve" }
proc.near = { actor = "idle", after = { hub = "started" } }
[ns."@/db"]
after = { "../hub" = "ready" }
proc.server = { actor = "serve" }
[ns."@/web"]
after = { db = "ready" }
proc.app = { actor = "idle", after = { "../db/server" = "ready", log = "started" } }
proc.log = { actor = "idle" }
"#;
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(topology).identity(identity));
        let notes = |lines: Vec<String>| -> Vec<String> {
            let lines = lines
                .iter()
                .skip(1)
                .filter_map(|line| line.rsplit_once("after "));
            lines.map(|(_, note)| note.to_owned()).collect()
        };
        let expected = ["../hub ready", "../db ready", "../db/server ready"];
        assert_eq!(notes(lines(&detached, &["tree", "-n", "@"])), expected);
        let file = detached.nest.file_name().to_owned();
        assert_eq!(notes(lines(&detached, &["tree", &file])), expected);
        let root = detached.nest.root.clone();
        let after = |document: &serde_json::Value| -> Vec<(String, String)> {
            let things = ["namespaces", "processes"].map(|key| document[key].as_array().unwrap());
            let things = things.into_iter().flatten();
            let things = things.filter(|thing| thing["after"].is_array());
            things
                .map(|thing| {
                    let text = |value: &serde_json::Value| value.to_string().replace(&root, "@");
                    (text(&thing["path"]), text(&thing["after"]))
                })
                .collect()
        };
        let running = detached.document(&["tree", "-n", "@", "--format", "json"]);
        let declared = detached.document(&["tree", &file, "--format", "json"]);
        assert_eq!(after(&running), after(&declared));
        let expected = [
            ("\"@/db\"", r#"["/@/hub: ready"]"#),
            ("\"@/web\"", r#"["/@/db: ready"]"#),
            ("\"@/near\"", r#"["hub: started"]"#),
            ("\"@/web/app\"", r#"["log: started","/@/db/server: ready"]"#),
        ];
        let found = after(&declared);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (path, entries) in expected {
            let is_it = |(one, _): &&(String, String)| one == path;
            let (_, found) = found.iter().find(is_it).expect("it waits");
            let sort = |text: &str| -> std::collections::BTreeSet<String> {
                serde_json::from_str(text).unwrap()
            };
            assert_eq!(sort(found), sort(entries), "{path}");
        }
        let inspected = detached.document(&["inspect", "@/web/app", "--format", "json"]);
        let inspected = &inspected["process"]["declaration"]["after"];
        assert_eq!(inspected.as_array().unwrap().len(), 2, "{inspected}");
    });
}
