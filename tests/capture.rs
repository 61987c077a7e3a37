//! `nestns capture`: the file that it writes builds what was captured.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::harness::Nestns;
use crate::harness::blueprint::Blueprint;
use crate::harness::detached::Detached;
use crate::harness::identity::{for_each_identity, identities};
use crate::harness::nest::Nest;
use crate::harness::random;
use crate::harness::requirement::{nesting, require, root, skipped};
use crate::harness::wait::TIMEOUT;
use crate::random_trees::blueprints;

/// All positions of processes that the language can express.
const TREE: &str = "[ns.@]\nproc.a = { actor = \"idle\" }\nproc.b = { actor = \"idle\", enter = \"join\" }\n\
                    [ns.\"@/held\"]\ninit = \"pause\"\nhostname = \"held-host\"\nunshare = [\"mount\", \"ipc\"]\n\
                    proc.in = { actor = \"idle\", enter = \"join\" }\n\
                    [ns.\"@/bare\"]\nunshare = []\n[ns.\"@/bare/deep\"]\ninit = { actor = \"idle\" }\n\
                    proc.beside = { actor = \"idle\" }\n";

/// The file without the comment that says when it was written.
fn content(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_captured_tree_that_is_built_is_captured_as_the_same_file() {
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(TREE).identity(identity));
        let root = nest.nest.root.clone();
        let pid = nest.truth().host_pid(&format!("{root}/init")).to_string();
        let first = nest.run(&["capture", &pid]);
        for said in [
            "hostname = \"held-host\"",
            "init = \"pause\"",
            "enter = \"join\"",
            "unshare = []",
            "proc.beside",
        ] {
            assert!(first.contains(said), "{identity:?}: {said} is in\n{first}");
        }
        drop(nest);
        let again = Detached::up(Nest::new(&first).identity(identity));
        let pid = again.truth().host_pid(&format!("{root}/init")).to_string();
        assert_eq!(
            content(&again.run(&["capture", &pid])),
            content(&first),
            "{identity:?}"
        );
    });
}

