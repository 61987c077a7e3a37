//! Messages about system calls that fail: the call that was made, the errno as it is spelled everywhere, and the limit
//! that was reached. The calls are refused by a filter of seccomp(2), or a real limit is set.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;

use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::kernel;
use crate::harness::nest::{Ended, Nest, assert_nothing_left};
use crate::harness::requirement::{nesting, require, root, skipped};
use crate::harness::said;
use crate::harness::seccomp::refuse;
use crate::harness::wait::suspend;

const TOPOLOGY: &str = "[ns.@]\nproc.a = { actor = \"idle\" }\n[ns.\"@/in\"]\nunshare = [\"mount\", \"uts\"]\nproc.c = { actor \
                        = \"idle\" }\n[ns.\"@/p\"]\ninit = { actor = \"idle\" }\nproc.j = { actor = \"idle\", enter = \"join\" }\n";

/// `nestns up` where a call answers an errno.
fn up(identity: Identity, call: libc::c_long, errno: i32) -> (Nest, Output) {
    let nest = Nest::new(TOPOLOGY).identity(identity);
    let mut command = nest.command(&["up", nest.file_name()]);
    refuse(&mut command, call, errno);
    let output = command.output().expect("the program was built");
    assert_nothing_left(&nest);
    (nest, output)
}

#[test]
fn a_message_names_only_the_call_that_failed() {
    // By the name that is shown: the function of the C library, for some.
    let calls = [
        ("socketpair", libc::SYS_socketpair, libc::EMFILE, "EMFILE"),
        ("setsockopt", libc::SYS_setsockopt, libc::ENOMEM, "ENOMEM"),
        ("pidfd_open", libc::SYS_pidfd_open, libc::EMFILE, "EMFILE"),
        ("pipe2", libc::SYS_pipe2, libc::ENFILE, "ENFILE"),
        ("signalfd", libc::SYS_signalfd4, libc::EMFILE, "EMFILE"),
        (
            "epoll_create1",
            libc::SYS_epoll_create1,
            libc::EMFILE,
            "EMFILE",
        ),
        ("epoll_ctl", libc::SYS_epoll_ctl, libc::ENOSPC, "ENOSPC"),
        ("fork", libc::SYS_clone, libc::EAGAIN, "EAGAIN"),
        ("fork", libc::SYS_clone, libc::ENOMEM, "ENOMEM"),
        ("unshare", libc::SYS_unshare, libc::ENOMEM, "ENOMEM"),
        ("mount", libc::SYS_mount, libc::ENOMEM, "ENOMEM"),
        (
            "sendmsg",
            libc::SYS_sendmsg,
            libc::ETOOMANYREFS,
            "ETOOMANYREFS",
        ),
        ("dup3", libc::SYS_dup3, libc::EMFILE, "EMFILE"),
        ("close_range", libc::SYS_close_range, libc::EINVAL, "EINVAL"),
        ("listen", libc::SYS_listen, libc::EADDRINUSE, "EADDRINUSE"),
        ("bind", libc::SYS_bind, libc::ENOMEM, "ENOMEM"),
    ];
    for_each_identity(|identity| {
        for (name, number, errno, spelled) in calls {
            let (_nest, output) = up(identity, number, errno);
            let said = said(&output);
            let code = output.status.code();
            assert!(
                matches!(code, Some(4 | 5)),
                "{name}, {spelled}, {identity:?}: {code:?}: {said}"
            );
            let first = said
                .lines()
                .find(|line| line.starts_with("error["))
                .unwrap_or_else(|| panic!("{name}: {said}"));
            assert!(
                first.contains(&format!("({spelled})")),
                "{name}, {identity:?}: {said}"
            );
            let is_named = first.contains(&format!("({name})"))
                || (name == "fork" && first.contains("cannot fork"));
            assert!(is_named, "{name}, {identity:?}: {said}");
            assert!(!said.contains("os error"), "{said}");
            let others = calls
                .iter()
                .filter(|(other, ..)| *other != name && first.contains(&format!("({other})")));
            assert_eq!(others.count(), 0, "{name}: {first}");
        }
    });
}

