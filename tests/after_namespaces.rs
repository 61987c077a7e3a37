//! `after` between namespaces: what waits is released when what it waits for has come so far, wherever in the tree they are,
//! and a stop goes the other way.

use std::fs;

use serde_json::Value;

use crate::harness::Nestns;
use crate::harness::chain::{chain, path};
use crate::harness::detached::Detached;
use crate::harness::document::{list, text, timeline};
use crate::harness::identity::{Identity, for_each_depth, for_each_identity};
use crate::harness::nest::{Ended, Nest};

/// The ways in which a program is in its namespace.
const WAYS: [&str; 3] = ["fork", "join", "init"];

/// A namespace with one server in it: a shell that writes when it runs, when it is asked to stop and when it has drained.
fn server(path: &str, way: &str, keys: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let script = format!(
        "trap 'echo {name} asked >> DIRECTORY/order; sleep 0.1; echo {name} ends >> DIRECTORY/order; exit 0' TERM; \
         sleep 0.05; echo {name} runs >> DIRECTORY/order; echo runs; while :; do sleep 1000 & wait; done"
    );
    let table = format!("{{ sh = \"{script}\", ready = {{ log = \"runs\" }}{keys} }}");
    match way {
        "init" => format!("[ns.\"{path}\"]\ninit = {table}\n"),
        // A namespace whose PID 1 is a program has joined processes only.
        "join" => {
            format!("[ns.\"{path}\"]\ninit = {{ actor = \"idle\" }}\nproc.server = {table}\n")
        }
        _ => format!("[ns.\"{path}\"]\nproc.server = {table}\n"),
    }
}

/// Runs a topology until the last of its servers runs, stops it, and returns the lines in order.
fn order(topology: &str, identity: Identity, last: &str) -> (Ended, Vec<String>) {
    let mut running = Nest::new(topology)
        .identity(identity)
        .arguments(&["--format", "json"])
        .up();
    let line = format!("{last} runs");
    running.until(&line, |nest| {
        let order = fs::read_to_string(nest.directory.path().join("order")).ok()?;
        order.lines().any(|written| written == line).then_some(())
    });
    let ended = running.stop();
    let order = fs::read_to_string(ended.nest.directory.path().join("order")).unwrap();
    let lines = order.lines().map(str::to_owned).collect();
    (ended, lines)
}

fn assert_before(lines: &[String], first: &str, second: &str) {
    let place = |line: &str| {
        let found = lines.iter().position(|known| known == line);
        found.unwrap_or_else(|| panic!("no line {line}: {lines:#?}"))
    };
    assert!(
        place(first) < place(second),
        "{first}, {second}: {lines:#?}"
    );
}

/// The time of a step in a timeline, in milliseconds.
fn time(step: &Value, key: &str) -> f64 {
    step[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} of {step}"))
}

fn step<'v>(timeline: &'v Value, end: &str) -> &'v Value {
    let steps = list(timeline, "steps").iter();
    let mut found = steps.filter(|step| text(step, "path").ends_with(end));
    found
        .next()
        .unwrap_or_else(|| panic!("no step {end}: {timeline:#}"))
}

/// docker/compose#9297: a proxy drains while its backends still answer.
#[test]
fn a_proxy_starts_after_its_backends_and_stops_before_them() {
    for_each_depth(1, &[3, 8], |depth, identity| {
        for proxy in WAYS {
            for backend in WAYS {
                let at = path(depth);
                let keys = ", after = { \"../one\" = \"ready\", \"../two\" = \"ready\" }";
                let topology = [
                    chain(depth),
                    server(&format!("{at}/proxy"), proxy, keys),
                    server(&format!("{at}/one"), backend, ""),
                    server(&format!("{at}/two"), backend, ""),
                ]
                .concat();
                let (ended, lines) = order(&topology, identity, "proxy");
                assert_eq!(ended.code, 130, "{proxy} {backend}: {}", ended.stderr);
                let timeline = timeline(&ended);
                let server = |name: &str, way: &str| match way {
                    "init" => format!("{name}/init"),
                    _ => format!("{name}/server"),
                };
                let drained = step(&timeline, &server("proxy", proxy));
                for name in ["one", "two"] {
                    assert_before(&lines, &format!("{name} runs"), "proxy runs");
                    assert_before(&lines, "proxy ends", &format!("{name} asked"));
                    let asked = step(&timeline, &server(name, backend));
                    assert!(
                        time(drained, "ended_ms") <= time(asked, "asked_ms"),
                        "{proxy} {backend}: {timeline:#}"
                    );
                    assert_eq!(text(asked, "how"), "exited", "{timeline:#}");
                }
            }
        }
    });
}

