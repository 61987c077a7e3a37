//! Text → tree: the topology language and the checked tree that it describes.
//!
//! Two representations, one door: the spanned syntax of a TOML file, and the [`Topology`] that only the checks can build.
//! Nothing behind the door validates again. This floor knows the rules of PID namespaces (32 levels, a PID 1 that drops
//! signals) as rules of the language; it makes no system call and cannot tell what this machine allows.

mod actor;
mod namespace;
mod numbering;
mod process;
mod stop;
mod tree;

pub use actor::Actor;
pub use namespace::{Init, Isolation, Namespace, Position};
pub use numbering::Numbering;
pub use process::{After, Condition, Entry, Output, Process, Program, Stdin, Terminal, Weight};
pub use stop::{Signal, Stop};
pub use tree::{NamespaceId, OnExit, Topology};
