//! Undeclared processes and namespaces of a tree as documents: `ps`, `tree`, `inspect`, the truth.
//!
//! A process is called by its number in the declared namespace that it is in or that is around it,
//! `vm#17`, which is an address; a namespace as /proc calls it, `pid:[4026532345]`. Names say
//! nothing: a program calls itself anything.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use nix::unistd::Pid;

use crate::documents::{NamespaceDocument, ProcessDocument, Undeclared, Word};
use nestns_observe::thread::outlives_its_first;
use nestns_observe::undeclared::{self, Declared, Place, Process};
use nestns_topology::Labels;

/// A tree, as far as it takes to know which processes do not belong to it.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    /// PIDs on the host of every declared process that lives.
    known: HashSet<i32>,
    declared: Vec<Declared>,
    /// The paths of those, and their states.
    words: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Tree<'a> {
    /// The tree that documents are about, as the controller's numbers have it.
    pub fn of_documents(
        namespaces: &'a [NamespaceDocument],
        processes: &'a [ProcessDocument],
    ) -> Self {
        let mut tree = Self::default();
        let alive = processes.iter().filter(|process| process.exit.is_none());
        let mut inits = std::collections::HashMap::new();
        for process in alive {
            let Some(pid) = process.pids.first().copied().flatten() else {
                continue;
            };
            tree.known.insert(pid);
            if process.enter == "init" {
                inits.insert(&*process.ns, pid);
            }
        }
        let mut places = std::collections::HashMap::new();
        for namespace in namespaces {
            let (Some(inode), Some(&init)) = (namespace.pidns, inits.get(&*namespace.path)) else {
                continue;
            };
            let parent = namespace
                .parent
                .as_deref()
                .and_then(|parent| places.get(parent))
                .copied();
            places.insert(&*namespace.path, tree.declared.len());
            tree.declared.push(Declared {
                inode,
                id: namespace.pidns_id,
                parent,
                init,
            });
            tree.words.push((
                (&*namespace.path).into(),
                namespace.state.as_deref().unwrap_or_default().into(),
            ));
        }
        tree
    }

    /// Adds a declared namespace, behind the one around, with its path and state.
    pub fn declare(
        &mut self,
        namespace: Declared,
        path: impl Into<Cow<'a, str>>,
        state: impl Into<Cow<'a, str>>,
    ) {
        self.declared.push(namespace);
        self.words.push((path.into(), state.into()));
    }

    /// Adds a process that belongs to it, by the PID on the host.
    pub fn know(&mut self, pid: i32) {
        self.known.insert(pid);
    }

    /// Everything inside it that is not declared. `numbers` are those of all processes that there
    /// are.
    ///
    /// # Errors
    ///
    /// An error if there are too few descriptors to look.
    pub fn undeclared(&self, numbers: &[i32]) -> io::Result<Undeclared> {
        let found = undeclared::find(numbers, |pid| self.known.contains(&pid), &self.declared)?;
        let inodes: Vec<u64> = found.namespaces.iter().map(|made| made.inode).collect();
        let arounds: Vec<Place> = found.namespaces.iter().map(|made| made.around).collect();
        let home = |mut place: Place| loop {
            place = match place {
                Place::Declared(at) => return at,
                Place::Made(at) => arounds[at],
            };
        };
        let name = |place: Place| match place {
            Place::Declared(at) => self.words[at].0.clone().into_owned(),
            Place::Made(at) => format!("pid:[{}]", inodes[at]),
        };
        let levels: Vec<usize> = (0..inodes.len())
            .map(|at| self.level(Place::Made(at), &arounds))
            .collect();
        let namespaces = found
            .namespaces
            .iter()
            .enumerate()
            .map(|(at, made)| NamespaceDocument {
                path: name(Place::Made(at)),
                parent: Some(name(made.around)),
                level: levels[at],
                pidns: Some(made.inode),
                pidns_id: made.id,
                userns: made.owner(),
                mntns: None,
                init: if made.init.is_some() {
                    "program"
                } else {
                    "none"
                }
                .into(),
                state: Some(self.state(home(made.around))),
                shared: Vec::new(),
                labels: Labels::default(),
                declared: false,
                hostname: None,
                cgroup: made.cgroup.clone(),
            });
        let process = |process: &Process| {
            let home = home(process.place);
            let one = &process.process_info;
            let level = self.level(Place::Declared(home), &arounds);
            ProcessDocument {
                path: format!(
                    "{}#{}",
                    self.words[home].0,
                    one.numbers.get(level).copied().unwrap_or(0)
                ),
                ns: name(process.place),
                name: one.name.clone(),
                pids: one.numbers.iter().copied().map(Some).collect(),
                ppids: process.parents.iter().copied().map(Some).collect(),
                pgids: Vec::new(),
                sids: Vec::new(),
                state: Some(match one.state {
                    'Z' | 'X' if !outlives_its_first(Pid::from_raw(one.pid())) => "zombie".into(),
                    _ => self.state(home),
                }),
                exit: None,
                enter: enter(process).into(),
                argv: process.argv.clone(),
                start_time: Some(process.start_time),
                threads: Vec::new(),
                restarts: 0,
                labels: Labels::default(),
                declared: false,
            }
        };
        Ok(Undeclared {
            namespaces: namespaces.collect(),
            processes: found.processes.iter().map(process).collect(),
        })
    }

    fn level(&self, place: Place, arounds: &[Place]) -> usize {
        let mut level = 0;
        let mut at = Some(place);
        while let Some(place) = at {
            level += 1;
            at = match place {
                Place::Declared(at) => self.declared[at].parent.map(Place::Declared),
                Place::Made(at) => Some(arounds[at]),
            };
        }
        level
    }

    /// State of an undeclared namespace: what is frozen with the declared namespace around it does
    /// nothing.
    fn state(&self, home: usize) -> Word {
        match &*self.words[home].1 {
            "paused" => "paused".into(),
            _ => "running".into(),
        }
    }
}

/// Way in which a process has come in: a parent that is outside has put it there.
fn enter(process: &Process) -> &'static str {
    match (process.process_info.own(), process.parents.last()) {
        (1, _) => "init",
        (_, Some(0)) => "join",
        _ => "fork",
    }
}
