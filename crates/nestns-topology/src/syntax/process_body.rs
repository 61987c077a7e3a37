//! Values of a process, before the namespace and the tree are known.

use super::after::AfterSyntax;
use super::lifetime::LifetimeSyntax;
use super::located::Located;
use super::program::ProgramSyntax;
use crate::actor::Actor;
use crate::diagnostic::Span;
use crate::keys::ProcessKey;
use crate::process::{Process, ProcessSpec, Program};

/// The values of a process, all layers merged.
#[derive(Debug, Clone)]
pub(crate) struct ProcessBody {
    pub(crate) program: ProgramSyntax,
    pub(crate) after: AfterSyntax,
    /// The values of all other keys, as they stand in the table or by default. What comes from the namespace is missing.
    pub(crate) values: Process,
    /// The stop and restart keys.
    pub(crate) lifetime: LifetimeSyntax,
    /// The places of the values that are not defaults.
    places: Vec<(ProcessKey, Span)>,
}

impl ProcessBody {
    /// Something that was reported, so that nothing more is said about it.
    pub(crate) fn broken() -> Self {
        Self::of(ProgramSyntax::Broken)
    }

    /// The same, whose program may be one that was reported.
    pub(crate) fn without_program(self) -> Self {
        let program = match self.program {
            ProgramSyntax::Absent => ProgramSyntax::Broken,
            program => program,
        };
        Self { program, ..self }
    }

    /// The place of the value of a key, if it is there and can be read.
    pub(crate) fn place(&self, key: ProcessKey) -> Option<Span> {
        self.places
            .iter()
            .find(|(known, _)| *known == key)
            .map(|&(_, span)| span)
    }

    /// A program about which nothing else is said.
    pub(crate) fn of(program: ProgramSyntax) -> Self {
        // One that is missing or broken has been reported, and others may wait for the process by its place in the list.
        let values = Process::from(ProcessSpec::new(Program::Actor(Actor::Idle)));
        Self {
            program,
            after: Vec::new(),
            values,
            lifetime: LifetimeSyntax::default(),
            places: Vec::new(),
        }
    }

    /// Takes a value that could be read.
    pub(super) fn put<T>(
        &mut self,
        key: ProcessKey,
        value: Option<Located<T>>,
        set: impl FnOnce(&mut Process, T),
    ) {
        if let Some(Located { value, span }) = value {
            self.places.push((key, span));
            set(&mut self.values, value);
        }
    }
}