#[test]
fn an_exhausted_resource_is_reported_with_its_limit() {
    require!(nesting());
    let watches = up(Identity::Own, libc::SYS_epoll_ctl, libc::ENOSPC);
    assert!(
        said(&watches.1).contains("the limit fs.epoll.max_user_watches ("),
        "{}",
        said(&watches.1)
    );
    let files = up(Identity::Own, libc::SYS_pidfd_open, libc::EMFILE);
    assert!(
        said(&files.1).contains("RLIMIT_NOFILE ("),
        "{}",
        said(&files.1)
    );
    // Where no limit is reached, none is said to be.
    let nothing = said(&up(Identity::Own, libc::SYS_clone, libc::EAGAIN).1);
    assert!(
        nothing.contains("none of those that can be read is exhausted"),
        "{nothing}"
    );
    assert!(!nothing.contains("is reached"), "{nothing}");
}

/// A topology with this number of processes.
fn idle(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        text.extend(["proc.p", &number.to_string(), " = { actor = \"idle\" }\n"]);
    }
    text
}

/// Lets a user have so many processes.
fn with_processes(nest: &Nest, words: &[&str], most: u64) -> Output {
    let mut command = nest.command(words);
    let limit = move || setrlimit(Resource::RLIMIT_NPROC, most, most).map_err(io::Error::from);
    // SAFETY: setrlimit(2) is one system call.
    #[expect(unsafe_code, reason = "the limit is the child's only")]
    unsafe {
        command.pre_exec(limit);
    }
    command.output().expect("the program was built")
}

#[test]
fn the_limit_of_a_user_is_named_with_the_user() {
    require!(nesting(), root());
    let many = idle(40);
    let nest = Nest::new(&format!("[ns.@]\n{many}")).identity(Identity::Ordinary);
    let file = nest.file_name().to_owned();
    // Others of the tests run as the same user: there may be many already.
    for words in [vec!["up", &*file], vec!["up", "-d", &file]] {
        let output = with_processes(&nest, &words, 25);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(5), "{words:?}: {said}");
        assert!(said.contains("(EAGAIN)"), "{said}");
        assert!(
            said.contains("RLIMIT_NPROC (25) of user 61234 is reached"),
            "{words:?}: {said}"
        );
        assert_nothing_left(&nest);
    }
    let output = with_processes(
        &nest,
        &["experiment", "run", "depth-32", "--format", "json"],
        20,
    );
    let document: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("a document, always");
    let found = &document["experiments"][0];
    assert_eq!(found["verdict"], "skipped", "{found}");
    assert!(
        found["found"]
            .as_str()
            .expect("a text")
            .contains("RLIMIT_NPROC (20) of user 61234"),
        "{found}"
    );
}

#[test]
fn a_limit_on_files_below_what_nestns_needs_itself_is_named() {
    for_each_identity(|identity| {
        let with = |option: &str, words: &[&str]| {
            let nest = Nest::new(TOPOLOGY).identity(identity);
            let limit = format!("ulimit {option}; exec \"$@\"");
            let nest = nest.wrapped(&["sh", "-c", &limit, "sh"]);
            let words: Vec<String> = words
                .iter()
                .map(|word| word.replace("FILE", nest.file.to_str().expect("ours")))
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = nest.command(&words).output().expect("sh");
            assert_nothing_left(&nest);
            (output.status.code(), said(&output))
        };
        let (code, said) = with("-n 8", &["up", "FILE"]);
        assert_eq!(code, Some(4), "{said}");
        assert!(
            said.contains("needs 64 descriptors, but its hard limit, RLIMIT_NOFILE, is 8")
                && said.contains("`ulimit -Hn`"),
            "{said}"
        );
        // The soft limit alone is raised.
        let (code, said) = with("-Sn 8", &["run", "--", "sh", "-c", "ulimit -Sn"]);
        assert_eq!((code, said.trim()), (Some(0), "8"), "{identity:?}");
    });
}

#[test]
fn an_experiment_that_runs_short_of_descriptors_is_skipped_and_says_so() {
    require!(nesting());
    let nest = Nest::new(TOPOLOGY);
    for limit in 4..16 {
        let script = format!("ulimit -n {limit}; exec \"$0\" experiment run --all --format json");
        let mut command = nest.outside(
            "sh".as_ref(),
            &[
                "-c",
                &script,
                crate::harness::nest::program().to_str().expect("ours"),
            ],
        );
        let output = command.output().expect("sh");
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else {
            continue;
        };
        for found in document["experiments"].as_array().expect("a list") {
            let word = found["found"].as_str().expect("a text");
            match found["verdict"].as_str() {
                Some("holds") => {}
                Some("skipped") => assert!(
                    word.contains(&format!("RLIMIT_NOFILE ({limit})")),
                    "{limit}: {found}"
                ),
                _ => panic!("{limit}: {found}"),
            }
        }
    }
}

