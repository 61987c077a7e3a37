//! Text → tree: the topology language and the checked tree that it describes.
//!
//! Two representations, one door: the spanned syntax of a TOML file, and the [`Topology`] that only the checks can build.
//! Nothing behind the door validates again. This floor knows the rules of PID namespaces (32 levels, a PID 1 that drops
//! signals) as rules of the language; it makes no system call and cannot tell what this machine allows.

mod actor;
mod check;
mod duration;
mod namespace;
mod numbering;
mod process;
pub mod schema;
mod stop;
mod syntax;
mod toml_text;
mod tree;
pub mod wrap;

pub use actor::{Actor, ActorError};
pub use duration::{DurationError, format_duration, parse_duration};
pub use namespace::{Init, Isolation, Namespace, Position};
pub use numbering::Numbering;
pub use process::{After, Condition, Entry, Output, Process, Program, Stdin, Terminal, Weight};
pub use stop::{Signal, Stop};
pub use tree::{NamespaceId, OnExit, Topology};

use crate::diagnostic::{Diagnostics, Source};

/// What a file turned out to be.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The tree; `None` if and only if there is an error among the diagnostics.
    pub topology: Option<Topology>,
    /// Everything there is to say about the file, sorted by place.
    pub diagnostics: Diagnostics,
}

/// The one door: reads and checks a topology file. `stem` names a topology that does not name itself; what a name may not
/// contain is replaced in it.
pub fn parse(source: &Source, stem: &str) -> Parsed {
    let mut diagnostics = Diagnostics::new();
    let topology = toml_text::read(source, &mut diagnostics).and_then(|table| {
        let document = syntax::read(&table, &mut diagnostics);
        check::check(document, stem, source, &mut diagnostics)
    });
    diagnostics.sort();
    Parsed { topology, diagnostics }
}
