//! Programs that are PID 1 and take their signals in every way that there is: with a handler, by waiting for them, through a
//! signalfd, later, or not at all. `kill`, the timeline of a stop and `inspect` agree with the kernel about each.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::Outcome;
use crate::harness::detached::Detached;
use crate::harness::document::list;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, is_met};

/// Disposition of TERM of a PID 1 as it is known from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Taken,
    Dropped,
    /// Blocked, and nothing that would take it shows: it is sent.
    Unknown,
}

/// A PID 1: its name here, the program that has to be there, its command line as TOML, and what becomes of TERM.
struct Specimen {
    name: &'static str,
    needs: &'static str,
    init: String,
    expected: Expected,
}

/// A mode for each way to handle TERM; `up` exists when it is set up. The C library is called by ctypes where Python has no
/// such call.
const PYTHON: &str = r#"
import ctypes, os, select, signal, struct, sys, threading, time
mode, directory = sys.argv[1:]
TERM = {signal.SIGTERM}
libc = ctypes.CDLL(None, use_errno=True)
def up():
    open(directory + "/" + mode + ".up", "w").close()
def leave(*_):
    os._exit(0)
def block():
    signal.pthread_sigmask(signal.SIG_BLOCK, TERM)
def mask(*signals):
    return ctypes.create_string_buffer(struct.pack("Q", sum(1 << (s - 1) for s in signals)) + bytes(120))
def thread_that_waits():
    def wait():
        up()
        signal.sigwait(TERM)
        leave()
    threading.Thread(target=wait).start()
if mode == "handler":
    signal.signal(signal.SIGTERM, leave); up()
    while True: time.sleep(1000)
elif mode == "sigwait":
    block(); up(); signal.sigwait(TERM); leave()
elif mode == "sigtimedwait":
    block(); up()
    while signal.sigtimedwait(TERM, 0.003) is None: pass
    leave()
elif mode == "ignored-sigwait":
    signal.signal(signal.SIGTERM, signal.SIG_IGN); block(); up(); signal.sigwait(TERM); leave()
elif mode == "signalfd":
    block()
    descriptor = libc.signalfd(-1, mask(signal.SIGTERM), os.O_CLOEXEC)
    up(); os.read(descriptor, 128); leave()
elif mode == "ppoll":
    signal.signal(signal.SIGTERM, leave); block()
    up()
    while True: libc.ppoll(None, 0, None, mask())
elif mode == "late":
    block(); up()
    while not os.path.exists(directory + "/late.go"): time.sleep(0.01)
    signal.signal(signal.SIGTERM, leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERM)
    while True: time.sleep(1000)
elif mode == "late-open":
    up()
    while not os.path.exists(directory + "/late-open.go"): time.sleep(0.01)
    signal.signal(signal.SIGTERM, leave); open(directory + "/late-open.set", "w").close()
    while True: time.sleep(1000)
elif mode == "thread":
    block(); thread_that_waits()
    while True: time.sleep(1000)
elif mode == "thread-open":
    # The thread has inherited the mask; the first thread blocks nothing, and it is the one that the kernel looks at.
    block(); thread_that_waits(); signal.pthread_sigmask(signal.SIG_UNBLOCK, TERM)
    while True: time.sleep(1000)
elif mode == "leaderless":
    block(); thread_that_waits(); libc.pthread_exit(None)
elif mode == "deaf":
    up()
    while True: time.sleep(1000)
"#;

fn specimen(name: &'static str, needs: &'static str, init: &str, expected: Expected) -> Specimen {
    Specimen {
        name,
        needs,
        init: init.to_owned(),
        expected,
    }
}

