//! Observation in a topology: its namespaces and processes, and what its programs have made, found in the kernel.

use std::collections::{HashMap, HashSet};

use super::observation::{
    NamedObserver, Observation, Question, Seen, alive, candidates, members, nobody_looks,
};
use crate::cli::command_error::CommandError;
use crate::cli::names::Names;
use crate::cli::place::Place;
use crate::cli::selection::{self, Selected, Selection, is_over};
use nestns_client::documents::NamespaceDocument;
use nestns_client::protocol::message::Snapshot;
use nestns_observe::host_snapshot::{HostSnapshot, PidNamespace, PidNamespaceId, ProcessInfo};
use nestns_observe::visibility::Observer;
use nestns_topology::Address;
use nestns_topology::address::HOST;

/// A topology: by default the host and every namespace look at every process.
pub(in crate::cli) fn of_topology<'a>(
    machine: &'a HostSnapshot,
    snapshot: &'a Snapshot,
    names: &'a Names,
    Question { from, of }: Question<'_>,
) -> Result<Observation<'a>, CommandError> {
    let mut resolver = Resolver {
        machine,
        snapshot,
        names,
        members: members(machine),
        spaces: HashMap::new(),
    };
    for namespace in &snapshot.namespaces {
        resolver
            .spaces
            .extend(space_of(machine, namespace).map(|space| (namespace.path.as_str(), space)));
    }
    let (observers, missing) = resolver.observers(from)?;
    let seen = resolver.seen(of)?;
    Ok(Observation {
        topology: Some(snapshot.status.name.clone()),
        observers,
        missing,
        seen,
    })
}

/// Reads the threads that addresses ask about by their numbers.
pub(in crate::cli) fn ask_about_threads(
    machine: &mut HostSnapshot,
    snapshot: &Snapshot,
    of: &[Address],
) {
    for (address, number) in of
        .iter()
        .filter_map(|address| Some((address, address.number()?)))
    {
        let spaces: Vec<PidNamespaceId> = if address.is_host() {
            vec![machine.own()]
        } else {
            let named = snapshot
                .namespaces
                .iter()
                .filter(|namespace| address.matches(&namespace.path));
            named
                .filter_map(|namespace| space_of(machine, namespace))
                .collect()
        };
        for space in spaces {
            machine.ask_about(space, number);
        }
    }
}

/// The namespace of the machine that a document is about.
pub(in crate::cli) fn space_of(
    machine: &HostSnapshot,
    namespace: &NamespaceDocument,
) -> Option<PidNamespaceId> {
    let space = machine.by_inode(namespace.pidns?)?;
    let PidNamespace { inode, id, .. } = *machine.space(space);
    namespace.is_namespace(inode, id).then_some(space)
}

/// Index of the namespaces and processes of a topology in the kernel.
struct Resolver<'a> {
    machine: &'a HostSnapshot,
    snapshot: &'a Snapshot,
    names: &'a Names,
    members: HashMap<PidNamespaceId, Vec<&'a ProcessInfo>>,
    spaces: HashMap<&'a str, PidNamespaceId>,
}

impl<'a> Resolver<'a> {
    /// Resolves observers, and the places that have none.
    fn observers(&self, from: &[Place]) -> Result<(Vec<NamedObserver>, Vec<String>), CommandError> {
        let host = || NamedObserver {
            path: HOST.to_owned(),
            place: None,
            level: 0,
            observer: Observer {
                space: self.machine.own(),
                candidates: Vec::new(),
            },
        };
        let (mut observers, mut missing) = (Vec::new(), Vec::new());
        let mut taken = HashSet::new();
        let everything = [Place::Everywhere];
        for place in if from.is_empty() { &everything } else { from } {
            let found: Vec<NamedObserver> = match place {
                Place::Everywhere => {
                    let all = self
                        .snapshot
                        .namespaces
                        .iter()
                        .filter_map(|space| self.named(Selected::Namespace(space)));
                    std::iter::once(host())
                        .chain(all)
                        .chain(self.made())
                        .collect()
                }
                Place::Address(address) if address.is_host() && address.number().is_none() => {
                    vec![host()]
                }
                Place::Inode(inode) => {
                    let space = self.machine.by_inode(*inode);
                    space
                        .map(|space| self.observer_of(space).unwrap_or_else(host))
                        .into_iter()
                        .collect()
                }
                Place::Address(address) => {
                    let numbered = self.numbered_observers(address);
                    if !numbered.is_empty() {
                        observers.extend(
                            numbered
                                .into_iter()
                                .filter(|named| taken.insert(named.path.clone())),
                        );
                        continue;
                    }
                    let selections = selection::resolve(
                        self.snapshot,
                        std::slice::from_ref(address),
                        &Selection::default(),
                    );
                    let selections = selections?;
                    // A pattern means namespaces, where it means any.
                    let is_any = selections
                        .iter()
                        .any(|selected| matches!(selected, Selected::Namespace(_)));
                    let is_wanted = |selected: &&Selected| {
                        !is_any || matches!(selected, Selected::Namespace(_))
                    };
                    selections
                        .iter()
                        .filter(is_wanted)
                        .filter_map(|&selected| self.named(selected))
                        .collect()
                }
            };
            if found.is_empty() {
                missing.push(place.to_string());
            }
            observers.extend(
                found
                    .into_iter()
                    .filter(|named: &NamedObserver| taken.insert(named.path.clone())),
            );
        }
        if observers.is_empty() {
            return Err(nobody_looks(&missing));
        }
        Ok((observers, missing))
    }

