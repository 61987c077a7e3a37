//! Checks of tables that become nothing: unused templates, groups of none, defaults of processes
//! that do not exist. A misspelled key is misspelled there too, and would be found at the worst moment.
//!
//! Only what a table says by itself counts: its user may add the rest.

use std::collections::HashSet;

use super::declared::NodeId;
use super::evaluate::Evaluator;
use super::library::Library;
use super::place::Place;
use super::prepare::Prepared;
use super::trace::Trace;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::syntax::{Entry, NameRules, NamespaceBody, ProcessBody, entries};
use crate::toml_text::Value;

/// Reads tables for what is wrong with their keys and values.
pub(super) struct Reader<'a, 'l> {
    library: &'l Library<'a>,
    evaluator: &'l Evaluator<'l>,
    reported: HashSet<(Code, Span)>,
}

impl<'a, 'l> Reader<'a, 'l> {
    /// A reader that does not repeat what was reported already.
    pub(super) fn new(
        library: &'l Library<'a>,
        evaluator: &'l Evaluator<'l>,
        out: &Diagnostics,
    ) -> Self {
        let reported = out.iter().filter_map(key).collect();
        Self {
            library,
            evaluator,
            reported,
        }
    }

    /// Namespaces or templates, with everything inside them.
    pub(super) fn nodes(&mut self, nodes: &[NodeId], out: &mut Diagnostics) {
        let mut stack = nodes.to_vec();
        while let Some(id) = stack.pop() {
            let node = self.library.node(id);
            stack.extend(&node.children);
            let Some(table) = node.table else { continue };
            let evaluator = self.evaluator.at(Place {
                path: &node.path,
                name: node.name(),
                level: 1,
                index: 0,
            });
            let (mut found, mut trace) = (Diagnostics::new(), Trace::default());
            let body = evaluator.table(
                table,
                |key| !Prepared::is_body_key(key),
                &mut trace,
                &mut found,
            );
            NamespaceBody::read(&body, &node.path, &mut found);
            let processes = table.get("proc").and_then(|entry| entry.value.as_table());
            for entry in processes.into_iter().flat_map(entries) {
                NameRules::Declared.check(entry.key, entry.key_span, "a process", &mut found);
                Self::process(entry, &evaluator, &mut trace, &mut found);
            }
            self.report(found, &trace, out);
        }
    }

    /// `[defaults.proc]`.
    pub(super) fn defaults(&mut self, values: &[&Value], out: &mut Diagnostics) {
        for &value in values {
            let evaluator = self.evaluator.at(Place {
                path: "proc",
                name: "proc",
                level: 1,
                index: 0,
            });
            let (mut found, mut trace) = (Diagnostics::new(), Trace::default());
            let entry = Entry {
                key: "proc",
                key_span: value.span,
                value,
                span: value.span,
            };
            Self::process(entry, &evaluator, &mut trace, &mut found);
            self.report(found, &trace, out);
        }
    }

    fn process(
        entry: Entry<'_>,
        evaluator: &Evaluator<'_>,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) {
        if let Some(value) = evaluator.value(entry.value, trace, out) {
            ProcessBody::read(entry.key, entry.key_span, &value, "", out);
        }
    }

    fn report(&mut self, found: Diagnostics, trace: &Trace, out: &mut Diagnostics) {
        for mut diagnostic in found {
            let is_new = key(&diagnostic).is_some_and(|key| self.reported.insert(key));
            if is_new && is_of_a_table(diagnostic.code) {
                trace.explain(&mut diagnostic);
                out.push(diagnostic);
            }
        }
    }
}

fn key(diagnostic: &Diagnostic) -> Option<(Code, Span)> {
    Some((
        diagnostic.code,
        diagnostic.primary.as_ref()?.span.in_layer(0),
    ))
}

/// Returns whether no other table could make it right.
fn is_of_a_table(code: Code) -> bool {
    matches!(
        code,
        Code::WrongType
            | Code::UnknownKey
            | Code::MisplacedKey
            | Code::NotSupported
            | Code::ForeignKey
            | Code::ParentKey
            | Code::BadName
            | Code::ReservedName
            | Code::UnknownWord
            | Code::BadSignal
            | Code::BadDuration
            | Code::OutOfRange
            | Code::BadCommand
            | Code::BadActor
            | Code::BadPath
            | Code::BadVariable
            | Code::BadUser
            | Code::BadHostName
            | Code::BadSize
            | Code::BadPattern
            | Code::BadPlaceholder
            | Code::UnknownVariable
            | Code::BadArithmetic
    )
}
