//! Declarations of the files: namespaces and templates with their places in the tree, nothing merged or generated yet.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::syntax::{Entry, KERNEL_DEPTH, NameRules, Spelling, check_path, entries, header};
use crate::toml_text::Table;

/// One of the [`Declarations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(u32);

/// A namespace, a template, or a part of one, as one file writes it.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) path: Cow<'a, str>,
    /// The place of its name.
    pub(super) span: Span,
    pub(super) spelling: Spelling,
    /// `None` for a path that only occurs as the beginning of others.
    pub(super) table: Option<&'a Table>,
    /// In the order of the file.
    pub(super) children: Vec<NodeId>,
    /// The scope whose defaults apply.
    pub(super) scope: usize,
    /// The scope of the file that it includes, and where it says so.
    pub(super) mount: Option<(usize, Span)>,
}

impl Node<'_> {
    /// The last segment of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The kind of table that a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum DeclarationKind {
    Namespaces,
    Templates,
}

impl DeclarationKind {
    const fn noun(self) -> &'static str {
        match self {
            Self::Namespaces => "namespace",
            Self::Templates => "template",
        }
    }

    const fn one(self) -> &'static str {
        match self {
            Self::Namespaces => "a namespace",
            Self::Templates => "a template",
        }
    }

    const fn table(self) -> &'static str {
        match self {
            Self::Namespaces => "ns",
            Self::Templates => "template",
        }
    }
}

/// A table of namespaces or templates of one file.
#[derive(Debug)]
pub(super) struct Declared<'a> {
    pub(super) kind: DeclarationKind,
    pub(super) scope: usize,
    pub(super) entry: Entry<'a>,
    pub(super) rules: NameRules,
}

/// A namespace or template of a file.
#[derive(Debug)]
struct Header<'a> {
    path: Cow<'a, str>,
    span: Span,
    spelling: Spelling,
    table: &'a Table,
}

/// Everything that the files declare.
#[derive(Debug, Default)]
pub(super) struct Declarations<'a> {
    nodes: Vec<Node<'a>>,
    roots: HashMap<(DeclarationKind, usize), Vec<NodeId>>,
    by_path: HashMap<(DeclarationKind, usize), HashMap<Cow<'a, str>, NodeId>>,
}

/// More than 32 of the longest names.
const LONGEST_PATH: usize = 4096;

