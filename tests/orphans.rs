//! PID 1 reaps what others leave behind, at every depth.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use crate::harness::chain::{DEPTHS, paths};
use crate::harness::identity::{for_each_identity, identities};
use crate::harness::kernel;
use crate::harness::lines::answer;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};
use crate::harness::wait::within;

#[test]
fn a_hundred_orphans_of_mixed_lifetimes_are_reaped() {
    require!(nesting());
    for depth in DEPTHS {
        for (identity, init) in identities()
            .into_iter()
            .flat_map(|it| [(it, "builtin"), (it, "pause")])
        {
            // Each is left by a subshell that ends at once: from 0 to 0.99 seconds, ten of them at a time.
            let makes = "i=0; while [ $i -lt 100 ]; do (sleep 0.$((i % 10))$((i / 10)) &); i=$((i + 1)); done; \
                         echo left; exec sleep 1000";
            let mut topology = String::new();
            let chain = paths(depth);
            for path in &chain {
                writeln!(topology, "[ns.{path:?}]\ninit = {init:?}").expect("memory");
            }
            writeln!(topology, "proc.forked = {{ sh = {makes:?} }}").expect("memory");
            writeln!(
                topology,
                "proc.joined = {{ sh = {makes:?}, enter = \"join\" }}"
            )
            .expect("memory");
            let mut running = Nest::new(&topology).identity(identity).up();
            let truth = running.until_running();
            let controller = running.pid().as_raw();
            let root = running.nest.root.clone();
            let declared: BTreeSet<i32> = truth
                .paths()
                .iter()
                .map(|path| truth.host_pid(path))
                .collect();
            let reaper = truth.host_pid(&format!(
                "{}/init",
                chain.last().expect("one").replace('@', &root)
            ));
            let strangers = || {
                let all = kernel::descendants(controller).into_iter();
                // The guardian is a child of the controller, outside the tree.
                all.filter(|process| !declared.contains(&process.pid) && process.numbers.len() > 1)
                    .collect::<Vec<_>>()
            };
            answer(&mut running, "left");
            for orphan in strangers() {
                let left = orphan.parent == reaper;
                // The other one may still be making its own.
                assert!(
                    left || orphan.parent != controller,
                    "{identity:?} {init} {depth}: {orphan:?}"
                );
            }
            running.until("both have left theirs", |nest| {
                (crate::harness::lines::lines(nest)
                    .iter()
                    .filter(|line| *line == "left")
                    .count()
                    == 2)
                    .then_some(())
            });
            // The last of them sleeps for a second.
            within(Duration::from_secs(20), || {
                strangers().is_empty().then_some(())
            })
            .unwrap_or_else(|| panic!("{identity:?} {init} {depth}: {:?}", strangers()));
            let zombies: Vec<_> = kernel::descendants(controller)
                .into_iter()
                .filter(|process| process.state == 'Z')
                .collect();
            assert!(
                zombies.is_empty(),
                "{identity:?} {init} {depth}: {zombies:?}"
            );
            assert_eq!(running.stop().code, 130);
        }
    }
}

/// A reaped orphan is in the events, with its PID in the namespace and its exit.
#[test]
fn reaped_orphans_are_reported() {
    let topology = r#"
[ns.@]
[ns."@/in"]
proc.one = { sh = "(sh -c 'echo $$ > DIRECTORY/orphan.part; mv DIRECTORY/orphan.part DIRECTORY/orphan; sleep 0.1; exit 7' &) ; sleep 1000" }
"#;
    for_each_identity(|identity| {
        let detached =
            crate::harness::detached::Detached::up(Nest::new(topology).identity(identity));
        let number: i64 = detached.until("it has told its number", |detached| {
            std::fs::read_to_string(detached.nest.directory.path().join("orphan"))
                .ok()?
                .trim()
                .parse()
                .ok()
        });
        let events = detached
            .nest
            .state()
            .join(&detached.nest.root)
            .join("events.jsonl");
        let event = detached.until("its end is told", |_| {
            let text = std::fs::read_to_string(&events).ok()?;
            let events = text
                .lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            events
                .into_iter()
                .find(|event| event["event"] == "reparent" && event["pid"] == number)
        });
        assert_eq!(event["exit"], serde_json::json!({ "code": 7 }));
        assert_eq!(event["path"], format!("{}/in/init", detached.nest.root));
    });
}
