//! Level of detail of a picture, from everything to next to nothing.

/// Treatment of neighbours that differ by nothing but their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replicas {
    /// Drawn each by itself.
    Apart,
    /// Folded into one, from so many on.
    Together(usize),
}

/// Treatment of declared processes. A PID 1 is always drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processes {
    /// Drawn each by itself.
    Shown,
    /// Drawn as their number, if there are two or more in a namespace.
    Counted,
}

/// Treatment of dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependencies {
    /// Drawn as arrows, where both ends are drawn.
    Shown,
    /// Counted.
    Counted,
}

/// Things to draw; everything else is counted in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Detail {
    /// Treatment of replicas.
    pub(crate) replicas: Replicas,
    /// Treatment of processes.
    pub(crate) processes: Processes,
    /// Treatment of dependencies.
    pub(crate) dependencies: Dependencies,
    /// Deepest level of namespaces.
    pub(crate) depth: usize,
    /// Greatest number of namespaces side by side, a folded run being one.
    pub(crate) siblings: usize,
}

impl Detail {
    /// Detail with everything drawn.
    pub(crate) const FULL: Self = Self {
        replicas: Replicas::Apart,
        processes: Processes::Shown,
        dependencies: Dependencies::Shown,
        depth: usize::MAX,
        siblings: usize::MAX,
    };

    /// Detail with four and more replicas folded: two or three of a kind are no crowd.
    pub(crate) const FOLDED: Self = Self {
        replicas: Replicas::Together(4),
        ..Self::FULL
    };

    /// Detail with every two replicas folded, as for a tree that branches everywhere.
    pub(crate) const TIGHT: Self = Self {
        replicas: Replicas::Together(2),
        ..Self::FULL
    };

    /// Decreasing levels of detail of a tree so many levels deep: dependencies go first, then replicas,
    /// then processes, then the deepest level, until two are left; then all but some of the siblings, in the
    /// end all but one.
    pub(crate) fn ladder(depth: usize) -> impl Iterator<Item = Self> {
        let apart = Self {
            dependencies: Dependencies::Counted,
            ..Self::FOLDED
        };
        let tight = Self {
            replicas: Self::TIGHT.replicas,
            ..apart
        };
        let counted = Self {
            processes: Processes::Counted,
            ..tight
        };
        let shallower = (2..depth).rev().map(move |depth| Self { depth, ..counted });
        // A single level that counts everything inside would show nothing.
        let flat = Self {
            depth: 2,
            ..counted
        };
        let fewer = (0..9).rev().map(move |power| Self {
            siblings: 1 << power,
            ..flat
        });
        [Self::FOLDED, apart, tight, counted]
            .into_iter()
            .chain(shallower)
            .chain(fewer)
    }
}