/// kubernetes/enhancements#753: an init container, a sidecar with a probe, an application; the sidecar outlives it.
#[test]
fn a_split_pod_starts_and_stops_in_order() {
    for_each_depth(1, &[3], |depth, identity| {
        let at = path(depth);
        let prepare = format!(
            "[ns.\"{at}/prepare\"]\ninit = {{ sh = \"echo prepare runs >> DIRECTORY/order\", oneshot = true }}\n"
        );
        let after = |target: &str, condition: &str| {
            format!(", after = {{ \"../{target}\" = \"{condition}\" }}")
        };
        let topology = [
            chain(depth),
            server(&format!("{at}/app"), "init", &after("sidecar", "ready")),
            server(&format!("{at}/sidecar"), "init", &after("prepare", "ok")),
            prepare,
        ]
        .concat();
        let (ended, lines) = order(&topology, identity, "app");
        assert_eq!(ended.code, 130, "{}", ended.stderr);
        assert_before(&lines, "prepare runs", "sidecar runs");
        assert_before(&lines, "sidecar runs", "app runs");
        assert_before(&lines, "app ends", "sidecar asked");
    });
}

#[test]
fn the_conditions_of_a_namespace_are_those_of_what_is_in_it() {
    // What waits writes the conditions that hold when it starts.
    let topology = "[ns.@]\n\
        [ns.\"@/job\"]\n\
        proc.a = { sh = \"sleep 0.1; touch DIRECTORY/a\", oneshot = true }\n\
        [ns.\"@/job/deep\"]\n\
        proc.b = { sh = \"sleep 0.2; touch DIRECTORY/b\", oneshot = true }\n\
        [ns.\"@/bad\"]\n\
        proc.c = { sh = \"touch DIRECTORY/c; exit 3\", essential = false }\n\
        [ns.\"@/ok\"]\nafter = { job = \"ok\" }\n\
        proc.p = { sh = \"ls DIRECTORY/a DIRECTORY/b > DIRECTORY/ok\" }\n\
        [ns.\"@/ready\"]\nafter = { job = \"ready\" }\n\
        proc.p = { sh = \"ls DIRECTORY/a DIRECTORY/b > DIRECTORY/ready\" }\n\
        [ns.\"@/done\"]\nafter = { \"../bad\" = \"done\" }\n\
        proc.p = { sh = \"ls DIRECTORY/c > DIRECTORY/done\" }\n\
        [ns.\"@/never\"]\nafter = { bad = \"ok\" }\n\
        proc.p = { sh = \"touch DIRECTORY/never\", essential = false }\n\
        [ns.\"@/never/inside\"]\n\
        init = { sh = \"touch DIRECTORY/never\", essential = false }\n";
    for_each_identity(|identity| {
        let ended = Nest::new(topology).identity(identity).up().wait();
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        let lines = |name: &str| {
            let text = fs::read_to_string(ended.nest.directory.path().join(name));
            text.map_or(0, |text| text.lines().count())
        };
        let found = ["ok", "ready", "done"].map(lines);
        assert_eq!(found, [2, 2, 1], "{}", ended.stderr);
        assert!(!ended.nest.directory.path().join("never").exists());
        let root = &ended.nest.root;
        let note = format!(
            "error: `{root}/never` will not be started: `{root}/bad`, which it waits for, will not \
             reach the required state"
        );
        assert!(ended.stderr.contains(&note), "{}", ended.stderr);
    });
}

