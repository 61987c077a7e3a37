//! The topology that a verb uses where others of the same user run: separation by state root, the environment of
//! a program says, and what has no name to be called by.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::STATE_ROOT;
use crate::harness::detached::{Detached, ended};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Nest, program};
use crate::harness::wait::{TIMEOUT, within};

const IDLE: &str = "name = '@'\n[ns.@]\nproc.one = { actor = \"idle\" }\n";

/// `nestns run -- sleep` in the state root of another topology, without a name.
struct Anonymous<'a>(&'a Detached, Child);

impl<'a> Anonymous<'a> {
    fn start(beside: &'a Detached) -> Self {
        let child = beside
            .command(&["run", "--", "sleep", "1000"])
            .stdin(Stdio::null())
            .spawn();
        let anonymous = Self(beside, child.expect("the program was built"));
        let name = anonymous.name();
        beside.until("the stranger runs", |beside| {
            let outcome = beside.nestns(&["ls", "-o", "name,state"]);
            let mut lines = outcome.stdout.lines();
            lines
                .any(|line| line.contains(&name) && line.ends_with("ready"))
                .then_some(())
        });
        anonymous
    }

    fn name(&self) -> String {
        format!("run-{}", self.1.id())
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.1.id().cast_signed()), signal).expect("it is an unreaped child");
    }
}

impl Drop for Anonymous<'_> {
    fn drop(&mut self) {
        let _ = self.1.kill();
        let _ = self.1.wait();
        let directory = self.0.nest.state().join(self.name());
        within(TIMEOUT, || (!directory.exists()).then_some(()));
    }
}

/// A second topology with a name, in the state root of the first.
fn second(beside: &Detached) -> String {
    let name = format!("{}-two", beside.nest.root);
    let file = beside.nest.file_name();
    assert_eq!(beside.nestns(&["up", "-d", "--name", &name, file]).code, 0);
    name
}

#[test]
fn an_unnamed_topology_never_makes_a_named_one_ambiguous() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(IDLE).identity(identity));
        let (first, other) = (Anonymous::start(&detached), Anonymous::start(&detached));
        let verbs: [&[&str]; 9] = [
            &["pid", "@/one"],
            &["inspect", "@/one"],
            &["see"],
            &["tree"],
            &["logs"],
            &["wait", "@/one", "--for", "ready"],
            &["kill", "-s", "CONT", "@/one"],
            &["exec", "@", "--", "true"],
            &["ps", "@"],
        ];
        for verb in verbs {
            let outcome = detached.nestns(verb);
            assert_eq!(outcome.code, 0, "{identity:?} {verb:?}: {}", outcome.stderr);
        }
        // Nor one that cannot even say that it has no name.
        other.signal(Signal::SIGSTOP);
        for verb in [["pid", "@/one"], ["ps", "@"]] {
            let outcome = detached.nestns(&verb);
            assert_eq!(outcome.code, 0, "{identity:?} {verb:?}: {}", outcome.stderr);
        }
        let all = detached.nestns(&["ps", "-q"]);
        assert_eq!(all.code, 0, "{identity:?}: {}", all.stderr);
        assert!(
            all.stderr
                .contains(&format!("warning: `{}` does not answer", other.name())),
            "{}",
            all.stderr
        );
        other.signal(Signal::SIGCONT);
        drop(other);
        let two = second(&detached);
        let outcome = detached.nestns(&["pid", "@/one"]);
        assert_eq!(outcome.code, 1, "{identity:?}");
        let root = &detached.nest.root;
        for name in [root, &two, &first.name()] {
            assert!(
                outcome.stderr.contains(&format!("\n  {name}  (")),
                "{identity:?}: {}",
                outcome.stderr
            );
        }
        drop(first);
        assert_eq!(detached.nestns(&["down", &two]).code, 0);
    });
}

#[test]
fn without_a_name_ps_lists_every_topology() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(IDLE).identity(identity));
        let root = detached.nest.root.clone();
        assert_eq!(
            detached.run(&["ps", "-q"]),
            format!("{root}/init\n{root}/one\n")
        );
        let two = second(&detached);
        let paths = format!(
            "{root}:/{root}/init\n{root}:/{root}/one\n{two}:/{root}/init\n{two}:/{root}/one\n"
        );
        assert_eq!(detached.run(&["ps", "-q"]), paths, "{identity:?}");
        let table = detached.run(&["ps", "-o", "path,name"]);
        assert!(
            table.contains(&format!("\n{two}:/{root}/one   one\n")),
            "{table}"
        );
        let document = detached.document(&["ps", "--format", "json"]);
        assert_eq!(document["topology"], Value::Null);
        let processes = document["processes"].as_array().expect("a list");
        let named: Vec<_> = processes
            .iter()
            .map(|process| (&process["topology"], &process["path"]))
            .collect();
        let (init, one) = (
            Value::from(format!("{root}/init")),
            Value::from(format!("{root}/one")),
        );
        let (root_name, two_name) = (Value::from(root.clone()), Value::from(two.clone()));
        assert_eq!(
            named,
            [
                (&root_name, &init),
                (&root_name, &one),
                (&two_name, &init),
                (&two_name, &one)
            ]
        );
        assert_eq!(
            detached.run(&["ps", "-q", "-n", &two]),
            format!("{root}/init\n{root}/one\n")
        );
        assert_eq!(
            detached.run(&["ps", "-q", &format!("{two}:/{root}/one")]),
            format!("{root}/one\n")
        );
        assert_eq!(detached.nestns(&["down", &two]).code, 0);
        assert_eq!(
            detached.document(&["ps", "--format", "json"])["topology"],
            root.as_str()
        );
    });
}

