//! Readiness: each kind of probe, the dependents that wait for it, and a start that never becomes ready.

use std::fs;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::chain::{DEPTHS, chain, path};
use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, program};
use crate::harness::requirement::{installed, nesting, require};
use crate::harness::script::write_scripts;
use crate::harness::wait::TIMEOUT;

/// A process that says in one of the ways that it is ready, and makes the file `cue` just before.
const PROBED: [&str; 6] = [
    "{ sh = 'sleep 0.1; : > DIRECTORY/cue; echo is up on 42; exec sleep 1000', ready = { log = 'up on [0-9]+$' } }",
    "{ sh = 'sleep 0.1; : > DIRECTORY/cue; echo up >&2; exec sleep 1000', stdout = 'null', ready = { log = '^up$' } }",
    "{ sh = 'sleep 0.1; : > DIRECTORY/cue; : > DIRECTORY/there; exec sleep 1000', ready = { file = 'DIRECTORY/there' } }",
    "{ sh = 'sleep 0.1; : > DIRECTORY/cue; : > DIRECTORY/there; exec sleep 1000', \
     ready = { exec = ['test', '-e', 'there'], every = '20ms' }, cwd = 'DIRECTORY' }",
    "{ sh = 'sleep 0.1; : > DIRECTORY/cue; echo >&3; exec sleep 1000', ready = { fd = 3 } }",
    "{ sh = 'sleep 0.1; : > DIRECTORY/cue; (echo more; echo) >&9; echo again >&9; exec sleep 1000', ready = { fd = 9 } }",
];

/// Index of an event.
fn place(events: &[Value], event: &str, path: &str) -> usize {
    let found = events
        .iter()
        .position(|line| line["event"] == event && line["path"] == path);
    found.unwrap_or_else(|| panic!("no {event} of {path}: {events:#?}"))
}

#[test]
fn dependents_start_when_the_probe_succeeds() {
    for_each_identity(|identity| {
        for depth in [DEPTHS[0], DEPTHS[2]] {
            for (probed, enter) in PROBED.iter().zip(["fork", "join"].into_iter().cycle()) {
                let probed = probed.replacen("{ ", &format!("{{ enter = '{enter}', "), 1);
                let topology = format!(
                    "name = '@'\n{}proc.b = {{ sh = 'test -e DIRECTORY/cue', oneshot = true, after = {{ a = 'ready' }} }}\n\
                     proc.a = {probed}\n",
                    chain(depth)
                );
                let detached = Detached::up(
                    Nest::new(&topology)
                        .identity(identity)
                        .arguments(&["--format", "json"]),
                );
                let document: Value =
                    serde_json::from_str(&detached.up.stdout).expect("it is one document");
                assert_eq!(document["state"], "ready", "{identity:?} {probed}");
                let events = detached.events();
                let home = path(depth).replace('@', &detached.nest.root);
                let (a, b) = (format!("{home}/a"), format!("{home}/b"));
                let order = [
                    place(&events, "started", &a),
                    place(&events, "ready", &a),
                    place(&events, "release", &b),
                    place(&events, "exit", &b),
                    place(&events, "ready", &b),
                    place(&events, "ready", &home),
                    place(&events, "ready", "."),
                ];
                assert!(order.is_sorted(), "{identity:?} {probed}: {order:?}");
            }
        }
    });
}

#[test]
fn a_process_is_given_its_descriptor_and_no_other() {
    require!(nesting());
    for number in [3, 8, 40, 255] {
        // A shell may have some of its own; `ls` has the one that it lists with.
        let topology = format!(
            "[ns.@]\nproc.a = {{ cmd = ['sh', '-c', 'exec ls /proc/self/fd'], ready = {{ fd = {number} }} }}\n"
        );
        let ended = Nest::new(&topology).up().wait();
        let mut found: Vec<i32> = ended
            .stdout
            .lines()
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        found.sort_unstable();
        let lists = if number == 3 { 4 } else { 3 };
        let mut expected = vec![0, 1, 2, lists, number];
        expected.sort_unstable();
        assert_eq!(found, expected, "{ended:?}");
    }
}

