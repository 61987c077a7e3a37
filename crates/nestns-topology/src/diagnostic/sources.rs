//! The texts of one topology: its file, those that it includes, and what the command line sets.

use super::problem::Diagnostic;
use super::source::Source;
use super::span::{FileId, Span};

/// All texts that spans point into; the first is the file that was named on the command line.
#[derive(Debug, Clone)]
pub struct Sources {
    list: Vec<(Source, Option<Span>)>,
}

impl Sources {
    /// One file so far.
    pub fn new(main: Source) -> Self {
        Self {
            list: vec![(main, None)],
        }
    }

    /// One more; `asked_for` is the place that made it part of the topology.
    pub fn add(&mut self, source: Source, asked_for: Option<Span>) -> FileId {
        self.list.push((source, asked_for));
        FileId(u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX))
    }

    /// The file that was named on the command line.
    pub fn main(&self) -> &Source {
        &self.list[0].0
    }

    /// The text that a span points into.
    pub fn get(&self, file: FileId) -> &Source {
        &self.list[file.index()].0
    }

    /// The text that a problem is in; the main one for a problem of the topology as a whole.
    pub fn of(&self, diagnostic: &Diagnostic) -> &Source {
        self.get(
            diagnostic
                .primary
                .as_ref()
                .map_or(FileId::MAIN, |label| label.span.file),
        )
    }

    /// The place that made a text part of the topology.
    pub fn asked_for(&self, file: FileId) -> Option<Span> {
        self.list[file.index()].1
    }

    /// One after the other, in the order in which they were read.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.list.iter().map(|(source, _)| source)
    }
}

impl From<Source> for Sources {
    fn from(main: Source) -> Self {
        Self::new(main)
    }
}