#[test]
fn random_trees_survive_capture_and_rebuild() {
    require!(nesting());
    let cases = random::cases(30, 300);
    let mut runner = random::runner(cases, 200);
    let result = runner.run(&blueprints(), |blueprint| {
        for identity in identities() {
            let capture = |text: &str, blueprint: Option<&Blueprint>| {
                let mut running = Nest::new(text).identity(identity).up();
                let truth = running.until_running();
                if let Some(blueprint) = blueprint {
                    blueprint.until_term_is_handled(&mut running, &truth);
                }
                let controller = truth.0["controller"]
                    .as_i64()
                    .expect("its number")
                    .to_string();
                let output = running
                    .nest
                    .command(&["capture", &controller])
                    .output()
                    .expect("the program was built");
                let captured = String::from_utf8(output.stdout).expect("a file");
                assert!(
                    output.status.success() && output.stderr.is_empty(),
                    "{}",
                    String::from_utf8_lossy(&output.stderr)
                );
                let namespaces = truth.0["namespaces"].as_array().expect("a list").len();
                assert_eq!(captured.matches("\n[ns.").count(), namespaces, "{captured}");
                running.stop();
                captured
            };
            let first = capture(&blueprint.topology(), Some(&blueprint));
            // Its programs have become actors.
            assert_eq!(
                content(&capture(&first, None)),
                content(&first),
                "{identity:?}"
            );
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn a_chain_of_unshare_is_captured_at_several_depths() {
    require!(nesting(), root());
    for depth in [1, 3, 7] {
        let mut words: Vec<&str> = ["unshare", "--pid", "--fork", "--kill-child"].repeat(depth);
        words.extend(["sleep", "1000"]);
        let mut chain = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .spawn()
            .expect("util-linux is installed");
        let pid = chain.id().to_string();
        let start = Instant::now();
        // Until the innermost program is executed.
        let captured = loop {
            let outcome = Nestns::new(&["capture", &pid]).run();
            let namespaces = outcome.stdout.matches("[ns.").count();
            if namespaces == depth && outcome.stdout.contains("sleep") || start.elapsed() > TIMEOUT
            {
                break outcome;
            }
        };
        let with_programs = Nestns::new(&["capture", &pid, "--programs"]).run();
        chain.kill().expect("it is our child");
        chain.wait().expect("it is our child");
        assert_eq!(
            captured.stdout.matches("[ns.").count(),
            depth,
            "{captured:?}"
        );
        assert!(
            with_programs
                .stdout
                .contains("init = [\"sleep\", \"1000\"]"),
            "{with_programs:?}"
        );
        let checked = Nestns::new(&["check", "-"])
            .input(captured.stdout.clone())
            .run();
        assert_eq!(checked.code, 0, "{captured:?} {checked:?}");
    }
}

#[test]
fn a_program_whose_children_make_namespaces_is_not_run_again() {
    require!(nesting(), root());
    let inner = "unshare --fork --pid --kill-child sh -c 'sleep 1000 & wait'";
    let script = format!("sleep 1000 & {inner} & wait");
    let words = ["--pid", "--fork", "--kill-child", "sh", "-c", &script];
    let mut outer = Command::new("unshare")
        .args(words)
        .stdin(Stdio::null())
        .spawn()
        .expect("util-linux is installed");
    let pid = outer.id().to_string();
    let start = Instant::now();
    let captured = loop {
        let outcome = Nestns::new(&["capture", &pid, "--programs"]).run();
        // The script inside makes nothing, and is run again, with what it forks.
        let stands = ["\"sleep 1000 & wait\"]", "proc.sleep = "]
            .iter()
            .all(|said| outcome.stdout.contains(said));
        if stands || start.elapsed() > TIMEOUT {
            break outcome;
        }
    };
    outer.kill().expect("it is our child");
    outer.wait().expect("it is our child");
    assert_eq!(captured.stdout.matches("[ns.").count(), 2, "{captured:?}");
    assert!(
        captured
            .stdout
            .contains("proc.sleep = { cmd = [\"sleep\", \"1000\"] }"),
        "{captured:?}"
    );
    assert!(
        !captured.stdout.contains("--fork"),
        "it would be made twice: {captured:?}"
    );
}

#[test]
fn an_existing_file_is_not_overwritten() {
    require!(nesting());
    let nest = Detached::up(Nest::new("[ns.@]\nproc.p = { actor = \"idle\" }\n"));
    let controller = nest.controller().to_string();
    let file = nest.nest.directory.path().join("mine.toml");
    fs::write(&file, "precious").expect("the directory is writable");
    let path = file.to_str().expect("our own path");
    let outcome = nest.nestns(&["capture", &controller, "-o", path]);
    assert_eq!(
        (
            outcome.code,
            fs::read_to_string(&file).expect("it is there").as_str()
        ),
        (1, "precious")
    );
    assert!(
        outcome.stderr.contains("use --force to overwrite it"),
        "{}",
        outcome.stderr
    );
    nest.run(&["capture", &controller, "-o", path, "--force"]);
    assert!(
        fs::read_to_string(&file)
            .expect("it is there")
            .contains("[ns.")
    );
}

#[test]
fn capture_without_anything_to_capture_exits_with_1() {
    let outcome = Nestns::new(&["capture", &(1 << 22).to_string()]).run();
    assert!(
        outcome.code == 1 && outcome.stderr.contains("nestns whois"),
        "{outcome:?}"
    );
    let outcome = Nestns::new(&["capture"]).run();
    assert_eq!(outcome.code, 2, "{outcome:?}");
}

/// Captures a tree that stands, and builds what was written.
fn captured(nest: &Detached, expected: &str) -> (String, String) {
    let pid = nest
        .truth()
        .host_pid(&format!("{}/init", nest.nest.root))
        .to_string();
    nest.until("it is as it will be", |nest| {
        let outcome = nest.nestns(&["capture", &pid]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        (outcome.stdout.contains(expected) || outcome.stderr.contains(expected))
            .then_some((outcome.stdout, outcome.stderr))
    })
}

#[test]
fn proc_mounts_and_the_domain_name_are_captured() {
    let tree = "[ns.@]\nproc.p = { actor = \"idle\" }\n[ns.\"@/outer\"]\nmount_proc = false\ndomainname = \"some.domain\"\n\
                proc.p = { actor = \"idle\" }\n[ns.\"@/outer/in\"]\nproc.p = { actor = \"idle\" }\n";
    for_each_identity(|identity| {
        let nest = Detached::up(Nest::new(tree).identity(identity));
        let (first, told) = captured(&nest, "[ns.");
        assert_eq!(told, "", "{identity:?}");
        assert_eq!(
            first.matches("mount_proc = false").count(),
            1,
            "{identity:?}: {first}"
        );
        assert!(
            first.contains("domainname = \"some.domain\""),
            "{identity:?}: {first}"
        );
        drop(nest);
        let again = Detached::up(Nest::new(&first).identity(identity));
        let pid = again.truth().0["processes"][0]["pids"][0].to_string();
        assert_eq!(
            content(&again.run(&["capture", &pid])),
            content(&first),
            "{identity:?}"
        );
    });
}

#[test]
fn users_are_captured_by_root() {
    require!(nesting(), root());
    let tree = "[ns.@]\nproc.p = { actor = \"idle\", user = \"61235:61236\" }\n[ns.\"@/in\"]\n\
                proc.q = { actor = \"idle\", enter = \"join\", user = \"61235:61236\" }\n";
    let nest = Detached::up(Nest::new(tree));
    let (first, told) = captured(&nest, "proc.p");
    assert_eq!(told, "");
    assert_eq!(
        first.matches("user = \"61235:61236\"").count(),
        2,
        "{first}"
    );
    drop(nest);
    let again = Detached::up(Nest::new(&first));
    let pid = again.truth().0["processes"][0]["pids"][0].to_string();
    assert_eq!(content(&again.run(&["capture", &pid])), content(&first));
}

#[test]
fn what_a_file_cannot_express_is_counted_by_kind() {
    // A process of each kind that an ordinary user may make.
    let kinds = [
        (
            "unshare -Urm sleep 1011",
            "with a mount namespace of its own",
        ),
        ("unshare -Uru sleep 1011", "with a UTS namespace of its own"),
        (
            "unshare -Uri sleep 1011",
            "with an IPC namespace of its own",
        ),
        (
            "unshare -Urn sleep 1011",
            "with a network namespace of its own",
        ),
        (
            "unshare -UrC sleep 1011",
            "with a cgroup namespace of its own",
        ),
        (
            "unshare -Ur sleep 1011",
            "with a user or time namespace of its own",
        ),
        (
            "unshare -Ur chroot DIRECTORY/root /bin/sleep 1011",
            "with a root directory of its own",
        ),
        (
            "setpriv --no-new-privs sleep 1011",
            "with no new privileges, or a seccomp filter",
        ),
        ("sh -c 'umask 0123; exec sleep 1011'", "with another umask"),
        (
            "sh -c 'ulimit -c 0; ulimit -Hn 63; exec sleep 1011'",
            "with other limits (ulimit)",
        ),
        (
            "nice -n 7 sleep 1011",
            "with another priority, scheduling policy or set of CPUs",
        ),
        ("choom -n 777 -- sleep 1011", "with another OOM adjustment"),
    ];
    for_each_identity(|identity| {
        for (command, kind) in kinds {
            let nest = Nest::new(&format!(
                "[ns.@]\nproc.p = {{ sh = {:?} }}\n",
                format!("exec {command}")
            ));
            let root = nest.directory.path().join("root/bin");
            fs::create_dir_all(&root).expect("the directory is writable");
            if command.contains("chroot") {
                let Ok(_) = fs::copy("/bin/busybox", root.join("sleep")) else {
                    skipped(&format!("there is no static busybox for {kind}"));
                    continue;
                };
            }
            let nest = Detached::up(nest.identity(identity));
            let line = format!("1 process {kind}\n");
            let (text, told) = captured(&nest, &line);
            assert!(told.contains(&line), "{identity:?}, {command}: {told}");
            assert!(
                text.contains("# Not in this file:\n") && text.contains(&format!("#   {line}")),
                "{text}"
            );
            let checked = Nestns::new(&["check", "-"]).input(text.clone()).run();
            assert_eq!(checked.code, 0, "{text}{checked:?}");
        }
    });
}

#[test]
fn mounts_masks_and_options_of_proc_are_counted() {
    require!(nesting(), root());
    for (mount, kind) in [
        (
            "mount -t tmpfs tmpfs /mnt",
            "with mounts of its own other than /proc",
        ),
        (
            "mount -t tmpfs tmpfs /proc/bus",
            "with parts of /proc masked",
        ),
        (
            "mount -o remount,hidepid=2 /proc",
            "with options of /proc (hidepid, gid, subset)",
        ),
    ] {
        let script = format!("{mount} && exec sleep 1012");
        let nest = Detached::up(Nest::new(&format!(
            "[ns.@]\nproc.p = {{ sh = {script:?} }}\n"
        )));
        let line = format!("1 namespace {kind}\n");
        let (_, told) = captured(&nest, &line);
        assert_eq!(told, line, "{mount}");
    }
}

#[test]
fn capabilities_groups_and_cgroups_are_counted() {
    require!(nesting(), root());
    for (command, kind) in [
        (
            "setpriv --bounding-set -sys_admin sleep 1013",
            "with other capabilities",
        ),
        (
            "setpriv --groups 61237 sleep 1013",
            "with other supplementary groups",
        ),
    ] {
        let nest = Detached::up(Nest::new(&format!(
            "[ns.@]\nproc.p = {{ sh = \"exec {command}\" }}\n"
        )));
        let line = format!("1 process {kind}\n");
        let (_, told) = captured(&nest, &line);
        assert_eq!(told, line, "{command}");
    }
}
