//! Uses of templates, and the layers that they come to.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::declared::{DeclarationKind, Declarations, Node, NodeId};
use super::evaluate::Evaluator;
use super::layers::{Layer, Used, strongest};
use super::trace::Trace;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::syntax::Entry;

/// The most templates in a chain: resolving it is recursive.
const LONGEST_CHAIN: usize = 256;

/// A template that uses another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) node: NodeId,
    /// The place of the word.
    pub(super) at: Span,
    pub(super) template: NodeId,
}

/// Finds out which templates are used, and where.
#[derive(Debug)]
pub(super) struct Library<'a> {
    pub(super) declarations: Declarations<'a>,
    /// The layers that each template uses, directly or not, weakest first.
    uses: HashMap<NodeId, Vec<Layer>>,
    /// The templates that a namespace uses itself. There may be many namespaces, so what those come to is not kept.
    direct: HashMap<NodeId, Vec<Layer>>,
    /// Templates that are used.
    pub(super) used: HashSet<NodeId>,
    /// The number of uses of templates that do not exist.
    pub(super) unknown: usize,
}

impl<'a> Library<'a> {
    /// Resolves every template of all scopes; unknown ones and those that use each other are reported.
    pub(super) fn new(
        declarations: Declarations<'a>,
        scopes: usize,
        evaluator: &Evaluator<'_>,
        out: &mut Diagnostics,
    ) -> Self {
        let mut library = Self {
            declarations,
            uses: HashMap::new(),
            direct: HashMap::new(),
            used: HashSet::new(),
            unknown: 0,
        };
        for scope in 0..scopes {
            let roots = library
                .declarations
                .roots(DeclarationKind::Templates, scope)
                .to_vec();
            let mut open = Vec::new();
            for root in roots {
                library.resolve(root, evaluator, &mut open, out);
            }
        }
        library
    }

