//! Problems of templates and of their uses.

use std::collections::HashSet;

use super::declared::{DeclarationKind, NodeId};
use super::library::{Library, Step};
use crate::diagnostic::{Code, Diagnostic, Sources, Span};
use crate::syntax::{SUGGESTIONS, header, nearest};

impl Library<'_> {
    /// Reports the use of a template that does not exist.
    pub(super) fn unknown(&self, name: &str, span: Span, scope: usize) -> Diagnostic {
        let compared = if self.unknown <= SUGGESTIONS {
            usize::MAX
        } else {
            0
        };
        let mut known: Vec<_> = self
            .declarations
            .paths(DeclarationKind::Templates, scope)
            .take(compared)
            .collect();
        known.sort_unstable_by_key(|(_, node)| node.span);
        let names = || known.iter().map(|&(path, _)| path);
        let diagnostic = Diagnostic::at(
            Code::UnknownTemplate,
            span,
            format!("there is no template `{name}`"),
        );
        let similar = nearest(name, names());
        if let Some((path, node)) = known.iter().find(|(path, _)| Some(*path) == similar) {
            return diagnostic
                .label(format!("did you mean `{path}`?"))
                .also(node.span, "a template with a similar name is declared here");
        }
        if let Some(elsewhere) =
            self.declarations
                .elsewhere(DeclarationKind::Templates, scope, name)
        {
            return diagnostic
                .also(self.node(elsewhere).span, "this one belongs to another file")
                .note("a file included in a namespace uses only its own templates, and no other file uses them");
        }
        let declare = format!("declare it: {}", header("template", name));
        diagnostic.help(match known.as_slice() {
            [] => declare,
            _ => format!(
                "{declare}, or use one of {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        })
    }

    /// Templates use each other.
    pub(super) fn cycle(&self, steps: &[Step]) -> Diagnostic {
        let path = |node: NodeId| &*self.node(node).path;
        let mut names: Vec<_> = steps.iter().map(|step| path(step.node)).collect();
        names.push(names[0]);
        let message = format!("templates use each other: {}", names.join(" → "));
        let label = |place: usize| {
            let (by, used, next) = (names[place], path(steps[place].template), names[place + 1]);
            // The next one may be inside the one that is used, and the one that is used around the first.
            match next.strip_prefix(used) {
                Some(inside) if !inside.is_empty() => {
                    format!("`{by}` uses `{used}`, which has `{next}` inside")
                }
                _ => format!("`{by}` uses `{used}`"),
            }
        };
        let first = Diagnostic::at(Code::TemplateCycle, steps[0].at, message)
            .label(label(0))
            .note("a namespace would contain itself, endlessly");
        steps
            .iter()
            .enumerate()
            .skip(1)
            .take(3)
            .fold(first, |diagnostic, (place, step)| {
                diagnostic.also(step.at, label(place))
            })
    }

    /// The unused templates of the main file, without those inside them.
    pub(super) fn unused(&self, sources: &Sources) -> Vec<NodeId> {
        let mut used: HashSet<&str> = HashSet::new();
        for &id in &self.used {
            let path = &*self.node(id).path;
            let around = path.match_indices('/').map(|(end, _)| &path[..end]);
            used.extend(around.chain([path]));
        }
        let mut unused = Vec::new();
        let mut stack: Vec<_> = self
            .declarations
            .roots(DeclarationKind::Templates, 0)
            .iter()
            .rev()
            .copied()
            .collect();
        while let Some(id) = stack.pop() {
            let node = self.node(id);
            if node.table.is_none() {
                // Only the beginning of others.
                stack.extend(node.children.iter().rev());
            } else if sources.asked_for(node.span.file).is_none() && !used.contains(&*node.path) {
                unused.push(id);
            }
        }
        unused
    }
}
