//! `doctor`: each check is found by trying, the remedies are there, a file is compared with the machine, nothing is left.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::geteuid;
use serde_json::Value;

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::leftovers::run;

/// The checks of the machine, in their order.
const CHECKS: [&str; 25] = [
    "kernel",
    "container",
    "system-calls",
    "pidfd",
    "user-namespaces",
    "pid-namespaces",
    "nesting",
    "isolation",
    "proc-mount",
    "cgroup-freezer",
    "pid-max",
    "max-pid-namespaces",
    "max-user-namespaces",
    "pids-max",
    "rlimit-nproc",
    "rlimit-nofile",
    "fan-out",
    "namespace-ids",
    "pid-translation",
    "pidfd-info",
    "set-tid",
    "mount-api",
    "seccomp",
    "ptrace-scope",
    "state-directory",
];

fn checks(nest: &Nest, arguments: &[&str]) -> (i32, Vec<Value>) {
    let arguments = [&["doctor", "--format", "json"], arguments].concat();
    let (code, stdout, stderr) = run(nest, &arguments);
    assert_eq!(stderr, "", "{stdout}");
    let document: Value = serde_json::from_str(&stdout).expect("it is a document");
    assert_eq!(document["schema"], "nestns.doctor/1");
    (
        code,
        document["checks"].as_array().expect("it has them").clone(),
    )
}

fn find<'a>(checks: &'a [Value], id: &str) -> &'a Value {
    checks
        .iter()
        .find(|check| check["id"] == id)
        .unwrap_or_else(|| panic!("no check {id}"))
}

#[test]
fn the_doctor_is_quick_and_leaves_nothing() {
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        let cgroups = |text: String| -> BTreeSet<String> {
            let mounts = text
                .lines()
                .filter(|line| line.contains(" - cgroup2 "))
                .filter_map(|line| line.split(' ').nth(4));
            mounts
                .flat_map(|mount| fs::read_dir(mount).into_iter().flatten().flatten())
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .filter(|name| name.starts_with("nestns-doctor"))
                .collect()
        };
        let began = Instant::now();
        let (code, found) = checks(&nest, &[]);
        let took = began.elapsed();
        assert_eq!(code, 0, "{identity:?}: {found:?}");
        let ids: Vec<&str> = found
            .iter()
            .map(|check| check["id"].as_str().expect("a name"))
            .collect();
        assert_eq!(ids, CHECKS, "{identity:?}");
        for check in &found {
            let status = check["status"].as_str().expect("a word");
            assert!(["yes", "warn", "no"].contains(&status), "{check}");
            assert_eq!(check["remedy"].is_string(), status != "yes", "{check}");
            assert!(
                !check["found"].as_str().expect("a text").is_empty(),
                "{check}"
            );
        }
        // Others build and stop thousands of namespaces meanwhile.
        assert!(took < Duration::from_mins(1), "{took:?}");
        let way = find(&found, "pid-namespaces")["found"]
            .as_str()
            .expect("a text");
        let expected = if identity == Identity::Own && geteuid().is_root() {
            "with the caller's own privileges"
        } else {
            "inside a user namespace"
        };
        assert!(way.contains(expected), "{identity:?}: {way}");
        assert_eq!(
            cgroups(fs::read_to_string("/proc/self/mountinfo").expect("/proc")),
            BTreeSet::new()
        );
        assert!(!nest.state().exists(), "{identity:?}");
        assert_nothing_left(&nest);
    });
}

#[test]
fn the_remaining_nesting_levels_are_measured() {
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        let left = |found: &[Value]| -> u32 {
            let text = find(found, "nesting")["found"]
                .as_str()
                .expect("a text")
                .to_owned();
            text.split(' ')
                .next()
                .and_then(|word| word.parse().ok())
                .unwrap_or(0)
        };
        let here = left(&checks(&nest, &[]).1);
        assert!(here > 2, "{identity:?}");
        // Inside of three namespaces there are three fewer.
        let program = crate::harness::nest::program()
            .to_str()
            .expect("our own path");
        let (code, stdout, stderr) = run(
            &nest,
            &[
                "run", "--depth", "3", "--", program, "doctor", "--format", "json",
            ],
        );
        assert_eq!(code, 0, "{identity:?}: {stderr}");
        let document: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
        let inside = document["checks"].as_array().expect("it has them");
        assert_eq!(left(inside), here - 3, "{identity:?}");
        assert!(
            find(inside, "container")["found"]
                .as_str()
                .expect("a text")
                .contains("nested PID namespace")
        );
        assert_nothing_left(&nest);
    });
}

#[test]
fn human_output_has_a_line_a_check_and_its_remedy() {
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        let (code, stdout, _) = run(&nest, &["doctor"]);
        assert_eq!(code, 0, "{identity:?}");
        let lines: Vec<&str> = stdout
            .lines()
            .filter(|line| !line.starts_with("  "))
            .collect();
        assert_eq!(lines.len(), CHECKS.len(), "{stdout}");
        for (line, id) in lines.iter().zip(CHECKS) {
            let rest = line
                .strip_prefix("✔ ")
                .or_else(|| line.strip_prefix("! "))
                .unwrap_or_else(|| panic!("{line}"));
            assert!(rest.starts_with(id), "{line}");
        }
        let warned = lines.iter().filter(|line| line.starts_with('!')).count();
        assert_eq!(
            stdout
                .lines()
                .filter(|line| line.trim_start().starts_with("→ "))
                .count(),
            warned,
            "{stdout}"
        );
    });
}