    /// Observer in a namespace of the machine, the topology's or not; `None` from the caller's own.
    fn observer_of(&self, space: PidNamespaceId) -> Option<NamedObserver> {
        let declared = self
            .snapshot
            .namespaces
            .iter()
            .find(|one| self.spaces.get(&*one.path) == Some(&space));
        match declared {
            Some(namespace) => self.named(Selected::Namespace(namespace)),
            None if space == self.machine.own() => None,
            None => Some(self.undeclared(space)),
        }
    }

    /// Observer in a namespace that the topology does not declare.
    fn undeclared(&self, space: PidNamespaceId) -> NamedObserver {
        let members = self.members.get(&space).map_or(&[][..], Vec::as_slice);
        NamedObserver {
            path: self.names.of_space(self.machine, space),
            place: None,
            level: self.machine.space(space).level,
            observer: Observer {
                space,
                candidates: candidates(self.machine, space, members),
            },
        }
    }

    /// The namespaces that programs of the topology have made.
    fn made(&self) -> impl Iterator<Item = NamedObserver> + '_ {
        let declared: HashSet<PidNamespaceId> = self.spaces.values().copied().collect();
        let is_made = move |id: PidNamespaceId| {
            let mut around = std::iter::successors(Some(id), |&id| self.machine.space(id).parent);
            !declared.contains(&id) && around.any(|id| declared.contains(&id))
        };
        self.machine
            .spaces()
            .filter(move |&(id, _)| is_made(id))
            .map(|(id, _)| self.undeclared(id))
    }

    /// Undeclared processes with a number, as observers.
    fn numbered_observers(&self, address: &Address) -> Vec<NamedObserver> {
        let seen = self.numbered(address, &self.strangers());
        let named = |one: Seen<'_>| {
            let observer = Observer {
                space: one.process.space?,
                candidates: vec![one.process.pid()],
            };
            let is_declared = self.spaces.values().any(|&space| space == observer.space);
            let place = one.place.filter(|_| is_declared);
            Some(NamedObserver {
                path: one.path,
                place,
                level: one.process.numbers.len() - 1,
                observer,
            })
        };
        seen.into_iter().filter_map(named).collect()
    }

    fn named(&self, selected: Selected<'_>) -> Option<NamedObserver> {
        let place = selected.namespace();
        let &space = self.spaces.get(place)?;
        let (space, candidates) = match selected {
            Selected::Namespace(_) => {
                let members = self.members.get(&space).map_or(&[][..], Vec::as_slice);
                (space, candidates(self.machine, space, members))
            }
            Selected::Process(process) => {
                let pid = process.pids.first().copied().flatten()?;
                // Where it is, not where it should be.
                let process = self
                    .names
                    .process(pid)
                    .and_then(|_| self.machine.process(pid))?;
                (
                    process.space.unwrap_or(space),
                    vec![alive(process).unwrap_or(pid)],
                )
            }
        };
        Some(NamedObserver {
            path: selected.path().to_owned(),
            place: Some(place.to_owned()),
            level: place.split('/').count(),
            observer: Observer { space, candidates },
        })
    }

    fn seen(&self, of: &[Address]) -> Result<Vec<Seen<'a>>, CommandError> {
        let mut seen: Vec<Seen> = Vec::new();
        let mut taken = HashSet::new();
        let strangers = self.strangers();
        let mut others = Vec::new();
        for address in of {
            let numbered = self.numbered(address, &strangers);
            if numbered.is_empty() {
                others.push(address.clone());
            }
            seen.extend(
                numbered
                    .into_iter()
                    .filter(|one| taken.insert(one.process.pid())),
            );
        }
        let selections = if others.is_empty() && !of.is_empty() {
            Vec::new()
        } else {
            selection::resolve(self.snapshot, &others, &Selection::default())?
        };
        let mut declared: HashMap<&str, Vec<Selected>> = HashMap::new();
        for process in &self.snapshot.processes {
            declared
                .entry(process.ns.as_str())
                .or_default()
                .push(Selected::Process(process));
        }
        for selected in selections {
            let processes = match selected {
                Selected::Process(_) => vec![selected],
                Selected::Namespace(space) => {
                    declared.get(&*space.path).cloned().unwrap_or_default()
                }
            };
            for process in processes {
                if let Some(one) = self
                    .declared(process)
                    .filter(|one| taken.insert(one.process.pid()))
                {
                    seen.push(one);
                }
            }
            // Children of programs, and what has come in by another door.
            let Selected::Namespace(namespace) = selected else {
                continue;
            };
            let Some(&space) = self.spaces.get(&*namespace.path) else {
                continue;
            };
            for &process in strangers.get(&space).into_iter().flatten() {
                let one = self.stranger(process, namespace, space);
                seen.extend(one.filter(|one| taken.insert(one.process.pid())));
            }
        }
        if seen.is_empty() {
            return Err(CommandError::not_found(
                "there is no target: what was named has ended",
            ));
        }
        Ok(seen)
    }

    /// Undeclared processes with the number of an address like `vm#12`.
    fn numbered(
        &self,
        address: &Address,
        strangers: &HashMap<PidNamespaceId, Vec<&'a ProcessInfo>>,
    ) -> Vec<Seen<'a>> {
        let Some(number) = address.number() else {
            return Vec::new();
        };
        if address.is_host() {
            let threads = self
                .machine
                .threads()
                .iter()
                .filter(|thread| thread.pid() == number);
            return threads
                .filter_map(|thread| self.thread(thread, format!("{HOST}#{number}")))
                .collect();
        }
        let threads = self.machine.threads().iter().filter_map(|thread| {
            let own = thread.space?;
            let mut spaces = self
                .snapshot
                .namespaces
                .iter()
                .filter(|space| address.matches(&space.path));
            let space = spaces.find(|space| {
                let space = self.spaces.get(&*space.path);
                space.is_some_and(|&space| {
                    self.machine.is_within(own, space)
                        && self.machine.number_in(thread, space) == Some(number)
                })
            })?;
            self.thread(thread, format!("{}#{number}", space.path))
        });
        let threads: Vec<Seen> = threads.collect();
        if !threads.is_empty() {
            return threads;
        }
        let spaces = self
            .snapshot
            .namespaces
            .iter()
            .filter(|space| address.matches(&space.path));
        let spaces = spaces.filter_map(|space| Some((space, *self.spaces.get(&*space.path)?)));
        let all = spaces.flat_map(|(namespace, space)| {
            let here = strangers.get(&space).into_iter().flatten();
            here.filter(move |process| self.machine.number_in(process, space) == Some(number))
                .filter_map(move |process| self.stranger(process, namespace, space))
        });
        all.collect()
    }

    /// A thread, under the name by which it was asked for. It is where its process is.
    fn thread(&self, thread: &'a ProcessInfo, path: String) -> Option<Seen<'a>> {
        let space = thread.space?;
        let mut line = self.machine.line(space).into_iter().rev();
        let declared = |space: PidNamespaceId| {
            self.snapshot
                .namespaces
                .iter()
                .find(|one| self.spaces.get(&*one.path) == Some(&space))
        };
        let namespace = line.find_map(declared)?;
        Some(Seen {
            path,
            place: Some(namespace.path.clone()),
            level: namespace.level,
            process: thread,
        })
    }

    fn stranger(
        &self,
        process: &'a ProcessInfo,
        namespace: &NamespaceDocument,
        space: PidNamespaceId,
    ) -> Option<Seen<'a>> {
        let number = self.machine.number_in(process, space)?;
        Some(Seen {
            path: format!("{}#{number}", namespace.path),
            place: Some(namespace.path.clone()),
            level: namespace.level,
            process,
        })
    }

    /// Those who are not declared, by the namespace of the topology that they are in; that is the next one around where they
    /// are in a namespace that one of its programs has made.
    fn strangers(&self) -> HashMap<PidNamespaceId, Vec<&'a ProcessInfo>> {
        let declared: HashSet<PidNamespaceId> = self.spaces.values().copied().collect();
        let mut strangers: HashMap<PidNamespaceId, Vec<&ProcessInfo>> = HashMap::new();
        for process in self
            .machine
            .processes()
            .iter()
            .filter(|process| self.names.process(process.pid()).is_none())
        {
            let around =
                std::iter::successors(process.space, |&space| self.machine.space(space).parent);
            if let Some(home) = around.into_iter().find(|space| declared.contains(space)) {
                strangers.entry(home).or_default().push(process);
            }
        }
        strangers
    }

    /// A declared process that lives.
    fn declared(&self, selected: Selected<'_>) -> Option<Seen<'a>> {
        let Selected::Process(document) = selected else {
            return None;
        };
        if is_over(document) {
            return None;
        }
        let pid = document.pids.first().copied().flatten()?;
        let known = self.names.process(pid)?;
        let process = self.machine.process(pid)?;
        Some(Seen {
            path: known.document.path.clone(),
            place: Some(known.document.ns.clone()),
            level: known.document.pids.len().saturating_sub(1),
            process,
        })
    }
}