impl<'a> Declarations<'a> {
    pub(super) fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }

    /// The namespaces directly below the host, or the templates, of a scope.
    pub(super) fn roots(&self, kind: DeclarationKind, scope: usize) -> &[NodeId] {
        self.roots.get(&(kind, scope)).map_or(&[], Vec::as_slice)
    }

    /// The node of a path, if it is more than the beginning of others.
    pub(super) fn find(&self, kind: DeclarationKind, scope: usize, path: &str) -> Option<NodeId> {
        let id = *self.by_path.get(&(kind, scope))?.get(path)?;
        self.node(id).table.map(|_| id)
    }

    /// The first node of a path in the other scopes.
    pub(super) fn elsewhere(
        &self,
        kind: DeclarationKind,
        scope: usize,
        path: &str,
    ) -> Option<NodeId> {
        let mut others: Vec<_> = self
            .by_path
            .keys()
            .filter(|key| key.0 == kind && key.1 != scope)
            .collect();
        others.sort_unstable_by_key(|key| key.1);
        others
            .into_iter()
            .find_map(|key| self.find(kind, key.1, path))
    }

    /// All declared paths of a scope.
    pub(super) fn paths(
        &self,
        kind: DeclarationKind,
        scope: usize,
    ) -> impl Iterator<Item = (&str, &Node<'a>)> {
        let paths = self.by_path.get(&(kind, scope)).into_iter().flatten();
        paths
            .map(|(path, &id)| (path.as_ref(), self.node(id)))
            .filter(|(_, node)| node.table.is_some())
    }

    /// A node that has no place in the tree, for `[defaults.ns]`.
    pub(super) fn detached(&mut self, entry: &Entry<'a>, table: &'a Table, scope: usize) -> NodeId {
        self.push(Node {
            path: Cow::Borrowed(entry.key),
            span: entry.key_span,
            spelling: Spelling::Path,
            table: Some(table),
            children: Vec::new(),
            scope,
            mount: None,
        })
    }

    /// Says which files hang below which nodes: scopes by the places of the keys that include them.
    pub(super) fn mount_all(&mut self, mounts: &HashMap<Span, usize>) {
        for node in self.nodes.iter_mut().filter(|_| !mounts.is_empty()) {
            let Some(entry) = node.table.and_then(|table| table.get("include")) else {
                continue;
            };
            let at = Entry::of(entry).key_span;
            node.mount = mounts.get(&at).map(|&scope| (scope, entry.value.span));
        }
    }

    /// Order is that of the headers, and a path that was only the beginning of others has got its header now.
    fn move_to_end(&mut self, kind: (DeclarationKind, usize), id: NodeId, path: &str) {
        let parent = path
            .rsplit_once('/')
            .and_then(|(parent, _)| self.by_path.get(&kind)?.get(parent).copied());
        let siblings = match parent {
            Some(parent) => &mut self.nodes[parent.0 as usize].children,
            None => self.roots.entry(kind).or_default(),
        };
        siblings.retain(|&sibling| sibling != id);
        siblings.push(id);
    }

    fn push(&mut self, node: Node<'a>) -> NodeId {
        self.nodes.push(node);
        NodeId(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    /// Adds all of a table, in both spellings. A list instead of recursion: how deep tables nest is up to the file.
    pub(super) fn add(&mut self, declared: &Declared<'a>, out: &mut Diagnostics) {
        let mut tables: Vec<(Option<Cow<'a, str>>, Entry<'a>)> = vec![(None, declared.entry)];
        let mut found = Vec::new();
        while let Some((parent, entry)) = tables.pop() {
            let Some(table) = entry.value.as_table() else {
                entry.wrong_type("a table", out);
                continue;
            };
            for key in entries(table) {
                check_path(
                    key.key,
                    key.key_span,
                    declared.rules,
                    declared.kind.one(),
                    out,
                );
                let (path, spelling) = match &parent {
                    None => (Cow::Borrowed(key.key), Spelling::Path),
                    Some(parent) => (
                        Cow::Owned(format!("{parent}/{}", key.key)),
                        Spelling::Nested,
                    ),
                };
                let Some(table) = key.value.as_table() else {
                    key.wrong_type("a table", out);
                    continue;
                };
                // A path that long has been reported, and repeating it in front of each child would cost what no check is
                // worth.
                if let Some(children) = table.get("ns").filter(|_| path.len() <= LONGEST_PATH) {
                    tables.push((Some(path.clone()), Entry::of(children)));
                }
                found.push(Header {
                    path,
                    span: key.key_span,
                    spelling,
                    table,
                });
            }
        }
        found.sort_by_key(|header| (header.span.file, header.span.start()));
        for header in found {
            self.declare(declared, header, out);
        }
    }

    fn declare(&mut self, declared: &Declared<'a>, header: Header<'a>, out: &mut Diagnostics) {
        let Header {
            path,
            span,
            spelling,
            table,
        } = header;
        let kind = (declared.kind, declared.scope);
        if let Some(&id) = self.by_path.entry(kind).or_default().get(&path) {
            let node = &mut self.nodes[id.0 as usize];
            if node.table.is_none() {
                (node.table, node.span, node.spelling) = (Some(table), span, spelling);
                self.move_to_end(kind, id, &path);
            } else {
                let twice = declared_twice(
                    declared.kind,
                    &path,
                    (span, spelling),
                    (node.span, node.spelling),
                );
                out.push(twice);
            }
            return;
        }
        let node = |path, table| Node {
            path,
            span,
            spelling,
            table,
            children: Vec::new(),
            scope: declared.scope,
            mount: None,
        };
        let mut id = self.push(node(path.clone(), Some(table)));
        self.by_path
            .entry(kind)
            .or_default()
            .insert(path.clone(), id);
        let mut path = path;
        // What is too deep for the kernel is reported, and its many ancestors are not made.
        if path.split('/').count() as u64 > KERNEL_DEPTH + 1 {
            // Where its parent is declared, that, or one around it, is too deep for the same reason.
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            if !self.by_path.entry(kind).or_default().contains_key(parent) {
                out.push(too_deep(&path, span));
            }
            return;
        }
        // Every path hangs below its prefix, declared or not; whether it is, shows when templates are known.
        loop {
            let parent = match path {
                Cow::Borrowed(path) => path
                    .rsplit_once('/')
                    .map(|(parent, _)| Cow::Borrowed(parent)),
                Cow::Owned(ref path) => path
                    .rsplit_once('/')
                    .map(|(parent, _)| Cow::Owned(parent.to_owned())),
            };
            let Some(parent) = parent else {
                self.roots.entry(kind).or_default().push(id);
                return;
            };
            if let Some(&found) = self.by_path.entry(kind).or_default().get(&parent) {
                self.nodes[found.0 as usize].children.push(id);
                return;
            }
            let made = self.push(node(parent.clone(), None));
            self.nodes[made.0 as usize].children.push(id);
            self.by_path
                .entry(kind)
                .or_default()
                .insert(parent.clone(), made);
            (id, path) = (made, parent);
        }
    }
}

fn declared_twice(
    kind: DeclarationKind,
    path: &str,
    again: (Span, Spelling),
    first: (Span, Spelling),
) -> Diagnostic {
    let noun = kind.noun();
    let diagnostic = Diagnostic::at(
        Code::DeclaredTwice,
        again.0,
        format!("{noun} `{path}` is declared twice"),
    )
    .label("declared here again")
    .also(first.0, "declared here first");
    if again.1 == Spelling::Nested || first.1 == Spelling::Nested {
        let header = header(kind.table(), path);
        return diagnostic.help(format!(
            "nested tables and paths are two ways to write the same tree: keep {header}"
        ));
    }
    diagnostic
}

fn too_deep(path: &str, span: Span) -> Diagnostic {
    let level = path.split('/').count();
    Diagnostic::at(
        Code::TooDeep,
        span,
        format!("the namespace is {level} levels deep, but the kernel allows {KERNEL_DEPTH}"),
    )
    .note(format!(
        "PID namespaces nest at most {KERNEL_DEPTH} below the initial one (pid_namespaces(7))"
    ))
}
