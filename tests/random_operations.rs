//! Anything may be done to a running topology in any order: after each step the kernel has what a simple model says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::Nest;
use crate::harness::random;
use crate::harness::wait::{TIMEOUT, within};

const TOPOLOGY: &str = r#"
on_exit = "ignore"

[defaults.ns]
init = "pause"

[ns.@]
proc.a = { actor = "idle" }

[ns."@/mid"]
proc.b = { actor = "serve" }
proc.c = { actor = "idle", enter = "join" }

[ns."@/mid/in"]
proc.d = { actor = "idle" }
proc.e = { actor = "tree --children 2" }

[ns."@/side"]
init   = "builtin"
proc.f = { actor = "idle", restart = "on-failure", backoff = "10ms" }
proc.g = { actor = "idle" }
"#;

const NAMESPACES: [&str; 4] = ["", "/mid", "/mid/in", "/side"];
const PROCESSES: [(&str, &str); 7] = [
    ("", "a"),
    ("/mid", "b"),
    ("/mid", "c"),
    ("/mid/in", "d"),
    ("/mid/in", "e"),
    ("/side", "f"),
    ("/side", "g"),
];

#[derive(Debug, Clone, Copy)]
enum Operation {
    /// A program that ends at once.
    Execute(usize),
    /// A program that stays.
    ExecuteDetached(usize),
    KillProcess(usize),
    KillNamespace(usize),
    Restart(usize),
    RestartNamespace(usize),
    Down(usize),
    DownNamespace(usize),
    Pause(usize),
    Resume(usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let namespace = 0..NAMESPACES.len();
    let process = 0..PROCESSES.len();
    // The root is the topology: it is restarted, but neither killed nor taken down as a part.
    let part = 1..NAMESPACES.len();
    let operation = prop_oneof![
        3 => namespace.clone().prop_map(Operation::Execute),
        2 => namespace.clone().prop_map(Operation::ExecuteDetached),
        3 => process.clone().prop_map(Operation::KillProcess),
        1 => part.clone().prop_map(Operation::KillNamespace),
        4 => process.clone().prop_map(Operation::Restart),
        3 => namespace.prop_map(Operation::RestartNamespace),
        2 => process.prop_map(Operation::Down),
        2 => part.clone().prop_map(Operation::DownNamespace),
        2 => part.clone().prop_map(Operation::Pause),
        2 => part.prop_map(Operation::Resume),
    ];
    vec(operation, 100)
}

/// The expected state.
#[derive(Debug, Default)]
struct Model {
    /// Namespaces that stand.
    namespaces: BTreeSet<&'static str>,
    /// The namespaces that were paused by name.
    paused: BTreeSet<&'static str>,
    /// Processes that run, by their paths below the root.
    running: BTreeSet<String>,
}

fn is_inside(path: &str, namespace: &str) -> bool {
    path.strip_prefix(namespace)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Model {
    fn new() -> Self {
        let mut model = Self::default();
        model.create("");
        model
    }

    fn create(&mut self, namespace: &'static str) {
        self.fell(namespace);
        self.namespaces.extend(
            NAMESPACES
                .into_iter()
                .filter(|inner| is_inside(inner, namespace)),
        );
        let inside = PROCESSES
            .into_iter()
            .filter(|(home, _)| is_inside(home, namespace));
        self.running
            .extend(inside.map(|(home, name)| format!("{home}/{name}")));
    }

    fn fell(&mut self, namespace: &str) {
        self.namespaces.retain(|inner| !is_inside(inner, namespace));
        self.paused.retain(|inner| !is_inside(inner, namespace));
        // A process is inside its namespace, and so are the exec processes.
        self.running.retain(|path| {
            !is_inside(path, namespace) || (namespace.is_empty() && path.is_empty())
        });
    }

    fn stands(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|&other| other == namespace)
    }

    /// True if it, or a namespace around it, is frozen.
    fn is_frozen(&self, namespace: &str) -> bool {
        self.paused.iter().any(|&outer| is_inside(namespace, outer))
    }

    /// True if anything in it or around it is frozen.
    fn is_touched(&self, namespace: &str) -> bool {
        self.is_frozen(namespace) || self.paused.iter().any(|inner| is_inside(inner, namespace))
    }
}

/// The topology and its model.
struct Run {
    tree: Detached,
    model: Model,
    can_pause: bool,
}

impl Run {
    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.tree.nest.root)
    }

    fn does(&self, arguments: &[&str]) -> i32 {
        let outcome = self.tree.nestns(arguments);
        assert!(
            !outcome.stderr.contains("panicked"),
            "{arguments:?}: {}",
            outcome.stderr
        );
        outcome.code
    }

    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Execute(place) => self.execute(NAMESPACES[place]),
            Operation::ExecuteDetached(place) => self.execute_detached(NAMESPACES[place]),
            Operation::KillProcess(place) => self.kill_process(PROCESSES[place]),
            Operation::KillNamespace(place) => self.kill_namespace(NAMESPACES[place]),
            Operation::Restart(place) => self.restart_process(PROCESSES[place]),
            Operation::RestartNamespace(place) => self.restart_namespace(NAMESPACES[place]),
            Operation::Down(place) => self.down_process(PROCESSES[place]),
            Operation::DownNamespace(place) => self.down_namespace(NAMESPACES[place]),
            Operation::Pause(place) => self.pause(NAMESPACES[place]),
            Operation::Resume(place) => self.resume(NAMESPACES[place]),
        }
    }

    fn execute(&mut self, namespace: &'static str) {
        let code = self.does(&[
            "exec",
            &self.path(&format!("{namespace}/")),
            "--",
            "sh",
            "-c",
            "exit 42",
        ]);
        let possible = self.model.stands(namespace) && !self.model.is_frozen(namespace);
        assert_eq!(code, if possible { 42 } else { 125 }, "{namespace:?}");
    }

    fn execute_detached(&mut self, namespace: &'static str) {
        let address = self.path(&format!("{namespace}/"));
        let outcome = self
            .tree
            .nestns(&["exec", "-d", &address, "sleep", "10000"]);
        let possible = self.model.stands(namespace) && !self.model.is_frozen(namespace);
        assert_eq!(
            outcome.code,
            if possible { 0 } else { 125 },
            "{namespace:?}: {}",
            outcome.stderr
        );
        if possible {
            let path = outcome
                .stdout
                .trim()
                .strip_prefix(&self.tree.nest.root)
                .expect("its path");
            self.model.running.insert(path.to_owned());
        }
    }

    fn kill_process(&mut self, (home, name): (&'static str, &'static str)) {
        if self.model.is_frozen(home) {
            // It is dead at once; but its parent is frozen, and its exit is not known before that is resumed.
            return;
        }
        let path = format!("{home}/{name}");
        let code = self.does(&["kill", "-s", "KILL", &self.path(&path)]);
        let was_running = self.model.running.contains(&path);
        assert_eq!(code, i32::from(!was_running), "{path}");
        // One of them is started again by its policy.
        if name != "f" {
            self.model.running.remove(&path);
        }
    }

    fn kill_namespace(&mut self, namespace: &'static str) {
        if self.model.is_touched(namespace) {
            return;
        }
        let code = self.does(&["kill", "-s", "KILL", &self.path(&format!("{namespace}/"))]);
        assert_eq!(
            code,
            i32::from(!self.model.stands(namespace)),
            "{namespace}"
        );
        self.model.fell(namespace);
    }

    fn restart_process(&mut self, (home, name): (&'static str, &'static str)) {
        if self.model.is_touched(home) {
            return;
        }
        let path = format!("{home}/{name}");
        let code = self.does(&["restart", &self.path(&path)]);
        if self.model.stands(home) {
            assert_eq!(code, 0, "{path}");
            self.model.running.insert(path);
        } else {
            assert_ne!(code, 0, "{path}");
        }
    }

    fn restart_namespace(&mut self, namespace: &'static str) {
        if self.model.is_touched(namespace) {
            return;
        }
        let code = self.does(&["restart", &self.path(&format!("{namespace}/"))]);
        let around = namespace.rsplit_once('/').map(|(around, _)| around);
        if around.is_none_or(|around| self.model.stands(around)) {
            assert_eq!(code, 0, "{namespace}");
            self.model.create(namespace);
        } else {
            assert_ne!(code, 0, "{namespace}");
        }
    }

    fn down_process(&mut self, (home, name): (&'static str, &'static str)) {
        if self.model.is_touched(home) {
            return;
        }
        let path = format!("{home}/{name}");
        let root = self.tree.nest.root.clone();
        let code = self.does(&["down", &root, &self.path(&path)]);
        assert!(
            code == 0 || !self.model.running.contains(&path),
            "{path}: {code}"
        );
        self.model.running.remove(&path);
    }

    fn down_namespace(&mut self, namespace: &'static str) {
        if self.model.is_touched(namespace) {
            return;
        }
        let root = self.tree.nest.root.clone();
        let code = self.does(&["down", &root, &self.path(&format!("{namespace}/"))]);
        assert!(
            code == 0 || !self.model.stands(namespace),
            "{namespace}: {code}"
        );
        self.model.fell(namespace);
    }

    fn pause(&mut self, namespace: &'static str) {
        if !self.can_pause || self.model.is_touched(namespace) {
            return;
        }
        let code = self.does(&["pause", &self.path(&format!("{namespace}/"))]);
        if self.model.stands(namespace) {
            assert_eq!(code, 0, "{namespace}");
            self.model.paused.insert(namespace);
        } else {
            assert_ne!(code, 0, "{namespace}");
        }
    }

    fn resume(&mut self, namespace: &'static str) {
        if self.model.paused.remove(namespace) {
            assert_eq!(
                self.does(&["resume", &self.path(&format!("{namespace}/"))]),
                0,
                "{namespace}"
            );
        }
    }

    /// Waits until what nestns says and what the kernel has is what the model says: a death takes a moment.
    fn compare(&self, history: &[Operation]) {
        let mut difference = None;
        within(TIMEOUT, || {
            difference = self.difference();
            difference.is_none().then_some(())
        })
        .unwrap_or_else(|| {
            panic!(
                "{}\n{:#?}\nafter {history:?}",
                difference.unwrap_or_default(),
                self.model
            )
        });
    }

    fn difference(&self) -> Option<String> {
        let document = self
            .tree
            .document(&["ps", "--declared", "--format", "json"]);
        let processes = document["processes"]
            .as_array()
            .expect("the document has them");
        let mut running = BTreeSet::new();
        let mut inodes: BTreeMap<String, (u64, usize)> = BTreeMap::new();
        for process in processes {
            if !process["exit"].is_null()
                || matches!(
                    process["state"].as_str(),
                    Some("exited" | "failed" | "killed" | "gone")
                )
            {
                continue;
            }
            let path = process["path"]
                .as_str()
                .expect("a path")
                .strip_prefix(&self.tree.nest.root)
                .expect("its root");
            // Of one that is being created again no number is known yet.
            let Some(pid) = process["pids"][0].as_i64() else {
                return Some(format!("{path} has no number yet"));
            };
            if let Some(difference) = differs_from_the_kernel(process) {
                return Some(difference);
            }
            let namespace = path
                .rsplit_once('/')
                .map_or("", |(namespace, _)| namespace)
                .to_owned();
            let Some(inode) = inode_of(pid) else {
                return Some(format!("{path} has just ended"));
            };
            let (known, count) = inodes.entry(namespace).or_insert((inode, 0));
            if *known != inode {
                return Some(format!(
                    "{path} is not in the PID namespace of its neighbours"
                ));
            }
            *count += 1;
            running.insert(path.to_owned());
        }
        let inits = self
            .model
            .namespaces
            .iter()
            .map(|namespace| format!("{namespace}/init"));
        let expected: BTreeSet<String> = self.model.running.iter().cloned().chain(inits).collect();
        if running != expected {
            let missing: Vec<_> = expected.difference(&running).collect();
            let strange: Vec<_> = running.difference(&expected).collect();
            return Some(format!("missing {missing:?}, strange {strange:?}"));
        }
        // All processes in the namespaces are known, but for the children of `e`.
        let members = members();
        for (namespace, (inode, count)) in &inodes {
            let children = if namespace == "/mid/in" && running.contains("/mid/in/e") {
                2
            } else {
                0
            };
            let found = members.get(inode).copied().unwrap_or(0);
            if found != count + children {
                return Some(format!(
                    "{found} processes in {namespace:?}, {} known",
                    count + children
                ));
            }
        }
        None
    }
}

