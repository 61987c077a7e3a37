//! The raw side of the door: what stands in the file, with places, key by key.
//!
//! Each value is read for itself here (is it a duration? is there such a signal?); what depends on other keys, on defaults
//! or on the tree is left to `check`. A value that is wrong has been reported and is then treated as absent, so that one
//! mistake gives one diagnostic.

mod after;
mod contradictions;
mod document;
mod expanded;
mod expectation;
mod lifetime;
mod located;
mod name;
mod namespace;
mod process;
mod process_body;
mod program;
mod reader;
mod ready;
mod restart;
mod shell;
mod stop;
mod stream;
mod suggest;
mod unknown;
mod writer;

pub(super) use after::{AfterSyntax, TOP};
pub(super) use contradictions::terminal_without_session;
pub use document::{DEFAULT_NAMESPACES, DEFAULT_PROCESSES};
pub(super) use document::{Document, Heading, KERNEL_DEPTH, Limits, Spelling, included};
pub(super) use expectation::{ExpectationSyntax, Named};
pub(super) use located::Located;
pub(super) use name::{NameRules, check_path, header, instance_name_problem};
pub(super) use namespace::{InitSyntax, NamespaceBody, write};
pub(super) use process_body::ProcessBody;
pub(super) use program::ProgramSyntax;
pub(super) use reader::{Entry, entries};
pub(super) use restart::RestartSyntax;
pub(super) use stop::StopSyntax;
pub(super) use suggest::{SUGGESTIONS, nearest};
