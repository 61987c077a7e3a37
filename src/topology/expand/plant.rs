//! Declared namespaces → the instances of the tree, in the order of creation: each with its processes first, then what is
//! inside it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

use super::evaluate::{Evaluator, Place, Trace};
use super::generator::{Generator, PROCESS_KEYS, Shape, instance_name};
use super::layers::Library;
use super::prepare::{Defaults, Prepared, PreparedProcess, Slot};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::topology::check::{Checker, Instance, ProcessInstance, Repetition, no_parent, shared_name};
use crate::topology::syntax::{Located, NamespaceBody, ProcessBody, check_name, is_instance_name};
use crate::topology::toml_text::{Kind, Value};
use crate::topology::tree::NamespaceId;

/// Whether the tree is built, or only looked at for what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every instance.
    Whole,
    /// One instance of everything that is declared, because there are too many to build.
    Sample,
}

/// Where a block is planted.
#[derive(Debug, Clone, Copy)]
struct Around<'p> {
    parent: Option<NamespaceId>,
    path: &'p str,
    level: u64,
    index: u64,
    /// Whether the namespace around it is there more than once.
    again: bool,
}

/// Plants.
pub(super) struct Planter<'a, 'l> {
    pub(super) library: &'l Library<'a>,
    pub(super) defaults: &'l [Defaults<'a>],
    pub(super) evaluator: &'l Evaluator<'l>,
    pub(super) extent: Extent,
    pub(super) deepest: u64,
    pub(super) checker: Checker<'l>,
    pub(super) repetition: Repetition,
    /// The paths of namespaces that `as` has named.
    pub(super) named: HashSet<String>,
}

/// One instance of a block, by its place in it.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// Its level in the block, 0 at the top.
    place: u64,
    depth: u64,
    index: u64,
}