fn differs_from_the_kernel(process: &Value) -> Option<String> {
    let pids: Vec<i64> = process["pids"]
        .as_array()?
        .iter()
        .filter_map(Value::as_i64)
        .collect();
    let status = fs::read_to_string(format!("/proc/{}/status", pids[0])).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .unwrap_or_default();
    let numbers: Vec<i64> = line
        .split_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    // The tests may run in a namespace themselves; the last numbers are those that count.
    let is_same = numbers.ends_with(&pids[1..]) && !numbers.is_empty();
    (!is_same).then(|| {
        format!(
            "{}: {pids:?} here, {numbers:?} in the kernel",
            process["path"]
        )
    })
}

fn inode_of(pid: i64) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(format!("/proc/{pid}/ns/pid"))
        .ok()
        .map(|metadata| metadata.ino())
}

/// Number of processes in each PID namespace.
fn members() -> BTreeMap<u64, usize> {
    let mut members = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if let Some(inode) = inode_of(pid) {
            *members.entry(inode).or_default() += 1;
        }
    }
    members
}

#[test]
fn after_every_operation_the_kernel_has_what_the_model_says() {
    let cases = random::cases(1, 20);
    for_each_identity(|identity| {
        let mut runner = random::runner(cases, 0);
        let result = runner.run(&operations(), |operations| {
            let tree = Detached::up(Nest::new(TOPOLOGY).identity(identity));
            // An ordinary user has no delegated cgroup here.
            let can_pause = identity == Identity::Own && nix::unistd::geteuid().is_root();
            let mut run = Run {
                tree,
                model: Model::new(),
                can_pause,
            };
            run.compare(&[]);
            for (place, &operation) in operations.iter().enumerate() {
                run.perform(operation);
                run.compare(&operations[..=place]);
            }
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{identity:?}: {error}"));
    });
}