/// A cgroup with a limit on processes, removed in the end.
struct Group(std::path::PathBuf);

impl Group {
    /// A cgroup in the hierarchy of either version, where there is one.
    fn new(name: &str, most: u32) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
        let top = mounts.lines().find_map(|line| {
            let (left, right) = line.split_once(" - ")?;
            let is_v1 = right.starts_with("cgroup ")
                && right
                    .rsplit(' ')
                    .next()?
                    .split(',')
                    .any(|one| one == "pids");
            let point = left.split(' ').nth(4)?;
            let is_v2 = right.starts_with("cgroup2 ")
                && fs::read_to_string(format!("{point}/cgroup.subtree_control"))
                    .is_ok_and(|text| text.contains("pids"));
            (is_v1 || is_v2).then(|| Path::new(point).join(name))
        })?;
        fs::create_dir(&top).ok()?;
        fs::write(top.join("pids.max"), most.to_string()).ok()?;
        Some(Self(top))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn the_limit_of_a_cgroup_is_named_with_its_path() {
    require!(nesting());
    let many = idle(30);
    let nest = Nest::new(&format!("[ns.@]\n{many}"));
    let Some(group) = Group::new(&format!("nestns-test-{}", nest.root), 20) else {
        skipped("no cgroup with a limit on processes can be made");
        return;
    };
    let join = format!(
        "echo $$ > {}/cgroup.procs && exec \"$@\"",
        group.0.display()
    );
    let nest = nest.wrapped(&["sh", "-c", &join, "sh"]);
    let output = nest
        .command(&["up", nest.file_name()])
        .output()
        .expect("sh");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(
        said.contains(&format!(
            "pids.max (20) of the cgroup {} is reached",
            group.0.display()
        )),
        "{said}"
    );
    assert_nothing_left(&nest);
}

#[test]
fn the_doctor_names_a_cgroup_limit_that_is_reached() {
    require!(nesting());
    let nest = Nest::new(TOPOLOGY);
    let Some(group) = Group::new(&format!("nestns-test-{}", nest.root), 14) else {
        skipped("no cgroup with a limit on processes can be made");
        return;
    };
    let join = format!(
        "echo $$ > {}/cgroup.procs && exec \"$@\"",
        group.0.display()
    );
    let nest = nest.wrapped(&["sh", "-c", &join, "sh"]);
    let output = nest
        .command(&["doctor", "--format", "json"])
        .output()
        .expect("sh");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    for id in ["fan-out", "nesting"] {
        let checks = document["checks"].as_array().expect("a list");
        let check = checks
            .iter()
            .find(|check| check["id"] == id)
            .expect("it is there")
            .to_string();
        assert!(
            check.contains("pids.max (14)")
                && check.contains(&format!("{}/pids.max", group.0.display())),
            "{check}"
        );
    }
}

#[test]
fn exhausted_pids_are_attributed_to_their_namespace() {
    for_each_identity(|identity| {
        // As root of the namespace, where the kernel has a limit for each (6.14).
        let script = "before=$(cat /proc/sys/kernel/pid_max); [ $before = 4194304 ] || exit 77; echo 400 > \
                      /proc/sys/kernel/pid_max && for i in $(seq 100 500); do sleep 1000 & done 2>/dev/null; echo full; wait";
        let topology = format!(
            "[ns.@]\nproc.fill = {{ cmd = [\"sh\", \"-c\", {script:?}], essential = false }}\n"
        );
        let mut standing = Nest::new(&topology).identity(identity).up();
        standing.until_running();
        let is_own = standing.until("the numbers are used up", |nest| {
            let stdout =
                fs::read_to_string(nest.directory.path().join("stdout")).unwrap_or_default();
            let stderr =
                fs::read_to_string(nest.directory.path().join("stderr")).unwrap_or_default();
            if stdout.contains("full") {
                Some(true)
            } else {
                stderr.contains("exited with").then_some(false)
            }
        });
        if is_own {
            let root = standing.nest.root.clone();
            let output = standing
                .nest
                .command(&["exec", &root, "--", "true"])
                .output()
                .expect("the program was built");
            let said = said(&output);
            assert_eq!(output.status.code(), Some(125), "{identity:?}: {said}");
            assert!(said.contains("(EAGAIN)"), "{said}");
            let expected = format!("every PID of the PID namespace `{root}` is in use");
            assert!(said.contains(&expected), "{identity:?}: {said}");
        } else {
            skipped("pid_max belongs to the machine");
        }
        standing.signal(Signal::SIGINT);
        standing.signal(Signal::SIGINT);
        let _: Ended = standing.wait();
    });
}

#[test]
fn waiting_for_a_stopped_controller_times_out() {
    require!(nesting());
    let mut standing = Nest::new("[ns.@]\nproc.a = { actor = \"idle\" }\n").up();
    standing.until_running();
    let root = standing.nest.root.clone();
    suspend(standing.pid());
    for state in ["ready", "exited", "gone"] {
        let words = [
            "wait",
            &format!("{root}/a"),
            "--for",
            state,
            "--timeout",
            "300ms",
        ];
        let output = standing
            .nest
            .command(&words)
            .output()
            .expect("the program was built");
        assert_eq!(
            output.status.code(),
            Some(124),
            "{state}: {}",
            said(&output)
        );
    }
    kill(standing.pid(), Signal::SIGCONT).expect("it runs");
    standing.stop();
}

#[test]
fn a_test_fails_where_its_state_cannot_be_written() {
    require!(nesting());
    let topology =
        "[ns.@]\nproc.p = { actor = \"idle\" }\n[[expect]]\nfrom = \"@\"\nsees = [\"@/p\"]\n";
    for (what, mount) in [
        ("read-only", "mount -t tmpfs -o ro none run"),
        (
            "full",
            "mount -t tmpfs -o size=4k,mode=777 none run && { cat /dev/zero > run/full 2>/dev/null; :; }",
        ),
    ] {
        let script = format!("{mount} && exec \"$@\"");
        let nest = Nest::new(topology).wrapped(&[
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
        ]);
        let file = nest.file_name().to_owned();
        let output = nest.command(&["test", &file]).output().expect("unshare(1)");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(4), "{what}: {said}");
        assert!(
            said.contains("0 passed, 0 failed, 1 error"),
            "{what}: {said}"
        );
        assert!(!said.contains("os error"), "{what}: {said}");
    }
}

