//! `after`: the names of the file → parts of the tree, when all of it is known.
//!
//! A name alone stands for what is beside that which waits, a path with `..` begins at its namespace, and any other path
//! at the top: of the file that it is written in, where that is included inside a namespace, else of the tree. A name
//! without the number of an instance stands for all of them.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::instance::Instance;
use super::repetition::Repetition;
use crate::dependency::{After, Condition, Part, StopOrder, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Span};
use crate::namespace::Init;
use crate::syntax::{AfterSyntax, Located, NamespaceBody, ProcessBody, SUGGESTIONS, TOP, nearest};
use crate::tree::{NamespaceId, Topology};

/// A dependency of the tree, and the place of its key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dependency {
    pub(super) waiter: Target,
    pub(super) target: Target,
    pub(super) condition: Condition,
    pub(super) span: Span,
}

/// The keys in which the names stand.
#[derive(Debug)]
enum Source {
    Namespace(Rc<NamespaceBody>),
    Init(Rc<NamespaceBody>),
    Process(Rc<ProcessBody>),
}

impl Source {
    fn after(&self) -> &AfterSyntax {
        match self {
            Self::Namespace(body) => &body.after,
            Self::Init(body) => body.program().map_or(&body.after, |init| &init.after),
            Self::Process(body) => &body.after,
        }
    }
}

/// Something that waits for others, whose names are not looked up yet.
#[derive(Debug)]
struct Waiter {
    id: NamespaceId,
    part: Part,
    source: Source,
}

/// Names by which the parts of a tree are found.
#[derive(Debug, Default)]
struct Names {
    /// By namespace, or below the host, and name: namespaces inside.
    namespaces: HashMap<Option<NamespaceId>, HashMap<String, Vec<NamespaceId>>>,
    processes: HashMap<NamespaceId, HashMap<String, Vec<u32>>>,
}

/// Dependencies of a tree that is being built.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    waiters: Vec<Waiter>,
    /// The file of the header of each namespace.
    files: Vec<FileId>,
    /// Declarations with a count of 0: the namespace around each, and its name.
    absent: HashSet<(Option<NamespaceId>, String)>,
    names: Names,
}

/// Reason why a name stands for nothing.
#[derive(Debug)]
enum Unresolved {
    /// Nothing has it; the names that are there instead.
    Unknown { place: String, known: Vec<String> },
    /// It has more `..` than there are namespaces.
    OutsideTree,
}

impl Dependencies {
    /// Takes what a namespace and its processes wait for.
    pub(super) fn add(&mut self, id: NamespaceId, instance: &Instance) {
        self.files.push(instance.path.span.file);
        let body = &instance.body;
        if !body.after.is_empty() {
            self.wait(id, Part::Namespace, Source::Namespace(Rc::clone(body)));
        }
        if body.program().is_some_and(|init| !init.after.is_empty()) {
            self.wait(id, Part::Init, Source::Init(Rc::clone(body)));
        }
        for (place, process) in (0..).zip(&instance.processes) {
            if !process.body.after.is_empty() {
                let source = Source::Process(Rc::clone(&process.body));
                self.wait(id, Part::Process(place), source);
            }
        }
        let absent = instance.absent.iter();
        self.absent
            .extend(absent.map(|name| (Some(id), name.clone())));
    }

    fn wait(&mut self, id: NamespaceId, part: Part, source: Source) {
        self.waiters.push(Waiter { id, part, source });
    }

    /// Notes a namespace that is declared and has a count of 0: nothing waits for it in vain.
    pub(super) fn leave_out(&mut self, around: Option<NamespaceId>, name: String) {
        self.absent.insert((around, name));
    }

    /// Gives the tree its dependencies; reports names that stand for nothing. Returns the dependencies with their places.
    pub(super) fn resolve(
        mut self,
        topology: &mut Topology,
        repetition: &mut Repetition,
        out: &mut Diagnostics,
    ) -> Vec<Dependency> {
        let mut edges = Vec::new();
        let mut unknown = 0;
        for waiter in std::mem::take(&mut self.waiters) {
            let mut found = Diagnostics::new();
            let mut conditions = Vec::new();
            for (name, condition) in waiter.source.after() {
                match self.look_up(topology, &waiter, name) {
                    Ok(targets) => {
                        conditions.extend(
                            targets
                                .into_iter()
                                .map(|target| (target, *condition, name.span)),
                        );
                    }
                    Err(reason) => {
                        unknown += 1;
                        found.push(report(&waiter.name(topology), name, &reason, unknown));
                    }
                }
            }
            // The order of a table says nothing.
            conditions.sort_by_key(|(target, ..)| *target);
            let own = waiter.target();
            for &(target, condition, span) in &conditions {
                if target == own {
                    found.push(own_dependency(&waiter.name(topology), span));
                } else {
                    edges.push(Dependency {
                        waiter: own,
                        target,
                        condition,
                        span,
                    });
                }
            }
            repetition.absorb(found, out);
            let after = conditions.into_iter().filter(|(target, ..)| *target != own);
            let after = after.map(|(target, condition, _)| After {
                target,
                condition,
                stop_order: StopOrder::Reverse,
            });
            set_after(topology, &waiter, after.collect());
        }
        edges
    }

