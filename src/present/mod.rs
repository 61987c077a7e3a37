//! Facts → text: trees, tables, lines, durations. No system call, and nothing is printed here.

pub(crate) mod age;
pub(crate) mod charset;
pub(crate) mod count;
mod dependencies;
pub(crate) mod depth;
pub(crate) mod duration;
pub(crate) mod escape;
mod fold;
pub(crate) mod graph;
pub(crate) mod line;
pub(crate) mod matrix;
pub(crate) mod node;
pub(crate) mod redact;
pub(crate) mod script;
pub(crate) mod sheet;
pub(crate) mod snapshot_nodes;
pub(crate) mod state;
pub(crate) mod stop;
pub(crate) mod table;
pub(crate) mod topology_nodes;
pub(crate) mod tree;
