//! `[vars]` of every file, and what `--set` and `--vars-file` make of them.
//!
//! A scope is a file with everything that it includes at its top level. A file that is included below a namespace has a
//! scope of its own inside that of the including file; values flow from outside in, so the outermost definition of a name
//! counts, and the command line before all.

use std::collections::HashMap;

use super::evaluate::{Evaluator, MAGIC, Scalar, Trace};
use super::expression::{Expression, Kind as Form, Piece, is_name, pieces};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Sources, Span};
use crate::topology::surroundings::Surroundings;
use crate::topology::syntax::{Entry, nearest};
use crate::topology::toml_text::{Kind, Number, Value};

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
    scopes: Vec<Scope>,
    of_file: HashMap<FileId, usize>,
    environment: HashMap<String, String>,
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
    /// Whether the value is a word of the command line, which has the type that is wanted.
    pub(super) is_word: bool,
}

impl Scopes {
    /// No variables yet: what files are included is read before they are.
    pub(super) fn new(surroundings: &dyn Surroundings) -> Self {
        let environment = surroundings.environment().into_iter().collect();
        Self { scopes: vec![Scope::default()], of_file: HashMap::new(), environment }
    }

    /// A scope inside another.
    pub(super) fn inside(&mut self, outer: usize) -> usize {
        self.scopes.push(Scope { outer: Some(outer), ..Scope::default() });
        self.scopes.len() - 1
    }

    /// Says to which scope the text of a file belongs.
    pub(super) fn place(&mut self, file: FileId, scope: usize) {
        self.of_file.insert(file, scope);
    }

    /// The scope of a text.
    pub(super) fn scope(&self, file: FileId) -> usize {
        self.of_file.get(&file).copied().unwrap_or_default()
    }

    /// A scope and all around it, inside first.
    fn chain(&self, scope: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(scope), |&scope| self.scopes[scope].outer)
    }

    /// What a name means in the text of a file.
    pub(super) fn find(&self, file: FileId, name: &str) -> Option<&Variable> {
        self.chain(self.scope(file)).filter_map(|scope| self.scopes[scope].variables.get(name)).last()
    }

    /// The names that mean something in the text of a file.
    pub(super) fn names(&self, file: FileId) -> Vec<String> {
        self.chain(self.scope(file)).flat_map(|scope| self.scopes[scope].order.clone()).collect()
    }

    pub(super) fn environment(&self, name: &str) -> Option<&String> {
        self.environment.get(name)
    }

    /// The variables of the outermost scope and of those inside, in the order of the files, each name once.
    pub(super) fn all(&self) -> Vec<(&str, &Variable)> {
        let mut all: Vec<(&str, &Variable)> = Vec::new();
        for scope in &self.scopes {
            for name in &scope.order {
                if all.iter().all(|(known, _)| known != name)
                    && let Some(variable) = scope.variables.get(name)
                {
                    all.push((name, variable));
                }
            }
        }
        all
    }

    /// Gives every variable its value. Declarations come in the order in which they count: a later one of the same name in
    /// the same scope replaces an earlier one.
    pub(super) fn define(
        &mut self,
        declarations: Vec<Declaration<'_>>,
        overrides: &[Override],
        sources: &Sources,
        topology: &str,
        out: &mut Diagnostics,
    ) {
        let declarations = self.declare(declarations, out);
        report_unknown(&declarations, overrides, out);
        let order = order(&declarations, overrides, out);
        for index in order {
            let declaration = &declarations[index];
            let name = declaration.entry.key;
            let given = overrides.iter().rev().find(|given| given.name == name);
            let evaluator = Evaluator::outside(self, sources, topology);
            let own = scalar(declaration.entry.value, &evaluator, name, out);
            let (value, span) = match given {
                None => (own, declaration.entry.span),
                Some(given) => (own.and_then(|own| typed(&own, given, &evaluator, out)), given.value.span),
            };
            if let Some(variable) = self.scopes[declaration.scope].variables.get_mut(name) {
                *variable = Variable { value, span };
            }
        }
    }

    /// Enters the names; what cannot be one is reported.
    fn declare<'a>(&mut self, declarations: Vec<Declaration<'a>>, out: &mut Diagnostics) -> Vec<Declaration<'a>> {
        let mut kept: Vec<Declaration<'a>> = Vec::with_capacity(declarations.len());
        for declaration in declarations {
            let Entry { key: name, key_span, span, .. } = declaration.entry;
            if name.starts_with("x-") {
                continue;
            }
            if let Some(problem) = bad_name(name) {
                out.push(
                    Diagnostic::at(Code::BadVars, key_span, format!("`{name}` cannot be the name of a variable"))
                        .label(problem),
                );
                continue;
            }
            let scope = &mut self.scopes[declaration.scope];
            // Until it has a value it is one that was reported, so that a cycle is reported once.
            let known = scope.variables.insert(name.to_owned(), Variable { value: None, span });
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
        Some("this name means something else in a placeholder")
    } else if !is_name(name) {
        Some("a name is made of letters, digits and `_`, and does not begin with a digit")
    } else {
        None
    }
}

/// The value of a declaration or of a file of values.
fn scalar(value: &Value, evaluator: &Evaluator<'_>, name: &str, out: &mut Diagnostics) -> Option<Scalar> {
    let mut trace = Trace::default();
    let value = evaluator.value(value, &mut trace, out)?;
    match &value.kind {
        Kind::Integer(number) => Some(Scalar::Integer(*number)),
        Kind::Boolean(flag) => Some(Scalar::Boolean(*flag)),
        Kind::Computed(computed) => Some(match computed.number {
            Number::Integer(number) => Scalar::Integer(number),
            Number::Boolean(flag) => Scalar::Boolean(flag),
        }),
        Kind::String(text) => Some(Scalar::Text(text.to_string())),
        Kind::Float | Kind::Datetime | Kind::Array(_) | Kind::Table(_) => {
            out.push(
                Diagnostic::at(
                    Code::BadVars,
                    value.span,
                    format!("`{name}` must be an integer, a string or a boolean"),
                )
                .label(format!("this is {}", value.noun())),
            );
            None
        }
    }
}