#[test]
fn an_experiment_without_a_stage_has_a_document() {
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        let mut command = nest.command(&[
            "experiment",
            "run",
            "pid-one",
            "orphans",
            "--format",
            "json",
        ]);
        refuse(&mut command, libc::SYS_unshare, libc::EPERM);
        let output = command.output().expect("the program was built");
        assert_eq!(
            output.status.code(),
            Some(4),
            "{identity:?}: {}",
            said(&output)
        );
        let document: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("a document, always");
        let experiments = document["experiments"].as_array().expect("they are there");
        assert_eq!(experiments.len(), 2);
        assert!(
            experiments.iter().all(|one| one["verdict"] == "skipped"),
            "{document}"
        );
        assert!(
            document
                .to_string()
                .contains("Operation not permitted (EPERM)"),
            "{document}"
        );
    });
}

/// Outputs of a verb with and without `--format json`: the error for programs, with its status, and
/// that for people.
fn for_programs(nest: &Nest, words: &[&str]) -> (Value, String) {
    let run = |words: &[&str]| {
        let output = nest.command(words).output().expect("the program was built");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{words:?}");
        (
            output.status.code(),
            String::from_utf8(output.stderr).expect("it writes text"),
        )
    };
    let (code, text) = run(words);
    let (code_of_json, line) = run(&[words, &["--format", "json"]].concat());
    assert_eq!(code, code_of_json, "{words:?}: {text}{line}");
    assert_eq!(line.lines().count(), 1, "{words:?}: {line}");
    let document: Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{words:?}: {error}: {line}"));
    assert!(
        line.starts_with("{\"schema\":\"nestns.error/1\",\"error\":{"),
        "{words:?}: {line}"
    );
    let error = document["error"].clone();
    assert_eq!(
        error["status"].as_i64(),
        code.map(i64::from),
        "{words:?}: {line}"
    );
    (error, text)
}

/// An error for programs: the command line, in which `FILE` is a topology with a syntax error, and what is expected.
struct ErrorCase {
    words: &'static [&'static str],
    kind: &'static str,
    code: Option<&'static str>,
    /// Beginning of the message.
    message: &'static str,
    status: i64,
}

const fn not_found(words: &'static [&'static str]) -> ErrorCase {
    ErrorCase {
        words,
        kind: "not_found",
        code: None,
        message: "no topology named `no-such` is running",
        status: 1,
    }
}

const fn usage(words: &'static [&'static str], message: &'static str) -> ErrorCase {
    ErrorCase {
        words,
        kind: "usage",
        code: None,
        message,
        status: 2,
    }
}

