//! Forged reports, malformed ones, floods, and unexpected descriptors, through every channel that a program
//! can take from the PID 1 of its namespace.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::Instant;

use nestns_runtime::engine::failure::{Failure, Stage};
use nestns_runtime::engine::plan::{NamespaceIndex, ProcessKey, Slot};
use nestns_runtime::engine::report::{Ending, Report, StopManner, StopRequest};
use nestns_sys::moment::Moment;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, for_each_identity, identities};
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, nesting, require};
use crate::harness::socket::Socket;
use crate::harness::wait::TIMEOUT;

/// The attacker: a program with the rights of any other.
const ATTACK: &str = include_str!("reports.py");

/// Position of the attacker: the tree, the namespaces that it has no right over, its own one.
struct Place {
    topology: &'static str,
    attacker: &'static str,
    /// Indices of the namespaces around the attacker and beside it.
    others: &'static [NamespaceIndex],
    own: NamespaceIndex,
    victim: &'static str,
}

const ONE: Place = Place {
    topology: "name = '@'\non_exit = 'ignore'\n[ns.@]\nproc.attacker = { cmd = ['/usr/bin/python3', 'DIRECTORY/attack.py', 'DIRECTORY'] }\n\
               [ns.@-v]\nproc.one = { actor = 'idle', essential = false }\nproc.two = { actor = 'idle' }\n\
               proc.late = { actor = 'idle', after = { two = 'exited' } }\n",
    attacker: "@",
    others: &[1],
    own: 0,
    victim: "@-v",
};

const THREE: Place = Place {
    topology: "name = '@'\non_exit = 'ignore'\n[ns.@]\nproc.one = { actor = 'idle' }\n[ns.'@/x']\nproc.one = { actor = 'idle' }\n\
               [ns.'@/x/y']\nproc.attacker = { cmd = ['/usr/bin/python3', 'DIRECTORY/attack.py', 'DIRECTORY'] }\n\
               [ns.'@/x/z']\nproc.one = { actor = 'idle', essential = false }\nproc.two = { actor = 'idle' }\n\
               proc.late = { actor = 'idle', after = { two = 'exited' } }\n",
    attacker: "@/x/y",
    others: &[0, 1, 3],
    own: 2,
    victim: "@/x/z",
};

/// Nothing is declared where the attacker comes to, so that PID 1 there has the channel that the tree was built with.
const EMPTY: Place = Place {
    topology: "name = '@'\non_exit = 'ignore'\n[ns.@]\ninit = 'pause'\n[ns.@-v]\nproc.one = { actor = 'idle', essential = false }\n\
               proc.two = { actor = 'idle' }\nproc.late = { actor = 'idle', after = { two = 'exited' } }\n",
    attacker: "@",
    others: &[1],
    own: 0,
    victim: "@-v",
};