#[test]
fn names_are_found_from_templates_with_indices_and_inside_an_include() {
    let library = "[ns.db]\ninit = { actor = \"serve\" }\n[ns.web]\nafter = { \"/db\" = \"ready\" }\n\
                   proc.p = { actor = \"idle\", after = { \"db/init\" = \"started\" } }\n";
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("library.toml"), library).unwrap();
    let topology = "[template.pair]\nproc.p = { actor = \"idle\", after = { \"../store.{{i}}/s\" = \"ready\" } }\n\
        [ns.lab]\n[ns.\"lab/use\"]\nuse = \"pair\"\ncount = 2\n[ns.\"lab/store\"]\ncount = 2\nproc.s = { actor = \"serve\" }\n\
        [ns.all]\nafter = { \"lab/store\" = \"ready\", \"/lab/none\" = \"ready\" }\n\
        [ns.\"lab/none\"]\ncount = 0\n\
        [ns.mounted]\ninclude = \"library.toml\"\n";
    fs::write(directory.path().join("t.toml"), topology).unwrap();
    let outcome = Nestns::new(&["config", "t.toml"])
        .directory(directory.path())
        .run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    for line in [
        "proc.p = { actor = \"idle\", after = { \"/lab/store.0/s\" = \"ready\" } }",
        "proc.p = { actor = \"idle\", after = { \"/lab/store.1/s\" = \"ready\" } }",
        "after = { \"/lab/store.0\" = \"ready\", \"/lab/store.1\" = \"ready\" }",
        "after = { \"/mounted/db\" = \"ready\" }",
        "proc.p = { actor = \"idle\", after = { \"/mounted/db/init\" = \"started\" } }",
    ] {
        assert!(outcome.stdout.contains(line), "{line}\n{}", outcome.stdout);
    }
    // What is printed is the same when it is read again.
    let again = Nestns::new(&["config", "-"])
        .input(outcome.stdout.clone())
        .run();
    assert_eq!(again.stdout, outcome.stdout);
}

#[test]
fn a_restart_of_what_is_depended_on_restarts_nothing_else() {
    let topology = "[ns.@]\n[ns.\"@/db\"]\nproc.s = { actor = \"serve\" }\n\
        [ns.\"@/mid\"]\nafter = { db = \"ready\" }\nproc.m = { actor = \"serve\" }\n\
        [ns.\"@/web\"]\nafter = { mid = \"ready\" }\nproc.w = { actor = \"idle\" }\n";
    Detached::for_each_identity(topology, &[], |nest| {
        let pids = |name: &str| nest.truth().host_pid(&format!("{}/{name}", nest.nest.root));
        for part in ["db", "mid", "web"] {
            let before = ["db/s", "mid/m", "web/w"].map(pids);
            nest.run(&["restart", &format!("{}/{part}/", nest.nest.root)]);
            let after = ["db/s", "mid/m", "web/w"].map(pids);
            let changed: Vec<bool> = before.iter().zip(after).map(|(a, b)| *a != b).collect();
            let expected = ["db", "mid", "web"].map(|name| name == part);
            assert_eq!(changed, expected, "{part}");
        }
        // A condition that was met stays met until its target is started again: with both, what depends waits anew.
        nest.run(&[
            "restart",
            &format!("{}/db/", nest.nest.root),
            &format!("{}/mid/", nest.nest.root),
        ]);
        let events = nest.events();
        let last = |event: &str, end: &str| {
            let is_it =
                |line: &Value| text(line, "event") == event && text(line, "path").ends_with(end);
            let found = events.iter().rposition(is_it);
            found.unwrap_or_else(|| panic!("no {event} {end}: {events:#?}"))
        };
        assert!(
            last("ready", "/db") < last("release", "/mid"),
            "{events:#?}"
        );
        assert!(
            last("release", "/mid") < last("release", "/mid/m"),
            "{events:#?}"
        );
        nest.run(&["down", &format!("{}/db/", nest.nest.root)]);
        nest.run(&["restart", &format!("{}/mid/", nest.nest.root)]);
    });
}
