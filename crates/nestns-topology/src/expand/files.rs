//! The files of a topology: the one that was named, and all that it includes, directly or not.

use std::collections::HashMap;
use std::path::PathBuf;

use super::evaluate::Evaluator;
use super::trace::Trace;
use super::variables::Scopes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Source, Sources, Span};
use crate::surroundings::Surroundings;
use crate::syntax::{Entry, included};
use crate::toml_text::{self, Table, Value};

/// The most files in a chain of includes: reading them is recursive.
const LONGEST_CHAIN: usize = 64;
/// A file that is mounted in two places may mount another one in two, and so on: there is no end to that in time.
const MOST: usize = 1024;

/// The files that were read, in the order in which they count: what is included comes before what includes it.
pub(super) struct Files<'s> {
    surroundings: &'s dyn Surroundings,
    pub(super) scopes: Scopes,
    pub(super) number_of_scopes: usize,
    pub(super) sources: Sources,
    pub(super) read: Vec<(FileId, Table)>,
    /// The scope that is mounted below a namespace, by the place of its `include`.
    pub(super) mounts: HashMap<Span, usize>,
    /// Files by what they are and by the scope that they are included into, with the scope that they made.
    known: HashMap<(PathBuf, usize, Way), usize>,
    /// The files that are being read, outermost first.
    open: Vec<(PathBuf, String)>,
    /// True if one of them could not be read, so that whatever is missing may be in it.
    pub(super) is_incomplete: bool,
    /// True if it was reported that there are too many, or that they go too deep: it is so for all that follow.
    is_endless: bool,
}

/// The way a file is included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    /// At the top level: it is part of the scope.
    Beside,
    /// Below a namespace: in a scope of its own.
    Below,
}

impl<'s> Files<'s> {
    /// Reads the main file, and everything from there.
    pub(super) fn read(
        main: Source,
        surroundings: &'s dyn Surroundings,
        out: &mut Diagnostics,
    ) -> Self {
        let identity = surroundings.identity().unwrap_or_default();
        let name = main.name().to_owned();
        let mut files = Self {
            surroundings,
            scopes: Scopes::new(surroundings),
            number_of_scopes: 1,
            sources: Sources::new(main),
            read: Vec::new(),
            mounts: HashMap::new(),
            known: HashMap::new(),
            open: vec![(identity, name)],
            is_incomplete: false,
            is_endless: false,
        };
        files.file(FileId::MAIN, 0, out);
        files
    }

    fn file(&mut self, file: FileId, scope: usize, out: &mut Diagnostics) {
        self.scopes.place(file, scope);
        let Some(table) = toml_text::read(self.sources.get(file), file, out) else {
            self.is_incomplete = true;
            return;
        };
        if table
            .get("expanded")
            .and_then(|entry| entry.value.as_bool())
            == Some(true)
        {
            self.scopes.take_literally(file);
        }
        if let Some(entry) = table.get("include") {
            self.include(Entry::of(entry), scope, Way::Beside, out);
        }
        for kind in ["template", "ns"] {
            if let Some(entry) = table.get(kind) {
                self.mounts(&entry.value, scope, out);
            }
        }
        self.read.push((file, table));
    }

    /// Finds the `include` of every namespace and template.
    fn mounts(&mut self, namespaces: &Value, scope: usize, out: &mut Diagnostics) {
        for namespace in namespaces
            .as_table()
            .into_iter()
            .flat_map(|table| &table.entries)
        {
            let Some(table) = namespace.value.as_table() else {
                continue;
            };
            if let Some(entry) = table.get("include") {
                self.include(Entry::of(entry), scope, Way::Below, out);
            }
            if let Some(inside) = table.get("ns") {
                self.mounts(&inside.value, scope, out);
            }
        }
    }

    fn include(&mut self, entry: Entry<'_>, scope: usize, way: Way, out: &mut Diagnostics) {
        let mut trace = Trace::default();
        let evaluated = {
            // No variable has a value yet; the environment has.
            let evaluator = Evaluator::outside(&self.scopes, &self.sources, "");
            evaluator
                .value(entry.value, &mut trace, out)
                .map(std::borrow::Cow::into_owned)
        };
        let Some(value) = evaluated else { return };
        let entry = Entry {
            value: &value,
            ..entry
        };
        if way == Way::Below && value.as_array().is_some() {
            entry.wrong_type("a string: a namespace includes one file", out);
            return;
        }
        for value in included(&value) {
            let Some(path) = value.as_str() else {
                entry.with(value).wrong_type("the path of a file", out);
                continue;
            };
            if let Some(scope) = self.open_file(path, value.span, scope, way, out)
                && way == Way::Below
            {
                self.mounts.insert(entry.key_span, scope);
            }
        }
    }

    /// Reads one file, unless it was; the scope that it is in.
    fn open_file(
        &mut self,
        path: &str,
        at: Span,
        scope: usize,
        way: Way,
        out: &mut Diagnostics,
    ) -> Option<usize> {
        let from = self.sources.get(at.file).name().to_owned();
        let found = match self.surroundings.include(path, &from) {
            Ok(found) => found,
            Err(reason) => {
                let diagnostic = self.cannot(path, at, reason);
                out.push(if path.is_empty() || path.starts_with('/') {
                    diagnostic
                } else {
                    diagnostic.note("a relative path is relative to the including file")
                });
                return None;
            }
        };
        if let Some(first) = self
            .open
            .iter()
            .position(|(open, _)| *open == found.identity)
        {
            let mut names: Vec<_> = self.open[first..]
                .iter()
                .map(|(_, name)| name.as_str())
                .collect();
            names.push(&self.open[first].1);
            let message = format!("files include each other: {}", names.join(" → "));
            let label = format!(
                "this is `{}` again, so including would never end",
                self.open[first].1
            );
            out.push(Diagnostic::at(Code::IncludeCycle, at, message).label(label));
            self.is_incomplete = true;
            return None;
        }
        let key = (found.identity.clone(), scope, way);
        if let Some(&known) = self.known.get(&key) {
            return Some(known);
        }
        let endless = if self.open.len() == LONGEST_CHAIN {
            Some(format!(
                "more than {LONGEST_CHAIN} files include one another in a row"
            ))
        } else if self.sources.iter().count() >= MOST {
            Some(format!("more than {MOST} files are included"))
        } else {
            None
        };
        if let Some(reason) = endless {
            if !std::mem::replace(&mut self.is_endless, true) {
                out.push(self.cannot(path, at, reason));
            }
            return None;
        }
        let inside = match way {
            Way::Beside => scope,
            Way::Below => {
                self.number_of_scopes += 1;
                self.scopes.inside(scope)
            }
        };
        self.known.insert(key, inside);
        let name = found.source.name().to_owned();
        let file = self.sources.add(found.source, Some(at));
        self.open.push((found.identity, name));
        self.file(file, inside, out);
        self.open.pop();
        Some(inside)
    }

    fn cannot(&mut self, path: &str, at: Span, reason: String) -> Diagnostic {
        self.is_incomplete = true;
        Diagnostic::at(
            Code::CannotInclude,
            at,
            format!("`{path}` cannot be included"),
        )
        .label(reason)
    }
}
