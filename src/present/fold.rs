//! Runs of siblings so alike that one stands for all: ten thousand replicas are a line or a box, not ten thousand.
//!
//! Only neighbours of one declaration are alike, and only while they differ by nothing but their numbers, in themselves
//! and in everything below them: an unusual one is shown by itself. The caller decides how many of a run are shown.

use super::node::Node;

/// The siblings in runs of those that are alike; a run of one is a node that is like no neighbour. All runs are found
/// in time linear in the number of nodes below the siblings.
pub(super) fn runs(siblings: &[Node]) -> impl Iterator<Item = &[Node]> {
    siblings.chunk_by(is_one_more)
}

/// Returns whether `next` is another instance of what `first` is: the same declaration, and nothing but numbers differs below.
fn is_one_more(first: &Node, next: &Node) -> bool {
    first.label.index.is_some() && is_same_name(first, next) && is_same_shape(first, next)
}

/// True if only the number of the instance differs: below `t.1.0` are `t.2.0` and `t.2.1`, below `t.1.1` the next two.
fn is_same_name(one: &Node, other: &Node) -> bool {
    one.label.stem == other.label.stem && one.label.index.is_some() == other.label.index.is_some()
}

fn is_same_shape(one: &Node, other: &Node) -> bool {
    one.kind == other.kind
        && one.state == other.state
        && one.note == other.note
        && without_numbers(&one.after).eq(without_numbers(&other.after))
        && one.facts.runs == other.facts.runs
        && one.facts.entry == other.facts.entry
        && one.pids.len() == other.pids.len()
        && one.children.len() == other.children.len()
        && one
            .children
            .iter()
            .zip(&other.children)
            .all(|(a, b)| is_same_name(a, b) && is_same_shape(a, b))
}

/// Words about dependencies: each instance may have one of its own.
fn without_numbers(words: &str) -> impl Iterator<Item = char> {
    words
        .chars()
        .filter(|character| !character.is_ascii_digit())
}