    fn look_up(
        &mut self,
        topology: &Topology,
        waiter: &Waiter,
        name: &Located<String>,
    ) -> Result<Vec<Target>, Unresolved> {
        let text = &*name.value;
        let own = Some(waiter.id);
        let bases = if text == ".." || text.starts_with("../") {
            vec![own]
        } else if text.contains('/') {
            self.tops(topology, waiter.id, name.span)
        } else {
            // A namespace stands beside its siblings.
            let beside = match waiter.part {
                Part::Namespace => topology.parent(waiter.id),
                Part::Init | Part::Process(_) => own,
            };
            let mut bases = vec![beside];
            bases.extend(self.tops(topology, waiter.id, name.span));
            bases.dedup();
            bases
        };
        let mut first = None;
        for base in bases {
            match self.walk(topology, base, text.trim_start_matches(TOP)) {
                Ok(targets) => return Ok(targets),
                Err(reason) => _ = first.get_or_insert(reason),
            }
        }
        Err(first.unwrap_or(Unresolved::OutsideTree))
    }

    /// The tops at which a path may begin: the namespace in which its file is included, and the tree.
    fn tops(&self, topology: &Topology, id: NamespaceId, span: Span) -> Vec<Option<NamespaceId>> {
        let file = |id: NamespaceId| self.files.get(id.place() as usize);
        let mut top = None;
        let mut inside = Some(id);
        while let Some(here) = inside.filter(|&here| file(here) == Some(&span.file)) {
            inside = topology.parent(here);
            top = inside;
        }
        let mut tops = vec![top, None];
        tops.dedup();
        tops
    }

    /// Follows a path from a namespace, or from the top.
    fn walk(
        &mut self,
        topology: &Topology,
        base: Option<NamespaceId>,
        path: &str,
    ) -> Result<Vec<Target>, Unresolved> {
        let mut here = vec![base];
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            if segment == ".." {
                here = here
                    .into_iter()
                    .map(|at| {
                        at.map(|at| topology.parent(at))
                            .ok_or(Unresolved::OutsideTree)
                    })
                    .collect::<Result<_, _>>()?;
                here.dedup();
                if is_last {
                    let targets = here.into_iter().map(|at| at.map(whole));
                    return targets
                        .collect::<Option<_>>()
                        .ok_or(Unresolved::OutsideTree);
                }
                continue;
            }
            let mut targets = Vec::new();
            let mut next = Vec::new();
            let mut is_absent = false;
            for &at in &here {
                if is_last {
                    targets.extend(self.names.parts(topology, at, segment));
                }
                next.extend(
                    self.names
                        .namespaces(topology, at, segment)
                        .iter()
                        .copied()
                        .map(Some),
                );
                is_absent |= self.absent.contains(&(at, segment.to_owned()));
            }
            targets.extend(
                next.iter()
                    .flatten()
                    .copied()
                    .filter(|_| is_last)
                    .map(whole),
            );
            if is_last && !targets.is_empty() {
                return Ok(targets
                    .into_iter()
                    .map(|target| target.of_init(topology))
                    .collect());
            }
            if is_absent && next.is_empty() {
                return Ok(Vec::new());
            }
            if next.is_empty() {
                return Err(Self::unknown(topology, here.first().copied().flatten()));
            }
            here = next;
        }
        Ok(Vec::new())
    }

    fn unknown(topology: &Topology, at: Option<NamespaceId>) -> Unresolved {
        let namespaces = match at {
            Some(at) => topology.children(at),
            None => topology.roots().to_vec(),
        };
        let namespaces = namespaces
            .into_iter()
            .map(|id| topology.namespace(id).name());
        let processes = at
            .map(|at| &*topology.namespace(at).processes)
            .unwrap_or_default();
        let processes = processes.iter().map(|process| &*process.name);
        Unresolved::Unknown {
            place: at
                .map(|at| topology.namespace(at).path.clone())
                .unwrap_or_default(),
            known: processes.chain(namespaces).map(str::to_owned).collect(),
        }
    }
}

impl Waiter {
    fn target(&self) -> Target {
        Target {
            namespace: self.id.place(),
            part: self.part,
        }
    }

