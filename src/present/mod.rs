//! Facts → text: trees, tables, lines, durations. No system call, and nothing is printed here.

pub mod age;
pub mod charset;
pub mod config;
pub mod count;
pub mod depth;
pub mod duration;
pub mod escape;
mod fold;
pub mod graph;
pub mod line;
pub mod matrix;
pub mod node;
pub mod redact;
pub mod script;
pub mod sheet;
pub mod snapshot_nodes;
pub mod state;
pub mod stop;
pub mod table;
pub mod topology_nodes;
pub mod tree;