fn zoo() -> Vec<Specimen> {
    use Expected::{Dropped, Taken, Unknown};
    let child = r#""sh", "-c", "touch DIRECTORY/NAME.up; exec sleep 1000""#;
    let mut all = Vec::new();
    for (name, arguments) in [
        ("tini", r#""tini", "--", "#),
        ("catatonit", r#""catatonit", "--", "#),
        ("dumb-init", r#""dumb-init", "#),
    ] {
        all.push(specimen(
            name,
            name,
            &format!("[{arguments}{}]", child.replace("NAME", name)),
            Taken,
        ));
    }
    all.push(specimen(
        "s6-svscan",
        "s6-svscan",
        r#"["s6-svscan", "DIRECTORY/scan"]"#,
        Taken,
    ));
    all.push(specimen(
        "runsvdir",
        "runsvdir",
        r#"["runsvdir", "DIRECTORY/services"]"#,
        Taken,
    ));
    all.push(specimen(
        "supervisord",
        "supervisord",
        r#"["supervisord", "-n", "-c", "DIRECTORY/supervisord.conf"]"#,
        Taken,
    ));
    let bash = r#"["bash", "-c", "trap 'exit 0' TERM; touch DIRECTORY/bash.up; while :; do sleep 0.02; done"]"#;
    all.push(specimen("bash", "bash", bash, Taken));
    for (mode, expected) in [
        ("handler", Taken),
        ("sigwait", Taken),
        ("sigtimedwait", Taken),
        ("ignored-sigwait", Taken),
        ("signalfd", Taken),
        ("ppoll", Taken),
        ("late", Unknown),
        ("late-open", Dropped),
        ("thread", Taken),
        ("thread-open", Dropped),
        ("leaderless", Taken),
        ("deaf", Dropped),
    ] {
        let words = format!(r#"["python3", "DIRECTORY/zoo.py", "{mode}", "DIRECTORY"]"#);
        all.push(specimen(mode, "python3", &words, expected));
    }
    all.retain(|specimen| is_met(installed(specimen.needs)));
    all
}

fn nest(zoo: &[Specimen], identity: Identity) -> Nest {
    // A PID 1 that ignores TERM is killed at its deadline, which is long enough for the others on a busy machine.
    let mut topology =
        "on_exit = \"ignore\"\n[defaults.ns]\nstop = { grace = \"8s\" }\n[ns.@]\nproc.idle = { actor = \"idle\" }\n"
            .to_owned();
    for Specimen { name, init, .. } in zoo {
        let _ = write!(topology, "[ns.\"@/{name}\"]\ninit = {init}\n");
    }
    let nest = Nest::new(&topology).identity(identity);
    let directory = nest.directory.path();
    let configuration =
        "[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=DIRECTORY/supervisord.pid\n";
    fs::write(directory.join("zoo.py"), PYTHON).unwrap();
    let place = directory.to_str().expect("our own path");
    fs::write(
        directory.join("supervisord.conf"),
        configuration.replace("DIRECTORY", place),
    )
    .unwrap();
    for name in ["scan", "services"] {
        let made = directory.join(name);
        fs::create_dir(&made).unwrap();
        if identity == Identity::Ordinary {
            std::os::unix::fs::chown(
                &made,
                Some(crate::harness::identity::ORDINARY),
                Some(crate::harness::identity::ORDINARY),
            )
            .unwrap();
        }
    }
    nest
}

/// True when it has set up its handling of TERM.
fn is_started(directory: &Path, specimen: &Specimen, pid: i32) -> bool {
    match specimen.name {
        // They have nothing that would tell.
        "s6-svscan" | "runsvdir" | "supervisord" => {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let mask = |field: &str| {
                let line = status
                    .lines()
                    .find_map(|line| line.strip_prefix(field))
                    .unwrap_or("0");
                u64::from_str_radix(line.trim(), 16).unwrap_or(0)
            };
            let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            // Python starts with a handler for INT alone, and nestns with everything blocked.
            comm.trim() == specimen.name
                && (mask("SigCgt:") | mask("SigBlk:")) & 1 << 14 != 0
                && mask("SigBlk:") != u64::MAX
        }
        name => directory.join(format!("{name}.up")).exists(),
    }
}

fn until_started(detached: &Detached, zoo: &[Specimen]) {
    let root = &detached.nest.root;
    let truth = detached.truth();
    for specimen in zoo {
        let pid = truth.host_pid(&format!("{root}/{}/init", specimen.name));
        detached.until(specimen.name, |detached| {
            is_started(detached.nest.directory.path(), specimen, pid).then_some(())
        });
    }
}

/// The names of the programs that ignore TERM, and of the others.
fn deaf_and_listening(zoo: &[Specimen]) -> (Vec<&'static str>, Vec<&'static str>) {
    let (deaf, listening): (Vec<_>, Vec<_>) = zoo
        .iter()
        .partition(|specimen| specimen.expected == Expected::Dropped);
    let names = |some: Vec<&Specimen>| some.iter().map(|one| one.name).collect();
    (names(deaf), names(listening))
}

/// `nestns kill` of the PID 1s of these names.
fn kill(detached: &Detached, names: &[&str]) -> Outcome {
    let addresses: Vec<String> = names.iter().map(|name| format!("@/{name}/init")).collect();
    let addresses = addresses.iter().map(String::as_str);
    let words: Vec<&str> = ["kill"].into_iter().chain(addresses).collect();
    detached.nestns(&words)
}

/// Waits until the namespace of this name has ended.
fn until_gone(detached: &Detached, name: &str) {
    let namespace = format!("@/{name}");
    detached.run(&["wait", &namespace, "--for", "gone", "--timeout", "50s"]);
}

/// Makes sure that `inspect` tells what becomes of TERM.
fn assert_inspected(detached: &Detached, specimen: &Specimen) {
    let address = format!("@/{}/init", specimen.name);
    let document = detached.document(&["inspect", &address, "--format", "json"]);
    let signals = &document["process"]["kernel"]["signals"];
    let has = |key: &str| list(signals, key).contains(&"TERM".into());
    let found = match (has("dropped"), has("unknown")) {
        (true, _) => Expected::Dropped,
        (false, true) => Expected::Unknown,
        (false, false) => Expected::Taken,
    };
    assert_eq!(found, specimen.expected, "{}: {signals:#}", specimen.name);
}

/// Makes sure that all that listen are reached when everything is signalled at once, and that the others are named.
fn assert_reached(detached: &Detached, zoo: &[Specimen]) {
    let root = &detached.nest.root;
    let (deaf, listening) = deaf_and_listening(zoo);
    let all: Vec<&str> = zoo.iter().map(|specimen| specimen.name).collect();
    let outcome = kill(detached, &all);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let mut reached: Vec<&str> = outcome.stdout.lines().collect();
    reached.sort_unstable();
    let mut expected: Vec<String> = listening
        .iter()
        .map(|name| format!("{root}/{name}/init"))
        .collect();
    expected.sort_unstable();
    assert_eq!(reached, expected, "{}", outcome.stderr);
    for name in &deaf {
        assert!(
            outcome.stderr.contains(&format!("`{root}/{name}/init`")),
            "{}",
            outcome.stderr
        );
    }
    // The kernel agrees: those that were reached exit, and no other.
    fs::write(detached.nest.directory.path().join("late.go"), "").unwrap();
    for name in &listening {
        until_gone(detached, name);
    }
    for name in &deaf {
        let pid = detached.truth().host_pid(&format!("{root}/{name}/init"));
        assert!(Path::new(&format!("/proc/{pid}")).exists(), "{name}");
    }
}

/// Makes sure that a PID 1 that sets its handler late is reached from then on.
fn assert_reached_later(detached: &Detached) {
    let directory = detached.nest.directory.path();
    fs::write(directory.join("late-open.go"), "").unwrap();
    detached.until("its handler is set", |_| {
        directory.join("late-open.set").exists().then_some(())
    });
    assert_eq!(
        detached.run(&["kill", "@/late-open/init"]),
        format!("{}/late-open/init\n", detached.nest.root)
    );
    until_gone(detached, "late-open");
}

#[test]
fn kill_reaches_inits_that_handle_the_signal_and_names_the_others() {
    for_each_identity(|identity| {
        let zoo = &zoo();
        let detached = Detached::up(nest(zoo, identity));
        until_started(&detached, zoo);
        for specimen in zoo {
            assert_inspected(&detached, specimen);
        }
        // Only PID 1s that ignore it: nothing is sent.
        let (deaf, _) = deaf_and_listening(zoo);
        let refused = kill(&detached, &deaf);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (1, ""),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("nothing was sent;")
                || refused.stderr.contains("nothing was sent\n"),
            "{}",
            refused.stderr
        );
        assert_reached(&detached, zoo);
        if deaf.contains(&"late-open") {
            assert_reached_later(&detached);
        }
        detached.run(&["kill", "-s", "KILL", "@/deaf", "@/thread-open"]);
    });
}

#[test]
fn the_timeline_tells_which_inits_handle_the_signal() {
    for_each_identity(|identity| {
        let zoo = &zoo();
        let detached = Detached::up(nest(zoo, identity));
        until_started(&detached, zoo);
        let root = detached.nest.root.clone();
        fs::write(detached.nest.directory.path().join("late-open.go"), "").unwrap();
        let timeline: Value = detached.document(&["down", &root, "--format", "json"]);
        let steps = timeline["steps"].as_array().expect("a list");
        for specimen in zoo {
            let path = format!("{root}/{}/init", specimen.name);
            let step = steps
                .iter()
                .find(|step| step["path"] == path.as_str())
                .unwrap_or_else(|| panic!("{path}: {timeline:#}"));
            let context = format!("{identity:?}: {step:#}");
            match (specimen.name, specimen.expected) {
                // It may have set its handler by the time at which it was asked, or not.
                ("late-open", _) => {}
                ("late", _) => assert!(step["handled"].is_null(), "{context}"),
                // It may have been about to wait again each time that it was looked at.
                ("sigtimedwait", _) => assert!(
                    step["handled"] != false && step["how"] == "exited",
                    "{context}"
                ),
                (_, Expected::Taken) => {
                    assert_eq!(
                        (&step["handled"], &step["how"]),
                        (&true.into(), &"exited".into()),
                        "{context}"
                    );
                }
                _ => assert_eq!(
                    (&step["handled"], &step["how"]),
                    (&false.into(), &"killed at deadline".into()),
                    "{context}"
                ),
            }
        }
    });
}
