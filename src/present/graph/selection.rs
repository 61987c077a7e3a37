//! Selection of the nodes to draw as shapes, by the rules of a [`Detail`].

use super::counts::Counts;
use super::detail::{Detail, Processes, Replicas};
use super::shape::{Remarks, Shape};
use crate::present::count::count;
use crate::present::fold::runs;
use crate::present::node::{Kind, Node};

/// Inside of a namespace, or everything below the host.
#[derive(Debug, Default)]
pub(super) struct Inside<'a> {
    pub(super) processes: Vec<Shape<'a>>,
    pub(super) namespaces: Vec<Shape<'a>>,
    /// Parts that are not shown, a line each.
    pub(super) rest: Vec<String>,
}

/// Part that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Omission {
    Processes,
    Depth,
    Siblings,
}

/// State of a selection, with everything left out so far.
#[derive(Debug)]
pub(super) struct Selection {
    detail: Detail,
    omissions: Vec<Omission>,
    /// Number of shapes so far.
    shapes: usize,
}

impl Selection {
    pub(super) fn new(detail: Detail) -> Self {
        Self {
            detail,
            omissions: Vec::new(),
            shapes: 0,
        }
    }

    /// Selects among siblings, of which the namespaces are on this level. In time linear in the number of nodes below
    /// them.
    pub(super) fn inside<'a>(&mut self, siblings: &'a [Node], level: usize) -> Inside<'a> {
        let mut inside = Inside::default();
        let declared = siblings
            .iter()
            .filter(|node| node.kind == Kind::Process)
            .count();
        let are_counted = self.detail.processes == Processes::Counted && declared > 1;
        if are_counted {
            inside.rest.push(count(declared, "process").to_string());
            self.omit(Omission::Processes);
        }
        let mut hidden = Counts::default();
        for run in runs(siblings) {
            let Some(first) = run.first() else { continue };
            match first.kind {
                Kind::Process if are_counted => {}
                Kind::Process => self.fold(run, level, &mut inside.processes),
                Kind::Namespace
                    if level > self.detail.depth
                        || inside.namespaces.len() >= self.detail.siblings =>
                {
                    hidden += Counts::of(run);
                }
                Kind::Namespace => self.fold(run, level, &mut inside.namespaces),
            }
        }
        if hidden.namespaces > 0 {
            let adjective = if inside.namespaces.is_empty() {
                ""
            } else {
                "more "
            };
            inside.rest.push(hidden.words(adjective));
            self.omit(if level > self.detail.depth {
                Omission::Depth
            } else {
                Omission::Siblings
            });
        }
        inside
    }

    /// Makes one shape for a whole run, or one for each.
    fn fold<'a>(&mut self, run: &'a [Node], level: usize, shapes: &mut Vec<Shape<'a>>) {
        match (self.detail.replicas, run) {
            (Replicas::Together(from), [first, others @ .., last]) if run.len() >= from => {
                let mut shape = self.shape(first, level);
                others
                    .iter()
                    .chain([last])
                    .for_each(|other| shape.absorb(other));
                shapes.push(Shape {
                    until: last,
                    alike: run.len(),
                    ..shape
                });
            }
            _ => shapes.extend(run.iter().map(|node| self.shape(node, level))),
        }
    }

    fn shape<'a>(&mut self, node: &'a Node, level: usize) -> Shape<'a> {
        let Inside {
            processes,
            namespaces,
            rest,
        } = self.inside(&node.children, level + 1);
        self.shapes += 1;
        Shape {
            number: self.shapes - 1,
            first: node,
            until: node,
            last: node,
            alike: 1,
            remarks: Remarks::OfAll,
            processes,
            namespaces,
            rest,
        }
    }

    fn omit(&mut self, omission: Omission) {
        if !self.omissions.contains(&omission) {
            self.omissions.push(omission);
        }
    }

    /// Number of shapes so far.
    pub(super) fn shapes(&self) -> usize {
        self.shapes
    }

    /// Omissions so far, as sentences.
    pub(super) fn omissions(mut self) -> Vec<String> {
        self.omissions.sort_unstable();
        let sentence = |omission| match omission {
            Omission::Processes => {
                "processes are only counted where a namespace has several".to_owned()
            }
            Omission::Depth => format!(
                "namespaces below level {} are only counted",
                self.detail.depth
            ),
            Omission::Siblings => {
                format!(
                    "at most {} sibling namespaces are drawn",
                    self.detail.siblings
                )
            }
        };
        self.omissions.iter().copied().map(sentence).collect()
    }
}
