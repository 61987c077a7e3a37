//! Meanings of the names in placeholders: variables, the place in the tree, the environment.

use super::evaluate::{Evaluator, Reading};
use super::expression::Expression;
use super::scalar::Scalar;
use super::variables::{MAGIC, Variable};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::syntax::nearest;

/// The meaning of a name.
enum Interpretation {
    /// That of a variable, if there is one.
    Declared,
    Magic(Scalar),
    /// Magic, and nothing that it could be about.
    NotHere,
}

impl Evaluator<'_> {
    pub(super) fn name<'v>(
        &self,
        name: &'v str,
        expression: &Expression<'v>,
        reading: &mut Reading<'v>,
        out: &mut Diagnostics,
    ) -> Option<Scalar> {
        // Looked for only where it is to be shown: a text may have thousands of names.
        let (content, span) = (reading.content, reading.span);
        let place = || self.part(content, span, expression.range.clone());
        if !self.scopes.has_values() {
            out.push(
                Diagnostic::at(
                    Code::UnknownVariable,
                    place(),
                    format!("`{name}` is not available here"),
                )
                .label("files are included before variables have values; only `env` is available"),
            );
            return None;
        }
        match self.magic(name) {
            Interpretation::Declared => {}
            Interpretation::Magic(value) => return Some(value),
            Interpretation::NotHere => {
                out.push(
                    Diagnostic::at(
                        Code::UnknownVariable,
                        place(),
                        format!("`{name}` is not available here"),
                    )
                    .label("this is evaluated before there is a namespace to refer to"),
                );
                return None;
            }
        }
        match self.scopes.find(reading.span.file, name) {
            Some(Variable {
                value: Some(value),
                span,
            }) => {
                let shown = match value {
                    Scalar::Text(text) => format!("\"{text}\""),
                    other => other.text().into_owned(),
                };
                if reading.used.iter().all(|(known, ..)| *known != name) {
                    reading.used.push((name, *span, shown));
                }
                Some(value.clone())
            }
            // It was reported where it is declared.
            Some(Variable { value: None, .. }) => None,
            None => {
                let known = self.scopes.similar(reading.span.file);
                let candidates = known.iter().map(String::as_str).chain(MAGIC);
                let diagnostic = Diagnostic::at(
                    Code::UnknownVariable,
                    place(),
                    format!("there is no variable `{name}`"),
                );
                out.push(match nearest(name, candidates) {
                    Some(similar) => diagnostic.label(format!("did you mean `{similar}`?")),
                    None => diagnostic.help(format!("declare it: [vars] followed by {name} = …")),
                });
                None
            }
        }
    }

    fn magic(&self, name: &str) -> Interpretation {
        if name == "topology" {
            return Interpretation::Magic(Scalar::Text(self.topology.to_owned()));
        }
        if !MAGIC.contains(&name) {
            return Interpretation::Declared;
        }
        let Some(place) = self.place else {
            return Interpretation::NotHere;
        };
        self.placed.set(true);
        let number = |number: u64| Scalar::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        Interpretation::Magic(match name {
            "path" => Scalar::Text(place.path.to_owned()),
            "name" => Scalar::Text(place.name.to_owned()),
            "level" => number(place.level),
            _ => {
                self.indexed.set(true);
                number(place.index)
            }
        })
    }

    pub(super) fn environment<'v>(
        &self,
        name: &'v str,
        default: Option<Scalar>,
        expression: &Expression<'v>,
        reading: &Reading<'v>,
        out: &mut Diagnostics,
    ) -> Option<Scalar> {
        let place = || self.part(reading.content, reading.span, expression.range.clone());
        let Some(found) = self.scopes.environment(name) else {
            if default.is_none() {
                out.push(
                    Diagnostic::at(
                        Code::UnknownVariable,
                        place(),
                        format!("the environment variable `{name}` is not set"),
                    )
                    .label("there is no default")
                    .help(format!("write {{{{env.{name} ?? \"…\"}}}}")),
                );
            }
            return default;
        };
        let typed = match default {
            None | Some(Scalar::Text(_)) => Some(Scalar::Text(found.clone())),
            Some(Scalar::Integer(_)) => found.trim().parse().ok().map(Scalar::Integer),
            Some(Scalar::Boolean(_)) => found.trim().parse().ok().map(Scalar::Boolean),
        };
        if typed.is_none() {
            let wanted = default.map_or("a string", |default| default.noun());
            out.push(
                Diagnostic::at(
                    Code::BadOverride,
                    place(),
                    format!("the environment variable `{name}` is not {wanted}"),
                )
                .label(format!("it is \"{found}\""))
                .note("an environment variable has the type of its default"),
            );
        }
        typed
    }
}
