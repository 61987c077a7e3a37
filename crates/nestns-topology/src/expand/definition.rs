//! Variables get their values: what a file says, or what the command line says instead, in the type of the file's.

use std::collections::HashSet;

use super::evaluate::Evaluator;
use super::expression::{Expression, Kind as Form, Piece, pieces};
use super::order;
use super::scalar::Scalar;
use super::trace::Trace;
use super::variables::{Declaration, Override, Scopes, Variable};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Sources, Span};
use crate::syntax::{SUGGESTIONS, nearest};
use crate::toml_text::{Kind, Number, Value};

impl Scopes {
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
        let order = order::definitions(self, &declarations, overrides, out);
        for index in order {
            let declaration = &declarations[index];
            let name = declaration.entry.key;
            let given = overrides.iter().rev().find(|given| given.name == name);
            let evaluator = Evaluator::outside(self, sources, topology);
            let entry = declaration.entry;
            let (value, span) = match given {
                None => (scalar(entry.value, &evaluator, name, out), entry.span),
                Some(given) => {
                    let own = default(entry.value, &evaluator, name, out);
                    (
                        own.and_then(|own| typed((&own, entry.span), given, &evaluator, out)),
                        given.value.span,
                    )
                }
            };
            self.set(declaration.scope, name, Variable { value, span });
        }
    }
}

/// The value of a declaration or of a file of values.
fn scalar(
    value: &Value,
    evaluator: &Evaluator<'_>,
    name: &str,
    out: &mut Diagnostics,
) -> Option<Scalar> {
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

/// The declared value of a variable, whose type the given one has.
fn default(
    value: &Value,
    evaluator: &Evaluator<'_>,
    name: &str,
    out: &mut Diagnostics,
) -> Option<Scalar> {
    // A variable of the environment that need not be there, because a value is given.
    let is_environment = value.as_str().is_some_and(|text| {
        matches!(
            pieces(text).as_deref(),
            Ok([Piece::Placeholder(Expression {
                kind: Form::Environment(_, None),
                ..
            })])
        )
    });
    if is_environment {
        Some(Scalar::Text(String::new()))
    } else {
        scalar(value, evaluator, name, out)
    }
}

/// The value that the command line gives, in the type of the declared one.
fn typed(
    (own, declared): (&Scalar, Span),
    given: &Override,
    evaluator: &Evaluator<'_>,
    out: &mut Diagnostics,
) -> Option<Scalar> {
    let word = given.value.as_str().filter(|_| given.is_word);
    let (found, noun) = match (own, word) {
        (Scalar::Integer(_), Some(word)) => {
            (word.trim().parse().ok().map(Scalar::Integer), "a string")
        }
        (Scalar::Boolean(_), Some(word)) => {
            (word.trim().parse().ok().map(Scalar::Boolean), "a string")
        }
        (Scalar::Text(_), Some(word)) => return Some(Scalar::Text(word.to_owned())),
        (_, None) => {
            let value = scalar(&given.value, evaluator, &given.name, out)?;
            let noun = value.noun();
            (
                Some(value)
                    .filter(|value| std::mem::discriminant(value) == std::mem::discriminant(own)),
                noun,
            )
        }
    };
    if found.is_none() {
        let label = match own {
            Scalar::Integer(_) if word.is_some() => {
                "expected an integer that fits in 64 bits".to_owned()
            }
            Scalar::Boolean(_) if word.is_some() => "expected true or false".to_owned(),
            _ => format!("this is {noun}"),
        };
        let wanted = own.noun();
        out.push(
            Diagnostic::at(
                Code::BadOverride,
                given.value.span,
                format!("`{}` must be {wanted}", given.name),
            )
            .label(label)
            .also(declared, format!("it is {wanted} here")),
        );
    }
    found
}

fn report_unknown(declarations: &[Declaration<'_>], overrides: &[Override], out: &mut Diagnostics) {
    let names = || declarations.iter().map(|declaration| declaration.entry.key);
    let declared: HashSet<&str> = names().collect();
    let unknown = overrides
        .iter()
        .filter(|given| !declared.contains(given.name.as_str()));
    for (place, given) in unknown.enumerate() {
        let message = format!("there is no variable `{}` to set", given.name);
        let diagnostic = Diagnostic::at(Code::UnknownVariable, given.value.span, message);
        let compared = if place < SUGGESTIONS {
            declarations.len()
        } else {
            0
        };
        out.push(match nearest(&given.name, names().take(compared)) {
            Some(similar) => diagnostic.label(format!("did you mean `{similar}`?")),
            None if declarations.is_empty() => {
                diagnostic.help("the file declares none: write [vars]")
            }
            None if compared == 0 => diagnostic,
            None => diagnostic.help(format!(
                "the variables are {}",
                names().collect::<Vec<_>>().join(", ")
            )),
        });
    }
}
