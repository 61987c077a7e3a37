//! `ls`: what runs, what does not answer, and what was left.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};
use crate::harness::wait::suspend;

const TOPOLOGY: &str = "[ns.@]\nproc.one = { actor = \"idle\" }\n[ns.\"@/in\"]\ninit = \"pause\"\n";

/// Rows as words, with the nest's own names taken out.
fn rows(text: &str, detached: &Detached) -> Vec<String> {
    let directory = detached.nest.directory_name();
    let text = text
        .replace(directory, "DIR")
        .replace(&detached.nest.root, "@");
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
fn running_topologies_are_listed_as_a_table_and_as_json() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TOPOLOGY).identity(identity));
        assert_eq!(
            rows(&detached.run(&["ls", "--redact"]), &detached),
            [
                "NAME|STATE|NS|PROCS|DEPTH|AGE|CONTROLLER|FILE",
                "@|ready|2|1|2|[t]|[pid]|DIR/@.toml"
            ]
        );
        assert_eq!(
            detached.run(&["ls", "-q"]),
            format!("{}\n", detached.nest.root)
        );
        assert_eq!(
            rows(
                &detached.run(&["ls", "--no-header", "-o", "state,name"]),
                &detached
            ),
            ["ready|@"]
        );
        let document = detached.document(&["ls", "--format", "json"]);
        assert_eq!(document["schema"], "nestns.ls/1");
        let one = &document["topologies"][0];
        assert_eq!(one["controller"], detached.controller().as_raw());
        assert_eq!(one["namespaces"], 2);
        let wrong = detached.nestns(&["ls", "-o", "nme"]);
        assert_eq!(wrong.code, 2);
        assert!(
            wrong.stderr.contains("there is no column `nme`")
                && wrong.stderr.contains("name, state, ns"),
            "{}",
            wrong.stderr
        );
        detached.run(&["down", "@"]);
        let nothing = detached.document(&["ls", "--format", "json"]);
        assert_eq!(nothing["topologies"].as_array().map(Vec::len), Some(0));
    });
}

#[test]
fn a_stopped_controller_is_silent_and_delays_nothing() {
    require!(nesting());
    let detached = Detached::up(Nest::new(TOPOLOGY));
    let controller = detached.controller();
    suspend(controller);
    let began = Instant::now();
    let outcome = detached.nestns(&["ls", "-o", "name,state"]);
    let took = began.elapsed();
    kill(controller, Signal::SIGCONT).expect("it runs");
    assert_eq!(rows(&outcome.stdout, &detached)[1..], ["@|silent"]);
    assert!(
        outcome
            .stderr
            .contains(&format!("PID {controller}, does not answer")),
        "{}",
        outcome.stderr
    );
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(
        rows(&detached.run(&["ls", "-o", "name,state"]), &detached)[1..],
        ["@|ready"]
    );
}

#[test]
fn a_directory_without_a_controller_is_a_leftover_and_is_not_touched() {
    require!(nesting());
    let detached = Detached::up(Nest::new(TOPOLOGY));
    let ghost = detached.nest.state().join("ghost");
    fs::create_dir(&ghost).expect("it is our own");
    fs::set_permissions(&ghost, fs::Permissions::from_mode(0o700)).expect("it is our own");
    fs::write(ghost.join("lock"), "").expect("it is our own");
    let outcome = detached.nestns(&["ls", "-o", "name,state,ns"]);
    let found = rows(&outcome.stdout, &detached);
    assert!(found.contains(&"ghost|leftover|—".to_owned()), "{found:?}");
    assert!(
        outcome.stderr.contains("`nestns prune` removes"),
        "{}",
        outcome.stderr
    );
    assert!(ghost.join("lock").exists());
    fs::remove_dir_all(&ghost).expect("it is our own");
}
