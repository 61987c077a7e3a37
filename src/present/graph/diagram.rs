//! A picture as nodes, groups and edges, for the tools that find a layout themselves.
//!
//! The groups alone show that one namespace is in another. An arrow goes from a PID 1 to each process that it forks; a
//! joined process has none. Such tools put side by side everything that has nothing above it, however many nodes that
//! are, so there are invisible edges as well, and edges carry the number of ranks that they span: siblings come to
//! stand in rows. Dependencies are arrows of another kind, which may begin and end at a group.

use super::arrow::{Arrow, End, Nesting, Side};
use super::picture::Picture;
use super::rows::{Page, Size};
use super::shape::Shape;

/// A node or a group, as its number in the order of the text.
pub(super) type Id = usize;

/// A piece of the text, in order.
#[derive(Debug)]
pub(super) enum Event<'p> {
    /// A namespace begins.
    Open {
        id: Id,
        shape: &'p Shape<'p>,
        level: usize,
    },
    /// PID 1 of the namespace.
    Init {
        id: Id,
        shape: &'p Shape<'p>,
        level: usize,
    },
    /// Process of the namespace.
    Process {
        id: Id,
        shape: &'p Shape<'p>,
        level: usize,
    },
    /// Parts that are not shown.
    Rest { id: Id, text: &'p str, level: usize },
    /// A namespace ends.
    Close { level: usize },
}

/// Relation between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// The first has forked the second.
    Forks,
    /// No relation; the second merely stands below the first.
    Above,
}

/// A line between two nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) from: Id,
    pub(super) to: Id,
    pub(super) bond: Bond,
    /// Number of ranks that the second stands below the first.
    pub(super) ranks: u32,
}

/// A dependency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'p> {
    pub(super) arrow: &'p Arrow,
    pub(super) waiter: Tip<'p>,
    pub(super) target: Tip<'p>,
}

/// End of a dependency.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tip<'p> {
    /// The node; of a namespace, its PID 1.
    pub(super) node: Id,
    /// The group, where the namespace as a whole is meant and the other end is not in it.
    pub(super) group: Option<Id>,
    pub(super) side: Side,
    pub(super) shape: &'p Shape<'p>,
}

/// Numbers of a shape in the text.
#[derive(Debug, Clone, Copy)]
struct Drawn<'p> {
    shape: &'p Shape<'p>,
    /// The node; of a namespace, its PID 1.
    node: Id,
    group: Option<Id>,
}

/// The whole picture.
#[derive(Debug, Default)]
pub(super) struct Diagram<'p> {
    pub(super) events: Vec<Event<'p>>,
    pub(super) edges: Vec<Edge>,
    pub(super) links: Vec<Link<'p>>,
    /// The shapes by their numbers.
    drawn: Vec<Option<Drawn<'p>>>,
    /// The deepest level that is shown.
    pub(super) depth: usize,
    next: Id,
}

/// A node on its rank.
#[derive(Debug, Clone, Copy)]
struct Standing {
    id: Id,
    rank: u32,
}

/// The extent of a namespace in nodes across and in ranks, and the places of everything in it.
struct Plan {
    size: Size,
    /// The ranks of its processes, below its first row.
    processes: Vec<u32>,
    /// Ranks of the namespaces inside.
    namespaces: Vec<u32>,
    /// Ranks of the parts that are not shown.
    rest: Vec<u32>,
    inside: Vec<Plan>,
}

/// The first row inside a namespace, or below the host.
#[derive(Debug, Clone, Copy)]
struct Site {
    level: usize,
    rank: u32,
}

const NODE: Size = Size {
    width: 1,
    height: 1,
};
/// Number of nodes side by side before a second row begins.
const ROW: u32 = 4;

impl Plan {
    /// Plan of the inside of a namespace, or of everything below the host.
    fn of(processes: usize, namespaces: &[Shape<'_>], rest: usize) -> Self {
        let inside: Vec<Self> = namespaces
            .iter()
            .map(|shape| Self::of(shape.processes.len(), &shape.namespaces, shape.rest.len()))
            .collect();
        // PID 1 has a rank of its own above all that is inside.
        let sizes = inside.iter().map(|plan| Size {
            width: plan.size.width.max(1),
            height: plan.size.height + 1,
        });
        let page = Page::of(
            &[vec![NODE; processes], sizes.collect(), vec![NODE; rest]],
            0,
            ROW,
        );
        let mut ranks = page.places.iter().map(|place| place.y);
        Self {
            size: page.size,
            processes: ranks.by_ref().take(processes).collect(),
            namespaces: ranks.by_ref().take(namespaces.len()).collect(),
            rest: ranks.collect(),
            inside,
        }
    }
}

impl<'p> Diagram<'p> {
    pub(super) fn of(picture: &'p Picture<'p>) -> Self {
        let mut diagram = Self {
            drawn: vec![None; picture.shapes],
            ..Self::default()
        };
        let plan = Plan::of(0, &picture.roots, picture.rest.len());
        let site = Site { level: 0, rank: 0 };
        let first = diagram.namespaces(&picture.roots, &plan, site, None);
        diagram.rest(&picture.rest, &plan, site, first);
        let links = picture.arrows.iter();
        diagram.links = links.filter_map(|arrow| diagram.link(arrow)).collect();
        diagram
    }

