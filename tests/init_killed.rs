//! KILL of a PID 1 near the top takes everything below it, at once, and `up` says so.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::chain::paths;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::kernel;
use crate::harness::lines::answer;
use crate::harness::nest::Nest;
use crate::harness::wait::within;

/// Kills the PID 1 of one level of a chain of ten, and gives how `up` ended.
fn collapse(identity: Identity, level: usize, init: &str) {
    let mut topology = String::new();
    for (index, path) in paths(10).iter().enumerate() {
        writeln!(
            topology,
            "[ns.{path:?}]\ninit = {init}\nproc.idle = {{ actor = \"idle\" }}"
        )
        .expect("memory");
        // A process that no supervisor knows: an orphan in a session of its own, with all signals but KILL ignored.
        let lost = format!(
            "(trap '' TERM HUP INT; exec setsid sleep 1000) & echo lost {index}; exec sleep 1000"
        );
        writeln!(topology, "proc.lost = {{ sh = {lost:?} }}").expect("memory");
    }
    let mut running = Nest::new(&topology).identity(identity).up();
    let truth = running.until_running();
    for index in 0..10 {
        answer(&mut running, &format!("lost {index}"));
    }
    let root = running.nest.root.clone();
    let controller = running.pid().as_raw();
    let doomed: HashSet<u64> = paths(10)[level - 1..]
        .iter()
        .map(|path| truth.host_pid(&format!("{}/init", path.replace('@', &root))))
        .map(|pid| kernel::namespace(pid, "pid").expect("it lives"))
        .collect();
    let victims = kernel::members(&doomed);
    assert!(
        victims.len() >= 4 * (11 - level),
        "three of the file and an orphan each: {victims:?}"
    );
    let init = format!("{}/init", paths(10)[level - 1].replace('@', &root));
    kill(Pid::from_raw(truth.host_pid(&init)), Signal::SIGKILL).expect("it lives");
    let began = Instant::now();
    // A tenth of this is the aim; a loaded machine gets the rest.
    let limit = Duration::from_secs(10);
    // The PIDs may be reused by now, but not below the same controller.
    let survive = || {
        kernel::descendants(controller)
            .iter()
            .any(|process| victims.contains(&process.pid))
    };
    within(limit, || (!survive()).then_some(()))
        .unwrap_or_else(|| panic!("{identity:?}: {:?}", kernel::descendants(controller)));
    let ended = running.wait();
    assert!(
        began.elapsed() < limit,
        "{identity:?} {level}: {:?}",
        began.elapsed()
    );
    assert_eq!(ended.code, 137, "{identity:?} {level}: {}", ended.stderr);
    assert!(
        ended.stderr.contains(&init) && ended.stderr.contains("KILL"),
        "{identity:?} {level}: who and by what is said: {}",
        ended.stderr
    );
    let survivors = kernel::members(&doomed);
    assert!(
        survivors.is_disjoint(&victims),
        "{identity:?}: {survivors:?}"
    );
}

#[test]
fn killing_a_root_init_kills_the_whole_chain() {
    for_each_identity(|identity| {
        collapse(identity, 1, "\"builtin\"");
        collapse(identity, 1, "\"pause\"");
        collapse(identity, 1, "{ actor = \"idle\" }");
    });
}

#[test]
fn killing_an_inner_init_kills_what_is_below_and_stops_the_rest() {
    for_each_identity(|identity| {
        collapse(identity, 5, "\"builtin\"");
        collapse(identity, 10, "\"pause\"");
    });
}
