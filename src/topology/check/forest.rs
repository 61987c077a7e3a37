//! Paths → parents and children, and the paths that cannot be in a tree.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::topology::syntax::{Declaration, Document, KERNEL_DEPTH, Located, Spelling, nearest};

/// Looking for a similar path compares with every other one: done for the problems that people will read.
const SUGGESTIONS: usize = 20;

/// Who is inside whom, by index into the document's namespaces.
#[derive(Debug)]
pub(super) struct Forest {
    pub(super) children: Vec<Vec<usize>>,
    /// Parents before children, siblings in file order.
    pub(super) pre_order: Vec<usize>,
}

impl Forest {
    /// Finds every parent, and reports the paths that have none, stand twice or are too deep.
    pub(super) fn grow(document: &Document, out: &mut Diagnostics) -> Self {
        let namespaces = &document.namespaces;
        if namespaces.is_empty() && !out.has_errors() {
            out.push(
                Diagnostic::of_file(Code::NoNamespace, "the file declares no namespace")
                    .help("the smallest topology is [ns.hello] and, in the next line, init = [\"bash\"]"),
            );
        }
        let mut by_path: HashMap<&str, usize> = HashMap::with_capacity(namespaces.len());
        let mut unique = Vec::with_capacity(namespaces.len());
        for (index, declaration) in namespaces.iter().enumerate() {
            if let Some(&first) = by_path.get(declaration.path.value.as_str()) {
                out.push(declared_twice(declaration, &namespaces[first]));
            } else {
                by_path.insert(&declaration.path.value, index);
                unique.push(index);
            }
        }
        let mut children = vec![Vec::new(); namespaces.len()];
        let mut roots = Vec::new();
        let mut orphans = 0;
        for index in unique {
            let declaration = &namespaces[index];
            check_depth(declaration, document.limits.depth, out);
            let Some((parent, _)) = declaration.path.value.rsplit_once('/') else {
                roots.push(index);
                continue;
            };
            if let Some(&parent) = by_path.get(parent) {
                children[parent].push(index);
            // An empty segment was reported, and no parent could be declared for it.
            } else if !declaration.path.value.split('/').any(str::is_empty) {
                orphans += 1;
                let similar = if orphans <= SUGGESTIONS { similar_path(parent, namespaces) } else { None };
                out.push(no_parent(declaration, parent, similar));
            }
        }
        let pre_order = pre_order(&roots, &children);
        Self { children, pre_order }
    }

    /// Reports children and processes of a namespace that have one name, because they have one address.
    pub(super) fn check_shared_names(&self, index: usize, namespaces: &[Declaration], out: &mut Diagnostics) {
        if self.children[index].is_empty() {
            return;
        }
        let processes: HashMap<_, _> = namespaces[index]
            .body
            .processes
            .iter()
            .map(|process| (process.name.value.as_str(), process.name.span))
            .collect();
        for &child in &self.children[index] {
            let path = &namespaces[child].path;
            let name = path.value.rsplit('/').next().unwrap_or_default();
            if let Some(&process) = processes.get(name) {
                let (earlier, later) = if process < path.span { (process, path.span) } else { (path.span, process) };
                let message = format!("`{}` is both a process and a namespace", path.value);
                out.push(
                    Diagnostic::at(Code::SharedName, later, message)
                        .label("this name is taken")
                        .also(earlier, "it is given here first")
                        .note(
                            "processes and namespaces inside a namespace share one scope: an address names one thing",
                        ),
                );
            }
        }
    }
}

fn declared_twice(declaration: &Declaration, first: &Declaration) -> Diagnostic {
    let diagnostic = Diagnostic::at(
        Code::DeclaredTwice,
        declaration.path.span,
        format!("namespace `{}` is declared twice", declaration.path.value),
    )
    .label("declared here again")
    .also(first.path.span, "declared here first");
    if declaration.spelling == Spelling::Nested || first.spelling == Spelling::Nested {
        let header = header(&declaration.path.value);
        return diagnostic.help(format!("nested tables and paths are two spellings of one tree: keep {header}"));
    }
    diagnostic
}

fn check_depth(declaration: &Declaration, limit: u64, out: &mut Diagnostics) {
    let path = &declaration.path.value;
    let level = path.split('/').count() as u64;
    // What is below the first level too many is too deep for the same reason.
    if level != limit + 1 {
        return;
    }
    let shown = if path.len() > 80 { "the namespace".to_owned() } else { format!("`{path}`") };
    let diagnostic = if limit == KERNEL_DEPTH {
        let message = format!("{shown} is {level} levels deep, the kernel allows {KERNEL_DEPTH}");
        Diagnostic::at(Code::TooDeep, declaration.path.span, message)
            .note(format!("PID namespaces nest at most {KERNEL_DEPTH} below the initial one (pid_namespaces(7))"))
    } else {
        let message = format!("{shown} is {level} levels deep, [limits] allows {limit}");
        Diagnostic::at(Code::TooDeep, declaration.path.span, message)
            .help(format!("if this is meant, raise depth in [limits], at most to {KERNEL_DEPTH}"))
    };
    out.push(diagnostic);
}

fn no_parent(declaration: &Declaration, parent: &str, similar: Option<&Declaration>) -> Diagnostic {
    let path = &declaration.path.value;
    let span = parent_span(declaration, parent);
    let diagnostic = Diagnostic::at(Code::NoParent, span, format!("namespace `{path}` has no parent"))
        .label(format!("no namespace `{parent}` is declared"));
    match similar {
        Some(similar) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            let right = header(&format!("{}/{name}", similar.path.value));
            diagnostic
                .also(similar.path.span, "a namespace with a similar name is declared here")
                .help(format!("write {right}, or declare {} first", header(parent)))
        }
        None => diagnostic.help(format!("declare {} as well", header(parent))),
    }
}

/// The declared namespace whose path was probably meant: none that would be around or inside the missing one.
fn similar_path<'a>(parent: &str, namespaces: &'a [Declaration]) -> Option<&'a Declaration> {
    let paths = namespaces.iter().map(|declaration| declaration.path.value.as_str());
    let path = nearest(parent, paths.filter(|path| !is_inside(path, parent) && !is_inside(parent, path)))?;
    namespaces.iter().find(|declaration| declaration.path.value == path)
}

fn is_inside(path: &str, around: &str) -> bool {
    path.strip_prefix(around).is_some_and(|rest| rest.starts_with('/'))
}

/// The part of the header that names the parent; all of it where escapes hide which part that is.
fn parent_span(declaration: &Declaration, parent: &str) -> Span {
    let Located { value: path, span } = &declaration.path;
    // In nested tables the header's last key is only the end of the path.
    let Some(elsewhere) = path.len().checked_sub(span.end - span.start) else { return *span };
    match parent.len().checked_sub(elsewhere) {
        Some(length) if length > 0 => Span { start: span.start, end: span.start + length },
        _ => *span,
    }
}

/// A path as a header: quoted only where TOML wants it.
fn header(path: &str) -> String {
    if path.contains('/') { format!("[ns.\"{path}\"]") } else { format!("[ns.{path}]") }
}

fn pre_order(roots: &[usize], children: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(children.len());
    let mut stack: Vec<_> = roots.iter().rev().copied().collect();
    while let Some(index) = stack.pop() {
        order.push(index);
        stack.extend(children[index].iter().rev());
    }
    order
}
