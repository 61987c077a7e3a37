//! A place in the texts of a topology.

use serde::{Deserialize, Serialize};

/// The place of a key or value: the number of the file among the topology's [`files`](super::Topology::files), the line and
/// the column; both count from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct Position {
    pub file: u32,
    pub line: u32,
    pub column: u32,
}
