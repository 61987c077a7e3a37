//! Dependencies as arrows between the shapes of a picture, from what waits to what it waits for.
//!
//! Those between the same two shapes are one arrow. An end that is not drawn has the namespace around it in its place;
//! where that is around the other end, or both ends are one shape, there is nothing to draw, and they are counted.

use std::collections::HashMap;

use super::shape::Shape;
use crate::present::node::{Kind, Node};
use nestns_topology::{After, Part, Target};

/// Everything that waits, and what each waits for.
pub(crate) type Dependencies<'a> = &'a [(Target, &'a [After])];

/// Part of a shape at which an arrow begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    /// A process, or a namespace as a whole.
    Whole,
    /// PID 1 of a namespace.
    Init,
}

/// End of an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct End {
    /// Number of the shape.
    pub(super) shape: usize,
    pub(super) side: Side,
}

/// Place of the ends of an arrow in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nesting {
    /// Neither is inside the other.
    Apart,
    /// One is a namespace, and the other is in it.
    Inside,
}

/// Dependencies between two shapes.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) waiter: End,
    pub(super) target: End,
    pub(super) nesting: Nesting,
    /// The conditions as words, each once.
    conditions: Vec<&'static str>,
    /// Number of the dependencies.
    count: usize,
    /// True if the shapes stand for the ends themselves, not for something inside.
    is_exact: bool,
}

/// The arrows of a picture, and the number of dependencies without one.
#[derive(Debug, Default)]
pub(super) struct Arrows {
    pub(super) arrows: Vec<Arrow>,
    pub(super) left_out: usize,
}

/// A namespace of the tree in the picture.
#[derive(Debug)]
struct Place {
    /// Its shape, or the nearest one around; `None` if there is neither.
    shape: Option<usize>,
    is_drawn: bool,
    /// Number of the processes of all namespaces before it.
    processes: usize,
}

/// The whole tree in the picture: in the order of creation, as targets count.
#[derive(Debug)]
struct Places {
    namespaces: Vec<Place>,
    /// The shapes of processes that are drawn.
    processes: Vec<Option<usize>>,
    /// The shapes around, by the number of the shape.
    around: Vec<Option<usize>>,
}

impl Arrow {
    /// The conditions, with commas between.
    pub(super) fn label(&self) -> String {
        self.conditions.join(", ")
    }

    /// Number of the dependencies, if the ends alone do not say it.
    pub(super) fn number(&self) -> Option<usize> {
        (self.count > 1 || !self.is_exact).then_some(self.count)
    }

    fn add(&mut self, condition: &'static str) {
        self.count += 1;
        if !self.conditions.contains(&condition) {
            self.conditions.push(condition);
        }
    }
}

impl Arrows {
    /// The arrows of so many shapes, by the nodes that they were made from. In time linear in the number of nodes and
    /// dependencies.
    pub(super) fn of(
        roots: &[Shape<'_>],
        shapes: usize,
        nodes: &[Node],
        dependencies: Dependencies<'_>,
    ) -> Self {
        let mut arrows = Self::default();
        if dependencies.is_empty() {
            return arrows;
        }
        let mut places = Places {
            namespaces: Vec::new(),
            processes: Vec::new(),
            around: vec![None; shapes],
        };
        places.inside(nodes, (&[], roots), None);
        let mut known = HashMap::new();
        for &(waiter, after) in dependencies {
            for after in after {
                arrows.add(&places, &mut known, (waiter, after));
            }
        }
        arrows
    }

    fn add(
        &mut self,
        places: &Places,
        known: &mut HashMap<(End, End), usize>,
        (waiter, after): (Target, &After),
    ) {
        let ends = places.end(waiter).zip(places.end(after.target));
        let Some(((waiter, is_waiter), (target, is_target))) = ends else {
            self.left_out += 1;
            return;
        };
        let is_exact = is_waiter && is_target;
        let nesting = places.nesting(waiter, target);
        if waiter == target || (!is_exact && nesting == Nesting::Inside) {
            self.left_out += 1;
            return;
        }
        let place = *known.entry((waiter, target)).or_insert_with(|| {
            self.arrows.push(Arrow {
                waiter,
                target,
                nesting,
                conditions: Vec::new(),
                count: 0,
                is_exact,
            });
            self.arrows.len() - 1
        });
        let arrow = &mut self.arrows[place];
        arrow.is_exact &= is_exact;
        arrow.add(after.condition.word(after.target.part));
    }
}

impl Places {
    fn inside(
        &mut self,
        siblings: &[Node],
        (processes, namespaces): (&[Shape<'_>], &[Shape<'_>]),
        around: Option<usize>,
    ) {
        let mut processes = each(processes);
        let mut namespaces = each(namespaces);
        for node in siblings {
            match node.kind {
                Kind::Process => {
                    let shape = processes.next().map(|shape| shape.number);
                    if let Some(number) = shape {
                        self.around[number] = around;
                    }
                    self.processes.push(shape);
                }
                Kind::Namespace => self.namespace(node, namespaces.next(), around),
            }
        }
    }

    fn namespace(&mut self, node: &Node, shape: Option<&Shape<'_>>, around: Option<usize>) {
        let own = shape.map(|shape| shape.number);
        self.namespaces.push(Place {
            shape: own.or(around),
            is_drawn: own.is_some(),
            processes: self.processes.len(),
        });
        let Some(shape) = shape else {
            return self.inside(&node.children, (&[], &[]), around);
        };
        self.around[shape.number] = around;
        let inside = (&*shape.processes, &*shape.namespaces);
        self.inside(&node.children, inside, own);
    }

    /// The end for a part of the tree, and whether it is that part itself.
    fn end(&self, part: Target) -> Option<(End, bool)> {
        let place = self.namespaces.get(part.namespace as usize)?;
        let (shape, side) = match part.part {
            Part::Namespace => (place.shape.filter(|_| place.is_drawn), Side::Whole),
            Part::Init => (place.shape.filter(|_| place.is_drawn), Side::Init),
            Part::Process(index) => {
                let process = self.processes.get(place.processes + index as usize);
                (process.copied().flatten(), Side::Whole)
            }
        };
        let own = shape.map(|shape| (End { shape, side }, true));
        own.or_else(|| {
            let end = End {
                shape: place.shape?,
                side: Side::Whole,
            };
            Some((end, false))
        })
    }

    fn nesting(&self, one: End, other: End) -> Nesting {
        if self.is_around(one, other) || self.is_around(other, one) {
            Nesting::Inside
        } else {
            Nesting::Apart
        }
    }

    fn is_around(&self, outer: End, inner: End) -> bool {
        let around = |&shape: &usize| self.around[shape];
        let mut shapes = std::iter::successors(Some(inner.shape), around);
        match (outer.side, inner.side) {
            (Side::Init, _) => false,
            // PID 1 is in its namespace.
            (Side::Whole, Side::Init) => shapes.any(|shape| shape == outer.shape),
            (Side::Whole, Side::Whole) => shapes.skip(1).any(|shape| shape == outer.shape),
        }
    }
}

/// The shape of each of the nodes that they were made from.
fn each<'s, 'a>(shapes: &'s [Shape<'a>]) -> impl Iterator<Item = &'s Shape<'a>> {
    shapes
        .iter()
        .flat_map(|shape| std::iter::repeat_n(shape, shape.alike))
}