fn encode(report: Report) -> String {
    let message = postcard::to_extend(&[report][..], vec![1_u8]).expect("it can be written");
    message.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

/// Every report there is about a process and about its namespace.
fn all_about(namespace: NamespaceIndex) -> Vec<Report> {
    let at = Moment::now();
    let ending = Ending::Exited(3);
    let mut all = vec![
        Report::Created { namespace },
        Report::Line { namespace },
        Report::Orphan {
            namespace,
            number: 77,
            ending,
        },
        Report::Orphans {
            namespace,
            count: 7,
        },
        Report::Stopping {
            namespace,
            request: StopRequest {
                sender: 5,
                signal: 15,
                at,
            },
            manner: StopManner::Leaving,
        },
        Report::NotAsked {
            namespace,
            count: 7,
        },
    ];
    let subjects = [0, 1, 2, 3, 99, u32::MAX]
        .map(Slot::nth)
        .into_iter()
        .chain([
            Slot::Process(u32::MAX),
            Slot::RunCommand,
            Slot::Exec(1),
            Slot::Probe(0),
            Slot::StopCommand(0),
        ])
        .map(|slot| ProcessKey { namespace, slot });
    for subject in subjects {
        all.extend([
            Report::Channel { subject },
            Report::AtGate { subject },
            Report::Starting {
                subject,
                stdout: true,
                stderr: true,
                ready: false,
            },
            Report::Failed(Failure::new(subject, Stage::Died, Errno::EIO)),
            Report::Failed(Failure::with(
                subject,
                Stage::Panic,
                Errno::EIO,
                "forged\r\x1b[2J",
            )),
            Report::Asked {
                subject,
                signal: 15,
                at,
            },
            Report::Preparing { subject, at },
            Report::Killed { subject, at },
            Report::Ended {
                subject,
                ending,
                at,
            },
        ]);
    }
    all
}

/// The messages of an attacker: about processes that it has no right over, and about namespaces that do not exist.
fn payloads(place: &Place) -> String {
    let nowhere = [4_000_000, u32::MAX, u32::MAX - 1];
    let mut lines: Vec<String> = place
        .others
        .iter()
        .chain(&nowhere)
        .flat_map(|&index| all_about(index))
        .map(encode)
        .collect();
    // How its own PID 1 has ended is not for it to say either.
    let (subject, at) = (ProcessKey::init(place.own), Moment::now());
    lines.push(encode(Report::Ended {
        subject,
        ending: Ending::Exited(0),
        at,
    }));
    lines.push(encode(Report::Channel { subject }));
    lines.join("\n")
}

fn prepare(place: &Place, identity: Identity) -> Nest {
    let nest = Nest::new(place.topology)
        .identity(identity)
        .arguments(&["--no-wait"]);
    fs::write(nest.directory.path().join("attack.py"), ATTACK).expect("it is our own");
    fs::write(nest.directory.path().join("payloads"), payloads(place)).expect("it is our own");
    nest
}

fn snapshot(detached: &Detached) -> Value {
    let directory = detached.nest.state().join(&detached.nest.root);
    Socket::connect(&directory).call(&json!("snapshot"))["snapshot"].clone()
}

fn state(snapshot: &Value, path: &str) -> String {
    let processes = snapshot["processes"].as_array().expect("it has them");
    let found = processes.iter().find(|process| process["path"] == path);
    found.unwrap_or_else(|| panic!("no {path} in {snapshot}"))["state"]
        .as_str()
        .unwrap_or("?")
        .to_owned()
}

fn descriptors(detached: &Detached) -> usize {
    kernel::descriptors(detached.controller().as_raw()).expect("it runs")
}

fn memory(detached: &Detached) -> u64 {
    let status =
        fs::read_to_string(format!("/proc/{}/status", detached.controller())).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("it has memory");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

/// Waits until everything was sent, and makes sure that it has had no effect.
fn assert_unaffected(detached: &Detached, place: &Place, blamed: &str) {
    let directory = detached.nest.directory.path();
    detached.until("the attack is made", |_| {
        let failed = fs::read_to_string(directory.join("failed"));
        assert!(failed.is_err(), "{failed:?}");
        fs::read_to_string(directory.join("sent")).ok()
    });
    let root = &detached.nest.root;
    let at = |path: &str| path.replace('@', root);
    let victim = at(place.victim);
    // In the middle of the flood the exit of another process is noticed, and what waits for it goes on.
    let seen = snapshot(detached);
    for (name, expected) in [
        ("init", "running"),
        ("one", "running"),
        ("two", "running"),
        ("late", "created"),
    ] {
        let found = state(&seen, &format!("{victim}/{name}"));
        let found = if found == "ready" {
            "running".to_owned()
        } else {
            found
        };
        assert_eq!(found, expected, "{name}: {seen:#}");
    }
    let known = descriptors(detached);
    let before = memory(detached);
    let one = detached.truth().host_pid(&format!("{victim}/one"));
    kill(Pid::from_raw(one), Signal::SIGKILL).expect("it lives");
    let began = Instant::now();
    detached.until("the end of a neighbour is known", |detached| {
        detached
            .events()
            .iter()
            .any(|event| event["event"] == "exit" && event["path"] == format!("{victim}/one"))
            .then_some(())
    });
    assert!(
        began.elapsed() < TIMEOUT / 2,
        "it took {:?}",
        began.elapsed()
    );
    detached.sync();
    let all = detached.events();
    for event in &all {
        let path = event["path"].as_str().expect("all have one");
        let word = event["event"].as_str().expect("all have one");
        let is_expected = path == format!("{victim}/one") && ["exit", "signal"].contains(&word);
        let is_of_a_life = [
            "create", "created", "verify", "release", "started", "ready", "exec",
        ]
        .contains(&word);
        assert!(
            is_expected || is_of_a_life || (word == "refused" && path == at(blamed)),
            "{event}"
        );
    }
    let refused: Vec<&Value> = all
        .iter()
        .filter(|event| event["event"] == "refused")
        .collect();
    assert_eq!(
        refused.len(),
        1,
        "told once, and of the attacker alone: {refused:?}"
    );
    assert!(
        descriptors(detached) <= known + 2,
        "{known} descriptors have become {}",
        descriptors(detached)
    );
    let grown = memory(detached).saturating_sub(before);
    assert!(grown < 16 * 1024, "the controller has grown by {grown} kB");
    fs::write(directory.join("enough"), "").expect("it is our own");
}

#[test]
fn a_program_cannot_report_about_its_ancestors_and_siblings() {
    require!(nesting(), installed("/usr/bin/python3"));
    for place in [&ONE, &THREE] {
        for identity in identities() {
            let detached = Detached::up(prepare(place, identity));
            assert_unaffected(&detached, place, place.attacker);
            detached.run(&["down", "@"]);
        }
    }
}

#[test]
fn a_program_of_exec_cannot_report_for_others_from_an_empty_namespace() {
    require!(installed("/usr/bin/python3"));
    for_each_identity(|identity| {
        let detached = Detached::up(prepare(&EMPTY, identity));
        let mut command = detached.command(&["exec", "@", "--", "/usr/bin/python3"]);
        let directory = detached.nest.directory.path();
        command
            .arg(directory.join("attack.py"))
            .arg(directory)
            .stdin(Stdio::null())
            .process_group(0);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let attacker = Running(command.spawn().expect("the program was built"));
        assert_unaffected(&detached, &EMPTY, EMPTY.attacker);
        detached.run(&["down", "@"]);
        drop(attacker);
    });
}

/// A child that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
