//! `pause` and `resume`: everything in a namespace stands still, nothing else does, and nothing of it is left.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, ORDINARY};
use crate::harness::kernel;
use crate::harness::nest::Nest;
use crate::harness::requirement::{Missing, is_met, nesting, require, root};
use crate::harness::wait::within;
use crate::leftovers::kill_both;

/// A process that counts, a namespace inside, a joined process, and a namespace that a program makes.
const TREE: &str = r#"
[ns.@]
proc.count = { sh = "while :; do echo tick >> DIRECTORY/run/outer; sleep 0.01; done" }
[ns."@/in"]
proc.count = { sh = "while :; do echo tick >> DIRECTORY/run/inner; sleep 0.01; done", enter = "join" }
proc.own = { sh = "exec unshare --pid --fork --kill-child sh -c 'while :; do echo tick >> DIRECTORY/run/own; sleep 0.01; done'", stop = { signal = "KILL" } }
[ns.@-other]
proc.count = { sh = "while :; do echo tick >> DIRECTORY/run/other; sleep 0.01; done" }
"#;

/// Mount point of the cgroups of version 2.
fn mount() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    let line = text.lines().find(|line| line.contains(" - cgroup2 "))?;
    Some(line.split(' ').nth(4)?.into())
}

/// A cgroup that is delegated to an ordinary user, as by a service manager.
pub(crate) struct Delegation(PathBuf);

impl Delegation {
    fn make(mount: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let group = mount.join(format!("nest-test-{}-{number}", std::process::id()));
        fs::create_dir(&group).expect("root may");
        for name in [
            "",
            "cgroup.procs",
            "cgroup.threads",
            "cgroup.subtree_control",
        ] {
            chown(group.join(name), Some(ORDINARY), Some(ORDINARY)).expect("root may");
        }
        Self(group)
    }
}

impl Drop for Delegation {
    fn drop(&mut self) {
        let removed = within(Duration::from_secs(5), || fs::remove_dir(&self.0).ok());
        assert!(
            std::thread::panicking() || removed.is_some(),
            "a cgroup is left in {}",
            self.0.display()
        );
    }
}

/// Cgroups of version 2 are mounted.
fn cgroups() -> Result<(), Missing> {
    mount()
        .map(drop)
        .ok_or_else(|| Missing::Given("cgroups of version 2 are not mounted".to_owned()))
}

/// A topology that runs in a group of its own, and where its groups of paused namespaces are.
pub(crate) struct Stage {
    // Dropped first.
    pub(crate) detached: Detached,
    group: Delegation,
}

/// The topology, as root and as an ordinary user in a delegated cgroup.
fn stages(topology: &str) -> Vec<Stage> {
    stages_with(topology, &[])
}

/// The topology with variables in the environment.
pub(crate) fn stages_with(topology: &str, variables: &[(&str, &str)]) -> Vec<Stage> {
    stages_of(|identity| {
        let nest = Nest::new(topology).identity(identity);
        variables
            .iter()
            .fold(nest, |nest, (name, value)| nest.env(name, value))
    })
}

/// The topology of a nest, as root and as an ordinary user in a delegated cgroup.
pub(crate) fn stages_of(nest: impl Fn(Identity) -> Nest) -> Vec<Stage> {
    if ![nesting(), root(), cgroups()].into_iter().all(is_met) {
        return Vec::new();
    }
    let mount = mount().expect("it is required");
    let stage = |identity| {
        let group = Delegation::make(&mount);
        let mut nest = nest(identity);
        // The cgroup is entered by root; the wrapper changes to the user afterwards.
        nest.identity = Identity::Own;
        let change = if identity == Identity::Ordinary {
            format!("setpriv --reuid={ORDINARY} --regid={ORDINARY} --clear-groups")
        } else {
            String::new()
        };
        let enter = format!(
            "echo $$ > {}/cgroup.procs; exec {change} \"$@\"",
            group.0.display()
        );
        let nest = nest.wrapped(&["sh", "-c", &enter, "sh"]);
        Stage {
            detached: Detached::up(nest),
            group,
        }
    };
    [Identity::Own, Identity::Ordinary].map(stage).into()
}