impl<'a> Planter<'a, '_> {
    /// Plants the whole forest.
    pub(super) fn forest(&mut self, roots: &[Slot<'a>], out: &mut Diagnostics) {
        for root in roots {
            self.block(root, Around { parent: None, path: "", level: 0, index: 0, again: false }, out);
        }
    }

    fn block(&mut self, slot: &Slot<'a>, around: Around<'_>, out: &mut Diagnostics) {
        if around.level >= self.deepest {
            return;
        }
        let prepared = match slot.prepared.get() {
            Some(prepared) => Rc::clone(prepared),
            None => {
                let path = join(around.path, slot.name(self.library));
                let before = out.len();
                let prepared = Rc::new(Prepared::new(self.library, self.defaults, slot, &path, out));
                if !prepared.is_declared {
                    self.report_no_parent(&prepared, &path, out);
                }
                check_names(self.library, &prepared, &path, out);
                prepared.explain(before, &Trace::default(), out);
                if around.again {
                    // Nobody else sets it.
                    let _ = slot.prepared.set(Rc::clone(&prepared));
                }
                prepared
            }
        };
        let path = join(around.path, &prepared.name);
        let place = Place { path: &path, name: &prepared.name, level: around.level + 1, index: around.index };
        let evaluator = self.evaluator.at(place);
        // What is wrong with it was said when the tree was measured.
        let (mut trace, mut unheard) = (Trace::default(), Diagnostics::new());
        let generator = Generator::read(&prepared.table, &evaluator, &mut trace, &mut unheard);
        let shape = match self.extent {
            Extent::Whole => generator.shape,
            Extent::Sample => Shape::One,
        };
        match shape {
            Shape::One => {
                let member = Member { place: 0, depth: 1, index: around.index };
                self.member(&prepared, &generator, shape, around, member, out);
            }
            Shape::Siblings(count) => {
                let around = Around { again: around.again || count > 1, ..around };
                for index in 0..count {
                    self.member(&prepared, &generator, shape, around, Member { place: 0, depth: 1, index }, out);
                }
            }
            Shape::Chain(depth) | Shape::Tree { depth, .. } => {
                let around = Around { again: true, ..around };
                self.member(&prepared, &generator, shape, around, Member { place: 0, depth, index: 0 }, out);
            }
        }
    }

    /// Plants one instance, and what is inside it.
    fn member(
        &mut self,
        prepared: &Prepared<'a>,
        generator: &Generator,
        shape: Shape,
        around: Around<'_>,
        member: Member,
        out: &mut Diagnostics,
    ) {
        let level = around.level + 1;
        let mut found = Diagnostics::new();
        let name = self.name(prepared, generator, shape, around, member, &mut found);
        let path = join(around.path, &name);
        let place = Place { path: &path, name: &name, level, index: member.index };
        let instance = self.instance(prepared, place, member, &mut found);
        let is_same = prepared.checked.replace(is_same_everywhere(prepared));
        let id = self.checker.plant(around.parent, &instance, is_same, |layer| prepared.used(layer), &mut found);
        prepared.explain(0, &Trace::default(), &mut found);
        self.repetition.absorb(found, out);

        let inside = Around { parent: Some(id), path: &path, level, index: member.index, again: around.again };
        if member.place + 1 == member.depth {
            for child in &prepared.children {
                self.block(child, inside, out);
            }
            return;
        }
        let fanout = match shape {
            Shape::Tree { fanout, .. } => fanout,
            _ => 1,
        };
        for child in 0..fanout {
            let index = match shape {
                Shape::Tree { .. } => member.index * fanout + child,
                _ => member.index + 1,
            };
            self.member(prepared, generator, shape, inside, Member { place: member.place + 1, index, ..member }, out);
        }
    }

    /// The name of an instance: numbered, or what `as` says.
    fn name(
        &mut self,
        prepared: &Prepared<'a>,
        generator: &Generator,
        shape: Shape,
        around: Around<'_>,
        member: Member,
        out: &mut Diagnostics,
    ) -> String {
        let plain = instance_name(&prepared.name, shape, member.place, member.index);
        let Some(names) = generator.names.as_ref().filter(|_| shape != Shape::One) else { return plain };
        let path = join(around.path, &plain);
        let place = Place { path: &path, name: &prepared.name, level: around.level + 1, index: member.index };
        let mut trace = Trace::default();
        let before = out.len();
        let evaluated = self.evaluator.at(place).value(names, &mut trace, out);
        let name = evaluated.as_ref().and_then(|value| value.as_str()).map(str::to_owned);
        let problem = match &name {
            None if evaluated.is_none() => return plain,
            None => Some("a name is a string".to_owned()),
            Some(name) if !is_instance_name(name) => {
                Some(format!("`{name}` is not a name: a-z, 0-9, `_` and `-`, and numbers behind dots"))
            }
            Some(name) if !self.named.insert(join(around.path, name)) => {
                Some(format!("`{}` is there already", join(around.path, name)))
            }
            Some(_) => None,
        };
        let Some(problem) = problem else { return name.unwrap_or(plain) };
        let message = format!("`as` gives number {} of `{}` a name that cannot be used", member.index, prepared.name);
        let mut diagnostic = Diagnostic::at(Code::BadInstanceName, names.span, message).label(problem);
        if generator.names.as_ref().is_some_and(|names| names.as_str().is_some_and(|text| !text.contains("{{"))) {
            diagnostic = diagnostic
                .help("write as = \"NAME{{i}}\" or as = \"NAME{{level}}\", which differs from one to the next");
        }
        out.push(diagnostic);
        out.amend(before, |diagnostic| trace.explain(diagnostic));
        plain
    }

    /// Reads one instance.
    fn instance(&self, prepared: &Prepared<'a>, place: Place<'_>, member: Member, out: &mut Diagnostics) -> Instance {
        let mut trace = Trace::default();
        let body = self.body(prepared, place, &mut trace, out);
        let mut processes = Vec::with_capacity(prepared.processes.len());
        let mut absent = Vec::new();
        for process in &prepared.processes {
            let (mut unheard, mut untraced) = (Diagnostics::new(), Trace::default());
            let evaluator = self.evaluator.at(place);
            let (at, _) = process.at(&evaluator, &mut untraced, &mut unheard);
            let count = process.count(&evaluator, &mut untraced, &mut unheard);
            // A sample has one of everything.
            let is_here = self.extent == Extent::Sample || at.admits(member.place, member.depth) && count != Some(0);
            if !is_here {
                absent.push(process.name.to_owned());
                continue;
            }
            match count.filter(|_| self.extent == Extent::Whole) {
                None => processes.push(self.process(process, process.name.to_owned(), place, &mut trace, out)),
                Some(count) => {
                    for index in 0..count {
                        let name = format!("{}.{index}", process.name);
                        let place = Place { index, ..place };
                        processes.push(self.process(process, name, place, &mut trace, out));
                    }
                }
            }
        }
        out.amend(0, |diagnostic| trace.explain(diagnostic));
        Instance { path: Located::new(place.path.to_owned(), prepared.span), body, processes, absent }
    }

    fn body(
        &self,
        prepared: &Prepared<'a>,
        place: Place<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Rc<NamespaceBody> {
        if let Some(body) = &*prepared.body.borrow() {
            return Rc::clone(body);
        }
        let evaluator = self.evaluator.at(place);
        let table = evaluator.table(&prepared.table, |key| !Prepared::is_body_key(key), trace, out);
        let body = Rc::new(NamespaceBody::read(&table, place.path, out));
        if !evaluator.placed.get() {
            *prepared.body.borrow_mut() = Some(Rc::clone(&body));
        }
        body
    }

    fn process(
        &self,
        process: &PreparedProcess<'a>,
        name: String,
        around: Place<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> ProcessInstance {
        let cached = process.body.borrow().as_ref().map(Rc::clone);
        let body = cached.unwrap_or_else(|| {
            let path = join(around.path, &name);
            let place = Place { path: &path, name: &name, ..around };
            let evaluator = self.evaluator.at(place);
            let value = match &process.value.kind {
                Kind::Table(table) => match evaluator.table(table, |key| PROCESS_KEYS.contains(&key), trace, out) {
                    Cow::Borrowed(_) => Some(Cow::Borrowed(&*process.value)),
                    Cow::Owned(table) => Some(Cow::Owned(Value { kind: Kind::Table(table), span: process.value.span })),
                },
                _ => evaluator.value(&process.value, trace, out),
            };
            let body = match value {
                Some(value) => ProcessBody::read(process.name, process.span, &value, around.path, out),
                None => ProcessBody::broken(),
            };
            let body = Rc::new(body);
            if !evaluator.placed.get() {
                *process.body.borrow_mut() = Some(Rc::clone(&body));
            }
            body
        });
        ProcessInstance { name: Located::new(name, process.span), group: process.name.to_owned(), body }
    }

    /// A path that only occurs as the beginning of others: each of those lacks its parent.
    fn report_no_parent(&self, prepared: &Prepared<'a>, path: &str, out: &mut Diagnostics) {
        let declarations = &self.library.declarations;
        for layer in &prepared.layers {
            let node = self.library.node(layer.node);
            let children = node.children.iter().map(|&child| self.library.node(child));
            // An empty segment was reported, and no parent could be declared for it.
            for child in children.filter(|child| child.table.is_some() && !child.path.split('/').any(str::is_empty)) {
                let known = declarations.paths(super::declared::Realm::Namespaces, node.scope);
                let known = known.map(|(path, node)| (path, node.span));
                let child_path = join(path, child.name());
                out.push(no_parent(&Located::new(child_path, child.span), path, known));
            }
        }
    }
}

/// Whether every instance of it is like the first, so that what was checked need not be checked again.
fn is_same_everywhere(prepared: &Prepared<'_>) -> bool {
    prepared.body.borrow().is_some() && prepared.processes.iter().all(|process| process.body.borrow().is_some())
}

/// Names of processes, and those that processes and namespaces have in common.
fn check_names(library: &Library<'_>, prepared: &Prepared<'_>, path: &str, out: &mut Diagnostics) {
    for process in &prepared.processes {
        check_name(process.name, process.span, "a process", out);
    }
    if prepared.processes.is_empty() || prepared.children.is_empty() {
        return;
    }
    let children: std::collections::HashMap<_, _> =
        prepared.children.iter().map(|child| (child.name(library), child)).collect();
    for process in &prepared.processes {
        if let Some(child) = children.get(process.name) {
            let child = child.layers.last().map_or(process.span, |layer| library.node(layer.node).span);
            out.push(shared_name(&join(path, process.name), process.span, child));
        }
    }
}

/// A path with one more segment.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}
