//! Numbers, parents and /proc, at the depths 1, 2, 5 and 31: read from outside, and told by programs inside.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use crate::harness::blueprint::{Blueprint, Enter, Init, Namespace};
use crate::harness::chain::{DEPTHS, paths};
use crate::harness::identity::{for_each_identity, identities};
use crate::harness::kernel;
use crate::harness::lines::answer;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require, root};

#[test]
fn a_chain_of_any_depth_has_the_documented_pids_and_parents() {
    require!(nesting());
    for depth in DEPTHS {
        for (identity, init) in identities().into_iter().flat_map(|identity| {
            [Init::Builtin, Init::Pause, Init::Actor, Init::Program].map(|init| (identity, init))
        }) {
            let namespace = |(index, path): (usize, String)| Namespace {
                path,
                parent: index.checked_sub(1),
                init,
                processes: vec![Enter::Fork, Enter::Join],
            };
            let blueprint = Blueprint(
                paths(depth)
                    .into_iter()
                    .enumerate()
                    .map(namespace)
                    .collect(),
            );
            let mut running = Nest::new(&blueprint.topology()).identity(identity).up();
            let truth = running.until_running();
            blueprint.confirm(&running, &truth);
            blueprint.until_term_is_handled(&mut running, &truth);
            let root = running.nest.root.clone();
            for (index, path) in paths(depth).iter().enumerate() {
                let path = path.replace('@', &root);
                // Three a level, in the order of the file; on the level itself it begins anew.
                for (place, name) in ["init", "p0", "p1"].into_iter().enumerate() {
                    let expected: Vec<i32> = (0..=index)
                        .map(|level| i32::try_from(3 * (index - level) + place + 1).expect("small"))
                        .collect();
                    assert_eq!(
                        truth.pids(&format!("{path}/{name}"))[1..],
                        expected,
                        "{path}/{name}"
                    );
                }
                let init =
                    kernel::process(truth.host_pid(&format!("{path}/init"))).expect("it lives");
                assert_eq!(
                    (init.numbers.len(), init.numbers.last()),
                    (index + 2, Some(&1)),
                    "{path}"
                );
            }
            assert_eq!(running.stop().code, 130, "{identity:?} {init:?} {depth}");
        }
    }
}

#[test]
fn a_program_sees_its_own_pid_its_parent_and_exactly_the_members_below() {
    require!(nesting());
    for depth in DEPTHS {
        for identity in identities() {
            let mut topology = String::new();
            for (index, path) in paths(depth).iter().enumerate() {
                writeln!(topology, "[ns.{path:?}]").expect("memory");
                for (name, enter) in [("forked", "fork"), ("joined", "join")] {
                    // No fork, and no exit: what one sees is what all see.
                    let tells = format!(
                        "set -- /proc/[0-9]*; echo {name} {index} self $$ $PPID; echo {name} {index} seen $*; exec sleep 1000"
                    );
                    writeln!(
                        topology,
                        "proc.{name} = {{ sh = {tells:?}, enter = {enter:?} }}"
                    )
                    .expect("memory");
                }
            }
            let mut running = Nest::new(&topology).identity(identity).up();
            let truth = running.until_running();
            let root = running.nest.root.clone();
            for (index, path) in paths(depth)
                .iter()
                .map(|path| path.replace('@', &root))
                .enumerate()
            {
                let level = index + 1;
                let inside = |other: &str| other == path || other.starts_with(&format!("{path}/"));
                let members: BTreeSet<i32> = truth
                    .paths()
                    .iter()
                    .filter(|path| inside(path))
                    .map(|path| truth.pids(path)[level])
                    .collect();
                assert_eq!(members.len(), 3 * (depth - index));
                for (name, parent) in [("forked", 1), ("joined", 0)] {
                    let process = format!("{path}/{name}");
                    let number = truth.pids(&process)[level];
                    let own = answer(&mut running, &format!("{name} {index} self "));
                    assert_eq!(own, format!("{number} {parent}"), "{identity:?} {process}");
                    let seen = answer(&mut running, &format!("{name} {index} seen "));
                    let seen: BTreeSet<i32> = seen
                        .split(' ')
                        .map(|entry| {
                            entry
                                .trim_start_matches("/proc/")
                                .parse()
                                .expect("a number")
                        })
                        .collect();
                    assert_eq!(seen, members, "{identity:?} {process}");
                }
            }
            assert_eq!(running.stop().code, 130);
        }
    }
}

#[test]
fn a_proc_read_from_the_host_lists_the_same_members() {
    require!(root());
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.a = { actor = \"idle\" }\n[ns.\"@/in\"]\ninit = \"pause\"\nproc.b = { actor = \"idle\", enter = \"join\" }\n";
        let mut running = Nest::new(topology).identity(identity).up();
        let truth = running.until_running();
        let root = running.nest.root.clone();
        for (path, expected) in [
            (root.clone(), vec![1, 2, 3, 4]),
            (format!("{root}/in"), vec![1, 2]),
        ] {
            let proc = format!(
                "/proc/{}/root/proc",
                truth.host_pid(&format!("{path}/init"))
            );
            let entries = std::fs::read_dir(proc).expect("root may look").flatten();
            let found: BTreeSet<i32> = entries
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .collect();
            assert_eq!(
                found.into_iter().collect::<Vec<_>>(),
                expected,
                "{identity:?} {path}"
            );
        }
        running.stop();
    });
}

#[test]
fn a_wide_tree_has_the_structure_of_the_file() {
    // Three levels of three: 39 namespaces.
    let mut namespaces: Vec<Namespace> = Vec::new();
    let mut plant = |path: String, parent| {
        namespaces.push(Namespace {
            path,
            parent,
            init: Init::Builtin,
            processes: vec![Enter::Fork],
        });
        namespaces.len() - 1
    };
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for root in 0..3 {
        let at = plant(format!("@-{root}"), None);
        last.insert(format!("@-{root}"), at);
    }
    for _ in 1..3 {
        for (path, parent) in std::mem::take(&mut last) {
            for child in 0..3 {
                let path = format!("{path}/n{child}");
                let at = plant(path.clone(), Some(parent));
                last.insert(path, at);
            }
        }
    }
    assert_eq!(
        namespaces
            .iter()
            .map(|namespace| &namespace.path)
            .collect::<HashSet<_>>()
            .len(),
        39
    );
    let blueprint = Blueprint(namespaces);
    for_each_identity(|identity| {
        let mut running = Nest::new(&blueprint.topology()).identity(identity).up();
        let truth = running.until_running();
        blueprint.confirm(&running, &truth);
        blueprint.until_term_is_handled(&mut running, &truth);
        assert_eq!(running.stop().code, 130);
    });
}
