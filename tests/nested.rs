//! nestns inside nestns.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::lines::answer;
use crate::harness::nest::{Nest, program};

/// Three levels, the innermost runs a script with a state directory of its own.
fn outer(script: &str) -> String {
    let script = format!("export NESTNS_STATE_ROOT=$XDG_RUNTIME_DIR/inner; {script}");
    let script = script.replace("NESTNS ", &format!("{} ", program().display()));
    format!(
        "[ns.@]\n[ns.\"@/l2\"]\n[ns.\"@/l2/l3\"]\nproc.inner = {{ sh = {script:?}, oneshot = true }}\n"
    )
}

#[test]
fn a_run_inside_a_tree_has_its_pids_and_returns_its_status() {
    for_each_identity(|identity| {
        let script = "NESTNS run --depth 2 -- sh -c 'echo inside $$ $PPID; exit 7'; echo status $?";
        let mut running = Nest::new(&outer(script)).identity(identity).up();
        assert_eq!(answer(&mut running, "inside "), "2 1", "{identity:?}");
        assert_eq!(answer(&mut running, "status "), "7", "{identity:?}");
        let ended = running.wait();
        assert_eq!(ended.code, 0, "{identity:?}: {}", ended.stderr);
    });
}

#[test]
fn a_tree_inside_a_tree_is_below_it_and_is_stopped_with_it() {
    for_each_identity(|identity| {
        let tells = "echo inside $$ $PPID; exec sleep 1000";
        let inner =
            format!("[ns.in]\ninit = \"pause\"\n[ns.\"in/deep\"]\nproc.p = {{ sh = {tells:?} }}\n");
        let nest =
            Nest::new(&outer("exec NESTNS up --progress plain inner.toml")).identity(identity);
        std::fs::write(nest.directory.path().join("inner.toml"), inner)
            .expect("the directory is writable");
        let mut running = nest.up();
        let truth = running.until_running();
        let root = running.nest.root.clone();
        answer(&mut running, "in/deep/p  │ inside 2 1");
        let processes = kernel::descendants(running.pid().as_raw());
        let deepest = processes
            .iter()
            .max_by_key(|process| process.numbers.len())
            .expect("there are some");
        assert_eq!(
            (deepest.numbers.len(), &deepest.numbers[4..]),
            (6, [3, 2].as_slice()),
            "{identity:?}: {deepest:?}"
        );
        let innermost = kernel::namespace(truth.host_pid(&format!("{root}/l2/l3/init")), "pid");
        let inner_root = processes
            .iter()
            .find(|process| process.numbers.len() == 5 && process.numbers[4] == 1);
        let inner_root = inner_root.expect("the root of the inner tree");
        assert_eq!(
            Some(kernel::parent_namespace(inner_root.pid)),
            innermost,
            "{identity:?}"
        );
        // Two processes in each of the inner namespaces at most, and none deeper.
        let namespaces: HashSet<_> = processes
            .iter()
            .filter_map(|process| kernel::namespace(process.pid, "pid"))
            .collect();
        assert_eq!(
            namespaces.len(),
            6,
            "the host's, three and two: {identity:?}"
        );
        let ended = running.stop();
        assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
        assert!(
            !ended.stderr.contains("killed at deadline"),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}

#[test]
fn exceeding_the_remaining_levels_names_the_nesting_limit() {
    for_each_identity(|identity| {
        let program = program().to_str().expect("our own path");
        let words = [
            "run", "--depth", "20", "--", program, "run", "--depth", "20", "--", "true",
        ];
        let ended = Nest::new("").identity(identity).start_verb(&words).wait();
        assert_eq!(ended.code, 125, "{identity:?}: {}", ended.stderr);
        assert!(
            ended
                .stderr
                .contains("the nesting limit is reached at level 13"),
            "{identity:?}: {}",
            ended.stderr
        );
        assert!(
            ended
                .stderr
                .contains("`l1/l2/l3/l4/l5/l6/l7/l8/l9/l10/l11/l12/l13`"),
            "{}",
            ended.stderr
        );
        let mut inner = String::new();
        let mut path = "n1".to_owned();
        for level in 2..=21 {
            writeln!(inner, "[ns.{path:?}]").expect("memory");
            write!(path, "/n{level}").expect("memory");
        }
        let nest = Nest::new(&inner).identity(identity);
        let file = nest.file_name().to_owned();
        let ended = nest
            .start_verb(&["run", "--depth", "20", "--", program, "up", &file])
            .wait();
        assert_eq!(ended.code, 4, "{identity:?}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("nesting limit"),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}

#[test]
fn runs_in_two_trees_that_share_a_state_directory_do_not_take_each_others_name() {
    for_each_identity(|identity| {
        // Both inner ones have the number 2 of their own namespace.
        let script = format!(
            "exec {} run -- sh -c 'echo up; exec sleep 1000'",
            program().display()
        );
        let mut running = Nest::new(&format!(
            "[ns.@-a]\nproc.p = {{ sh = {script:?} }}\n[ns.@-b]\nproc.p = {{ sh = {script:?} }}\n"
        ))
        .identity(identity)
        .up();
        running.until("both run", |nest| {
            (crate::harness::lines::lines(nest)
                .iter()
                .filter(|line| *line == "up")
                .count()
                == 2)
                .then_some(())
        });
        assert_eq!(running.stop().code, 130);
    });
}
