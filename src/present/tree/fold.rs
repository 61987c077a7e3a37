//! Number of lines for a run of alike siblings.

use super::Folding;
use crate::present::fold::runs;
use crate::present::node::Node;

/// Item to draw.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    /// Node.
    Node(&'a Node),
    /// Number of nodes that are left out, and one of them.
    More { count: usize, like: &'a Node },
}

/// The siblings as they are drawn. In time linear in the number of nodes below them.
pub(super) fn fold(siblings: &[Node], folding: Folding) -> impl Iterator<Item = Item<'_>> {
    runs(siblings).flat_map(move |run| {
        // A single node that is left out would take the line that says so.
        let shown = match folding {
            Folding::Keep(keep) if run.len() > keep.max(1) + 1 => keep.max(1),
            _ => run.len(),
        };
        let more = run.first().filter(|_| shown < run.len());
        run.iter()
            .take(shown)
            .map(Item::Node)
            .chain(more.map(|like| Item::More {
                count: run.len() - shown,
                like,
            }))
    })
}
