//! Declared namespaces → the instances of the tree, in the order of creation: each with its processes first, then what is
//! inside it.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::declared::{DeclarationKind, NodeId};
use super::evaluate::Evaluator;
use super::generator::{Generator, Shape};
use super::library::Library;
use super::member::{Block, Member, check_chain};
use super::place::{Place, join};
use super::prepare::{Defaults, Prepared, Slot};
use super::taken::Taken;
use super::trace::Trace;
use crate::check::{Checker, Repetition, no_parent, shared_name};
use crate::diagnostic::Diagnostics;
use crate::syntax::{Located, NameRules, SUGGESTIONS};
use crate::tree::NamespaceId;

/// The part of the tree that is expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every instance.
    Whole,
    /// One instance of everything that is declared, because there are too many to build.
    Sample,
}

/// The place of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'p> {
    pub(super) parent: Option<NamespaceId>,
    pub(super) path: &'p str,
    pub(super) level: u64,
    pub(super) index: u64,
    /// True if the namespace around it is there more than once.
    pub(super) again: bool,
}

/// Makes instances of what is declared, and hands them to the checks.
pub(super) struct Expander<'a, 'l> {
    pub(super) library: &'l Library<'a>,
    pub(super) defaults: &'l [Defaults<'a>],
    pub(super) evaluator: &'l Evaluator<'l>,
    pub(super) extent: Extent,
    pub(super) deepest: u64,
    pub(super) checker: Checker<'l>,
    pub(super) repetition: Repetition,
    /// The number of namespaces without a parent.
    pub(super) orphans: usize,
    /// The names that are given, if `as` gives any.
    pub(super) taken: Option<Taken>,
    /// Declared namespaces, and processes of namespaces that are there, that have a count of 0. `None` where that is not asked
    /// for.
    pub(super) absent: Option<Vec<String>>,
    /// Results of templates of which a sample was checked.
    pub(super) sampled: HashSet<Vec<NodeId>>,
}