    fn link(&self, arrow: &'p Arrow) -> Option<Link<'p>> {
        let tip = |end: End| {
            let drawn = self.drawn.get(end.shape).copied().flatten()?;
            let is_group = end.side == Side::Whole && arrow.nesting == Nesting::Apart;
            Some(Tip {
                node: drawn.node,
                group: drawn.group.filter(|_| is_group),
                side: end.side,
                shape: drawn.shape,
            })
        };
        Some(Link {
            arrow,
            waiter: tip(arrow.waiter)?,
            target: tip(arrow.target)?,
        })
    }

    /// Writes a namespace and everything in it; returns its PID 1.
    fn namespace(&mut self, shape: &'p Shape<'p>, plan: &Plan, site: Site) -> Standing {
        let Site { level, rank } = site;
        self.depth = self.depth.max(level);
        let group = self.id();
        self.events.push(Event::Open {
            id: group,
            shape,
            level,
        });
        let init = Standing {
            id: self.id(),
            rank,
        };
        self.events.push(Event::Init {
            id: init.id,
            shape,
            level,
        });
        self.drawn[shape.number] = Some(Drawn {
            shape,
            node: init.id,
            group: Some(group),
        });
        let inside = Site {
            level,
            rank: rank + 1,
        };
        for (process, row) in shape.processes.iter().zip(&plan.processes) {
            let standing = Standing {
                id: self.id(),
                rank: inside.rank + row,
            };
            self.events.push(Event::Process {
                id: standing.id,
                shape: process,
                level,
            });
            self.drawn[process.number] = Some(Drawn {
                shape: process,
                node: standing.id,
                group: None,
            });
            // A process that was moved in has its parent outside.
            self.edge(
                init,
                standing,
                if process.is_joined() {
                    Bond::Above
                } else {
                    Bond::Forks
                },
            );
        }
        self.namespaces(&shape.namespaces, plan, inside, Some(init));
        self.rest(&shape.rest, plan, inside, Some(init));
        self.events.push(Event::Close { level });
        init
    }

    /// Writes namespaces side by side, each below the one above it in the row before; returns the first of all.
    fn namespaces(
        &mut self,
        shapes: &'p [Shape<'p>],
        plan: &Plan,
        site: Site,
        above: Option<Standing>,
    ) -> Option<Standing> {
        let mut before: Vec<_> = above.into_iter().collect();
        let mut row: Vec<Standing> = Vec::new();
        let mut first = None;
        for (shape, (plan, rank)) in shapes.iter().zip(plan.inside.iter().zip(&plan.namespaces)) {
            let rank = site.rank + rank;
            if row.last().is_some_and(|beside| beside.rank < rank) {
                before = std::mem::take(&mut row);
            }
            let init = self.namespace(
                shape,
                plan,
                Site {
                    level: site.level + 1,
                    rank,
                },
            );
            if let Some(&above) = before.get(row.len()).or(before.last()) {
                self.edge(above, init, Bond::Above);
            }
            row.push(init);
            first = first.or(Some(init));
        }
        first
    }

    /// Writes the parts that are not shown, below everything that is.
    fn rest(&mut self, lines: &'p [String], plan: &Plan, site: Site, above: Option<Standing>) {
        for (text, row) in lines.iter().zip(&plan.rest) {
            let standing = Standing {
                id: self.id(),
                rank: site.rank + row,
            };
            self.events.push(Event::Rest {
                id: standing.id,
                text,
                level: site.level,
            });
            if let Some(above) = above {
                self.edge(above, standing, Bond::Above);
            }
        }
    }

    fn edge(&mut self, from: Standing, to: Standing, bond: Bond) {
        // Of nodes beside each other, neither is below.
        if let Some(ranks) = to.rank.checked_sub(from.rank).filter(|&ranks| ranks > 0) {
            self.edges.push(Edge {
                from: from.id,
                to: to.id,
                bond,
                ranks,
            });
        }
    }

    fn id(&mut self) -> Id {
        self.next += 1;
        self.next - 1
    }
}
