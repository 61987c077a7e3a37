//! The raw side of the door: what stands in the file, with places, key by key.
//!
//! Each value is read for itself here (is it a duration? is there such a signal?); what depends on other keys, on defaults
//! or on the tree is left to `check`. A value that is wrong has been reported and is then treated as absent, so that one
//! mistake gives one diagnostic.

mod document;
mod expanded;
mod expectation;
mod foreign;
mod located;
mod name;
mod namespace;
mod process;
mod program;
mod reader;
mod ready;
mod restart;
mod shell;
mod stop;
mod suggest;
mod unknown;
mod vocabulary;

pub use document::{DEFAULT_NAMESPACES, DEFAULT_PROCESSES};
pub(super) use document::{Document, Heading, KERNEL_DEPTH, Limits, Spelling, included};
pub(super) use expectation::{ExpectationSyntax, Named};
pub(super) use located::Located;
pub(super) use name::{NameRules, check_path, header, instance_name_problem};
pub(super) use namespace::{InitSyntax, NamespaceBody};
pub(super) use process::ProcessBody;
pub(super) use program::ProgramSyntax;
pub(super) use reader::{Entry, entries};
pub(super) use ready::WAYS as READY_WAYS;
pub(super) use suggest::{SUGGESTIONS, nearest};
pub(super) use vocabulary::Scope;
