//! The place of a value in the tree.

/// A namespace or process of the tree, for the names that say where a value is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) name: &'a str,
    /// 1 directly below the host.
    pub(super) level: u64,
    /// The number of the nearest generated thing around it, 0 where nothing is generated.
    pub(super) index: u64,
}

/// A path with one more segment.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        [path, "/", name].concat()
    }
}
