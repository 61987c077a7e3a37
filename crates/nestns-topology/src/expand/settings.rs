//! Variables from the command line, and their list for it.

use super::files::Files;
use super::scalar::Scalar;
use super::variables::{Override, Scopes};
use crate::diagnostic::{Diagnostics, Source, Sources, Span};
use crate::toml_text::{self, Kind, Value};
use crate::{Setting, Variable, VariableValue};

/// The values that the command line sets, with places of their own.
pub(super) fn overrides(
    settings: Vec<Setting>,
    files: &mut Files<'_>,
    out: &mut Diagnostics,
) -> Vec<Override> {
    let mut overrides = Vec::new();
    for setting in settings {
        match setting {
            Setting::Word { name, value } => {
                let length = value.len();
                let file = files
                    .sources
                    .add(Source::new(format!("<--set {name}>"), value.clone()), None);
                let span = Span::new(file, 0..length);
                overrides.push(Override {
                    name,
                    value: Value {
                        kind: Kind::String(value.into()),
                        span,
                    },
                    is_word: true,
                });
            }
            Setting::File(source) => {
                let file = files.sources.add(source, None);
                files.scopes.place(file, 0);
                let Some(table) = toml_text::read(files.sources.get(file), file, out) else {
                    continue;
                };
                for entry in table.entries {
                    let name = entry.key.to_string();
                    overrides.push(Override {
                        name,
                        value: entry.value,
                        is_word: false,
                    });
                }
            }
        }
    }
    overrides
}

/// The variables with their values and places.
pub(super) fn listed(scopes: &Scopes, sources: &Sources) -> Vec<Variable> {
    let all = scopes.all().into_iter().filter_map(|(name, variable)| {
        let source = sources.get(variable.span.file);
        let place = source.position(variable.span.start());
        let name = name.to_owned();
        let from = if source.name().starts_with('<') {
            source.name().to_owned()
        } else {
            format!("{}:{}:{}", source.name(), place.line, place.column)
        };
        let value = variable.value.clone()?;
        Some(Variable {
            name,
            value: value.into(),
            from,
        })
    });
    all.collect()
}

impl From<Scalar> for VariableValue {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Integer(number) => Self::Integer(number),
            Scalar::Boolean(flag) => Self::Boolean(flag),
            Scalar::Text(text) => Self::Text(text),
        }
    }
}
