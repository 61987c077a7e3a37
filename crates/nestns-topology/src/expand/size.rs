//! The size of the tree, before any of it exists: in time that depends on the text, not on the numbers in it.

use std::collections::HashMap;

use super::declared::NodeId;
use super::evaluate::Evaluator;
use super::generator::{Generator, Shape};
use super::library::Library;
use super::place::{Place, join};
use super::prepare::{Defaults, Prepared, Slot};
use super::trace::Trace;
use crate::check::Repetition;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::syntax::{KERNEL_DEPTH, Limits};

/// The size of a tree, or of a part of one. Numbers that do not fit stay at the largest that does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) namespaces: u128,
    pub(super) processes: u128,
    /// True if it differs with the `i` around it.
    indexed: bool,
    /// True if counting ended early, because there are too many already.
    pub(super) incomplete: bool,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.namespaces = self.namespaces.saturating_add(other.namespaces);
        self.processes = self.processes.saturating_add(other.processes);
        self.indexed |= other.indexed;
        self.incomplete |= other.incomplete;
    }

    fn times(self, factor: u128) -> Self {
        Self {
            namespaces: self.namespaces.saturating_mul(factor),
            processes: self.processes.saturating_mul(factor),
            ..self
        }
    }
}

/// The place of a block.
#[derive(Debug, Clone, Copy)]
struct Around<'p> {
    /// The path of the namespace around it, as it is declared; empty for the host.
    path: &'p str,
    /// The level of the namespace around it, 0 for the host.
    level: u64,
    index: u64,
}

/// The estimate of a size, and what it has found on the way.
#[derive(Debug)]
pub(super) struct SizeEstimate<'a, 'l> {
    pub(super) library: &'l Library<'a>,
    pub(super) defaults: &'l [Defaults<'a>],
    pub(super) evaluator: &'l Evaluator<'l>,
    pub(super) limits: &'l Limits,
    /// Reports a problem for one of many instances.
    pub(super) repetition: Repetition,
    /// The sizes of what templates alone make, which may be there many times: by what it is made of and the level around it,
    /// and by the `i` around it where that makes a difference.
    known: HashMap<(Vec<NodeId>, u64, Option<u64>), Size>,
    /// The first declared namespace that crosses a limit.
    pub(super) crossed: Option<Span>,
    /// True if something is deeper than it may be.
    pub(super) too_deep: bool,
    /// True if there is something that is declared and not there, because its count is 0.
    pub(super) leaves_out: bool,
    /// True if anything is named by `as`.
    pub(super) uses_names: bool,
}