#[test]
fn a_topology_that_is_not_ready_in_time_is_taken_down() {
    for_each_identity(|identity| {
        for ready in [
            "{ log = 'never' }",
            "{ file = '/never/ever' }",
            "{ exec = 'false', every = '10ms' }",
            "{ exec = ['sh', '-c', 'sleep 1000'] }",
            "{ exec = '/no/such/program' }",
            "{ exec = 'false', every = '10ms', retries = 1, start_period = '1h' }",
            "{ tcp = 8080, every = '10ms' }",
            "{ fd = 3 }",
            "{ notify = true }",
        ] {
            let topology = format!(
                "name = '@'\n[ns.@]\nunshare = ['mount', 'net']\nproc.a = {{ cmd = 'sleep 1000', ready = {ready} }}\n"
            );
            let nest = Nest::new(&topology)
                .identity(identity)
                .arguments(&["--timeout", "700ms"]);
            let detached = Detached::try_up(nest);
            assert_eq!(
                detached.up.code, 124,
                "{identity:?} {ready}: {}",
                detached.up.stderr
            );
            assert!(!detached.is_running(), "{identity:?} {ready}");
            if ready.contains("/no/such") {
                let warnings = detached.up.stderr.matches("cannot probe").count();
                assert_eq!(warnings, 1, "{}", detached.up.stderr);
            }
        }
    });
}

#[test]
fn a_process_that_fails_before_it_is_ready_fails_a_detached_start() {
    require!(nesting());
    for ready in [
        "{ log = 'never' }",
        "{ file = '/never' }",
        "{ exec = 'false' }",
        "{ fd = 3 }",
        "{ notify = true }",
    ] {
        let topology = format!(
            "name = '@'\n[ns.@]\nproc.a = {{ sh = 'sleep 0.1; exit 9', ready = {ready} }}\n\
             proc.b = {{ cmd = 'sleep 1000', after = {{ a = 'ready' }} }}\n"
        );
        let errors = |text: &str, root: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("error"));
            lines
                .map(|line| {
                    line.replace(root, "@")
                        .split(" (")
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                })
                .collect()
        };
        let foreground = Nest::new(&topology).up().wait();
        let detached = Detached::try_up(Nest::new(&topology));
        assert_eq!(
            (foreground.code, detached.up.code),
            (9, 9),
            "{}{}",
            foreground.stderr,
            detached.up.stderr
        );
        let there = errors(&foreground.stderr, &foreground.nest.root);
        assert_eq!(errors(&detached.up.stderr, &detached.nest.root), there);
        assert!(
            there
                .iter()
                .any(|line| line.contains("`@/a` exited with 9")),
            "{there:?}"
        );
    }
}

#[test]
fn a_failed_expendable_process_does_not_delay_readiness() {
    require!(nesting());
    let topology = "name = '@'\n[ns.@]\nproc.a = { sh = 'exit 9', essential = false, ready = { fd = 3 } }\n\
                    proc.b = { sh = 'sleep 0.2; echo up; exec sleep 1000', ready = { log = 'up' } }\n";
    let detached = Detached::try_up(Nest::new(topology));
    assert_eq!(detached.up.code, 1, "{}", detached.up.stderr);
    assert!(detached.is_running());
    let events = detached.events();
    let root = &detached.nest.root;
    place(&events, "ready", &format!("{root}/b"));
    let namespace = events
        .iter()
        .filter(|line| line["event"] == "ready" && line["path"] == root.as_str());
    assert_eq!(namespace.count(), 0, "something in it failed");
}

#[test]
fn a_stop_cancels_probes() {
    let topology = "name = '@'\n[ns.@]\nproc.a = { cmd = 'sleep 1000', ready = { exec = ['sleep', '999'] } }\n\
                    proc.b = { cmd = 'sleep 1000', ready = { file = '/never' } }\n";
    for_each_identity(|identity| {
        let detached = Detached::up(
            Nest::new(topology)
                .identity(identity)
                .arguments(&["--no-wait"]),
        );
        detached.until("the command runs", |detached| {
            crate::harness::nest::processes_of(&detached.nest)
                .iter()
                .any(|(_, line)| line.contains("sleep 999"))
                .then_some(())
        });
        let began = Instant::now();
        detached.run(&["down", "@"]);
        assert!(
            began.elapsed() < Duration::from_secs(4),
            "{:?}",
            began.elapsed()
        );
        crate::harness::nest::assert_nothing_left(&detached.nest);
    });
}

#[test]
fn the_command_of_run_waits_until_all_is_ready() {
    let topology = format!("[ns.@]\nproc.a = {}\n", PROBED[4]);
    for_each_identity(|identity| {
        let nest = Nest::new(&topology).identity(identity);
        let (file, cue) = (
            nest.file.display().to_string(),
            nest.directory.path().join("cue").display().to_string(),
        );
        let ended = nest
            .start_verb(&["run", &file, "--", "test", "-e", &cue])
            .wait();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    });
}

