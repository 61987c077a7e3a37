//! Values of a process, before the namespace and the tree are known.

use super::located::Located;
use super::program::ProgramSyntax;
use crate::diagnostic::Span;
use crate::topology::actor::Actor;
use crate::topology::keys::ProcessKey;
use crate::topology::process::{Condition, Process, ProcessSpec, Program};

/// The values of a process, all layers merged.
#[derive(Debug, Clone)]
pub(in crate::topology) struct ProcessBody {
    pub(in crate::topology) program: ProgramSyntax,
    pub(in crate::topology) after: Vec<(Located<String>, Condition)>,
    /// The values of all other keys, as they stand in the table or by default. What comes from the namespace is missing.
    pub(in crate::topology) values: Process,
    /// The place of `grace`.
    pub(in crate::topology) grace_span: Option<Span>,
    /// The places of the values that are not defaults.
    places: Vec<(ProcessKey, Span)>,
}

impl ProcessBody {
    /// Something that was reported, so that nothing more is said about it.
    pub(in crate::topology) fn broken() -> Self {
        Self::of(ProgramSyntax::Broken)
    }

    /// The same, whose program may be one that was reported.
    pub(in crate::topology) fn without_program(self) -> Self {
        let program = match self.program {
            ProgramSyntax::Absent => ProgramSyntax::Broken,
            program => program,
        };
        Self { program, ..self }
    }

    /// The place of the value of a key, if it is there and can be read.
    pub(in crate::topology) fn place(&self, key: ProcessKey) -> Option<Span> {
        self.places.iter().find(|(known, _)| *known == key).map(|&(_, span)| span)
    }

    /// A program about which nothing else is said.
    pub(super) fn of(program: ProgramSyntax) -> Self {
        // One that is missing or broken has been reported, and others may wait for the process by its place in the list.
        let values = Process::from(ProcessSpec::new(Program::Actor(Actor::Idle)));
        Self { program, after: Vec::new(), values, grace_span: None, places: Vec::new() }
    }

    /// Takes a value that could be read.
    pub(super) fn put<T>(&mut self, key: ProcessKey, value: Option<Located<T>>, set: impl FnOnce(&mut Process, T)) {
        if let Some(Located { value, span }) = value {
            self.places.push((key, span));
            set(&mut self.values, value);
        }
    }
}
