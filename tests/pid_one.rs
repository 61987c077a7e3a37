//! The kernel's rule about PID 1 (a signal without a handler is dropped) in a stop, and the processes inside a
//! namespace that may stop it.

use crate::harness::chain::{DEPTHS, chain, path};
use crate::harness::document::{step, timeline};
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;

#[test]
fn a_program_without_a_handler_is_killed_at_its_deadline_and_not_before() {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            let topology = format!(
                "{}init = [\"sleep\", \"1000\"]\nstop = {{ grace = \"1s\" }}\nproc.beside = {{ cmd = \"sleep 1000\" }}\n",
                chain(depth)
            );
            let mut running = Nest::new(&topology)
                .identity(identity)
                .arguments(&["--format", "json"])
                .up();
            let at = path(depth).replace('@', &running.nest.root);
            let truth = running.until_running();
            for process in ["init", "beside"] {
                let pid = truth.host_pid(&format!("{at}/{process}"));
                running.until("the program runs", |_| {
                    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
                    (comm == "sleep\n").then_some(())
                });
            }
            let ended = running.stop();
            assert_eq!(
                ended.code, 130,
                "{identity:?}, depth {depth}: {}",
                ended.stderr
            );
            let timeline = timeline(&ended);
            let init = step(&timeline, &ended, &format!("{}/init", path(depth)));
            let context = format!("{identity:?}, depth {depth}: {timeline:#}");
            assert_eq!(
                (
                    &init["signal"],
                    &init["handled"],
                    &init["how"],
                    &init["code"]
                ),
                (
                    &"TERM".into(),
                    &false.into(),
                    &"killed at deadline".into(),
                    &137.into()
                ),
                "{context}"
            );
            let ended_ms = init["ended_ms"].as_f64().expect("it has ended");
            assert!((1000.0..1900.0).contains(&ended_ms), "{context}");
            // For its neighbour, no PID 1, the default action is what it is everywhere.
            let beside = step(&timeline, &ended, &format!("{}/beside", path(depth)));
            assert_eq!(
                (&beside["handled"], &beside["how"]),
                (&true.into(), &"signalled".into()),
                "{context}"
            );
            assert!(
                beside["ended_ms"].as_f64().expect("it has ended") < 1000.0,
                "{context}"
            );
        }
    });
}

#[test]
fn the_table_names_who_inside_requested_the_stop() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\ninit = [\"sleep\", \"1000\"]\nstop = { grace = \"300ms\" }\n";
        let mut running = Nest::new(topology).identity(identity).up();
        let root = running.nest.root.clone();
        let pid = running.until_running().host_pid(&format!("{root}/init"));
        running.until("the program runs", |_| {
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (comm == "sleep\n").then_some(())
        });
        let ended = running.stop();
        let line = ended
            .stderr
            .lines()
            .find(|line| line.starts_with(&format!("{root}/init  TERM, not handled  ")));
        let line = line.unwrap_or_else(|| panic!("{identity:?}: {}", ended.stderr));
        assert!(
            line.ends_with("  killed at deadline"),
            "{identity:?}: {line}"
        );
    });
}

#[test]
fn term_from_inside_stops_only_that_namespace_and_the_sender_is_named() {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            for init in ["builtin", "pause"] {
                if init == "pause" && depth == 1 {
                    // A pause namespace that was alone would end the tree.
                    continue;
                }
                let enter = if init == "pause" { "join" } else { "fork" };
                let topology = format!(
                    "[ns.\"@-host\"]\nproc.stays = {{ actor = \"idle\" }}\n{}init = \"{init}\"\n\
                     proc.first = {{ actor = \"idle\", enter = \"{enter}\" }}\n\
                     proc.killer = {{ sh = \"kill 1; sleep 1000\", enter = \"{enter}\" }}\n",
                    chain(depth)
                );
                let mut running = Nest::new(&topology).identity(identity).up();
                let at = path(depth).replace('@', &running.nest.root);
                let truth = running.until_running();
                // The sender is PID 3, behind PID 1 and the first process.
                running.until_stderr_has(&match init {
                    "pause" => format!("`{at}/init` left on TERM from PID 3 inside it;"),
                    _ => format!("`{at}/init` was asked to stop by PID 3 inside it\n"),
                });
                for process in ["killer", "first", "init"] {
                    let pid = truth.host_pid(&format!("{at}/{process}"));
                    running.until(&format!("{process} is gone"), |_| {
                        (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(())
                    });
                }
                let stays = truth.host_pid(&format!("{}-host/stays", running.nest.root));
                assert!(
                    std::path::Path::new(&format!("/proc/{stays}")).exists(),
                    "{identity:?}, depth {depth}"
                );
                let ended = running.stop();
                let context = format!("{identity:?}, depth {depth}, {init}: {}", ended.stderr);
                assert_eq!(ended.code, 130, "{context}");
                // What was asked to end has not failed.
                assert!(!ended.stderr.contains("error"), "{context}");
            }
        }
    });
}

#[test]
fn the_timeline_names_who_inside_requested_the_stop() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.stays = { actor = \"idle\" }\n[ns.\"@/in\"]\nstop = { grace = \"1s\" }\n\
                        proc.deaf = { sh = \"trap '' TERM; kill 1; exec sleep 1000\" }\n";
        let mut running = Nest::new(topology)
            .identity(identity)
            .arguments(&["--format", "json"])
            .up();
        let root = running.nest.root.clone();
        running.until_stderr_has(&format!(
            "`{root}/in/init` was asked to stop by PID 2 inside it\n"
        ));
        let ended = running.stop();
        let timeline = timeline(&ended);
        let asked = step(&timeline, &ended, "@/in/init");
        assert_eq!(
            (&asked["asked_by_pid"], &asked["handled"]),
            (&2.into(), &true.into()),
            "{identity:?}: {timeline:#}"
        );
        let deaf = step(&timeline, &ended, "@/in/deaf");
        assert_eq!(
            (&deaf["how"], &deaf["handled"]),
            (&"killed at deadline".into(), &false.into()),
            "{identity:?}: {timeline:#}"
        );
        assert!(
            step(&timeline, &ended, "@/init")["asked_by_pid"].is_null(),
            "{identity:?}: {timeline:#}"
        );
    });
}

#[test]
fn kill_1_in_the_root_ends_the_tree_successfully() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.killer = { sh = \"kill 1; sleep 1000\" }\n[ns.\"@/in\"]\nproc.x = { actor = \"idle\" }\n";
        let ended = Nest::new(topology).identity(identity).up().wait();
        let told = format!(
            "`{}/init` was asked to stop by PID 2 inside it\n",
            ended.nest.root
        );
        assert!(
            ended.stderr.contains(&told),
            "{identity:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.code, 0, "{identity:?}: {}", ended.stderr);
    });
}