/// The value that the command line gives, in the type of the declared one.
fn typed(own: &Scalar, given: &Override, evaluator: &Evaluator<'_>, out: &mut Diagnostics) -> Option<Scalar> {
    let word = given.value.as_str().filter(|_| given.is_word);
    let found = match (own, word) {
        (Scalar::Integer(_), Some(word)) => word.trim().parse().ok().map(Scalar::Integer),
        (Scalar::Boolean(_), Some(word)) => word.trim().parse().ok().map(Scalar::Boolean),
        (Scalar::Text(_), Some(word)) => Some(Scalar::Text(word.to_owned())),
        (_, None) => {
            let value = scalar(&given.value, evaluator, &given.name, out)?;
            Some(value).filter(|value| std::mem::discriminant(value) == std::mem::discriminant(own))
        }
    };
    if found.is_none() {
        let wanted = own.noun();
        let message = format!("`{}` must be {wanted}", given.name);
        let diagnostic = Diagnostic::at(Code::BadOverride, given.value.span, message);
        out.push(match word {
            Some(_) => diagnostic.label(format!("this is not {wanted}")),
            None => diagnostic.label(format!("this is {}", given.value.noun())),
        });
    }
    found
}

fn report_unknown(declarations: &[Declaration<'_>], overrides: &[Override], out: &mut Diagnostics) {
    let names = || declarations.iter().map(|declaration| declaration.entry.key);
    for given in overrides {
        if names().any(|name| name == given.name) {
            continue;
        }
        let message = format!("there is no variable `{}` to set", given.name);
        let diagnostic = Diagnostic::at(Code::UnknownVariable, given.value.span, message);
        out.push(match nearest(&given.name, names()) {
            Some(similar) => diagnostic.label(format!("did you mean `{similar}`?")),
            None if declarations.is_empty() => diagnostic.help("the file declares none: write [vars]"),
            None => {
                let known: Vec<_> = names().collect();
                diagnostic.help(format!("the variables are {}", known.join(", ")))
            }
        });
    }
}

/// The declarations in an order in which each comes after what it is made of; cycles are reported and left out.
fn order(declarations: &[Declaration<'_>], overrides: &[Override], out: &mut Diagnostics) -> Vec<usize> {
    let mut order = Vec::with_capacity(declarations.len());
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, declaration) in declarations.iter().enumerate() {
        by_name.entry(declaration.entry.key).or_default().push(index);
    }
    let needs: Vec<Vec<usize>> = declarations
        .iter()
        .map(|declaration| {
            let name = declaration.entry.key;
            let given = overrides.iter().rev().find(|given| given.name == name && !given.is_word);
            let values = std::iter::once(declaration.entry.value).chain(given.map(|given| &given.value));
            let names = values.filter_map(Value::as_str).flat_map(names_in);
            names.filter_map(|name| by_name.get(name)).flatten().copied().collect()
        })
        .collect();
    let mut state = vec![Visit::Unseen; declarations.len()];
    for start in 0..declarations.len() {
        // A list instead of recursion: a chain of variables is as long as the file.
        let mut stack = vec![(start, 0)];
        while let Some((index, next)) = stack.pop() {
            if next == 0 {
                if state[index] != Visit::Unseen {
                    continue;
                }
                state[index] = Visit::Open;
            }
            let Some(&need) = needs[index].get(next) else {
                state[index] = Visit::Done;
                order.push(index);
                continue;
            };
            stack.push((index, next + 1));
            match state[need] {
                Visit::Done => {}
                Visit::Unseen => stack.push((need, 0)),
                Visit::Open => {
                    let first = stack.iter().position(|&(open, _)| open == need).unwrap_or_default();
                    let members: Vec<_> = stack[first..].iter().map(|&(open, _)| &declarations[open]).collect();
                    out.push(cycle(&members));
                    return order;
                }
            }
        }
    }
    order
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    Unseen,
    Open,
    Done,
}

fn cycle(members: &[&Declaration<'_>]) -> Diagnostic {
    let mut names: Vec<_> = members.iter().map(|member| member.entry.key).collect();
    names.push(names[0]);
    let message = format!("variables are defined by each other: {}", names.join(" → "));
    let first = Diagnostic::at(Code::VariableCycle, members[0].entry.span, message)
        .label(format!("`{}` needs `{}`", names[0], names[1]));
    members.iter().enumerate().skip(1).take(3).fold(first, |diagnostic, (place, member)| {
        diagnostic.also(member.entry.span, format!("`{}` needs `{}`", names[place], names[place + 1]))
    })
}

/// The names in the placeholders of a text; of one that cannot be read, none.
fn names_in(text: &str) -> Vec<&str> {
    fn collect<'t>(expression: &Expression<'t>, names: &mut Vec<&'t str>) {
        match &expression.kind {
            Form::Name(name) => names.push(name),
            Form::Negative(inner) | Form::Environment(_, Some(inner)) => collect(inner, names),
            Form::Operation(left, _, right) => {
                collect(left, names);
                collect(right, names);
            }
            Form::Integer(_) | Form::Boolean(_) | Form::Text(_) | Form::Environment(_, None) => {}
        }
    }
    let mut names = Vec::new();
    for piece in pieces(text).unwrap_or_default() {
        if let Piece::Placeholder(expression) = piece {
            collect(&expression, &mut names);
        }
    }
    names
}