const fn file(
    words: &'static [&'static str],
    code: &'static str,
    message: &'static str,
) -> ErrorCase {
    ErrorCase {
        words,
        kind: "file",
        code: Some(code),
        message,
        status: 3,
    }
}

const ERROR_CASES: [ErrorCase; 9] = [
    not_found(&["ps", "-n", "no-such"]),
    not_found(&["inspect", "no-such:/vm"]),
    not_found(&["logs", "--name", "no-such"]),
    not_found(&["tree", "--from", "*", "-n", "no-such"]),
    usage(&["ps", "-o", "wrong"], "there is no column `wrong`"),
    usage(&["ps", "a//b"], "invalid value 'a//b' for '[ADDR]...'"),
    usage(
        &["whois", "vm#7", "--in", "vm"],
        "the namespace is given both with the number",
    ),
    file(&["tree", "FILE"], "NS003", "FILE"),
    file(
        &["up", "no-such.toml"],
        "NS001",
        "no-such.toml: cannot read the file",
    ),
];

#[test]
fn errors_are_documents_where_the_answer_is_one() {
    let nest = Nest::new("[ns.@\n");
    let path = nest.file_name();
    let with_path = |text: &str| text.replace("FILE", path);
    for case in ERROR_CASES {
        let words: Vec<String> = case.words.iter().map(|word| with_path(word)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (error, text) = for_programs(&nest, &words);
        assert_eq!(
            (error["kind"].as_str(), error["code"].as_str()),
            (Some(case.kind), case.code),
            "{words:?}: {error}"
        );
        assert_eq!(error["status"], case.status, "{words:?}: {error}");
        let said = error["message"].as_str().expect("a text");
        assert!(
            said.starts_with(&with_path(case.message)),
            "{words:?}: {error}"
        );
        if case.code.is_none() {
            assert!(error["code"].is_null(), "{words:?}: {error}");
            assert!(
                text.starts_with(&format!("error: {said}")),
                "{words:?}: {said}: {text}"
            );
        }
        let hints = error["hints"].as_array().expect("a list");
        for hint in hints.iter().map(|hint| hint.as_str().expect("a text")) {
            assert!(text.contains(hint), "{words:?}: {hint}: {text}");
        }
    }
}

#[test]
fn the_diagnostics_of_a_check_are_its_answer() {
    let nest = Nest::new("[ns.@\n");
    let file = nest.file_name();
    let output = nest
        .command(&["check", "--format", "json", file])
        .output()
        .expect("the program was built");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(
        (answer["schema"].as_str(), output.status.code()),
        (Some("nestns.check/1"), Some(3))
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_controller_that_does_not_answer_is_an_error_for_programs() {
    require!(nesting());
    let tree = Detached::up(Nest::new("[ns.@]\nproc.a = { actor = \"idle\" }\n"));
    let (controller, root) = (tree.controller(), tree.nest.root.clone());
    kill(controller, Signal::SIGSTOP).expect("it runs");
    tree.until("it has stopped", |_| {
        kernel::process(controller.as_raw()).filter(|found| found.state == 'T')
    });
    let (error, text) = for_programs(&tree.nest, &["ps", "-n", &root]);
    kill(controller, Signal::SIGCONT).expect("it is stopped");
    assert_eq!(
        (error["kind"].as_str(), error["status"].as_i64()),
        (Some("unresponsive"), Some(1)),
        "{error}"
    );
    assert!(text.contains("is stopped, as by Ctrl-Z"), "{text}");
    // What the controller refuses says the same to both.
    let (error, text) = for_programs(&tree.nest, &["down", "-n"]);
    assert_eq!(error["kind"], "usage", "{text}");
    let (error, text) = for_programs(&tree.nest, &["inspect", "-n", &root, "no/such"]);
    assert_eq!(
        (error["kind"].as_str(), error["status"].as_i64()),
        (Some("not_found"), Some(1)),
        "{text}"
    );
}

/// The code of a source file: without comments, and without its tests.
fn code_of(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("it is there");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn verbs_print_no_errors() {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli")];
    let mut read = 0;
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("it is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            if path.ends_with("cli/command_error.rs") || path.ends_with("tests.rs") {
                continue;
            }
            read += 1;
            let code = code_of(&path);
            for printed in ["eprint", "\"error: ", "\"error[", "anyhow"] {
                assert!(!code.contains(printed), "{}: {printed}", path.display());
            }
        }
    }
    assert!(read > 50, "{read}");
}
