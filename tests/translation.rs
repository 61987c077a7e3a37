//! Numbers between any two namespaces, both ways, against `NSpid` and the namespaces as the harness reads them.

use std::collections::HashMap;

use nestns_observe::host_snapshot::{HostSnapshot, Search};
use nestns_observe::translation::{self, Means};
use nestns_sys::namespace;
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::harness::chain;
use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, Truth};
use crate::harness::requirement::{nesting, require};

/// Chains beside fans, so that most numbers exist in many places.
const TREE: &str = r#"
[ns.@]
proc.p = { actor = "idle", count = 3 }
[ns."@/w"]
count = 12
proc.p = { actor = "idle", count = 2 }
proc.q = { actor = "idle", enter = "join" }
[ns."@/w/in"]
init = { actor = "idle" }
proc.q = { actor = "idle", enter = "join" }
[ns."@/w/in/last"]
init = "pause"
proc.p = { actor = "idle" }
"#;

/// The paths of a namespace and of those around it, from the host inward.
fn line(namespace: &str) -> Vec<String> {
    let names: Vec<&str> = namespace.split('/').collect();
    std::iter::once("host".to_owned())
        .chain((1..=names.len()).map(|count| names[..count].join("/")))
        .collect()
}

/// A chain of the greatest depth of the tests, with a forked and a joined process at every level.
fn chain() -> String {
    let processes =
        "proc.p = { actor = \"idle\" }\nproc.j = { actor = \"idle\", enter = \"join\" }\n";
    let levels: Vec<String> = (1..=31)
        .map(|level| format!("[ns.\"{}\"]\n{processes}", chain::path(level)))
        .collect();
    levels.concat()
}

/// The namespaces of a tree with the host's in front, each with the one around it, by inode and without the program's code.
fn namespaces(truth: &Truth) -> HashMap<u64, u64> {
    let own = kernel::own_pid_namespace();
    let members = truth.paths().into_iter().map(|path| truth.host_pid(&path));
    let below = members.map(|pid| {
        (
            kernel::namespace(pid, "pid").expect("it stands"),
            kernel::parent_namespace(pid),
        )
    });
    // The namespace around the host's is not known.
    below.chain([(own, 0)]).collect()
}

/// The PIDs of a process in every namespace that sees it, outermost first, by its `NSpid`.
fn expected(pid: i32, around: &HashMap<u64, u64>) -> Vec<(u64, i32)> {
    let own = kernel::namespace(pid, "pid").expect("it stands");
    let line = std::iter::successors(Some(own), |inode| {
        around.get(inode).copied().filter(|&outer| outer != 0)
    });
    let mut line: Vec<u64> = line.collect();
    line.reverse();
    let numbers = kernel::process(pid).expect("it stands").numbers;
    assert_eq!(line.len(), numbers.len(), "{pid}");
    line.into_iter().zip(numbers).collect()
}