#[test]
fn a_file_is_checked_against_the_host() {
    for_each_identity(|identity| {
        let nest =
            Nest::new("[ns.@]\nunshare = [\"net\"]\nproc.a = \"sleep 1\"\nproc.b = \"no-such-program-anywhere\"\n")
                .identity(identity);
        let file = nest.file_name().to_owned();
        let (code, found) = checks(&nest, &[&file]);
        assert_eq!(code, 0, "{identity:?}: {found:?}");
        let ids: Vec<&str> = found[CHECKS.len()..]
            .iter()
            .map(|check| check["id"].as_str().expect("a name"))
            .collect();
        let expected = [
            "file-depth",
            "file-processes",
            "file-memory",
            "file-isolation",
            "file-proc",
            "file-descriptors",
            "file-users",
            "file-programs",
        ];
        assert_eq!(ids, expected, "{identity:?}");
        let programs = find(&found, "file-programs");
        assert_eq!(programs["status"], "warn");
        let said = format!("not found: no-such-program-anywhere (`{}/b`)", nest.root);
        assert_eq!(programs["found"], said.as_str());
        assert!(
            find(&found, "file-isolation")["found"]
                .as_str()
                .expect("a text")
                .contains("net"),
            "{found:?}"
        );
    });
}

#[test]
fn what_cannot_be_built_is_reported_before_it_is_tried() {
    for_each_identity(|identity| {
        let wrong = Nest::new("[ns.@\n").identity(identity);
        let (code, _, stderr) = run(
            &wrong,
            &["doctor", wrong.file.to_str().expect("our own path")],
        );
        assert_eq!(code, 3, "{identity:?}: {stderr}");

        let nest =
            Nest::new("[ns.@]\nproc.a = { cmd = [\"true\"], user = \"nobody-knows-him\" }\n")
                .identity(identity);
        let (code, found) = checks(&nest, &[nest.file_name()]);
        assert_eq!(code, 4, "{identity:?}");
        assert_eq!(find(&found, "file-users")["status"], "no");

        // One level inside fewer are left than the file needs.
        let mut deep = String::new();
        let mut path = "@".to_owned();
        for level in 1..=32 {
            deep.extend(["[ns.\"", &path, "\"]\n"]);
            path.extend(["/l", &(level + 1).to_string()]);
        }
        let nest = Nest::new(&deep).identity(identity);
        let program = crate::harness::nest::program()
            .to_str()
            .expect("our own path");
        let file = nest.file_name();
        let (code, stdout, stderr) = run(
            &nest,
            &[
                "run", "--depth", "2", "--", program, "doctor", "--format", "json", file,
            ],
        );
        assert_eq!(code, 4, "{identity:?}: {stderr}");
        let document: Value = serde_json::from_str(&stdout).expect("it is a document");
        let depth = find(
            document["checks"].as_array().expect("it has them"),
            "file-depth",
        );
        assert_eq!(depth["status"], "no", "{depth}");
        assert!(
            depth["found"]
                .as_str()
                .expect("a text")
                .contains("is on level 32, but only 30 are available"),
            "{depth}"
        );

        let mut wide = String::from("[ns.@]\n");
        for number in 0..100 {
            wide.extend(["proc.p", &number.to_string(), " = \"true\"\n"]);
        }
        let nest = Nest::new(&wide).identity(identity);
        let mut command = nest.command(&["doctor", "--format", "json", nest.file_name()]);
        // SAFETY: setrlimit(2) is one system call.
        #[expect(unsafe_code, reason = "the limit is the child's only")]
        unsafe {
            command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_NOFILE, 100, 100)?));
        }
        let output = command.output().expect("the program was built");
        assert_eq!(output.status.code(), Some(4), "{identity:?}");
        let document: Value = serde_json::from_slice(&output.stdout).expect("it is a document");
        let found = document["checks"].as_array().expect("it has them");
        assert_eq!(find(found, "file-descriptors")["status"], "no");
        assert_eq!(find(found, "rlimit-nofile")["status"], "warn");
    });
}

#[test]
fn permissions_are_tried_and_not_guessed() {
    // In a user namespace where no further namespace may be made.
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\n")
            .identity(identity)
            .without_namespaces();
        let (code, found) = checks(&nest, &[]);
        assert_eq!(code, 4, "{identity:?}: {found:?}");
        assert_eq!(find(&found, "pid-namespaces")["status"], "no");
        let remedy = find(&found, "pid-namespaces")["remedy"]
            .as_str()
            .expect("a text")
            .to_owned();
        assert!(remedy.contains("user.max_pid_namespaces (0)"), "{remedy}");
        assert_eq!(find(&found, "nesting")["status"], "no");
        // What `up` says then ends with the same check.
        let (code, _, stderr) = run(&nest, &["up", nest.file_name()]);
        assert_eq!(code, 4, "{identity:?}: {stderr}");
        let last = stderr.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("`nestns doctor` checks this as nesting: "),
            "{identity:?}: {stderr}"
        );
        assert_nothing_left(&nest);
    });
}

#[test]
fn a_doctor_that_is_killed_leaves_nothing() {
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        for delay in (0..60).step_by(3) {
            let mut child = nest
                .command(&["doctor"])
                .stdout(std::process::Stdio::null())
                .spawn()
                .expect("it was built");
            // The moment of death is what is varied.
            std::thread::sleep(Duration::from_millis(delay));
            let _ = child.kill();
            child.wait().expect("it is our child");
        }
        assert_nothing_left(&nest);
    });
}