#[test]
fn inside_run_test_and_exec_the_default_is_their_own_topology() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(IDLE).identity(identity));
        let two = second(&detached);
        let stranger = Anonymous::start(&detached);
        let file = detached.nest.directory.path().join("own.toml");
        fs::write(&file, "[ns.own]\nproc.mine = { actor = \"idle\" }\n").expect("it is our own");
        let file = file.to_str().expect("our own path");
        let program = program().to_str().expect("our own path");
        let own = "own/init\nown/mine\n";
        assert_eq!(
            detached.run(&["run", file, "--", program, "ps", "-q"]),
            own,
            "{identity:?}"
        );
        assert_eq!(
            detached.run(&["run", "-n", "mine", file, "--", program, "ps", "-q"]),
            own,
            "{identity:?}"
        );
        // Whatever the state root is called, and from where.
        let mut relative = detached.command(&[
            "run",
            "own.toml",
            "--",
            "sh",
            "-c",
            &format!("cd /; {program} ps -q"),
        ]);
        let relative = relative
            .env(STATE_ROOT, "run/nestns")
            .output()
            .expect("the program was built");
        assert_eq!(
            String::from_utf8_lossy(&relative.stdout),
            own,
            "{identity:?}: {relative:?}"
        );
        let script =
            format!("{program} kill -s CONT own/mine && test $({program} ps -q | wc -l) = 2");
        let outcome = detached.nestns(&["test", file, "--", "sh", "-c", &script]);
        assert_eq!(
            outcome.code, 0,
            "{identity:?}: {}{}",
            outcome.stdout, outcome.stderr
        );
        // A program inside may be told about its own topology, which is no foreign one.
        let inside = detached.nestns(&["exec", "-n", &two, "@", "--", program, "ps", "-q"]);
        assert!(
            !inside.stderr.contains("several topologies"),
            "{identity:?}: {}",
            inside.stderr
        );
        // The host's numbers mean nothing inside.
        for verb in [&["pid", "own/mine"][..], &["see"]] {
            let words = [&["run", file, "--in", "own", "--", program][..], verb].concat();
            let told = detached.nestns(&words);
            assert_eq!(told.code, 1, "{identity:?}: {}{}", told.stdout, told.stderr);
            assert!(
                told.stderr.contains("run it outside the tree"),
                "{identity:?}: {}",
                told.stderr
            );
        }
        // A name is still a name.
        let words = ["run", file, "--", program, "ps", "-q", "-n", &two];
        assert_eq!(
            detached.run(&words),
            format!("{0}/init\n{0}/one\n", detached.nest.root),
            "{identity:?}"
        );
        drop(stranger);
        assert_eq!(detached.nestns(&["down", &two]).code, 0);
    });
}

#[test]
fn the_truth_of_a_topology_that_does_not_run_is_ignored() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(IDLE).identity(identity));
        let expected = format!("{0}/init\n{0}/one\n", detached.nest.root);
        let elsewhere = Detached::up(Nest::new(IDLE).identity(identity));
        let gone = detached.nest.state().join("gone/truth.json");
        let copy = detached.nest.directory.path().join("truth.json");
        let truth = detached
            .nest
            .state()
            .join(&detached.nest.root)
            .join("truth.json");
        fs::copy(&truth, &copy).expect("it is our own");
        // The one of another state root is kept apart from here, and is none of ours.
        let other = elsewhere
            .nest
            .state()
            .join(&elsewhere.nest.root)
            .join("truth.json");
        for wrong in [
            gone.as_path(),
            &copy,
            &other,
            Path::new("truth.json"),
            Path::new("/"),
            Path::new(""),
        ] {
            let found = detached
                .command(&["ps", "-q"])
                .env("NESTNS_TRUTH", wrong)
                .output()
                .expect("it was built");
            assert_eq!(
                String::from_utf8_lossy(&found.stdout),
                expected,
                "{identity:?} {wrong:?}: {found:?}"
            );
        }
    });
}

#[test]
fn an_explicit_state_root_is_the_only_one() {
    for_each_identity(|identity| {
        if identity == Identity::Own && nix::unistd::geteuid().is_root() {
            // Without a place of its own that would be the machine's /run.
            return;
        }
        let nest = Nest::new(IDLE).identity(identity);
        let directory = nest.directory.path().to_owned();
        let in_place = |words: &[&str], root: &str, runtime: &str| {
            let mut command = nest.command(words);
            command
                .env(STATE_ROOT, root)
                .env("XDG_RUNTIME_DIR", runtime)
                .env("TMPDIR", &directory);
            ended(
                command
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("it was built"),
            )
        };
        let private = directory.join("run");
        let private = private.to_str().expect("our own path");
        let file = nest.file_name();
        let up = in_place(&["up", "-d", file], "", "");
        assert_eq!(up.code, 0, "{}", up.stderr);
        let name = format!("{}\n", nest.root);
        let found = [
            ("", ""),
            ("", private),
            (private, ""),
            (private, "/nowhere"),
        ]
        .map(|(root, runtime)| in_place(&["ls", "-q"], root, runtime).stdout);
        let down = in_place(&["down", &nest.root], "", "");
        assert_eq!(down.code, 0, "{}", down.stderr);
        assert_eq!(found, [name.as_str(), "", "", ""], "{identity:?}");
    });
}

#[test]
fn the_help_describes_environment_variables() {
    let help = crate::harness::Nestns::new(&["--help"]).run().stdout;
    for name in [
        STATE_ROOT,
        "NESTNS_TRUTH",
        "NESTNS_NAME",
        "XDG_RUNTIME_DIR",
        "NO_COLOR",
    ] {
        assert!(help.contains(&format!("\n  {name}")), "{name} in {help}");
    }
    assert!(
        crate::harness::Nestns::new(&["man"])
            .run()
            .stdout
            .contains("NESTNS_STATE_ROOT")
    );
}