/// Every process of a tree in every namespace of it and in the host's, both ways and by both means; how many questions that
/// are, and to how many the answer is that the process is not to be seen from there.
fn compare(truth: &Truth) -> (usize, usize) {
    let around = namespaces(truth);
    let machine = HostSnapshot::read(Search::Members).expect("/proc is mounted");
    let has_ioctl = translation::means() == Means::Ioctl;
    let (mut questions, mut invisible) = (0, 0);
    for path in truth.paths() {
        let pid = truth.host_pid(&path);
        let expected = expected(pid, &around);
        let chain = translation::chain(Pid::from_raw(pid)).expect("it stands");
        let chain: Vec<(u64, i32)> = chain
            .numbers
            .iter()
            .map(|one| (one.inode.expect("we may look"), one.number))
            .collect();
        assert_eq!(chain, expected, "{path}");
        let process = machine.process(pid).expect("it stands");
        for &inode in around.keys() {
            let id = machine.by_inode(inode).expect("it stands");
            let namespace = machine.space(id);
            let number = expected
                .iter()
                .find(|&&(seeing, _)| seeing == inode)
                .map(|&(_, number)| number);
            questions += 1;
            invisible += usize::from(number.is_none());
            // Inward: by /proc alone, as on a kernel that cannot be asked, and by the kernel's answer.
            assert_eq!(machine.number_in(process, id), number, "{path} in {inode}");
            if has_ioctl {
                let answer = namespace::pid_in(namespace, Pid::from_raw(pid)).map(Pid::as_raw);
                assert_eq!(answer, number.ok_or(Errno::ESRCH), "{path} in {inode}");
            }
            // And back, from what was answered.
            let Some(number) = number else { continue };
            questions += 1;
            let bearers = machine
                .bearers(number)
                .into_iter()
                .filter(|&(namespace, _)| namespace == Some(id));
            assert_eq!(
                bearers
                    .map(|(_, process)| process.pid())
                    .collect::<Vec<_>>(),
                [pid],
                "{number} in {inode}"
            );
            if has_ioctl {
                assert_eq!(
                    translation::bearer(namespace, number),
                    Ok(Some(Pid::from_raw(pid))),
                    "{number} in {inode}"
                );
            }
        }
    }
    // A PID that is not in use: the greatest that there can be is far away.
    for &inode in around
        .keys()
        .filter(|&&inode| inode != kernel::own_pid_namespace())
    {
        let id = machine.by_inode(inode).expect("it stands");
        assert!(
            machine
                .bearers(4_194_303)
                .iter()
                .all(|&(namespace, _)| namespace != Some(id)),
            "{inode}"
        );
        if has_ioctl {
            assert_eq!(
                translation::bearer(machine.space(id), 4_194_303),
                Ok(None),
                "{inode}"
            );
        }
    }
    (questions, invisible)
}

#[test]
fn ten_thousand_translations_agree_with_nspid() {
    require!(nesting());
    let (mut questions, mut invisible) = (0, 0);
    for_each_identity(|identity| {
        for topology in [TREE, &chain()] {
            let nest = Detached::up(Nest::new(topology).identity(identity));
            let (asked, unseen) = compare(&nest.truth());
            questions += asked;
            invisible += unseen;
        }
    });
    assert!(
        questions >= 10_000 && invisible >= 1_000,
        "{questions} questions, {invisible} about what is invisible"
    );
}

/// The first and the last few of many.
fn some(paths: Vec<String>) -> Vec<String> {
    let count = paths.len();
    paths
        .into_iter()
        .enumerate()
        .filter(|(place, _)| *place < 8 || place + 6 > count)
        .map(|(_, path)| path)
        .collect()
}

fn number(text: &str) -> i32 {
    text.trim_end()
        .parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number"))
}

