//! The order of things that need each other, and the cycles in which they do. The algorithm is petgraph's.

use std::collections::{HashMap, HashSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Some things in order, and what stands against it.
#[derive(Debug)]
pub(super) struct Order {
    /// All of them, each after what it needs; those of a cycle stand beside each other.
    pub(super) sequence: Vec<usize>,
    /// One cycle of each group in which all need each other: each member needs the next one, the last one the first. It begins
    /// with the member of the lowest number.
    pub(super) cycles: Vec<Vec<usize>>,
    /// All that are in a cycle.
    pub(super) entangled: Vec<usize>,
}

/// Puts things in order, by what each of them needs.
pub(super) fn order(needs: &[Vec<usize>]) -> Order {
    let edges = || {
        needs
            .iter()
            .enumerate()
            .flat_map(|(thing, needs)| needs.iter().map(move |&need| (thing, need)))
    };
    let mut graph = DiGraph::<(), (), usize>::with_capacity(needs.len(), edges().count());
    for _ in needs {
        graph.add_node(());
    }
    graph.extend_with_edges(edges());
    // Tarjan's algorithm is recursive in petgraph, and a chain may be as long as the file. Components come out in reverse
    // topological order, so that what is needed comes first.
    let components = kosaraju_scc(&graph);
    let mut cycles: Vec<_> = components
        .iter()
        .filter_map(|component| cycle(component, needs))
        .collect();
    cycles.sort_unstable_by_key(|cycle| cycle[0]);
    let tangles = components.iter().filter(|component| component.len() > 1);
    let entangled = tangles.flatten().map(|node| node.index()).collect();
    Order {
        sequence: components
            .into_iter()
            .flatten()
            .map(NodeIndex::index)
            .collect(),
        cycles,
        entangled,
    }
}

/// A cycle in a strongly connected component: from its first member always on to the first thing needed in it.
fn cycle(component: &[NodeIndex<usize>], needs: &[Vec<usize>]) -> Option<Vec<usize>> {
    let members: HashSet<usize> = component.iter().map(|node| node.index()).collect();
    let mut walk = Vec::new();
    let mut places = HashMap::new();
    let mut here = members.iter().copied().min()?;
    while !places.contains_key(&here) {
        places.insert(here, walk.len());
        walk.push(here);
        // A component of one has none, unless it needs itself.
        here = needs[here]
            .iter()
            .copied()
            .find(|need| members.contains(need))?;
    }
    let mut cycle = walk.split_off(places[&here]);
    let first = (0..cycle.len()).min_by_key(|&place| cycle[place])?;
    cycle.rotate_left(first);
    Some(cycle)
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn what_is_needed_comes_first() {
        let order = order(&[vec![2], vec![0, 2], vec![], vec![1]]);
        assert_eq!(order.sequence, [2, 0, 1, 3]);
        assert!(order.cycles.is_empty());
    }

    #[test]
    fn a_cycle_begins_with_its_first_member() {
        // 0 needs a cycle, 4 needs itself, and 5 and 6 need each other in a cycle that is reached in its middle.
        let order = order(&[
            vec![2],
            vec![3],
            vec![3],
            vec![1],
            vec![4],
            vec![6],
            vec![0, 5],
        ]);
        assert_eq!(order.cycles, [vec![1, 3], vec![4], vec![5, 6]]);
        assert_eq!(order.sequence.len(), 7);
    }

    #[test]
    fn a_chain_may_be_long() {
        let needs: Vec<_> = (0..200_000_usize)
            .map(|thing| thing.checked_sub(1).into_iter().collect())
            .collect();
        assert_eq!(order(&needs).sequence, (0..200_000).collect::<Vec<_>>());
    }
}