    /// The name of a process, or the path of a namespace or of its PID 1.
    fn name(&self, topology: &Topology) -> String {
        let path = self.target().path(topology);
        match (self.part, path.rsplit_once('/')) {
            (Part::Process(_), Some((_, name))) => name.to_owned(),
            _ => path,
        }
    }
}

impl Target {
    /// The namespace, if it is meant by its PID 1: an init of nestns is no more than its namespace.
    fn of_init(self, topology: &Topology) -> Self {
        let namespace = topology.namespace(NamespaceId::at(self.namespace));
        match (self.part, &namespace.init) {
            (Part::Init, Init::Builtin | Init::Pause) => Self {
                part: Part::Namespace,
                ..self
            },
            _ => self,
        }
    }
}

fn whole(id: NamespaceId) -> Target {
    Target {
        namespace: id.place(),
        part: Part::Namespace,
    }
}

impl Names {
    /// Namespaces of this name directly inside one, or below the host.
    fn namespaces(
        &mut self,
        topology: &Topology,
        at: Option<NamespaceId>,
        name: &str,
    ) -> &[NamespaceId] {
        let names = self.namespaces.entry(at).or_insert_with(|| {
            let children = match at {
                Some(at) => topology.children(at),
                None => topology.roots().to_vec(),
            };
            by_name(
                children
                    .into_iter()
                    .map(|id| (topology.namespace(id).name(), id)),
            )
        });
        names.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// PID 1 or processes of this name in a namespace.
    fn parts(&mut self, topology: &Topology, at: Option<NamespaceId>, name: &str) -> Vec<Target> {
        let Some(at) = at else {
            return Vec::new();
        };
        let part = |part| Target {
            namespace: at.place(),
            part,
        };
        if name == "init" {
            return vec![part(Part::Init)];
        }
        let names = self.processes.entry(at).or_insert_with(|| {
            let processes = (0..).zip(&topology.namespace(at).processes);
            by_name(processes.map(|(place, process)| (&*process.name, place)))
        });
        let places = names.get(name).into_iter().flatten();
        places.map(|&place| part(Part::Process(place))).collect()
    }
}

/// Things by their names, and those with the number of an instance by the name before it as well.
fn by_name<'a, T: Copy>(things: impl Iterator<Item = (&'a str, T)>) -> HashMap<String, Vec<T>> {
    let mut names: HashMap<String, Vec<T>> = HashMap::new();
    for (name, thing) in things {
        names.entry(name.to_owned()).or_default().push(thing);
        if let Some((group, _)) = name.split_once('.') {
            names.entry(group.to_owned()).or_default().push(thing);
        }
    }
    names
}

fn set_after(topology: &mut Topology, waiter: &Waiter, after: Vec<After>) {
    let namespace = topology.namespace_mut(waiter.id);
    match waiter.part {
        Part::Namespace => namespace.after = after,
        Part::Init => {
            if let Init::Program(program) = &mut namespace.init {
                program.after = after;
            }
        }
        Part::Process(place) => namespace.processes[place as usize].after = after,
    }
}

fn own_dependency(name: &str, span: Span) -> Diagnostic {
    Diagnostic::at(
        Code::OwnDependency,
        span,
        format!("`{name}` waits for itself"),
    )
    .label("it would never start")
}

fn report(waiter: &str, name: &Located<String>, reason: &Unresolved, unknown: usize) -> Diagnostic {
    let message = format!(
        "`{waiter}` waits for `{}`, which does not exist",
        name.value
    );
    let diagnostic = Diagnostic::at(Code::UnknownDependency, name.span, message);
    match reason {
        Unresolved::OutsideTree => diagnostic
            .label("this leads out of the tree")
            .note("each `..` is the namespace around the one before, beginning at the namespace of what waits"),
        Unresolved::Unknown { place, known } => {
            let compared = if unknown <= SUGGESTIONS { known.as_slice() } else { &[] };
            let last = name.value.rsplit('/').next().unwrap_or_default();
            match nearest(last, compared.iter().map(String::as_str)) {
                Some(near) => {
                    let right = &name.value[..name.value.len() - last.len()];
                    diagnostic.label(format!("did you mean `{right}{near}`?"))
                }
                None if place.is_empty() => diagnostic.label("no namespace below the host has this name"),
                None => diagnostic
                    .label(format!("nothing in `{place}` has this name"))
                    .note("a name alone is beside what waits; \"../name\" is one namespace further out, and a path of several names begins at the top"),
            }
        }
    }
}

/// Returns whether a condition is about the life of a namespace and not about what is in it.
pub(super) fn is_about_start(condition: Condition) -> bool {
    matches!(condition, Condition::Created | Condition::Started)
}