impl<'a> Expander<'a, '_> {
    /// Expands the whole forest.
    pub(super) fn forest(&mut self, roots: &[Slot<'a>], out: &mut Diagnostics) {
        for root in roots {
            self.block(
                root,
                Around {
                    parent: None,
                    path: "",
                    level: 0,
                    index: 0,
                    again: false,
                },
                out,
            );
        }
    }

    fn block(&mut self, slot: &Slot<'a>, around: Around<'_>, out: &mut Diagnostics) {
        if around.level >= self.deepest {
            return;
        }
        // Templates that use templates make more than can be looked at, and nothing new.
        if self.extent == Extent::Sample
            && let Some(nodes) = slot.shared()
            && !self.sampled.insert(nodes)
        {
            return;
        }
        let prepared = match slot.prepared.get() {
            Some(prepared) => Rc::clone(prepared),
            None => self.prepare(slot, around, out),
        };
        let path = join(around.path, &prepared.name);
        let place = Place {
            path: &path,
            name: &prepared.name,
            level: around.level + 1,
            index: around.index,
        };
        let evaluator = self.evaluator.at(place);
        // What is wrong with it was said when the tree was measured.
        let (mut trace, mut ignored) = (Trace::default(), Diagnostics::new());
        let generator = Generator::read(&prepared.table, &evaluator, &mut trace, &mut ignored);
        let shape = match self.extent {
            Extent::Whole => generator.shape,
            Extent::Sample => Shape::One,
        };
        let block = Block {
            prepared: &prepared,
            generator: &generator,
            shape,
        };
        if shape == Shape::Siblings(0) {
            self.checker.leave_out(around.parent, prepared.name.clone());
            if let Some(absent) = &mut self.absent {
                absent.push(path);
            }
        } else {
            self.instances(block, around, out);
        }
    }

    /// Expands all instances of a block; those of a chain or tree by its outermost.
    fn instances(&mut self, block: Block<'_, 'a>, around: Around<'_>, out: &mut Diagnostics) {
        let top = |depth, index| Member {
            place: 0,
            depth,
            index,
        };
        match block.shape {
            Shape::One => self.member(block, around, top(1, around.index), out),
            Shape::Siblings(count) => {
                let around = Around {
                    again: around.again || count > 1,
                    ..around
                };
                for index in 0..count {
                    self.member(block, around, top(1, index), out);
                }
            }
            Shape::Chain(depth) | Shape::Tree { depth, .. } => {
                let around = Around {
                    again: true,
                    ..around
                };
                self.member(block, around, top(depth, 0), out);
            }
        }
    }

    /// Merges what a namespace is made of, and looks at what does not depend on where it is.
    fn prepare(
        &mut self,
        slot: &Slot<'a>,
        around: Around<'_>,
        out: &mut Diagnostics,
    ) -> Rc<Prepared<'a>> {
        let path = join(around.path, slot.name(self.library));
        let mut found = Diagnostics::new();
        let prepared = Rc::new(Prepared::new(
            self.library,
            self.defaults,
            slot,
            &path,
            &mut found,
        ));
        if !prepared.is_declared {
            self.report_no_parent(&prepared, &path, &mut found);
        }
        self.check_names(&prepared, &path, &mut found);
        prepared.explain(0, &Trace::default(), &mut found);
        self.repetition.absorb(found, out);
        if around.again {
            // Nothing else sets it.
            let _ = slot.prepared.set(Rc::clone(&prepared));
        }
        prepared
    }

    /// Expands one instance, and what is inside it.
    fn member(
        &mut self,
        block: Block<'_, 'a>,
        around: Around<'_>,
        member: Member,
        out: &mut Diagnostics,
    ) {
        let Block {
            prepared, shape, ..
        } = block;
        let level = around.level + 1;
        let mut found = Diagnostics::new();
        let name = self.name(block, around, member, &mut found);
        let path = join(around.path, &name);
        let place = Place {
            path: &path,
            name: &name,
            level,
            index: member.index,
        };
        let instance = self.instance(prepared, place, member, out);
        if let Some(taken) = &mut self.taken {
            for process in &instance.processes {
                taken.declare(
                    join(&path, &process.name.value),
                    process.name.span,
                    &mut found,
                );
            }
        }
        if let Some(absent) = &mut self.absent {
            absent.extend(instance.absent.iter().map(|process| join(&path, process)));
        }
        check_chain(block, member, &instance, &mut found);
        let is_same = prepared.checked.replace(is_same_everywhere(prepared));
        let id = self.checker.add(
            around.parent,
            &instance,
            is_same,
            |layer| prepared.used(layer),
            &mut found,
        );
        prepared.explain(0, &Trace::default(), &mut found);
        self.repetition.absorb(found, out);

        let inside = Around {
            parent: Some(id),
            path: &path,
            level,
            index: member.index,
            again: around.again,
        };
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
            self.member(
                block,
                inside,
                Member {
                    place: member.place + 1,
                    index,
                    ..member
                },
                out,
            );
        }
    }

    /// A path that only occurs as the beginning of others: each of those lacks its parent.
    fn report_no_parent(&mut self, prepared: &Prepared<'a>, path: &str, out: &mut Diagnostics) {
        let declarations = &self.library.declarations;
        for layer in &prepared.layers {
            let node = self.library.node(layer.node);
            let children = node.children.iter().map(|&child| self.library.node(child));
            // An empty segment was reported, and no parent could be declared for it.
            for child in children
                .filter(|child| child.table.is_some() && !child.path.split('/').any(str::is_empty))
            {
                self.orphans += 1;
                let compared = if self.orphans <= SUGGESTIONS {
                    usize::MAX
                } else {
                    0
                };
                let known = declarations
                    .paths(DeclarationKind::Namespaces, node.scope)
                    .take(compared);
                let known = known.map(|(path, node)| (path, node.span));
                let child_path = join(path, child.name());
                out.push(no_parent(
                    &Located::new(child_path, child.span),
                    path,
                    known,
                ));
            }
        }
    }

    /// Checks the names of processes, and those that processes and namespaces have in common.
    fn check_names(&self, prepared: &Prepared<'_>, path: &str, out: &mut Diagnostics) {
        for process in &prepared.processes {
            let is_expanded = self.evaluator.scopes.is_literal(process.span.file);
            let rules = if is_expanded {
                NameRules::Expanded
            } else {
                NameRules::Declared
            };
            rules.check(process.name, process.span, "a process", out);
        }
        if prepared.processes.is_empty() || prepared.children.is_empty() {
            return;
        }
        let children: HashMap<_, _> = prepared
            .children
            .iter()
            .map(|child| (child.name(self.library), child))
            .collect();
        for process in &prepared.processes {
            if let Some(child) = children.get(process.name) {
                let child = child
                    .layers
                    .last()
                    .map_or(process.span, |layer| self.library.node(layer.node).span);
                out.push(shared_name(&join(path, process.name), process.span, child));
            }
        }
    }
}

/// Returns whether every instance of it is like the first, so that what was checked need not be checked again.
fn is_same_everywhere(prepared: &Prepared<'_>) -> bool {
    prepared.body.borrow().is_some()
        && prepared
            .processes
            .iter()
            .all(|process| process.body.borrow().is_some())
}
