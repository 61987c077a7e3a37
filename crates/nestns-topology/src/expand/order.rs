//! In which order variables get their values: each after those that it is made of.

use std::collections::HashMap;

use super::expression::{Expression, Kind as Form, Piece, pieces};
use super::variables::{Declaration, Override, Scopes};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::order::{Order, order};

/// The declarations in an order in which each comes after what it is made of; cycles are reported.
pub(super) fn definitions(
    scopes: &Scopes,
    declarations: &[Declaration<'_>],
    overrides: &[Override],
    out: &mut Diagnostics,
) -> Vec<usize> {
    let places = declarations.iter().enumerate();
    let places: HashMap<_, _> = places
        .map(|(place, declaration)| ((declaration.scope, declaration.entry.key), place))
        .collect();
    let place = |scope: usize, name: &str| Some(*places.get(&(scopes.owner(scope, name)?, name))?);
    let needs: Vec<Vec<usize>> = declarations
        .iter()
        .map(|declaration| {
            let name = declaration.entry.key;
            let given = overrides
                .iter()
                .rev()
                .find(|given| given.name == name && !given.is_word);
            let values = std::iter::once((declaration.scope, declaration.entry.value));
            // The files of values are part of the outermost scope.
            let values = values.chain(given.map(|given| (0, &given.value)));
            let names = values.filter_map(|(scope, value)| Some((scope, value.as_str()?)));
            let names = names.flat_map(|(scope, text)| {
                names_in(text).into_iter().map(move |name| (scope, name))
            });
            names
                .filter_map(|(scope, name)| place(scope, name))
                .collect()
        })
        .collect();
    let Order {
        sequence, cycles, ..
    } = order(&needs);
    for members in cycles {
        let members: Vec<_> = members
            .into_iter()
            .map(|place| &declarations[place])
            .collect();
        out.push(cycle(&members));
    }
    sequence
}

fn cycle(members: &[&Declaration<'_>]) -> Diagnostic {
    let mut names: Vec<_> = members.iter().map(|member| member.entry.key).collect();
    names.push(names[0]);
    let message = format!("variables depend on each other: {}", names.join(" → "));
    let first = Diagnostic::at(Code::VariableCycle, members[0].entry.span, message)
        .label(format!("`{}` needs `{}`", names[0], names[1]));
    members
        .iter()
        .enumerate()
        .skip(1)
        .take(3)
        .fold(first, |diagnostic, (place, member)| {
            diagnostic.also(
                member.entry.span,
                format!("`{}` needs `{}`", names[place], names[place + 1]),
            )
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
