//! A picture as nodes, groups and edges, for the tools that find a layout themselves.
//!
//! An edge goes from a process to what it forks. What was forked by nestns from outside, or outside of what is drawn
//! around, has none. Such tools put all that hangs on one node side by side, however many
//! that are, so edges also carry how many ranks they span: siblings come to stand in rows.

use super::picture::{Picture, Shape};
use super::rows::{Page, Size};

/// A node or a group, as its number in the order of the text.
pub(super) type Id = usize;

/// A piece of the text, in order.
#[derive(Debug)]
pub(super) enum Event<'p> {
    /// A namespace begins.
    Open { id: Id, shape: &'p Shape<'p>, level: usize },
    /// Its PID 1.
    Init { id: Id, shape: &'p Shape<'p>, level: usize },
    /// One of its processes.
    Process { id: Id, shape: &'p Shape<'p>, level: usize },
    /// What is there and not shown.
    Rest { id: Id, text: &'p str, level: usize },
    /// A namespace ends.
    Close { level: usize },
}

/// What is between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// The first forks the second.
    Forks,
    /// Nothing; the second merely stands below the first.
    Above,
}

/// A line between two nodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) from: Id,
    pub(super) to: Id,
    pub(super) bond: Bond,
    /// By how many ranks the second stands below the first.
    pub(super) ranks: u32,
}

/// The whole picture.
#[derive(Debug, Default)]
pub(super) struct Diagram<'p> {
    pub(super) events: Vec<Event<'p>>,
    pub(super) edges: Vec<Edge>,
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

/// Where a namespace is drawn.
#[derive(Debug, Clone, Copy)]
struct Site {
    level: usize,
    rank: u32,
    /// Who forks what is inside the namespace around.
    keeper: Option<Standing>,
    /// What this stands below if nobody forks it.
    above: Option<Standing>,
}

/// The extent of a namespace, in nodes across and in ranks, and of everything in it.
struct Plan {
    size: Size,
    page: Page,
    inside: Vec<Plan>,
}

const NODE: Size = Size { width: 1, height: 1 };
/// So many stand side by side before a second row begins.
const ROW: u32 = 4;

impl Plan {
    /// Of what is inside a namespace, or on the host.
    fn of(processes: usize, namespaces: &[Shape<'_>], rest: usize) -> Self {
        let inside: Vec<Self> = namespaces
            .iter()
            .map(|shape| Self::of(shape.processes.len(), &shape.namespaces, shape.rest.len()))
            .collect();
        // PID 1 has a rank of its own above all that is inside.
        let sizes = inside.iter().map(|plan| Size { width: plan.size.width.max(1), height: plan.size.height + 1 });
        let page = Page::of(&[vec![NODE; processes], sizes.collect(), vec![NODE; rest]], 0, ROW);
        Self { size: page.size, page, inside }
    }
}

impl<'p> Diagram<'p> {
    pub(super) fn of(picture: &'p Picture<'p>) -> Self {
        let mut diagram = Self::default();
        let plan = Plan::of(0, &picture.roots, picture.rest.len());
        let mut places = plan.page.places.iter();
        let mut above = None;
        for (shape, (plan, place)) in picture.roots.iter().zip(plan.inside.iter().zip(&mut places)) {
            let site = Site { level: 1, rank: place.y, keeper: None, above };
            let init = diagram.namespace(shape, plan, site);
            above = above.or(Some(init));
        }
        for (text, place) in picture.rest.iter().zip(places) {
            let id = diagram.id();
            diagram.events.push(Event::Rest { id, text, level: 0 });
            diagram.edge(None, above, Standing { id, rank: place.y });
        }
        diagram
    }

    /// A namespace and everything in it; answers with its PID 1.
    fn namespace(&mut self, shape: &'p Shape<'p>, plan: &Plan, site: Site) -> Standing {
        let Site { level, rank, .. } = site;
        self.depth = self.depth.max(level);
        let group = self.id();
        self.events.push(Event::Open { id: group, shape, level });
        let init = Standing { id: self.id(), rank };
        self.events.push(Event::Init { id: init.id, shape, level });
        self.edge(site.keeper, site.above, init);
        let keeper = if shape.is_keeper() { Some(init) } else { site.keeper };
        let mut places = plan.page.places.iter().map(|place| rank + 1 + place.y);
        for (process, rank) in shape.processes.iter().zip(&mut places) {
            let standing = Standing { id: self.id(), rank };
            self.events.push(Event::Process { id: standing.id, shape: process, level });
            // Whoever is moved in has its parent outside.
            let parent = keeper.filter(|_| !process.is_joined());
            self.edge(parent, Some(init), standing);
        }
        for (inner, (plan, rank)) in shape.namespaces.iter().zip(plan.inside.iter().zip(&mut places)) {
            self.namespace(inner, plan, Site { level: level + 1, rank, keeper, above: Some(init) });
        }
        for (text, rank) in shape.rest.iter().zip(places) {
            let id = self.id();
            self.events.push(Event::Rest { id, text, level });
            self.edge(None, Some(init), Standing { id, rank });
        }
        self.events.push(Event::Close { level });
        init
    }

    /// Hangs a node on who forks it, and on what it stands below in the same namespace: a tool that looks at a group by
    /// itself must find the order of ranks in there.
    fn edge(&mut self, parent: Option<Standing>, above: Option<Standing>, child: Standing) {
        let above = above.filter(|above| parent.is_none_or(|parent| parent.id != above.id));
        let ends = parent.map(|parent| (parent, Bond::Forks)).into_iter().chain(above.map(|above| (above, Bond::Above)));
        // Of what stands beside each other, neither is below.
        let edges = ends.filter(|(from, _)| child.rank > from.rank).map(|(from, bond)| Edge {
            from: from.id,
            to: child.id,
            bond,
            ranks: child.rank - from.rank,
        });
        self.edges.extend(edges);
    }

    fn id(&mut self) -> Id {
        self.next += 1;
        self.next - 1
    }
}
