//! The whole file: its top level, and the list of all namespaces that it declares, in file order.

use toml::de::DeTable;

use super::located::Located;
use super::name::{check_name, is_acceptable};
use super::namespace::NamespaceBody;
use super::process::ProcessBody;
use super::reader::{Entry, entries};
use super::unknown::report_unknown;
use super::vocabulary::Scope;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::topology::tree::OnExit;

/// The kernel's `MAX_PID_NS_LEVEL` (`pid_namespaces(7)`): how deep PID namespaces nest below the initial one.
pub(in crate::topology) const KERNEL_DEPTH: u64 = 32;

/// What a tree may not exceed, whatever the machine could do: a slip of the pen must not eat it.
#[derive(Debug, Clone)]
pub(in crate::topology) struct Limits {
    pub(in crate::topology) namespaces: u64,
    pub(in crate::topology) processes: u64,
    pub(in crate::topology) depth: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { namespaces: 1024, processes: 4096, depth: KERNEL_DEPTH }
    }
}

/// In which of the two spellings a namespace is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::topology) enum Spelling {
    /// `[ns."vm/ci"]`
    Path,
    /// `[ns.vm.ns.ci]`
    Nested,
}

/// One namespace of the file.
#[derive(Debug, Clone)]
pub(in crate::topology) struct Declaration {
    pub(in crate::topology) path: Located<String>,
    pub(in crate::topology) spelling: Spelling,
    pub(in crate::topology) body: NamespaceBody,
}

/// Everything that stands in a file.
#[derive(Debug, Clone, Default)]
pub(in crate::topology) struct Document {
    pub(in crate::topology) name: Option<String>,
    pub(in crate::topology) description: Option<String>,
    pub(in crate::topology) on_exit: OnExit,
    pub(in crate::topology) limits: Limits,
    pub(in crate::topology) namespace_defaults: NamespaceBody,
    pub(in crate::topology) process_defaults: ProcessBody,
    pub(in crate::topology) namespaces: Vec<Declaration>,
}

/// More than 32 of the longest names.
const LONGEST_PATH: usize = 4096;

const ON_EXIT: &[(&str, OnExit)] = &[("fail", OnExit::Fail), ("any", OnExit::Any), ("ignore", OnExit::Ignore)];

/// Reads the tree of TOML values.
pub(in crate::topology) fn read(table: &DeTable<'_>, out: &mut Diagnostics) -> Document {
    let mut document = Document::default();
    for key in entries(table) {
        match key.key {
            "nestns" => version(&key, out),
            "name" => document.name = name(&key, out),
            "description" => document.description = key.string(out).map(|text| text.value),
            "on_exit" => document.on_exit = key.word(ON_EXIT, out).map_or(OnExit::default(), |word| word.value),
            "limits" => document.limits = limits(&key, out),
            "defaults" => defaults(&key, &mut document, out),
            "ns" => document.namespaces = namespaces(&key, out),
            "expect" => expectations(&key, out),
            _ => report_unknown(Scope::Top, "", &key, out),
        }
    }
    document.namespaces.sort_by_key(|declaration| declaration.path.span.start);
    document
}

fn version(entry: &Entry<'_>, out: &mut Diagnostics) {
    let Some(number) = entry.value.as_integer() else {
        entry.wrong_type("a number", out);
        return;
    };
    if number.as_str() != "1" {
        out.push(
            Diagnostic::at(Code::WrongVersion, entry.span, format!("the file is written for nestns = {number}"))
                .label("this program reads version 1 of the language"),
        );
    }
}

fn name(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<String> {
    let name = entry.string(out)?;
    check_name(&name.value, name.span, "a topology", out);
    Some(name.value)
}

fn limits(entry: &Entry<'_>, out: &mut Diagnostics) -> Limits {
    let mut limits = Limits::default();
    for key in entry.table(out).unwrap_or_default() {
        let (limit, highest) = match key.key {
            "namespaces" => (&mut limits.namespaces, u64::from(u32::MAX)),
            "processes" => (&mut limits.processes, u64::from(u32::MAX)),
            "depth" => (&mut limits.depth, KERNEL_DEPTH),
            _ => {
                report_unknown(Scope::Limits, "", &key, out);
                continue;
            }
        };
        if let Some(number) = key.integer(1, highest, out) {
            *limit = number.value;
        }
    }
    limits
}

fn defaults(entry: &Entry<'_>, document: &mut Document, out: &mut Diagnostics) {
    for key in entry.table(out).unwrap_or_default() {
        match key.key {
            "ns" => {
                let (body, children) = NamespaceBody::read(key.table(out).unwrap_or_default(), "", out);
                document.namespace_defaults = body;
                if let Some(children) = children {
                    let message = "`ns` does not belong to `[defaults.ns]`";
                    out.push(
                        Diagnostic::at(Code::MisplacedKey, children.key_span, message)
                            .label("every namespace would have this one inside, without end"),
                    );
                }
            }
            "proc" => document.process_defaults = ProcessBody::read(&key, "", out),
            _ => report_unknown(Scope::Defaults, "", &key, out),
        }
    }
}

/// Gathers the namespaces of both spellings. A list instead of recursion: how deep tables nest is up to the file.
fn namespaces(entry: &Entry<'_>, out: &mut Diagnostics) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut tables = vec![(String::new(), *entry)];
    while let Some((parent, table)) = tables.pop() {
        let keys = table.table(out).unwrap_or_default();
        found.reserve(keys.len());
        for key in keys {
            check_path(key.key, key.key_span, out);
            let nested = !parent.is_empty();
            let path = if nested { format!("{parent}/{}", key.key) } else { key.key.to_owned() };
            let Some(entries) = key.table(out) else { continue };
            let (body, children) = NamespaceBody::read(entries, &path, out);
            // A path that long has been reported, and repeating it in front of each child would cost what no check is worth.
            if let Some(children) = children.filter(|_| path.len() <= LONGEST_PATH) {
                tables.push((path.clone(), children));
            }
            let spelling = if nested { Spelling::Nested } else { Spelling::Path };
            found.push(Declaration { path: Located::new(path, key.key_span), spelling, body });
        }
    }
    found
}

fn check_path(path: &str, span: Span, out: &mut Diagnostics) {
    // One diagnostic a path: the second bad segment is usually the same mistake.
    let Some(segment) = path.split('/').find(|segment| !is_acceptable(segment)) else { return };
    if segment.is_empty() && path.contains('/') {
        let path_without: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut diagnostic = Diagnostic::at(Code::BadName, span, format!("`{path}` has an empty segment"))
            .label("a path is names with one `/` between two of them");
        if !path_without.is_empty() {
            diagnostic = diagnostic.help(format!("write \"{}\"", path_without.join("/")));
        }
        out.push(diagnostic);
    } else {
        check_name(segment, span, "a namespace", out);
    }
}

fn expectations(entry: &Entry<'_>, out: &mut Diagnostics) {
    if !entry.value.is_array() {
        entry.wrong_type("an array of tables, written [[expect]]", out);
        return;
    }
    out.push(
        Diagnostic::at(Code::UncheckedExpectation, entry.key_span, "expectations are not checked by this version")
            .label("nothing compares this with the kernel yet"),
    );
}
