//! `ps`: a row a process, and what the kernel says about each.

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

const TOPOLOGY: &str = r#"
[ns.@]
labels = { tier = "web" }
proc.idle = { actor = "idle" }
proc.bad = { sh = "exit 3", essential = false }
[ns."@/in"]
unshare = ["mount", "uts"]
proc.joined = { actor = "idle", enter = "join" }
proc.apart = { cmd = ["unshare", "--uts", "sleep", "1000"] }
"#;

fn running(nest: Nest) -> Detached {
    let detached = Detached::try_up(nest);
    detached.until("the bad one has failed", |detached| {
        let text = detached.nestns(&["ps", "--state", "failed", "-q"]).stdout;
        (!text.is_empty()).then_some(())
    });
    detached
}

fn rows(detached: &Detached, arguments: &[&str]) -> Vec<String> {
    let text = detached.run(arguments).replace(&detached.nest.root, "@");
    let cells = |line: &str| {
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect::<Vec<_>>()
            .join("|")
    };
    text.lines().map(cells).collect()
}

fn processes(document: &Value) -> Vec<Value> {
    document["processes"]
        .as_array()
        .expect("the document has them")
        .clone()
}

#[test]
fn the_tables_are_complete() {
    for_each_identity(|identity| {
        let detached = running(Nest::new(TOPOLOGY).identity(identity));
        assert_eq!(
            rows(&detached, &["ps", "--redact"]),
            [
                "PATH|PID|PPID|STATE|AGE|COMMAND",
                "@/init|[pid]/1|0|ready|[t]|nestns init",
                "@/idle|[pid]/2|1|ready|[t]|nestns actor idle",
                "@/bad|—|—|failed (3)|—|/bin/sh -c exit 3",
                "@/in/init|[pid]/4/1|0|ready|[t]|nestns init",
                "@/in/joined|[pid]/5/2|0|ready|[t]|nestns actor idle",
                "@/in/apart|[pid]/6/3|1|ready|[t]|unshare --uts sleep 1000",
            ]
        );
        assert_eq!(
            rows(&detached, &["ps", "-q", "@/in"]),
            ["@/in/init", "@/in/joined", "@/in/apart"]
        );
        assert_eq!(
            rows(&detached, &["ps", "-q", "@", "-l", "tier=web"]),
            ["@/init", "@/idle", "@/bad"]
        );
        assert_eq!(
            rows(&detached, &["ps", "-q", "-r", "@", "--state", "failed"]),
            ["@/bad"]
        );
        assert_eq!(
            rows(&detached, &["ps", "-q", "--leaves"]),
            ["@/in/init", "@/in/joined", "@/in/apart"]
        );
        assert_eq!(rows(&detached, &["ps", "-q", "@/in#2"]), ["@/in/joined"]);
        assert_eq!(
            rows(
                &detached,
                &[
                    "ps",
                    "--no-header",
                    "-o",
                    "path,exit,enter",
                    "@/bad",
                    "@/in/joined"
                ]
            ),
            ["@/bad|3|fork", "@/in/joined|—|join"]
        );
        let missing = detached.nestns(&["ps", "@/ni"]);
        assert_eq!(missing.code, 1, "{}", missing.stderr);
        assert!(
            missing.stderr.contains("did you mean"),
            "{}",
            missing.stderr
        );
    });
}

/// Waits until `apart` is: `unshare` has done so a moment after it was started.
fn until_apart(detached: &Detached) {
    let truth = detached.truth();
    let [apart, beside] =
        ["apart", "init"].map(|name| truth.host_pid(&format!("{}/in/{name}", detached.nest.root)));
    detached.until("it has a namespace of its own", |_| {
        (kernel::namespace(apart, "uts")? != kernel::namespace(beside, "uts")?).then_some(())
    });
}

/// Makes sure that the kernel says the same of a process.
fn assert_row_agrees(process: &Value) {
    let pid = i32::try_from(process["pids"][0].as_i64().expect("a number")).expect("a PID");
    let found = kernel::process(pid).expect("it lives");
    assert_eq!(
        process["pids"],
        serde_json::json!(found.numbers),
        "{process}"
    );
    assert_eq!(process["ppids"][0], found.parent, "{process}");
    for kind in ["pid", "user", "mnt", "net", "uts", "ipc", "cgroup", "time"] {
        assert_eq!(
            process["namespaces"][kind]["inode"].as_u64(),
            kernel::namespace(pid, kind),
            "{kind} {process}"
        );
    }
}

#[test]
fn the_rows_agree_with_the_kernel() {
    for_each_identity(|identity| {
        let detached = running(Nest::new(TOPOLOGY).identity(identity));
        until_apart(&detached);
        let document = detached.document(&["ps", "-N", "--format", "json"]);
        assert_eq!(document["schema"], "nestns.ps/1");
        let mut living = processes(&document);
        living.retain(|process| process["exit"].is_null());
        assert_eq!(living.len(), 5);
        living.iter().for_each(assert_row_agrees);
        let of = |path: &str, kind: &str| {
            let path = format!("{}/{path}", detached.nest.root);
            let process = processes(&document)
                .into_iter()
                .find(|process| process["path"] == path)
                .expect("it is there");
            process["namespaces"][kind]["of"]
                .as_str()
                .unwrap_or("unknown")
                .to_owned()
        };
        for (path, kind, whose) in [
            ("in/joined", "uts", "namespace"),
            ("in/joined", "pid", "namespace"),
            ("in/joined", "net", "around"),
            ("in/apart", "uts", "process"),
            ("in/apart", "mnt", "namespace"),
            ("idle", "net", "around"),
        ] {
            assert_eq!(of(path, kind), whose, "{path} {kind}");
        }
        let marks = rows(
            &detached,
            &[
                "ps",
                "-N",
                "--no-header",
                "--redact",
                "-o",
                "path,utsns,netns",
                "@/in",
            ],
        );
        assert_eq!(
            marks,
            [
                "@/in/init|[ns]|[ns]=",
                "@/in/joined|[ns]|[ns]=",
                "@/in/apart|[ns]!|[ns]="
            ]
        );
    });
}

#[test]
fn exec_processes_are_listed_in_their_namespace() {
    require!(nesting());
    let detached = running(Nest::new(TOPOLOGY));
    let session = detached.start(&["exec", "@", "--", "sleep", "1000"]);
    let found = detached.until("it is there", |detached| {
        let found = rows(
            detached,
            &["ps", "--no-header", "--redact", "-o", "path,enter,command"],
        );
        found
            .iter()
            .any(|row| row.contains("|exec|"))
            .then_some(found)
    });
    assert_eq!(found[3], "@/exec.1|exec|sleep 1000", "{found:?}");
    detached.run(&["down", "@", "--now"]);
    crate::harness::detached::ended(session);
}
