//! How much of a tree a picture shows, from everything to next to nothing.

/// What becomes of neighbours that differ by nothing but their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// Each is drawn.
    Apart,
    /// So many and more of them become one.
    Together(usize),
}

/// What becomes of declared processes. A PID 1 is always drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processes {
    /// Each is drawn.
    Shown,
    /// Two and more in a namespace become their number.
    Counted,
}

/// What is drawn; everything else is counted where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// Whether replicas are folded.
    pub replicas: Replicas,
    /// Whether processes are shown.
    pub processes: Processes,
    /// The deepest level of namespaces.
    pub depth: usize,
    /// So many namespaces side by side, a folded run being one.
    pub siblings: usize,
}

impl Detail {
    /// Everything.
    pub const FULL: Self =
        Self { replicas: Replicas::Apart, processes: Processes::Shown, depth: usize::MAX, siblings: usize::MAX };

    /// Replicas folded where a person would: two or three of a kind are no crowd.
    pub const FOLDED: Self = Self { replicas: Replicas::Together(4), ..Self::FULL };

    /// Every two replicas folded, as in a tree that branches everywhere.
    pub const TIGHT: Self = Self { replicas: Replicas::Together(2), ..Self::FULL };

    /// Ever less of a tree so many levels deep: replicas go first, then processes, then the deepest level, until two are
    /// left; then all but some of the siblings, in the end all but one.
    pub fn ladder(depth: usize) -> impl Iterator<Item = Self> {
        let counted = Self { processes: Processes::Counted, ..Self::TIGHT };
        let shallower = (2..depth).rev().map(move |depth| Self { depth, ..counted });
        // Of a single level inside of which all is counted nobody would learn anything.
        let flat = Self { depth: 2, ..counted };
        let fewer = (0..9).rev().map(move |power| Self { siblings: 1 << power, ..flat });
        [Self::FOLDED, Self::TIGHT, counted].into_iter().chain(shallower).chain(fewer)
    }
}
