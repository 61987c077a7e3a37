//! What a namespace is made of, from the weakest to the strongest: the templates that it uses, and what its own table says;
//! each with the chain of places that brought it there.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::declared::{Declarations, Node, NodeId, Realm};
use super::evaluate::{Evaluator, Trace};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label, Sources, Span};
use crate::topology::syntax::{Entry, nearest};
use crate::topology::toml_text::Value;

/// Who resolves a chain of templates has a stack, and so has who reads the file.
const LONGEST_CHAIN: usize = 256;

/// A place that makes something that was written elsewhere part of a namespace.
#[derive(Debug)]
pub(super) struct Used {
    at: Span,
    text: String,
    /// Where that place itself was brought in.
    outer: Option<Rc<Used>>,
}

/// A table that a namespace is made of.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) node: NodeId,
    /// `None` for what stands in its own place.
    pub(super) used: Option<Rc<Used>>,
}

impl Layer {
    pub(super) const fn own(node: NodeId) -> Self {
        Self { node, used: None }
    }

    /// The places to show under a problem with a value of this layer, the nearest first.
    pub(super) fn labels(&self) -> Vec<Label> {
        /// More would not make it clearer.
        const SHOWN: usize = 3;
        let places = std::iter::successors(self.used.as_deref(), |used| used.outer.as_deref());
        places.take(SHOWN).map(|used| Label { span: used.at, text: used.text.clone() }).collect()
    }
}

/// A layer that is brought in by one that was itself brought in.
fn behind(layer: &Layer, outer: Option<&Rc<Used>>) -> Layer {
    fn chain(inner: &Used, outer: &Rc<Used>) -> Rc<Used> {
        let behind = inner.outer.as_ref().map_or_else(|| Rc::clone(outer), |next| chain(next, outer));
        Rc::new(Used { at: inner.at, text: inner.text.clone(), outer: Some(behind) })
    }
    let used = match (&layer.used, outer) {
        (Some(inner), Some(outer)) => Some(chain(inner, outer)),
        (used, None) => used.clone(),
        (None, Some(outer)) => Some(Rc::clone(outer)),
    };
    Layer { node: layer.node, used }
}

/// Finds out what is used by whom.
#[derive(Debug)]
pub(super) struct Library<'a> {
    pub(super) declarations: Declarations<'a>,
    /// What each node uses, weakest first.
    uses: HashMap<NodeId, Vec<Layer>>,
    /// Templates that are used by somebody.
    used: HashSet<NodeId>,
}

impl<'a> Library<'a> {
    /// Resolves every template of all scopes; unknown ones and those that use each other are reported.
    pub(super) fn new(
        declarations: Declarations<'a>,
        scopes: usize,
        evaluator: &Evaluator<'_>,
        out: &mut Diagnostics,
    ) -> Self {
        let mut library = Self { declarations, uses: HashMap::new(), used: HashSet::new() };
        for scope in 0..scopes {
            let roots = library.declarations.roots(Realm::Templates, scope).to_vec();
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
            expanded.extend(self.uses(layer.node).iter().map(|used| behind(used, layer.used.as_ref())));
            expanded.push(layer.clone());
        }
        strongest(expanded)
    }

    /// What a node uses, weakest first, without itself.
    fn uses(&self, node: NodeId) -> &[Layer] {
        self.uses.get(&node).map_or(&[], Vec::as_slice)
    }

    /// The namespaces directly inside these layers: each with the layers that it stands on, in the order in which they
    /// were first declared.
    pub(super) fn children(&self, layers: &[Layer], path: &str) -> Vec<Vec<Layer>> {
        if let [layer] = layers
            && self.node(layer.node).graft.is_none()
        {
            let own = |&id: &NodeId| vec![Layer { node: id, used: layer.used.clone() }];
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
            if let Some((scope, at)) = node.graft {
                let used =
                    Rc::new(Used { at, text: format!("included below `{path}` here"), outer: layer.used.clone() });
                for &root in self.declarations.roots(Realm::Namespaces, scope) {
                    add(root, Some(Rc::clone(&used)));
                }
            }
            for &child in &node.children {
                add(child, layer.used.clone());
            }
        }
        children
    }

    /// Finds out what the `use` keys of a template and of everything inside it come to. `open` are the nodes that are being
    /// resolved, with the words that led on.
    fn resolve(
        &mut self,
        node: NodeId,
        evaluator: &Evaluator<'_>,
        open: &mut Vec<(NodeId, Span)>,
        out: &mut Diagnostics,
    ) {
        if self.uses.contains_key(&node) {
            return;
        }
        // Entered before it is known, so that one that cannot be resolved is reported once.
        self.uses.insert(node, Vec::new());
        let mut layers = Vec::new();
        for (name, span) in self.used_names(node, evaluator, out) {
            let Some(template) = self.template(node, &name, span, out) else { continue };
            open.push((node, span));
            // A template is in its own way if it is being resolved, or if it is around one that is.
            if let Some(first) = open.iter().position(|&(open, _)| open == template || self.is_inside(open, template)) {
                out.push(self.cycle(&open[first..]));
            } else if open.len() > LONGEST_CHAIN {
                let message = format!("more than {LONGEST_CHAIN} templates use one another in a row");
                out.push(Diagnostic::at(Code::TemplateCycle, span, message));
            } else {
                self.resolve(template, evaluator, open, out);
                self.bring(&mut layers, node, template, span);
            }
            open.pop();
        }
        self.uses.insert(node, strongest(layers));
        for child in self.node(node).children.clone() {
            self.resolve(child, evaluator, open, out);
        }
    }

