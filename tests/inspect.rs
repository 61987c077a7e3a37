//! `inspect`: what it says is what the file and the kernel say.

use std::fs;

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

const TOPOLOGY: &str = r#"
[ns.@]
stop = { grace = "7s" }
proc.lonely = { sh = "setsid sleep 1000 & trap '' USR1; trap : USR2; wait; wait" , env = { COLOUR = "red" }, cwd = "/tmp" }
[ns."@/in"]
hostname = "inside"
proc.one = { actor = "idle", stop = { signal = "INT", grace = "2s" } }
"#;

fn status_field(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the field is there");
    line.trim().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn a_process_with_its_declaration_and_its_kernel_state() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TOPOLOGY).identity(identity));
        let root = &detached.nest.root;
        let pid = detached.truth().host_pid(&format!("{root}/lonely"));
        let document = detached.until("the shell has set its traps", |detached| {
            let document = detached.document(&["inspect", "@/lonely", "--format", "json"]);
            let signals = &document["process"]["kernel"]["signals"];
            (names(&signals["ignored"]).contains(&"USR1")
                && names(&signals["caught"]).contains(&"USR2"))
            .then_some(document)
        });
        assert_eq!(document["schema"], "nestns.inspect/1");
        let process = &document["process"];
        assert_eq!(process["pids"][0], pid);
        assert_eq!(process["problems"], serde_json::json!({}));
        assert_eq!(
            process["namespaces"]["mnt"]["inode"].as_u64(),
            kernel::namespace(pid, "mnt")
        );
        let facts = &process["kernel"];
        assert_eq!(facts["capabilities"], status_field(pid, "CapEff:"));
        assert_eq!(facts["cwd"], "/tmp");
        let environment = names(&facts["environment"]);
        assert!(
            environment.contains(&"COLOUR") && !environment.iter().any(|name| name.contains('=')),
            "{environment:?}"
        );
        let ancestors = facts["ancestors"].as_array().expect("a list");
        assert_eq!(ancestors[0]["path"], format!("{root}/init"));
        assert_eq!(
            ancestors[0]["host_pid"],
            kernel::process(pid).expect("it lives").parent
        );
        let declaration = &process["declaration"];
        let declared = declaration["declared"].as_str().expect("it has a place");
        assert!(
            declared.ends_with(&format!("{root}.toml:4:6")),
            "{declared}"
        );
        assert_eq!(names(&declaration["env"]), ["COLOUR"]);
        let log = declaration["log"].as_str().expect("it is kept");
        assert!(log.ends_with("/logs/0.1.log"), "{log}");

        let one = detached.document(&["inspect", "@/in/one", "--format", "json"]);
        assert_eq!(
            one["process"]["declaration"]["stop"],
            serde_json::json!({ "signal": "INT", "grace": "2s" })
        );
    });
}

#[test]
fn a_namespace_with_its_processes() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TOPOLOGY).identity(identity));
        let root = detached.nest.root.clone();
        let document = detached.until("the shell has left its child alone", |detached| {
            let document = detached.document(&["inspect", "@/", "--format", "json"]);
            let strays = document["namespace"]["members"]["strays"]
                .as_array()
                .expect("a list");
            (strays.len() == 1 && strays[0]["command"] == "sleep 1000").then_some(document)
        });
        let namespace = &document["namespace"];
        let members = &namespace["members"];
        assert_eq!(
            names(&members["processes"]),
            [format!("{root}/init"), format!("{root}/lonely")]
        );
        assert_eq!(names(&members["namespaces"]), [format!("{root}/in")]);
        let stray = &members["strays"][0];
        assert_eq!(stray["parent"], format!("{root}/lonely"));
        let pid = i32::try_from(stray["pids"][0].as_i64().expect("a number")).expect("a PID");
        assert_eq!(
            stray["pids"],
            serde_json::json!(kernel::process(pid).expect("it lives").numbers)
        );
        assert_eq!(namespace["pidns"].as_u64(), kernel::namespace(pid, "pid"));
        assert_eq!(namespace["declaration"]["stop"]["grace"], "7s");
        let init = &namespace["pid1"];
        assert_eq!(init["path"], format!("{root}/init"));
        assert!(names(&init["kernel"]["signals"]["blocked"]).contains(&"TERM"));

        let inside = detached.document(&["inspect", "@/in", "--format", "json"]);
        assert_eq!(inside["namespace"]["declaration"]["hostname"], "inside");
        assert_eq!(inside["namespace"]["parent"], root);
        let text = detached.run(&["inspect", "@/in", "--redact"]);
        for row in ["host name", "PID namespace", "unshares", "blocked"] {
            assert!(
                text.lines().any(|line| line.trim_start().starts_with(row)),
                "{row} in {text}"
            );
        }
        assert!(
            text.contains("[ns]=  that of the surrounding namespace") && text.contains("[pid]/3/1"),
            "{text}"
        );
    });
}

#[test]
fn an_ambiguous_address_is_reported() {
    require!(nesting());
    let detached = Detached::up(Nest::new(TOPOLOGY));
    for (address, expected) in [
        ("@/*", "2 targets"),
        ("@/nothing", "there is no namespace or process"),
        ("@/lonely/", "is a process"),
    ] {
        let outcome = detached.nestns(&["inspect", address]);
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains(expected),
            "{address}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_process_with_a_name_that_is_not_text_is_inspected() {
    let topology = "[ns.@]\nproc.odd = { sh = '''printf '\\377) R 1 (' > /proc/self/comm; echo renamed; sleep 1000 & wait''', \
                    ready = { log = 'renamed' } }\n";
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(topology).identity(identity));
        let pid = detached
            .truth()
            .host_pid(&format!("{}/odd", detached.nest.root));
        assert!(
            fs::read(format!("/proc/{pid}/comm"))
                .expect("it lives")
                .starts_with(b"\xff) R 1 (")
        );
        let process = &detached.document(&["inspect", "@/odd", "--format", "json"])["process"];
        assert_eq!(process["problems"], serde_json::json!({}));
        assert_eq!(process["kernel"]["state"], "S (sleeping)");
        // Each of these reads its own start time, memory or user.
        for verb in [
            &["see", "@", "@/odd"][..],
            &["pid", "@/odd"],
            &["ps", "--format", "json"],
            &["kill", "-s", "URG", "@/odd"],
        ] {
            detached.run(verb);
        }
        detached.run(&["exec", "@", "--", "true"]);
        detached.run(&["restart", "@/odd"]);
    });
}
