//! How generated namespaces are called: by their numbers, or as `as` says.

use std::collections::HashMap;
use std::collections::hash_map;

use super::generator::{Generator, Shape, instance_name};
use super::place::{Place, join};
use super::plant::{Around, Member, Planter};
use super::prepare::Prepared;
use super::trace::Trace;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::topology::check::{Instance, shared_name};
use crate::topology::syntax::instance_name_problem;

/// The addresses that are taken, kept where `as` gives names: those that a file declares do not collide.
#[derive(Debug, Default)]
pub(super) struct Taken {
    holders: HashMap<String, Holder>,
}

/// What has an address.
#[derive(Debug, Clone)]
enum Holder {
    /// A namespace or process whose header or key stands here.
    Declared(Span),
    /// A namespace that was named by the `as` that stands here.
    Named { at: Span, message: String },
}

impl Taken {
    /// Enters something that is called as it is declared.
    pub(super) fn declare(&mut self, path: String, at: Span, out: &mut Diagnostics) {
        self.enter(path, Holder::Declared(at), out);
    }

    fn enter(&mut self, path: String, holder: Holder, out: &mut Diagnostics) {
        let earlier = match self.holders.entry(path) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(holder);
                return;
            }
            hash_map::Entry::Occupied(occupied) => occupied,
        };
        let path = earlier.key();
        let (at, message, other, text) = match (earlier.get(), &holder) {
            // Reported where both are known to be declared.
            (Holder::Declared(_), Holder::Declared(_)) => return,
            (Holder::Declared(other), Holder::Named { at, message }) => (*at, message, other, "it is declared here"),
            (Holder::Named { at, message }, Holder::Declared(other)) => {
                // The number of a layer means something to the block that is planted.
                (at.in_layer(0), message, other, "it is declared here")
            }
            (Holder::Named { at: other, .. }, Holder::Named { at, message }) => {
                (*at, message, other, "it is given here")
            }
        };
        let diagnostic = Diagnostic::at(Code::BadInstanceName, at, message.clone());
        let diagnostic = diagnostic.label(format!("`{path}` is there already"));
        out.push(if other.in_layer(0) == at.in_layer(0) {
            diagnostic.help("a name that differs from one to the next has {{i}} in it, and in a tree {{level}} as well")
        } else {
            diagnostic.also(other.in_layer(0), text)
        });
    }
}

/// Reports a process of a chain that is numbered like the namespace inside it: `a.1` of `a.0`. With `as` that is seen by
/// [`Taken`]; elsewhere names that differ as they are declared differ with numbers as well.
pub(super) fn check_chain(
    prepared: &Prepared<'_>,
    generator: &Generator,
    (shape, member): (Shape, Member),
    instance: &Instance,
    out: &mut Diagnostics,
) {
    let is_outer = matches!(shape, Shape::Chain(_)) && member.place + 1 < member.depth;
    if !is_outer || generator.names.is_some() {
        return;
    }
    let inner = instance_name(&prepared.name, shape, member.place + 1, member.index + 1);
    if let Some(process) = instance.processes.iter().find(|process| process.name.value == inner) {
        out.push(shared_name(&join(&instance.path.value, &inner), process.name.span, prepared.span));
    }
}

impl<'a> Planter<'a, '_> {
    /// The name of an instance.
    pub(super) fn name(
        &mut self,
        prepared: &Prepared<'a>,
        generator: &Generator,
        shape: Shape,
        around: Around<'_>,
        member: Member,
        out: &mut Diagnostics,
    ) -> String {
        let plain = instance_name(&prepared.name, shape, member.place, member.index);
        let Some(names) = generator.names.as_ref().filter(|_| shape != Shape::One) else {
            if let Some(taken) = &mut self.taken {
                taken.declare(join(around.path, &plain), prepared.span, out);
            }
            return plain;
        };
        let path = join(around.path, &plain);
        let place = Place { path: &path, name: &prepared.name, level: around.level + 1, index: member.index };
        let mut trace = Trace::default();
        let before = out.len();
        let message = format!("`as` gives number {} of `{}` a name that cannot be used", member.index, prepared.name);
        let value = self.evaluator.at(place).value(names, &mut trace, out);
        // What is not a string was said when the tree was measured.
        let name = value.as_ref().and_then(|value| value.as_str()).map(str::to_owned);
        let problem = name.as_deref().and_then(instance_name_problem);
        let name = match (name, problem) {
            (None, _) => plain,
            (Some(_), Some(problem)) => {
                out.push(Diagnostic::at(Code::BadInstanceName, names.span, message).label(problem));
                plain
            }
            (Some(name), None) => {
                if let Some(taken) = &mut self.taken {
                    taken.enter(join(around.path, &name), Holder::Named { at: names.span, message }, out);
                }
                name
            }
        };
        out.amend(before, |diagnostic| trace.explain(diagnostic));
        name
    }
}
