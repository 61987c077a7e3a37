//! One instance: its values computed for its place, and read.

use std::borrow::Cow;
use std::rc::Rc;

use super::expander::{Expander, Extent};
use super::member::Member;
use super::place::{Place, join};
use super::prepare::{Prepared, PreparedProcess};
use super::trace::Trace;
use crate::check::{Instance, ProcessInstance};
use crate::diagnostic::Diagnostics;
use crate::keys::{Handling, Key, ProcessKey};
use crate::syntax::{InitSyntax, Located, NamespaceBody, ProcessBody};
use crate::toml_text::{Kind, Value};

impl<'a> Expander<'a, '_> {
    /// Reads one instance.
    pub(super) fn instance(
        &mut self,
        prepared: &Prepared<'a>,
        place: Place<'_>,
        member: Member,
        out: &mut Diagnostics,
    ) -> Instance {
        let (mut found, mut trace) = (Diagnostics::new(), Trace::default());
        let body = self.body(prepared, place, &mut trace, &mut found);
        prepared.explain(0, &trace, &mut found);
        self.repetition.absorb(found, out);
        let mut processes = Vec::with_capacity(prepared.processes.len());
        let mut absent = Vec::new();
        for process in &prepared.processes {
            // What is wrong with it was said when the tree was measured.
            let (mut unheard, mut untraced) = (Diagnostics::new(), Trace::default());
            let presence = process.presence(place, self.evaluator, &mut untraced, &mut unheard);
            // A sample has one of everything.
            let number = match self.extent {
                Extent::Whole => presence.number(member.place, member.depth),
                Extent::Sample => 1,
            };
            if number == 0 {
                absent.push(process.name.to_owned());
            }
            for index in 0..number {
                let mut found = Diagnostics::new();
                let is_group = presence.count.is_some() && self.extent == Extent::Whole;
                let instance = if is_group {
                    let name = format!("{}.{index}", process.name);
                    self.process(
                        process,
                        name,
                        Place { index, ..place },
                        &mut trace,
                        &mut found,
                    )
                } else {
                    self.process(
                        process,
                        process.name.to_owned(),
                        place,
                        &mut trace,
                        &mut found,
                    )
                };
                processes.push(instance);
                prepared.explain(0, &trace, &mut found);
                self.repetition.absorb(found, out);
            }
        }
        Instance {
            path: Located::new(place.path.to_owned(), prepared.span),
            body,
            processes,
            absent,
        }
    }

    fn body(
        &self,
        prepared: &Prepared<'a>,
        place: Place<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Rc<NamespaceBody> {
        if let Some(body) = &*prepared.body.borrow() {
            return Rc::clone(body);
        }
        let evaluator = self.evaluator.at(place);
        let table = evaluator.table(
            &prepared.table,
            |key| !Prepared::is_body_key(key),
            trace,
            out,
        );
        let mut body = NamespaceBody::read(&table, place.path, out);
        if let Some(init) = prepared
            .table
            .get("init")
            .filter(|_| table.get("init").is_none())
        {
            body.init = Some(Located::new(InitSyntax::Broken, init.value.span));
        }
        let body = Rc::new(body);
        if !evaluator.placed.get() {
            *prepared.body.borrow_mut() = Some(Rc::clone(&body));
        }
        body
    }

    fn process(
        &self,
        process: &PreparedProcess<'a>,
        name: String,
        around: Place<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> ProcessInstance {
        let cached = process.body.borrow().as_ref().map(Rc::clone);
        let body = cached.unwrap_or_else(|| {
            let path = join(around.path, &name);
            let place = Place {
                path: &path,
                name: &name,
                ..around
            };
            let evaluator = self.evaluator.at(place);
            let before = out.len();
            let value = match &process.value.kind {
                Kind::Table(table) => match evaluator.table(table, is_generator, trace, out) {
                    Cow::Borrowed(_) => Some(Cow::Borrowed(&*process.value)),
                    Cow::Owned(table) => Some(Cow::Owned(Value {
                        kind: Kind::Table(table),
                        span: process.value.span,
                    })),
                },
                _ => evaluator.value(&process.value, trace, out),
            };
            // What could not be computed may have been the program.
            let is_whole = out.len() == before;
            let body = match value {
                Some(value) => {
                    ProcessBody::read(process.name, process.span, &value, around.path, out)
                }
                None => ProcessBody::broken(),
            };
            let body = if is_whole {
                body
            } else {
                body.without_program()
            };
            let body = Rc::new(body);
            if !evaluator.placed.get() {
                *process.body.borrow_mut() = Some(Rc::clone(&body));
            }
            body
        });
        ProcessInstance {
            name: Located::new(name, process.span),
            group: process.name.to_owned(),
            body,
        }
    }
}

/// Returns whether a key of a process says how many there are and where.
fn is_generator(key: &str) -> bool {
    ProcessKey::find(key).is_some_and(|key| key.handling() == Handling::Generator)
}
