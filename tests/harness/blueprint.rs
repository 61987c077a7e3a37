//! A tree as a test means it, its file, and whether the kernel has the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;

use super::kernel;
use super::nest::{Running, Truth, program};

/// PID 1 of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Init {
    Builtin,
    Pause,
    Actor,
    Program,
}

/// Way in which a process enters its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enter {
    Fork,
    Join,
}

/// A namespace. Parents stand before their children.
#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    pub(crate) path: String,
    pub(crate) parent: Option<usize>,
    pub(crate) init: Init,
    pub(crate) processes: Vec<Enter>,
}

/// A whole tree.
#[derive(Debug, Clone)]
pub(crate) struct Blueprint(pub(crate) Vec<Namespace>);

impl Init {
    const fn adopts(self) -> bool {
        matches!(self, Self::Builtin | Self::Pause)
    }
}

impl Blueprint {
    /// The file. Under a PID 1 that is a program, processes can only join.
    pub(crate) fn topology(&self) -> String {
        let mut text = String::new();
        for namespace in &self.0 {
            let init = match namespace.init {
                Init::Builtin => "\"builtin\"".to_owned(),
                Init::Pause => "\"pause\"".to_owned(),
                Init::Actor => "{ actor = \"idle\" }".to_owned(),
                Init::Program => format!(
                    "[{:?}, \"actor\", \"idle\"]",
                    program().display().to_string()
                ),
            };
            writeln!(text, "[ns.{:?}]\ninit = {init}", namespace.path).expect("memory");
            for (place, &enter) in namespace.processes.iter().enumerate() {
                let enter = if self.enter(namespace, enter) == Enter::Join {
                    "join"
                } else {
                    "fork"
                };
                let does = if place % 2 == 0 {
                    "actor = \"idle\""
                } else {
                    "cmd = \"sleep 1000\""
                };
                writeln!(text, "proc.p{place} = {{ {does}, enter = \"{enter}\" }}")
                    .expect("memory");
            }
        }
        text
    }

    #[expect(clippy::unused_self, reason = "it is a rule of the whole")]
    fn enter(&self, namespace: &Namespace, enter: Enter) -> Enter {
        if namespace.init.adopts() {
            enter
        } else {
            Enter::Join
        }
    }

    /// Host PID of the process that creates and reaps in a namespace, from `index` outward.
    fn parent(&self, mut index: Option<usize>, truth: &Truth, root: &str, controller: i32) -> i32 {
        while let Some(at) = index {
            if self.0[at].init.adopts() {
                return truth.host_pid(&format!("{}/init", self.0[at].path.replace('@', root)));
            }
            index = self.0[at].parent;
        }
        controller
    }

    /// Waits until every program that is PID 1 has been executed and has come so far that it heeds TERM: before, the kernel
    /// drops the signal, and the stop takes its whole grace.
    pub(crate) fn until_term_is_handled(&self, running: &mut Running, truth: &Truth) {
        for namespace in self
            .0
            .iter()
            .filter(|namespace| namespace.init == Init::Program)
        {
            let init = format!("{}/init", namespace.path.replace('@', &running.nest.root));
            let pid = truth.host_pid(&init);
            running.until(&format!("{init} heeds TERM"), |_| {
                // A copy of nestns that waits for its gate has another command line.
                let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let executed = words.starts_with(program().as_os_str().as_encoded_bytes());
                (executed && kernel::handles_term(pid)).then_some(())
            });
        }
    }

    /// Makes sure that what stands is this tree: by the truth, and by what the kernel says without it.
    pub(crate) fn confirm(&self, running: &Running, truth: &Truth) {
        let root = running.nest.root.as_str();
        let controller = running.pid().as_raw();
        let named = |text: &str| text.replace('@', root);
        let mut declared = BTreeSet::new();
        let mut inodes: HashMap<usize, u64> = HashMap::new();
        for (index, namespace) in self.0.iter().enumerate() {
            let path = named(&namespace.path);
            let level = path.split('/').count();
            let init = format!("{path}/init");
            let pid = truth.host_pid(&init);
            let inode = kernel::namespace(pid, "pid").expect("its PID 1 lives");
            inodes.insert(index, inode);
            assert_eq!(truth.namespace(&path)["pidns"], inode, "{path}");
            assert_eq!(truth.namespace(&path)["level"], level, "{path}");
            let around = namespace
                .parent
                .map_or_else(kernel::own_pid_namespace, |parent| inodes[&parent]);
            assert_eq!(
                kernel::parent_namespace(pid),
                around,
                "the namespace around {path}"
            );
            let outside = self.parent(namespace.parent, truth, root, controller);
            let mut expected = vec![(init, outside)];
            for (place, &enter) in namespace.processes.iter().enumerate() {
                let parent = if self.enter(namespace, enter) == Enter::Join {
                    outside
                } else {
                    pid
                };
                expected.push((format!("{path}/p{place}"), parent));
            }
            for (process, parent) in expected {
                let found = kernel::process(truth.host_pid(&process)).expect("it lives");
                assert_eq!(found.numbers, truth.pids(&process), "{process}");
                assert_eq!(found.numbers.len(), level + 1, "{process}");
                assert_eq!(found.parent, parent, "the parent of {process}");
                assert_eq!(
                    kernel::namespace(found.pid, "pid"),
                    Some(inode),
                    "{process}"
                );
                declared.insert(process);
            }
            assert_eq!(
                truth.pids(&format!("{path}/init")).last(),
                Some(&1),
                "{path}"
            );
        }
        assert_eq!(truth.paths().into_iter().collect::<BTreeSet<_>>(), declared);
        let different: HashSet<u64> = inodes.values().copied().collect();
        assert_eq!(different.len(), self.0.len(), "every namespace is its own");
        let hosts: BTreeSet<i32> = declared.iter().map(|path| truth.host_pid(path)).collect();
        assert_eq!(kernel::members(&different), hosts, "nobody else is inside");
    }
}

/// The numbers below the host, of each process and of its parent, by path.
pub(crate) fn numbers_below(document: &serde_json::Value) -> BTreeMap<String, [Vec<i64>; 2]> {
    let below = |value: &serde_json::Value| -> Vec<i64> {
        let numbers = value.as_array().expect("a list").iter().skip(1);
        numbers
            .map(|number| number.as_i64().expect("known below the host"))
            .collect()
    };
    let processes = document["processes"]
        .as_array()
        .expect("the document has them")
        .iter();
    processes
        .map(|process| {
            let path = process["path"].as_str().expect("a path").to_owned();
            (path, [below(&process["pids"]), below(&process["ppids"])])
        })
        .collect()
}
