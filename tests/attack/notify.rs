//! `READY=1` from other processes: siblings in the same namespace, other namespaces, and senders that end at once.

use std::fs;

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{installed, require};

/// Waits for the address of a socket, then forks a hundred processes that say READY=1 there and end at once.
const SENDERS: &str = r#"
import os, socket, sys, time
directory, name = sys.argv[1:3]
while not os.path.exists(directory + "/address"):
    time.sleep(0.01)
address = "\0" + open(directory + "/address").read().strip()[1:]
for _ in range(100):
    pid = os.fork()
    if pid == 0:
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
        os._exit(0)
    os.waitpid(pid, 0)
open(directory + "/" + name, "w").close()
time.sleep(1000)
"#;

fn is_ready(detached: &Detached, path: &str) -> bool {
    let file = detached
        .nest
        .state()
        .join(&detached.nest.root)
        .join("events.jsonl");
    let text = fs::read_to_string(file).expect("it is written");
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a document"));
    let path = path.replace('@', &detached.nest.root);
    events
        .into_iter()
        .any(|event| event["event"] == "ready" && event["path"] == path)
}

fn topology(notify: &str) -> String {
    let says = "echo $NOTIFY_SOCKET > DIRECTORY/part; mv DIRECTORY/part DIRECTORY/address; exec sleep 1000";
    format!(
        "name = '@'\non_exit = 'ignore'\n[ns.@]\nproc.a = {{ sh = '{says}', ready = {{ notify = {notify} }} }}\n\
         proc.same = ['/usr/bin/python3', 'DIRECTORY/senders.py', 'DIRECTORY', 'same']\n\
         [ns.'@/in']\nproc.inner = ['/usr/bin/python3', 'DIRECTORY/senders.py', 'DIRECTORY', 'inner']\n\
         [ns.@-v]\nproc.other = ['/usr/bin/python3', 'DIRECTORY/senders.py', 'DIRECTORY', 'other']\n"
    )
}

fn up(topology: &str, identity: crate::harness::identity::Identity) -> Detached {
    let nest = Nest::new(topology)
        .identity(identity)
        .arguments(&["--no-wait"]);
    fs::write(nest.directory.path().join("senders.py"), SENDERS).expect("it is our own");
    Detached::up(nest)
}

#[test]
fn only_the_process_itself_can_report_readiness() {
    require!(installed("/usr/bin/python3"));
    for_each_identity(|identity| {
        let detached = up(&topology("true"), identity);
        for name in ["same", "inner", "other"] {
            detached.until(name, |detached| {
                detached
                    .nest
                    .directory
                    .path()
                    .join(name)
                    .exists()
                    .then_some(())
            });
        }
        detached.sync();
        assert!(!is_ready(&detached, "@/a"), "{identity:?}");
        detached.run(&["down", "@"]);
    });
}

#[test]
fn the_process_itself_reports_readiness() {
    require!(installed("/usr/bin/python3"));
    let script = "import os, socket, time\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                  s.sendto(b\"READY=1\", \"\\0\" + os.environ[\"NOTIFY_SOCKET\"][1:])\ntime.sleep(1000)\n";
    for_each_identity(|identity| {
        let nest = Nest::new(
            "[ns.@]\nproc.a = { cmd = ['/usr/bin/python3', 'DIRECTORY/own.py'], ready = { notify = true } }\n",
        );
        fs::write(nest.directory.path().join("own.py"), script).expect("it is our own");
        let detached = Detached::up(nest.identity(identity));
        assert!(is_ready(&detached, "@/a"));
    });
}

#[test]
fn with_all_a_running_sibling_reports_and_no_other_namespace() {
    require!(installed("/usr/bin/python3"));
    for_each_identity(|identity| {
        let text = topology("\"all\"").replace("proc.same", "proc.unused");
        let text = text
            .replace("'DIRECTORY', 'same'", "'DIRECTORY', 'unused'")
            .replace(
                "[ns.'@/in']",
                "proc.waits = { actor = 'idle' }\n[ns.'@/in']",
            );
        let text = text
            .lines()
            .filter(|line| !line.starts_with("proc.unused"))
            .collect::<Vec<_>>()
            .join("\n");
        let detached = up(&text, identity);
        for name in ["inner", "other"] {
            detached.until(name, |detached| {
                detached
                    .nest
                    .directory
                    .path()
                    .join(name)
                    .exists()
                    .then_some(())
            });
        }
        detached.run(&["ps", "-n", "@"]);
        assert!(!is_ready(&detached, "@/a"), "{identity:?}");
        let script = "import socket, sys, time\naddress = \"\\0\" + open(sys.argv[1]).read().strip()[1:]\n\
                      socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b\"READY=1\", address)\ntime.sleep(1000)\n";
        let directory = detached.nest.directory.path();
        fs::write(directory.join("neighbour.py"), script).expect("it is our own");
        let (script, address) = (
            directory.join("neighbour.py").display().to_string(),
            directory.join("address").display().to_string(),
        );
        detached.run(&[
            "exec",
            "-n",
            "@",
            "-d",
            "@",
            "--",
            "/usr/bin/python3",
            &script,
            &address,
        ]);
        detached.until("a neighbour has said it", |detached| {
            is_ready(detached, "@/a").then_some(())
        });
        detached.run(&["down", "@"]);
    });
}