    pub(super) fn node(&self, id: NodeId) -> &Node<'a> {
        self.declarations.node(id)
    }

    /// The layers of a namespace that stands on these: each brings along what it uses, below itself.
    pub(super) fn expand(&self, layers: &[Layer]) -> Vec<Layer> {
        let mut expanded = Vec::with_capacity(layers.len());
        for layer in layers {
            for used in self.direct.get(&layer.node).into_iter().flatten() {
                self.bring(&mut expanded, &used.behind(layer.used.as_ref()));
            }
            expanded.extend(
                self.uses(layer.node)
                    .iter()
                    .map(|used| used.behind(layer.used.as_ref())),
            );
            expanded.push(layer.clone());
        }
        strongest(expanded)
    }

    /// The layers that a node uses, weakest first, without itself.
    fn uses(&self, node: NodeId) -> &[Layer] {
        self.uses.get(&node).map_or(&[], Vec::as_slice)
    }

    /// The namespaces directly inside these layers: each with the layers that it stands on, in the order in which they
    /// were first declared.
    pub(super) fn children(&self, layers: &[Layer], path: &str) -> Vec<Vec<Layer>> {
        if let [layer] = layers
            && self.node(layer.node).mount.is_none()
        {
            let own = |&id: &NodeId| {
                vec![Layer {
                    node: id,
                    used: layer.used.clone(),
                }]
            };
            return self.node(layer.node).children.iter().map(own).collect();
        }
        let mut children: Vec<Vec<Layer>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut add = |id: NodeId, used: Option<Rc<Used>>| {
            let name = self.node(id).name();
            let place = places.get(name).copied().unwrap_or_else(|| {
                children.push(Vec::new());
                places.insert(name, children.len() - 1);
                children.len() - 1
            });
            children[place].push(Layer { node: id, used });
        };
        for layer in layers {
            let node = self.node(layer.node);
            if let Some((scope, at)) = node.mount {
                let text = format!("included in `{path}` here").into();
                let used = Rc::new(Used {
                    at,
                    text,
                    outer: layer.used.clone(),
                });
                for &root in self.declarations.roots(DeclarationKind::Namespaces, scope) {
                    add(root, Some(Rc::clone(&used)));
                }
            }
            for &child in &node.children {
                add(child, layer.used.clone());
            }
        }
        children
    }

    /// Finds out what the `use` keys of a template and of everything inside it come to. `open` are the templates that are
    /// being resolved, with the words that led on.
    fn resolve(
        &mut self,
        node: NodeId,
        evaluator: &Evaluator<'_>,
        open: &mut Vec<Step>,
        out: &mut Diagnostics,
    ) {
        if self.uses.contains_key(&node) {
            return;
        }
        // Entered before it is known, so that one that cannot be resolved is reported once.
        self.uses.insert(node, Vec::new());
        let mut layers = Vec::new();
        for (name, at) in self.used_names(node, evaluator, out) {
            let Some(template) = self.template(node, &name, at, out) else {
                continue;
            };
            open.push(Step { node, at, template });
            // A template is in its own way if it is being resolved, or if it is around one that is.
            let is_around =
                |step: &Step| step.node == template || self.is_inside(step.node, template);
            if let Some(first) = open.iter().position(is_around) {
                out.push(self.cycle(&open[first..]));
            } else if open.len() > LONGEST_CHAIN {
                let message =
                    format!("more than {LONGEST_CHAIN} templates use one another in a row");
                out.push(Diagnostic::at(Code::TemplateCycle, at, message));
            } else {
                self.resolve(template, evaluator, open, out);
                self.bring(&mut layers, &self.used_here(node, template, at));
            }
            open.pop();
        }
        self.uses.insert(node, strongest(layers));
        for child in self.node(node).children.clone() {
            self.resolve(child, evaluator, open, out);
        }
    }

    /// Finds out what namespaces, and everything inside them, use; templates are known by then.
    pub(super) fn resolve_users(
        &mut self,
        users: &[NodeId],
        evaluator: &Evaluator<'_>,
        out: &mut Diagnostics,
    ) {
        let mut stack: Vec<_> = users.to_vec();
        while let Some(node) = stack.pop() {
            let names = self.used_names(node, evaluator, out).into_iter();
            let layers: Vec<_> = names
                .filter_map(|(name, at)| {
                    let template = self.template(node, &name, at, out)?;
                    Some(self.used_here(node, template, at))
                })
                .collect();
            if !layers.is_empty() {
                self.direct.insert(node, layers);
            }
            stack.extend(&self.node(node).children);
        }
    }

    /// Finds out what `[defaults.ns]` uses: nothing that has something inside, which would have it inside as well.
    pub(super) fn resolve_defaults(
        &mut self,
        node: NodeId,
        evaluator: &Evaluator<'_>,
        out: &mut Diagnostics,
    ) {
        self.resolve_users(&[node], evaluator, out);
        let mut layers = self.direct.remove(&node).unwrap_or_default();
        layers.retain(|layer| {
            let mut all = Vec::new();
            self.bring(&mut all, layer);
            let inside = all.iter().find_map(|layer| {
                let node = self.node(layer.node);
                let child = node.children.first().map(|&child| self.node(child).span);
                child.or(node.mount.map(|(_, at)| at))
            });
            let (Some(inside), Some(used)) = (inside, &layer.used) else {
                return true;
            };
            let template = &self.node(layer.node).path;
            let message = format!(
                "template `{template}` cannot be a default because it has a namespace inside"
            );
            out.push(
                Diagnostic::at(Code::MisplacedKey, used.at, message)
                    .label("every namespace would contain this one, endlessly")
                    .also(inside, "it is declared here"),
            );
            false
        });
        self.direct.insert(node, layers);
    }

    /// The template of a name in the scope of a node.
    fn template(
        &mut self,
        node: NodeId,
        name: &str,
        span: Span,
        out: &mut Diagnostics,
    ) -> Option<NodeId> {
        let scope = self.node(node).scope;
        let found = self
            .declarations
            .find(DeclarationKind::Templates, scope, name);
        if let Some(template) = found {
            self.used.insert(template);
        } else {
            self.unknown += 1;
            out.push(self.unknown(name, span, scope));
        }
        found
    }

    /// A template as a layer of its user.
    fn used_here(&self, user: NodeId, template: NodeId, at: Span) -> Layer {
        let text = format!("used by `{}` here", self.node(user).path).into();
        Layer {
            node: template,
            used: Some(Rc::new(Used {
                at,
                text,
                outer: None,
            })),
        }
    }

    /// Adds a template, and below it what it uses.
    fn bring(&self, layers: &mut Vec<Layer>, template: &Layer) {
        layers.extend(
            self.uses(template.node)
                .iter()
                .map(|used| used.behind(template.used.as_ref())),
        );
        layers.push(template.clone());
    }

    /// The words of `use`, with their places.
    fn used_names(
        &self,
        node: NodeId,
        evaluator: &Evaluator<'_>,
        out: &mut Diagnostics,
    ) -> Vec<(String, Span)> {
        let Some(entry) = self.node(node).table.and_then(|table| table.get("use")) else {
            return Vec::new();
        };
        let entry = Entry::of(entry);
        let mut trace = Trace::default();
        let before = out.len();
        let Some(value) = evaluator.value(entry.value, &mut trace, out) else {
            return Vec::new();
        };
        let entry = Entry {
            value: &value,
            ..entry
        };
        let words = value.as_array().map_or_else(
            || vec![entry],
            |values| values.iter().map(|value| entry.with(value)).collect(),
        );
        let names = words.iter().filter_map(|word| {
            let name = word.value.as_str();
            if name.is_none() {
                word.wrong_type("the name of a template, or an array of names", out);
            }
            Some((name?.to_owned(), word.span))
        });
        let names = names.collect();
        out.amend(before, |diagnostic| trace.explain(diagnostic));
        names
    }

    fn is_inside(&self, node: NodeId, around: NodeId) -> bool {
        let (node, around) = (self.node(node), self.node(around));
        node.scope == around.scope
            && node
                .path
                .strip_prefix(around.path.as_ref())
                .is_some_and(|rest| rest.starts_with('/'))
    }
}
