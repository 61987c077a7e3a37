//! Text → tree: the topology language and the checked tree that it describes.
//!
//! Two representations, one door: the spanned syntax of a TOML file, and the [`Topology`] that only the checks can build.
//! Nothing behind the door validates again. This crate knows the rules of PID namespaces (32 levels, a PID 1 that drops
//! signals) as rules of the language.
//!
//! ```
//! use nestns_topology::diagnostic::Source;
//! use nestns_topology::{Numbering, Request, parse};
//!
//! let text = "[ns.vm]\nproc.server = \"sleep 1000\"\n[ns.\"vm/ci\"]\nproc.runner = \"sleep 1000\"\n";
//! let parsed = parse(Request::new(Source::new("vm.toml", text), "vm"));
//! assert!(parsed.diagnostics.is_empty());
//! let topology = parsed.topology.expect("there is no error");
//! let ci = topology.find("vm/ci").expect("it is declared");
//! assert_eq!(topology.namespace(ci).level(), 2);
//! // The PIDs that creation in file order will give: those of `runner` in `vm` and in `vm/ci`.
//! assert_eq!(Numbering::predict(&topology).process(ci, 0), [4, 2]);
//! ```
//!
//! A file with an error has no tree, and all of its problems at once:
//!
//! ```
//! use nestns_topology::diagnostic::Source;
//! use nestns_topology::{Request, parse};
//!
//! let parsed = parse(Request::new(Source::new("vm.toml", "[ns.vm]\ninit = 7\n"), "vm"));
//! assert!(parsed.topology.is_none() && parsed.diagnostics.has_errors());
//! ```
//!
//! Architecture invariant: no system call is made here, and no process is known; a [`Topology`] comes only out of [`parse`].

mod actor;
pub mod address;
mod check;
pub mod config;
mod dependency;
pub mod diagnostic;
mod duration;
mod expand;
pub mod expectation;
mod keys;
mod labels;
mod namespace;
mod numbering;
mod order;
mod position;
mod probe;
mod process;
mod restart;
pub mod schema;
mod size;
mod state;
mod stop;
mod surroundings;
mod syntax;
mod toml_text;
mod tree;
pub mod wrap;

pub use actor::{Actor, ActorError};
pub use address::{Address, AddressError};
pub use dependency::{After, Condition, Part, StopOrder, Target};
pub use duration::{DurationError, format_duration, parse_duration};
pub use labels::Labels;
pub use namespace::{Init, Isolation, Namespace, NamespaceSpec};
pub use numbering::Numbering;
pub use position::Position;
pub use probe::{Notifier, Pattern, Probe, Tries};
pub use process::{
    Entry, Keeps, Output, Process, ProcessSpec, Program, Session, Stdin, Terminal, Weight,
};
pub use restart::{Endings, RestartPolicy, RestartWhen};
pub use size::{SizeError, format_size, parse_size};
pub use state::State;
pub use stop::{Signal, Stop, StopReach};
pub use surroundings::{Included, Nothing, Surroundings};
pub use syntax::{DEFAULT_NAMESPACES, DEFAULT_PROCESSES};
pub use tree::{DEFAULT_LOG_BYTES, NamespaceId, OnExit, Topology};

use serde::Serialize;

use crate::diagnostic::{Diagnostics, Source, Sources};

/// A topology to be read.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Text of the topology.
    pub source: Source,
    /// Names a topology that does not name itself; characters that a name may not contain are
    /// replaced.
    pub stem: &'a str,
    /// Names it in place of the name in the file.
    pub name: Option<String>,
    /// Settings from the command line, the weakest first.
    pub settings: Vec<Setting>,
    /// The source of other files, and of the environment.
    pub surroundings: &'a dyn Surroundings,
}

impl<'a> Request<'a> {
    /// A text alone, in a world with nothing else in it.
    pub fn new(source: Source, stem: &'a str) -> Self {
        Self {
            source,
            stem,
            name: None,
            settings: Vec::new(),
            surroundings: &Nothing,
        }
    }
}

/// A value for variables, from the command line.
#[derive(Debug, Clone)]
pub enum Setting {
    /// `--set name=value`: the value has the type of the variable.
    #[expect(missing_docs, reason = "the two fields are their names")]
    Word { name: String, value: String },
    /// A TOML file with a value for each of some variables.
    File(Source),
}

/// A variable and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Name of the variable.
    pub name: String,
    /// Value of the variable.
    pub value: VariableValue,
    /// The origin of the value: `file:line:column`, or the name of what is no file.
    pub from: String,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the variants are their types")]
pub enum VariableValue {
    Integer(i64),
    Boolean(bool),
    Text(String),
}

/// The result of reading a file.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The tree; `None` if and only if there is an error among the diagnostics.
    pub topology: Option<Topology>,
    /// Everything there is to say about the file, sorted by place.
    pub diagnostics: Diagnostics,
    /// The texts that the diagnostics are about.
    pub sources: Sources,
    /// The variables of all files, in their order.
    pub variables: Vec<Variable>,
}

/// The one door: reads, expands and checks a topology.
pub fn parse(request: Request<'_>) -> Parsed {
    expand::expand(request)
}

/// A namespace as a table of the language, without what is inside it: read again it is the same.
pub fn write(topology: &Topology, id: NamespaceId) -> toml::Table {
    syntax::write(topology, id)
}