#[test]
fn a_symbolic_link_in_another_root_does_not_lead_out_of_it() {
    // The jail has no /etc: there is nothing behind the link as its process sees it.
    let jail = "mkdir jail; mount -t tmpfs none jail; cd jail; for d in bin lib lib64 usr; do \
                if test -L /$d; then ln -s usr/$d $d; elif test -d /$d; then mkdir $d; mount --rbind /$d $d; fi; done; \
                ln -s /etc/passwd there; ln -s ../../../../../../etc/passwd up; exec chroot . /bin/sleep 1000";
    for_each_identity(|identity| {
        for (file, code) in [("/there", 124), ("/up", 124), ("/bin/sh", 0)] {
            let topology = format!(
                "name = '@'\n[ns.@]\nproc.a = {{ sh = '{jail}', cwd = 'DIRECTORY', ready = {{ file = '{file}' }} }}\n"
            );
            let nest = Nest::new(&topology)
                .identity(identity)
                .arguments(&["--timeout", "1s"]);
            let detached = Detached::try_up(nest);
            assert_eq!(
                detached.up.code, code,
                "{identity:?} {file}: {}",
                detached.up.stderr
            );
        }
    });
}

#[test]
fn nestns_reports_readiness_to_a_service_manager() {
    require!(nesting());
    for detach in [false, true] {
        let nest = Nest::new(
            "name = '@'\n[ns.@]\nproc.a = { sh = 'echo ${NOTIFY_SOCKET-none} > DIRECTORY/seen; sleep 0.2; echo up; \
             exec sleep 1000', ready = { log = 'up' } }\n",
        );
        let address = nest.directory.path().join("manager");
        let manager = UnixDatagram::bind(&address).expect("the directory is writable");
        manager
            .set_read_timeout(Some(TIMEOUT))
            .expect("it is a socket");
        let hear = || {
            let mut buffer = [0; 4096];
            let count = manager.recv(&mut buffer).expect("it says something");
            String::from_utf8(buffer[..count].to_vec()).expect("text")
        };
        let nest = nest.env("NOTIFY_SOCKET", address.to_str().expect("our own path"));
        let seen = nest.directory.path().join("seen");
        if detach {
            let detached = Detached::up(nest);
            assert_eq!(
                hear(),
                format!("READY=1\nMAINPID={}\n", detached.controller())
            );
            assert_eq!(fs::read_to_string(&seen).expect("it was written"), "none\n");
            detached.run(&["down", "@"]);
            assert_eq!(hear(), "STOPPING=1\n");
        } else {
            let running = nest.up();
            assert_eq!(hear(), format!("READY=1\nMAINPID={}\n", running.pid()));
            assert_eq!(fs::read_to_string(&seen).expect("it was written"), "none\n");
            running.signal(Signal::SIGTERM);
            assert_eq!(hear(), "STOPPING=1\n");
            assert_eq!(running.wait().code, 143);
        }
    }
}

#[test]
fn nestns_in_nestns_reports_readiness() {
    require!(nesting());
    // Each with a network namespace of its own: the socket is in the one that the program is in.
    let topology = format!(
        "name = '@'\n[ns.@]\nunshare = ['mount', 'net']\n\
         proc.a = {{ cmd = ['{}', 'up', 'DIRECTORY/inner.toml'], ready = {{ notify = true }}, \
         env = {{ NESTNS_STATE_ROOT = 'DIRECTORY/inner' }} }}\n\
         proc.b = {{ sh = 'test -e DIRECTORY/cue', oneshot = true, after = {{ a = 'ready' }} }}\n",
        program().display()
    );
    let nest = Nest::new(&topology);
    fs::create_dir(nest.directory.path().join("inner")).unwrap();
    let inner = format!("[ns.inner]\nproc.a = {}\n", PROBED[0])
        .replace("DIRECTORY", nest.directory.path().to_str().unwrap());
    fs::write(nest.directory.path().join("inner.toml"), inner).unwrap();
    let detached = Detached::up(nest);
    let events = detached.events();
    let root = &detached.nest.root;
    assert!(
        place(&events, "ready", &format!("{root}/a"))
            < place(&events, "release", &format!("{root}/b"))
    );
}

#[test]
fn readiness_from_another_process_is_ignored() {
    let topology = "name = '@'\n[ns.@]\nproc.a = { sh = 'echo $NOTIFY_SOCKET > DIRECTORY/part; mv DIRECTORY/part \
                    DIRECTORY/address; exec sleep 1000', ready = { notify = true } }\n";
    for_each_identity(|identity| {
        let detached = Detached::up(
            Nest::new(topology)
                .identity(identity)
                .arguments(&["--no-wait"]),
        );
        let address = detached.until("the process knows its socket", |detached| {
            fs::read_to_string(detached.nest.directory.path().join("address")).ok()
        });
        let name = address.trim().strip_prefix('@').expect("it is abstract");
        let address = SocketAddr::from_abstract_name(name).expect("it is short");
        let stranger = UnixDatagram::unbound().expect("a socket");
        stranger
            .send_to_addr(b"READY=1", &address)
            .expect("anybody can send");
        detached.sync();
        assert!(
            !detached
                .events()
                .iter()
                .any(|line| line["event"] == "ready"),
            "{identity:?}: {:#?}",
            detached.events()
        );
    });
}

