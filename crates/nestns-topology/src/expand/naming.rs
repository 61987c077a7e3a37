//! Names of generated namespaces: by their numbers, or as `as` says.

use super::expander::{Around, Expander};
use super::generator::{Shape, instance_name};
use super::member::{Block, Member};
use super::place::{Place, join};
use super::taken::Holder;
use super::trace::Trace;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::syntax::instance_name_problem;

impl Expander<'_, '_> {
    /// The name of an instance.
    pub(super) fn name(
        &mut self,
        Block {
            prepared,
            generator,
            shape,
        }: Block<'_, '_>,
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
        let place = Place {
            path: &path,
            name: &prepared.name,
            level: around.level + 1,
            index: member.index,
        };
        let mut trace = Trace::default();
        let before = out.len();
        let message = format!(
            "`as` gives number {} of `{}` a name that cannot be used",
            member.index, prepared.name
        );
        let value = self.evaluator.at(place).value(names, &mut trace, out);
        // What is not a string was said when the tree was measured.
        let name = value
            .as_ref()
            .and_then(|value| value.as_str())
            .map(str::to_owned);
        let problem = name.as_deref().and_then(instance_name_problem);
        let name = match (name, problem) {
            (None, _) => plain,
            (Some(_), Some(problem)) => {
                out.push(Diagnostic::at(Code::BadInstanceName, names.span, message).label(problem));
                plain
            }
            (Some(name), None) => {
                if let Some(taken) = &mut self.taken {
                    taken.enter(
                        join(around.path, &name),
                        Holder::Named {
                            at: names.span,
                            message,
                        },
                        out,
                    );
                }
                name
            }
        };
        out.amend(before, |diagnostic| trace.explain(diagnostic));
        name
    }
}