impl<'a, 'l> SizeEstimate<'a, 'l> {
    pub(super) fn new(
        library: &'l Library<'a>,
        defaults: &'l [Defaults<'a>],
        evaluator: &'l Evaluator<'l>,
        limits: &'l Limits,
    ) -> Self {
        let (repetition, known) = (Repetition::default(), HashMap::new());
        Self {
            library,
            defaults,
            evaluator,
            limits,
            repetition,
            known,
            crossed: None,
            too_deep: false,
            leaves_out: false,
            uses_names: false,
        }
    }

    /// The size of the whole forest.
    pub(super) fn total(&mut self, roots: &[Slot<'a>], out: &mut Diagnostics) -> Size {
        self.sum(
            roots,
            Around {
                path: "",
                level: 0,
                index: 0,
            },
            Size::default(),
            out,
        )
    }

    /// The size of some blocks; `before` is what counts with them when it is said where a limit is crossed.
    fn sum(
        &mut self,
        blocks: &[Slot<'a>],
        around: Around<'_>,
        before: Size,
        out: &mut Diagnostics,
    ) -> Size {
        let mut size = Size::default();
        let mut running = before;
        for slot in blocks {
            let block = self.block(slot, around, out);
            size.add(block);
            running.add(block);
            // A template does not know how often it is used; its user is shown.
            let is_crossed = self.is_over(running) && !self.is_over(before);
            if is_crossed && self.crossed.is_none() && slot.shared().is_none() {
                self.crossed = slot
                    .layers
                    .last()
                    .map(|layer| self.library.node(layer.node).span);
            }
        }
        size
    }

    fn is_over(&self, size: Size) -> bool {
        size.namespaces > self.limits.namespaces.into()
            || size.processes > self.limits.processes.into()
    }

    fn block(&mut self, slot: &Slot<'a>, around: Around<'_>, out: &mut Diagnostics) -> Size {
        // What stands in the file itself is visited once; what templates make is visited as often as it is used.
        let nodes = slot.shared();
        let key = |index| nodes.clone().map(|nodes| (nodes, around.level, index));
        for key in [key(None), key(Some(around.index))].into_iter().flatten() {
            if let Some(&known) = self.known.get(&key) {
                return known;
            }
        }
        let path = join(around.path, slot.name(self.library));
        let prepared = Prepared::new(
            self.library,
            self.defaults,
            slot,
            &path,
            &mut Diagnostics::new(),
        );
        let (mut found, mut trace) = (Diagnostics::new(), Trace::default());
        let place = Place {
            path: &path,
            name: &prepared.name,
            level: around.level + 1,
            index: around.index,
        };
        let evaluator = self.evaluator.at(place);
        let generator = Generator::read(&prepared.table, &evaluator, &mut trace, &mut found);
        self.uses_names |= generator.names.is_some();
        let mut size = Size {
            indexed: evaluator.indexed.get(),
            ..Size::default()
        };
        let around = Around {
            path: &path,
            ..around
        };
        let is_too_deep = self.is_too_deep(&prepared, &generator, around, &mut found);
        prepared.explain(0, &trace, &mut found);
        self.repetition.absorb(found, out);
        if is_too_deep {
            return size;
        }
        size.add(self.generated(&prepared, generator.shape, around, out));
        if self.is_over(size) && self.crossed.is_none() && nodes.is_none() {
            self.crossed = Some(prepared.span);
        }
        if let Some(key) = key(if size.indexed {
            Some(around.index)
        } else {
            None
        }) {
            self.known.insert(key, size);
        }
        size
    }

    /// All instances of a block, with what is inside them.
    fn generated(
        &mut self,
        prepared: &Prepared<'a>,
        shape: Shape,
        around: Around<'_>,
        out: &mut Diagnostics,
    ) -> Size {
        let at = |level, index| Around {
            level: around.level + 1 + level,
            index,
            ..around
        };
        match shape {
            Shape::One => self.instance(prepared, at(0, around.index), (0, 1), out),
            Shape::Siblings(count) => {
                let one = |estimate: &mut Self, index, out: &mut Diagnostics| {
                    estimate.instance(prepared, at(0, index), (0, 1), out)
                };
                self.repeated(count.into(), one, out)
            }
            Shape::Chain(depth) => {
                let mut size = Size::default();
                for level in 0..depth {
                    size.add(self.own(prepared, at(level, level), (level, depth), out));
                }
                let innermost = at(depth - 1, depth - 1);
                size.add(self.sum(&prepared.children, innermost, size, out));
                size.indexed = false;
                size
            }
            Shape::Tree { depth, fanout } => {
                let mut size = Size::default();
                let mut width: u128 = 1;
                for level in 0..depth {
                    let one = |estimate: &mut Self, index, out: &mut Diagnostics| {
                        estimate.instance(prepared, at(level, index), (level, depth), out)
                    };
                    size.add(self.repeated(width, one, out));
                    width = width.saturating_mul(fanout.into());
                }
                size
            }
        }
    }

    /// One instance, on a level of so many, with what is inside it if it is on the innermost; `here` is the place of what is
    /// inside it.
    fn instance(
        &mut self,
        prepared: &Prepared<'a>,
        here: Around<'_>,
        (level, depth): (u64, u64),
        out: &mut Diagnostics,
    ) -> Size {
        let mut size = self.own(prepared, here, (level, depth), out);
        if level + 1 == depth {
            size.add(self.sum(&prepared.children, here, size, out));
        }
        size
    }

    /// So many that are alike, or, where they depend on their number, one after the other until there are too many.
    fn repeated(
        &mut self,
        count: u128,
        mut one: impl FnMut(&mut Self, u64, &mut Diagnostics) -> Size,
        out: &mut Diagnostics,
    ) -> Size {
        if count == 0 {
            self.leaves_out = true;
            return Size::default();
        }
        let first = one(self, 0, out);
        if !first.indexed {
            return first.times(count);
        }
        let mut size = first;
        for index in 1..u64::try_from(count).unwrap_or(u64::MAX) {
            if self.is_over(size) {
                size.incomplete = true;
                break;
            }
            size.add(one(self, index, out));
        }
        size.indexed = false;
        size
    }

    /// One namespace with its processes.
    fn own(
        &mut self,
        prepared: &Prepared<'a>,
        here: Around<'_>,
        (level, depth): (u64, u64),
        out: &mut Diagnostics,
    ) -> Size {
        let place = Place {
            path: here.path,
            name: &prepared.name,
            level: here.level,
            index: here.index,
        };
        let mut size = Size {
            namespaces: 1,
            ..Size::default()
        };
        for process in &prepared.processes {
            let (mut found, mut trace) = (Diagnostics::new(), Trace::default());
            let presence = process.presence(place, self.evaluator, &mut trace, &mut found);
            if let Some(entry) = presence.entry.filter(|_| level == 0) {
                presence.at.check(depth, entry, &mut found);
            }
            self.leaves_out |= presence.count == Some(0);
            size.processes = size
                .processes
                .saturating_add(presence.number(level, depth).into());
            size.indexed |= presence.is_indexed;
            // Of what is the same on every level the first level tells.
            if level == 0 || presence.is_placed {
                prepared.explain(0, &trace, &mut found);
                self.repetition.absorb(found, out);
            }
        }
        size
    }

    fn is_too_deep(
        &mut self,
        prepared: &Prepared<'a>,
        generator: &Generator,
        around: Around<'_>,
        out: &mut Diagnostics,
    ) -> bool {
        let limit = self.limits.depth;
        let level = around.level.saturating_add(generator.shape.depth());
        if level <= limit {
            return false;
        }
        self.too_deep = true;
        let name = around.path;
        let (span, what) = match generator.depth_span {
            Some(span) if generator.shape.depth() > 1 => (span, format!("the chain `{name}`")),
            _ => (
                prepared.span,
                if name.len() > 80 {
                    "the namespace".to_owned()
                } else {
                    format!("`{name}`")
                },
            ),
        };
        let diagnostic = if limit == KERNEL_DEPTH {
            Diagnostic::at(
                Code::TooDeep,
                span,
                format!("{what} is {level} levels deep, but the kernel allows {KERNEL_DEPTH}"),
            )
            .note(format!("PID namespaces nest at most {KERNEL_DEPTH} below the initial one (pid_namespaces(7))"))
        } else {
            Diagnostic::at(
                Code::TooDeep,
                span,
                format!("{what} is {level} levels deep, but [limits] allows {limit}"),
            )
            .help(format!(
                "if this is intended, raise depth in [limits], to at most {KERNEL_DEPTH}"
            ))
        };
        out.push(diagnostic);
        true
    }
}