    /// Finds out what namespaces or defaults, and everything inside them, use; templates are known by then.
    pub(super) fn resolve_users(&mut self, users: &[NodeId], evaluator: &Evaluator<'_>, out: &mut Diagnostics) {
        let mut stack: Vec<_> = users.to_vec();
        while let Some(node) = stack.pop() {
            let mut layers = Vec::new();
            for (name, span) in self.used_names(node, evaluator, out) {
                if let Some(template) = self.template(node, &name, span, out) {
                    self.bring(&mut layers, node, template, span);
                }
            }
            if !layers.is_empty() {
                self.uses.insert(node, strongest(layers));
            }
            stack.extend(&self.node(node).children);
        }
    }

    /// The template of a name in the scope of a node.
    fn template(&mut self, node: NodeId, name: &str, span: Span, out: &mut Diagnostics) -> Option<NodeId> {
        let scope = self.node(node).scope;
        let found = self.declarations.find(Realm::Templates, scope, name);
        match found {
            Some(template) => {
                self.used.insert(template);
            }
            None => out.push(self.unknown(name, span, scope)),
        }
        found
    }

    /// Adds a template, and what that uses, to the layers of its user.
    fn bring(&self, layers: &mut Vec<Layer>, user: NodeId, template: NodeId, at: Span) {
        let here = Some(Rc::new(Used { at, text: format!("used by `{}` here", self.node(user).path), outer: None }));
        layers.extend(self.uses(template).iter().map(|used| behind(used, here.as_ref())));
        layers.push(Layer { node: template, used: here });
    }

    /// The words of `use`, with their places.
    fn used_names(&self, node: NodeId, evaluator: &Evaluator<'_>, out: &mut Diagnostics) -> Vec<(String, Span)> {
        let Some(entry) = self.node(node).table.and_then(|table| table.get("use")) else { return Vec::new() };
        let entry = Entry::of(entry);
        let mut trace = Trace::default();
        let before = out.len();
        let Some(value) = evaluator.value(entry.value, &mut trace, out) else { return Vec::new() };
        let entry = Entry { value: &value, ..entry };
        let one = |value: &Value| value.as_str().map(|name| vec![(name.to_owned(), value.span)]);
        let names =
            one(&value).or_else(|| Some(entry.strings(out)?.into_iter().map(|name| (name.value, name.span)).collect()));
        out.amend(before, |diagnostic| trace.explain(diagnostic));
        names.unwrap_or_default()
    }

    fn unknown(&self, name: &str, span: Span, scope: usize) -> Diagnostic {
        let known: Vec<_> = self.declarations.paths(Realm::Templates, scope).map(|(path, _)| path).collect();
        let diagnostic = Diagnostic::at(Code::UnknownTemplate, span, format!("there is no template `{name}`"));
        match nearest(name, known.iter().copied()) {
            Some(similar) => {
                let diagnostic = diagnostic.label(format!("did you mean `{similar}`?"));
                match self.declarations.find(Realm::Templates, scope, similar) {
                    Some(found) => {
                        diagnostic.also(self.node(found).span, "a template with a similar name is declared here")
                    }
                    None => diagnostic,
                }
            }
            None => diagnostic.help(format!("declare it: [template.{name}]")),
        }
    }

    fn is_inside(&self, node: NodeId, around: NodeId) -> bool {
        let (node, around) = (self.node(node), self.node(around));
        node.scope == around.scope
            && node.path.strip_prefix(around.path.as_ref()).is_some_and(|rest| rest.starts_with('/'))
    }

    fn cycle(&self, members: &[(NodeId, Span)]) -> Diagnostic {
        let mut names: Vec<_> = members.iter().map(|&(node, _)| self.node(node).path.to_string()).collect();
        names.push(names[0].clone());
        let message = format!("templates use each other: {}", names.join(" → "));
        let first = Diagnostic::at(Code::TemplateCycle, members[0].1, message)
            .label(format!("`{}` uses `{}`", names[0], names[1]))
            .note("a namespace would be inside itself, without end");
        members.iter().enumerate().skip(1).take(3).fold(first, |diagnostic, (place, &(_, span))| {
            diagnostic.also(span, format!("`{}` uses `{}`", names[place], names[place + 1]))
        })
    }

    /// The templates of the main file that nobody uses.
    pub(super) fn unused<'l>(&'l self, sources: &'l Sources) -> impl Iterator<Item = NodeId> + 'l {
        let roots = self.declarations.roots(Realm::Templates, 0).iter().copied();
        roots.filter(move |id| {
            let node = self.node(*id);
            let is_main = sources.asked_for(node.span.file).is_none();
            is_main && !self.used.iter().any(|&used| used == *id || self.is_inside(used, *id))
        })
    }
}

/// Of a layer that is there twice the stronger one counts, so the weaker one need not be there.
fn strongest(layers: Vec<Layer>) -> Vec<Layer> {
    /// So many are compared with one another sooner than they are hashed.
    const FEW: usize = 8;
    let is_first = |(place, layer): (usize, &Layer)| layers[..place].iter().all(|other| other.node != layer.node);
    if layers.len() <= FEW && layers.iter().enumerate().all(is_first) {
        return layers;
    }
    let mut last: HashMap<NodeId, usize> = HashMap::with_capacity(layers.len());
    for (place, layer) in layers.iter().enumerate() {
        last.insert(layer.node, place);
    }
    if last.len() == layers.len() {
        return layers;
    }
    layers
        .into_iter()
        .enumerate()
        .filter(|(place, layer)| last[&layer.node] == *place)
        .map(|(_, layer)| layer)
        .collect()
}