#[test]
fn a_port_is_found_in_the_network_of_its_process() {
    require!(installed("perl"));
    // Of each, only the process itself is where it listens; the last one is on the host's network.
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let free = port;
    for_each_identity(|identity| {
        for depth in [DEPTHS[0], DEPTHS[2]] {
            for (unshare, listens, enter) in [
                ("['mount', 'net']", "8080", "fork"),
                ("['mount', 'net']", "8080 6", "join"),
                ("['mount']", &*format!("{free}"), "fork"),
            ] {
                let port = listens.split(' ').next().unwrap_or_default();
                let topology = format!(
                    "name = '@'\n{}unshare = {unshare}\n\
                     proc.b = {{ sh = 'test -e DIRECTORY/cue', oneshot = true, after = {{ a = 'ready' }} }}\n\
                     proc.a = {{ enter = '{enter}', sh = 'sleep 0.1; : > DIRECTORY/cue; exec perl DIRECTORY/listen.pl \
                     {listens}', ready = {{ tcp = {port}, every = '20ms', timeout = '5s' }} }}\n",
                    chain(depth)
                );
                let nest = Nest::new(&topology).identity(identity);
                write_scripts(&nest);
                let detached = Detached::up(nest);
                let events = detached.events();
                let home = path(depth).replace('@', &detached.nest.root);
                assert!(
                    place(&events, "ready", &format!("{home}/a"))
                        < place(&events, "release", &format!("{home}/b")),
                    "{identity:?} {unshare} {listens}"
                );
            }
        }
    });
}

/// A process whose probe has failed as often as it may, and what waits for it.
fn hopeless(ready: &str) -> String {
    format!(
        "name = '@'\n[ns.@]\nunshare = ['mount', 'net']\n\
         proc.a = {{ sh = 'echo it runs; exec sleep 1000', ready = {{ {ready}, every = '20ms', retries = 2 }} }}\n\
         proc.b = {{ sh = ': > DIRECTORY/b', oneshot = true, essential = false, after = {{ a = 'ready' }} }}\n"
    )
}

#[test]
fn a_process_that_never_becomes_ready_is_reported_and_goes_on() {
    for_each_identity(|identity| {
        for ready in [
            "exec = ['test', '-e', 'DIRECTORY/there']",
            "exec = ['sleep', '1000'], timeout = '50ms'",
            "tcp = 8080",
        ] {
            let detached = Detached::try_up(Nest::new(&hopeless(ready)).identity(identity));
            let a = format!("{}/a", detached.nest.root);
            let said =
                format!("`{a}` did not become ready: 2 tries of its probe in a row have failed");
            assert_eq!(detached.up.code, 1, "{ready}: {:?}", detached.up);
            assert!(
                detached.up.stderr.contains(&format!("error: {said}")),
                "{:?}",
                detached.up
            );
            assert!(
                detached.up.stdout.contains(&format!("not ready: {a}")),
                "{:?}",
                detached.up
            );
            assert!(!detached.nest.directory.path().join("b").exists());
            let waited = detached.nestns(&["wait", "@/a", "--for", "ready"]);
            assert_eq!(waited.code, 1, "{waited:?}");
            assert!(waited.stderr.contains(&said), "{waited:?}");
            let events = detached.events();
            assert_eq!(events[place(&events, "unready", &a)]["tries"], 2);
            let document = detached.document(&["inspect", "--format", "json", "@/a"]);
            assert_eq!(
                document["process"]["declaration"]["unready"], 2,
                "{document:#}"
            );
            assert_eq!(document["process"]["state"], "running", "{document:#}");
            if ready.contains("there") {
                // It is tried anew when it is started again.
                fs::write(detached.nest.directory.path().join("there"), "").unwrap();
                detached.run(&["restart", "@/a"]);
                detached.run(&["wait", "@/a", "--for", "ready"]);
            }
        }
    });
}

#[test]
fn the_command_of_run_is_not_run_when_something_never_becomes_ready() {
    for_each_identity(|identity| {
        let nest = Nest::new(&hopeless("exec = 'false'")).identity(identity);
        let (file, made) = (
            nest.file.display().to_string(),
            nest.directory.path().join("made"),
        );
        let ended = nest
            .start_verb(&["run", &file, "--", "touch", &made.display().to_string()])
            .wait();
        assert_eq!(ended.code, 125, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("did not become ready"),
            "{}",
            ended.stderr
        );
        assert!(!made.exists());
    });
}
