//! The plainest deep tree: one namespace inside the other, all with a builtin PID 1.

/// Depths of the tests: not nested, once, somewhat, and as deep as a level to spare allows.
pub(crate) const DEPTHS: [usize; 4] = [1, 2, 5, 31];

/// The path of the namespace at a level of the chain, whose first is `@`.
pub(crate) fn path(level: usize) -> String {
    (2..=level).fold("@".to_owned(), |path, level| format!("{path}/l{level}"))
}

/// The paths of the namespaces of a chain, outermost first.
pub(crate) fn paths(depth: usize) -> Vec<String> {
    (1..=depth).map(path).collect()
}

/// A chain of this depth, as a topology; the header of the innermost is the last line, so that its keys can follow.
pub(crate) fn chain(depth: usize) -> String {
    chain_of(depth, "")
}

/// A chain of this depth, each namespace of which has these lines of keys; more can follow for the innermost.
pub(crate) fn chain_of(depth: usize, keys: &str) -> String {
    let namespaces: Vec<String> = paths(depth)
        .iter()
        .map(|path| format!("[ns.\"{path}\"]\n{keys}"))
        .collect();
    namespaces.concat()
}
