//! Many namespaces under a tight limit on descriptors: their parent holds few.
#![allow(unsafe_code)]

use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::{Nest, Running};

/// Bound of the descriptors of a process that still forks: standard ones, those of the layout, and a few of its own.
const FEW: usize = 16;

/// Starts `up` under a hard limit on descriptors.
fn up_under(limit: u64, topology: &str, identity: Identity) -> Running {
    let nest = Nest::new(topology).identity(identity);
    let file = nest.file_name().to_owned();
    let mut command = nest.command(&["up", &file, "--quiet"]);
    // SAFETY: one system call between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
            Ok(setrlimit(
                Resource::RLIMIT_NOFILE,
                soft.min(1024),
                hard.min(limit),
            )?)
        });
    }
    nest.start(command)
}

fn siblings() -> usize {
    if cfg!(debug_assertions) && std::env::var_os("NESTNS_LONG").is_none() {
        2_000
    } else {
        10_000
    }
}

/// The descendants of a process whose namespaces are so many levels below its own.
fn at_level(ancestor: i32, level: usize) -> Vec<kernel::Process> {
    kernel::descendants(ancestor)
        .into_iter()
        .filter(|process| process.numbers.len() == level + 1)
        .collect()
}

#[test]
fn thousands_of_siblings_run_and_their_parent_holds_few_descriptors() {
    for_each_identity(|identity| {
        let count = siblings();
        let mut topology = format!(
            "[limits]\nnamespaces = {}\nprocesses = {}\n[ns.@]\n",
            count + 1,
            count + 1
        );
        for sibling in 0..count {
            writeln!(topology, "[ns.\"@/w{sibling}\"]\ninit = \"pause\"").expect("memory");
        }
        let mut running = up_under(20_000, &topology, identity);
        let controller = running.pid().as_raw();
        // The root's PID 1, as soon as there is one: a member of a namespace of its own, and the controller's child.
        let forks = running.until("the root has a PID 1", |_| {
            let mut all = kernel::processes().into_iter();
            all.find(|process| process.parent == controller && process.numbers.len() == 2)
                .map(|process| process.pid)
        });
        let (mut looks, mut most) = (0, 0);
        let truth = running.until("the tree stands", |nest| {
            if let Some(open) = kernel::descriptors(forks) {
                looks += 1;
                most = most.max(open);
            }
            let directory = std::fs::read_dir(nest.state())
                .ok()?
                .flatten()
                .next()?
                .path();
            std::fs::read(directory.join("truth.json")).ok()
        });
        let truth: serde_json::Value = serde_json::from_slice(&truth).expect("a document");
        assert!(
            looks > 1 && most <= FEW,
            "{identity:?}: {most} descriptors in {looks} looks"
        );
        let namespaces = truth["namespaces"].as_array().expect("a list");
        let inodes: std::collections::HashSet<_> = namespaces
            .iter()
            .map(|namespace| namespace["pidns"].as_u64())
            .collect();
        assert_eq!(
            (namespaces.len(), inodes.len()),
            (count + 1, count + 1),
            "{identity:?}"
        );
        let after = kernel::descriptors(forks).expect("it lives");
        assert!(after <= FEW, "{identity:?}: {after}");
        // What has made them may be about to end.
        running.until("every sibling has one process", |_| {
            (at_level(controller, 2).len() == count).then_some(())
        });
        let ended = running.stop();
        assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
    });
}

#[test]
fn a_thousand_roots_run() {
    for_each_identity(|identity| {
        let mut topology = String::new();
        for root in 0..1_000 {
            writeln!(topology, "[ns.@-{root}]").expect("memory");
        }
        let mut running = up_under(20_000, &topology, identity);
        let truth = running.until_running();
        let controller = running.pid().as_raw();
        assert_eq!(truth.paths().len(), 1_000);
        let held = kernel::descriptors(controller).expect("it lives");
        assert!(held <= 64, "{identity:?}: {held}");
        running.until("every root has one process", |_| {
            (at_level(controller, 1).len() == 1_000).then_some(())
        });
        assert!(
            at_level(controller, 1)
                .iter()
                .all(|root| root.parent == controller),
            "{identity:?}"
        );
        let ended = running.stop();
        assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
    });
}
