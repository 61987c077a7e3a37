//! Which siblings are shown, and which are only counted: ten thousand replicas are a page, not ten thousand lines.
//!
//! Only neighbours of one declaration are folded, and only while they differ by nothing but their numbers, in themselves
//! and in everything below them: whatever is unusual keeps its line.

use super::{Folding, Node};

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    /// This node.
    Node(&'a Node),
    /// That so many are left out, and what they are like.
    More { count: usize, like: &'a Node },
}

/// The siblings as they are drawn. In time linear in all that is below them.
pub(super) fn fold(siblings: &[Node], folding: Folding) -> impl Iterator<Item = Item<'_>> {
    siblings.chunk_by(is_one_more).flat_map(move |run| {
        // A single node that is left out would take the line that says so.
        let shown = match folding {
            Folding::Keep(keep) if run.len() > keep.max(1) + 1 => keep.max(1),
            _ => run.len(),
        };
        let more = run.first().filter(|_| shown < run.len());
        run.iter().take(shown).map(Item::Node).chain(more.map(|like| Item::More { count: run.len() - shown, like }))
    })
}

/// Whether `next` is another instance of what `first` is: the same declaration, and nothing but numbers differs below.
fn is_one_more(first: &Node, next: &Node) -> bool {
    first.label.index.is_some()
        && next.label.index.is_some()
        && first.label.stem == next.label.stem
        && is_same_shape(first, next)
}

fn is_same_shape(one: &Node, other: &Node) -> bool {
    one.kind == other.kind
        && one.state == other.state
        && one.note == other.note
        && one.pids.len() == other.pids.len()
        && one.children.len() == other.children.len()
        && one.children.iter().zip(&other.children).all(|(a, b)| a.label == b.label && is_same_shape(a, b))
}
