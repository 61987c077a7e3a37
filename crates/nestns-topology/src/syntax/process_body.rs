//! Values of a process, before the namespace and the tree are known.

use super::after::AfterSyntax;
use super::located::Located;
use super::program::ProgramSyntax;
use super::restart::RestartSyntax;
use super::stop::StopSyntax;
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
    /// The stop and restart keys, if there are any: most processes have none.
    lifetime: Option<Box<(StopSyntax, RestartSyntax)>>,
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

    /// The stop keys.
    pub(crate) fn stop(&self) -> StopSyntax {
        let keys = self.lifetime.as_ref();
        keys.map(|keys| keys.0.clone()).unwrap_or_default()
    }

    /// The restart keys.
    pub(crate) fn restart(&self) -> RestartSyntax {
        let keys = self.lifetime.as_ref();
        keys.map(|keys| keys.1.clone()).unwrap_or_default()
    }

    /// Keeps the stop and restart keys.
    pub(super) fn set_lifetime(&mut self, stop: StopSyntax, restart: RestartSyntax) {
        if stop.span().is_some() || restart.when.is_some() {
            self.lifetime = Some(Box::new((stop, restart)));
        }
    }

    /// A program about which nothing else is said.
    pub(crate) fn of(program: ProgramSyntax) -> Self {
        // One that is missing or broken has been reported, and others may wait for the process by its place in the list.
        let values = Process::from(ProcessSpec::new(Program::Actor(Actor::Idle)));
        Self {
            program,
            after: Vec::new(),
            values,
            lifetime: None,
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
