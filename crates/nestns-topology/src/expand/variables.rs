//! `[vars]` of every file: which names there are, and what they mean where.
//!
//! A scope is a file with everything that it includes at its top level. A file that is included below a namespace has a
//! scope of its own inside that of the including file; values flow from outside in, so the outermost definition of a name
//! counts, and the command line before all.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use super::expression::is_name;
use super::scalar::Scalar;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Span};
use crate::surroundings::Surroundings;
use crate::syntax::{Entry, SUGGESTIONS};
use crate::toml_text::Value;

/// The names that mean something without being declared.
pub(super) const MAGIC: [&str; 6] = ["path", "name", "level", "i", "topology", "env"];

/// A variable and where its value was written.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    /// `None` if it was reported.
    pub(super) value: Option<Scalar>,
    pub(super) span: Span,
}

#[derive(Debug, Default)]
struct Scope {
    outer: Option<usize>,
    variables: HashMap<String, Variable>,
    /// In the order of the files.
    order: Vec<String>,
}

/// The variables of all files, and the environment.
#[derive(Debug)]
pub(super) struct Scopes {
    list: Vec<Scope>,
    of_file: HashMap<FileId, usize>,
    /// Files in which braces are braces.
    literal: HashSet<FileId>,
    /// True if variables have their values: files are included before.
    has_values: bool,
    environment: HashMap<String, String>,
    /// The number of requests for similar names.
    asked: Cell<usize>,
}

/// A variable as a file declares it.
#[derive(Debug)]
pub(super) struct Declaration<'a> {
    pub(super) scope: usize,
    pub(super) entry: Entry<'a>,
}

/// A value that the command line gives a variable.
#[derive(Debug)]
pub(super) struct Override {
    pub(super) name: String,
    pub(super) value: Value,
    /// True if the value is a word of the command line, which has the type that is wanted.
    pub(super) is_word: bool,
}

impl Scopes {
    /// No variables yet: what files are included is read before they are.
    pub(super) fn new(surroundings: &dyn Surroundings) -> Self {
        let environment = surroundings.environment().into_iter().collect();
        Self {
            list: vec![Scope::default()],
            of_file: HashMap::new(),
            literal: HashSet::new(),
            has_values: false,
            environment,
            asked: Cell::new(0),
        }
    }

    /// A scope inside another.
    pub(super) fn inside(&mut self, outer: usize) -> usize {
        self.list.push(Scope {
            outer: Some(outer),
            ..Scope::default()
        });
        self.list.len() - 1
    }

    /// Says to which scope the text of a file belongs.
    pub(super) fn place(&mut self, file: FileId, scope: usize) {
        self.of_file.insert(file, scope);
    }

    /// Says that there are no placeholders in a file.
    pub(super) fn take_literally(&mut self, file: FileId) {
        self.literal.insert(file);
    }

    /// Says that every file is known, so that names mean something from now on.
    pub(super) fn give_values(&mut self) {
        self.has_values = true;
    }

    /// Returns whether names mean something already.
    pub(super) fn has_values(&self) -> bool {
        self.has_values
    }

    /// Returns whether there are none.
    pub(super) fn is_literal(&self, file: FileId) -> bool {
        self.literal.contains(&file)
    }

    /// The scope of a text.
    pub(super) fn scope(&self, file: FileId) -> usize {
        self.of_file.get(&file).copied().unwrap_or_default()
    }

    /// A scope and all around it, inside first.
    fn chain(&self, scope: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(scope), |&scope| self.list[scope].outer)
    }

    /// The variable that a name means in the text of a file.
    pub(super) fn find(&self, file: FileId, name: &str) -> Option<&Variable> {
        let scope = self.owner(self.scope(file), name)?;
        self.list[scope].variables.get(name)
    }

    /// The scope whose definition of a name counts in another one.
    pub(super) fn owner(&self, scope: usize, name: &str) -> Option<usize> {
        self.chain(scope)
            .filter(|&scope| self.list[scope].variables.contains_key(name))
            .last()
    }

    /// Gives a declared variable its value.
    pub(super) fn set(&mut self, scope: usize, name: &str, value: Variable) {
        if let Some(variable) = self.list[scope].variables.get_mut(name) {
            *variable = value;
        }
    }

    /// The names that may have been meant in the text of a file; none when that was asked too often.
    pub(super) fn similar(&self, file: FileId) -> Vec<String> {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() > SUGGESTIONS {
            return Vec::new();
        }
        self.chain(self.scope(file))
            .flat_map(|scope| self.list[scope].order.clone())
            .collect()
    }

    pub(super) fn environment(&self, name: &str) -> Option<&String> {
        self.environment.get(name)
    }

    /// The variables of the outermost scope and of those inside, in the order of the files, each name once.
    pub(super) fn all(&self) -> Vec<(&str, &Variable)> {
        let mut known = HashSet::new();
        let names = self
            .list
            .iter()
            .flat_map(|scope| scope.order.iter().map(move |name| (scope, name)));
        let first = names.filter(|(_, name)| known.insert(name.as_str()));
        first
            .filter_map(|(scope, name)| Some((name.as_str(), scope.variables.get(name)?)))
            .collect()
    }

    /// Enters the names; what cannot be one is reported.
    pub(super) fn declare<'a>(
        &mut self,
        declarations: Vec<Declaration<'a>>,
        out: &mut Diagnostics,
    ) -> Vec<Declaration<'a>> {
        let mut kept: Vec<Declaration<'a>> = Vec::with_capacity(declarations.len());
        for declaration in declarations {
            let Entry {
                key: name,
                key_span,
                span,
                ..
            } = declaration.entry;
            if name.starts_with("x-") {
                continue;
            }
            if let Some(problem) = bad_name(name) {
                out.push(
                    Diagnostic::at(
                        Code::BadVars,
                        key_span,
                        format!("`{name}` cannot be the name of a variable"),
                    )
                    .label(problem),
                );
                continue;
            }
            let scope = &mut self.list[declaration.scope];
            // Until it has a value it is one that was reported, so that a cycle is reported once.
            let known = scope
                .variables
                .insert(name.to_owned(), Variable { value: None, span });
            if known.is_some() {
                kept.retain(|other| other.scope != declaration.scope || other.entry.key != name);
            } else {
                scope.order.push(name.to_owned());
            }
            kept.push(declaration);
        }
        kept
    }
}

fn bad_name(name: &str) -> Option<&'static str> {
    if MAGIC.contains(&name) || matches!(name, "true" | "false") {
        Some("this name has another meaning in placeholders")
    } else if !is_name(name) {
        Some("a name consists of letters, digits and `_`, and does not begin with a digit")
    } else {
        None
    }
}
