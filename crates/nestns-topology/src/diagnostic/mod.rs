//! Problems in a file: what is wrong, where, why it matters, and how to write it right.
//!
//! A [`Diagnostic`] holds facts; [`render()`] turns them into text for people, editors and CI. This module knows nothing about
//! topologies: it is handed byte offsets and sentences, and it prints nothing itself.

mod codes;
mod collection;
mod explanation;
mod problem;
mod render;
mod source;
mod sources;
mod span;

pub use codes::{Code, Level};
pub use collection::Diagnostics;
pub use explanation::{Block, Example, Explanation};
pub use problem::{Diagnostic, Label};
pub use render::{
    CheckDocument, Color, DiagnosticEntry, Format, HUMAN_LIMIT, RelatedPlace, heading, render,
};
pub use source::{LineColumn, Source};
pub use sources::Sources;
pub use span::{FileId, Span};