#[test]
fn pid_and_whois_are_inverse() {
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(TREE).identity(identity));
        let truth: Truth = nest.truth();
        for path in some(truth.paths()) {
            let namespace = truth.process(&path)["ns"]
                .as_str()
                .expect("a path")
                .to_owned();
            let numbers = truth.pids(&path);
            let line = line(&namespace);
            let chain: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            let expected = format!("{}  ({})\n", chain.join("/"), line.join(" / "));
            assert_eq!(nest.run(&["pid", &path]), expected, "{identity:?}");
            assert_eq!(
                nest.run(&["pid", "-q", &path, "--in", "*"]),
                format!("{}\n", chain.join("/"))
            );
            let document = nest.document(&["pid", &path, "--format", "json"]);
            assert_eq!(
                (&document["schema"], &document["path"]),
                (&"nestns.pid/1".into(), &path.as_str().into())
            );
            assert_eq!(
                document["pids"].as_object().expect("an object").len(),
                numbers.len()
            );
            for (namespace, number_there) in line.iter().zip(numbers) {
                assert_eq!(
                    document["pids"][namespace], number_there,
                    "{identity:?} {path} in {namespace}"
                );
                assert_eq!(
                    number(&nest.run(&["pid", "-q", &path, "--in", namespace])),
                    number_there
                );
                // By number back to the host's, and to the name.
                let address = format!("{namespace}#{number_there}");
                assert_eq!(
                    number(&nest.run(&["pid", "-q", &address, "--in", "host"])),
                    truth.host_pid(&path)
                );
                let who = nest.run(&["whois", "-q", &number_there.to_string(), "--in", namespace]);
                assert_eq!(who, format!("{path}\n"), "{identity:?} {address}");
                assert_eq!(
                    nest.run(&["whois", "-q", &address]),
                    who,
                    "{identity:?} {address}"
                );
            }
        }
        assert_eq!(nest.nestns(&["whois", "host#1", "--in", "@"]).code, 2);
        assert_eq!(nest.nestns(&["whois", "host#no"]).code, 2);
        // A number that exists in many places.
        let document = nest.document(&["whois", "1", "--format", "json"]);
        assert_eq!(
            (&document["schema"], &document["number"]),
            (&"nestns.whois/1".into(), &1.into())
        );
        let matches = document["matches"].as_array().expect("a list").iter();
        let ours = matches.filter(|one| one["topology"] == nest.nest.root.as_str());
        assert_eq!(
            ours.count(),
            truth.0["namespaces"].as_array().expect("a list").len(),
            "{identity:?}: every PID 1"
        );
    });
}

#[test]
fn an_invisible_process_has_no_pid() {
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(TREE).identity(identity));
        let told = |arguments: &[&str], code: i32, words: &str| {
            let outcome = nest.nestns(arguments);
            assert_eq!(
                (outcome.code, outcome.stdout.as_str()),
                (code, ""),
                "{arguments:?}: {}",
                outcome.stderr
            );
            let words = words.replace('@', &nest.nest.root);
            assert!(
                outcome.stderr.contains(&words),
                "{arguments:?}: {}",
                outcome.stderr
            );
        };
        told(
            &["pid", "@/p.0", "--in", "@/w.0"],
            1,
            "`@/p.0` is not visible from `@/w.0`",
        );
        told(
            &["pid", "@/w.1/p.0", "--in", "@/w.0"],
            1,
            "visible from there and from the namespaces around that: `host`, `@`",
        );
        told(
            &["pid", "@/w.0/nobody"],
            1,
            "there is no namespace or process `@/w.0/nobody`",
        );
        told(
            &["pid", "@/w.0#4000"],
            1,
            "no process has the number 4000 in `@/w.0`",
        );
        told(
            &["pid", "host#4194304"],
            1,
            "there is no process `host#4194304`",
        );
        told(
            &["pid", "@/p.0", "--in", "@/p.1"],
            1,
            "`@/p.1` is a process",
        );
        told(
            &["whois", "4000", "--in", "@/w.0"],
            1,
            "no process has the number 4000",
        );
    });
}

#[test]
fn a_process_that_nestns_has_not_started_has_a_host_pid() {
    require!(nesting());
    let nest = Nest::new("[ns.@]\n");
    let own = std::process::id();
    let run = |arguments: &[&str]| {
        let output = nest
            .command(arguments)
            .output()
            .expect("the program was built");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
        )
    };
    let address = format!("host#{own}");
    assert_eq!(
        run(&["pid", &address]),
        (Some(0), format!("{own}  (host)\n"))
    );
    let document: serde_json::Value =
        serde_json::from_str(&run(&["pid", &address, "--format", "json"]).1).expect("one");
    assert_eq!(
        (&document["path"], &document["pids"]["host"]),
        (&address.as_str().into(), &own.into())
    );
    let (code, who) = run(&["whois", &own.to_string(), "--in", "host", "-q"]);
    assert_eq!((code, who), (Some(0), format!("{address}\n")));
    // Its namespace is called as /proc calls it.
    let inode = kernel::own_pid_namespace();
    assert_eq!(
        run(&["pid", &address, "--in", &format!("pid:[{inode}]")]).1,
        format!("{own}\n")
    );
}