impl Stage {
    /// The groups of paused namespaces.
    pub(crate) fn groups(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.group.0).expect("it is there").flatten();
        let is_ours = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("nestns-"))
        };
        entries.map(|entry| entry.path()).filter(is_ours).collect()
    }

    /// The topology, and the group in which it runs, which it must not outlive.
    pub(crate) fn into_parts(self) -> (Detached, Delegation) {
        (self.detached, self.group)
    }

    /// The count of a process.
    fn count(&self, who: &str) -> usize {
        let path = self.detached.nest.directory.path().join("run").join(who);
        fs::read_to_string(path).map_or(0, |text| text.lines().count())
    }

    /// Waits until a process counts.
    fn until_counting(&self, who: &str) {
        let before = self.count(who);
        self.detached.until(&format!("{who} counts"), |_| {
            (self.count(who) > before + 2).then_some(())
        });
    }

    /// Makes sure that a process does not count.
    fn is_frozen(&self, who: &str) {
        let before = self.count(who);
        // Fifteen times as long as it takes to count once more.
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(self.count(who), before, "{who} goes on");
    }

    /// The states of everything, by path; a namespace's path ends with `/`.
    fn states(&self) -> BTreeMap<String, String> {
        let path = self
            .detached
            .nest
            .state()
            .join(&self.detached.nest.root)
            .join("control.sock");
        let mut stream = UnixStream::connect(path).expect("the controller listens");
        stream
            .write_all(b"{\"nestns\":1,\"id\":1,\"ask\":\"snapshot\"}\n")
            .expect("it reads");
        let mut line = String::new();
        BufReader::new(stream)
            .read_line(&mut line)
            .expect("it answers");
        let answer: Value = serde_json::from_str(&line).expect("it is a document");
        let snapshot = &answer["say"]["snapshot"];
        let list = |name: &str, end: &str| -> Vec<(String, String)> {
            let all = snapshot[name].as_array().expect("it has them").iter();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            all.map(|one| (text(&one["path"]) + end, text(&one["state"])))
                .collect()
        };
        let mut states: BTreeMap<_, _> = list("namespaces", "/").into_iter().collect();
        states.extend(list("processes", ""));
        states.insert(
            ".".to_owned(),
            snapshot["status"]["state"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
        states
    }

    fn at(&self, path: &str) -> String {
        path.replace('@', &self.detached.nest.root)
    }
}

#[test]
fn a_paused_namespace_is_frozen_until_resumed() {
    for stage in stages(TREE) {
        for who in ["outer", "inner", "own", "other"] {
            stage.until_counting(who);
        }
        let inner = stage.detached.truth().host_pid(&stage.at("@/in/count"));
        let cgroup = || fs::read_to_string(format!("/proc/{inner}/cgroup")).expect("it lives");
        let origin = cgroup();
        assert_eq!(
            stage.detached.run(&["pause", "@/in"]),
            stage.at("paused @/in\n")
        );
        assert_ne!(cgroup(), origin);
        stage.is_frozen("inner");
        stage.is_frozen("own");
        stage.until_counting("outer");
        stage.until_counting("other");
        let states = stage.states();
        for (path, state) in [
            ("@/count", "ready"),
            ("@/in/", "paused"),
            ("@/in/init", "paused"),
            ("@/in/count", "paused"),
            ("@/in/own", "paused"),
            ("@-other/count", "ready"),
            (".", "ready"),
        ] {
            assert_eq!(states[&stage.at(path)], state, "{path}");
        }
        assert_eq!(stage.groups().len(), 1);
        assert_eq!(
            stage.detached.run(&["resume", "@/in"]),
            stage.at("resumed @/in\n")
        );
        assert_eq!(stage.groups(), Vec::<PathBuf>::new());
        for who in ["outer", "inner", "own", "other"] {
            stage.until_counting(who);
        }
        assert_eq!(cgroup(), origin);
        assert!(
            stage.states().values().all(|state| state != "paused"),
            "{:?}",
            stage.states()
        );
        // The whole of it.
        assert_eq!(
            stage.detached.run(&["pause", "."]),
            stage.at("paused @\npaused @-other\n")
        );
        for who in ["outer", "inner", "own", "other"] {
            stage.is_frozen(who);
        }
        assert_eq!(stage.states()["."], "paused");
        assert_eq!(
            stage.detached.run(&["resume", "."]),
            stage.at("resumed @\nresumed @-other\n")
        );
        stage.until_counting("own");
        assert_eq!(stage.groups(), Vec::<PathBuf>::new());
    }
}

#[test]
fn an_inner_pause_persists_when_the_outer_namespace_is_resumed() {
    for stage in stages(TREE) {
        stage.until_counting("inner");
        stage.detached.run(&["pause", "@/in"]);
        stage.detached.run(&["pause", "@"]);
        stage.is_frozen("outer");
        let refused = stage.detached.nestns(&["resume", "@/in"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
        let said =
            "error: `@/in` is paused with `@`\n  = help: `nestns resume @` resumes all of it\n";
        assert_eq!(refused.stderr, stage.at(said));
        stage.detached.run(&["resume", "@"]);
        stage.until_counting("outer");
        stage.is_frozen("inner");
        stage.detached.run(&["resume", "."]);
        stage.until_counting("inner");
        assert_eq!(stage.groups(), Vec::<PathBuf>::new());
    }
}

#[test]
fn operations_on_a_paused_namespace_are_refused_with_the_reason() {
    for stage in stages(TREE) {
        let refused = |arguments: &[&str], code: i32, said: &str| {
            let outcome = stage.detached.nestns(arguments);
            assert_eq!(
                (outcome.code, outcome.stdout.as_str()),
                (code, ""),
                "{arguments:?}: {}",
                outcome.stderr
            );
            assert_eq!(outcome.stderr, stage.at(said), "{arguments:?}");
        };
        refused(&["resume", "@"], 1, "error: `@` is not paused\n");
        refused(&["resume", "."], 1, "error: nothing is paused\n");
        refused(
            &["pause", "@/count"],
            1,
            "error: `@/count` is a process, but only namespaces can be paused\n  = help: pause `@`, or stop the \
             process alone: `nestns kill -s STOP @/count`\n",
        );
        stage.detached.run(&["pause", "@"]);
        refused(&["pause", "@"], 1, "error: `@` is already paused\n");
        let help = "  = help: `nestns resume @` resumes all of it\n";
        refused(
            &["pause", "@/in"],
            1,
            &format!("error: `@/in` is already paused, with `@`\n{help}"),
        );
        refused(
            &["exec", "@/in", "--", "true"],
            125,
            "error: `@/in` is paused with `@`, so nothing can be started in it\n  = help: `nestns resume @` resumes \
             it\n",
        );
        // A signal waits; KILL does not.
        let outcome = stage.detached.nestns(&["kill", "-s", "CONT", "@/in/count"]);
        assert_eq!(outcome.code, 0);
        assert_eq!(
            outcome.stderr,
            stage.at("`@/in/count` is paused; the signal is delivered when it resumes\n")
        );
        // Its parent, which has to reap it, is stopped as well.
        let own = stage.detached.truth().host_pid(&stage.at("@/in/own"));
        let outcome = stage.detached.nestns(&["kill", "-s", "KILL", "@/in/own"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        stage.detached.until("it has ended", |_| {
            kernel::process(own).filter(|process| process.state == 'Z')
        });
    }
}

#[test]
fn a_paused_tree_can_be_taken_down_and_leaves_no_cgroup() {
    for arguments in [&["down", "@"][..], &["down", "@", "--now"]] {
        for stage in stages(TREE) {
            stage.until_counting("inner");
            stage.detached.run(&["pause", "@/in"]);
            stage.detached.run(&["pause", "."]);
            let began = Instant::now();
            let said = stage.detached.run(arguments);
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{:?}",
                began.elapsed()
            );
            assert!(said.contains("stopped in"), "{said}");
            if arguments.len() == 2 {
                assert!(!said.contains("killed at deadline"), "{said}");
            }
            assert_eq!(stage.groups(), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn a_paused_tree_and_its_cgroups_end_with_the_controller() {
    for stage in stages(TREE) {
        stage.detached.run(&["pause", "@/in"]);
        stage.detached.run(&["pause", "."]);
        assert_eq!(stage.groups().len(), 3);
        kill(stage.detached.controller(), Signal::SIGKILL).expect("it runs");
        stage
            .detached
            .until("the guardian has cleaned up", |detached| {
                (!detached.is_running()).then_some(())
            });
        assert_eq!(stage.groups(), Vec::<PathBuf>::new());
    }
}

#[test]
fn cgroups_without_controller_and_guardian_are_removed_by_prune() {
    for stage in stages(TREE) {
        stage.detached.run(&["pause", "."]);
        assert_eq!(stage.groups().len(), 2);
        let root = Pid::from_raw(stage.detached.truth().host_pid(&stage.at("@/init")));
        kill_both(&stage.detached.truth().0);
        stage
            .detached
            .until("its parent's death has ended the root", |_| {
                kernel::process(root.as_raw())
                    .is_none_or(|process| process.state == 'Z')
                    .then_some(())
            });
        assert_eq!(stage.groups().len(), 2);
        stage.detached.run(&["prune"]);
        assert_eq!(stage.groups(), Vec::<PathBuf>::new());
        assert!(!stage.detached.is_running());
    }
}

#[test]
fn without_a_delegated_cgroup_the_remedy_is_printed() {
    require!(nesting(), root(), cgroups());
    let detached = Detached::up(
        Nest::new("[ns.@]\nproc.idle = \"sleep 1000\"\n").identity(Identity::Ordinary),
    );
    let outcome = detached.nestns(&["pause", "@"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str()),
        (4, ""),
        "{}",
        outcome.stderr
    );
    let root = &detached.nest.root;
    assert!(
        outcome.stderr.starts_with(&format!(
            "error: cannot pause `{root}`: cannot create a cgroup in "
        )),
        "{}",
        outcome.stderr
    );
    for part in [
        "Permission denied",
        "systemd-run --user --scope -p Delegate=yes",
        "`nestns doctor` checks it as cgroup-freezer: ",
    ] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    assert_eq!(detached.nestns(&["exec", "@", "--", "true"]).code, 0);
}
