//! In which order variables get their values: each after those that it is made of.

use std::collections::HashMap;

use super::expression::{Expression, Kind as Form, Piece, pieces};
use super::variables::{Declaration, Override, Scopes};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// The declarations in an order in which each comes after what it is made of; cycles are reported and left out.
pub(super) fn order(
    scopes: &Scopes,
    declarations: &[Declaration<'_>],
    overrides: &[Override],
    out: &mut Diagnostics,
) -> Vec<usize> {
    let mut order = Vec::with_capacity(declarations.len());
    let places = declarations.iter().enumerate();
    let places: HashMap<_, _> =
        places.map(|(place, declaration)| ((declaration.scope, declaration.entry.key), place)).collect();
    let place = |scope: usize, name: &str| Some(*places.get(&(scopes.owner(scope, name)?, name))?);
    let needs: Vec<Vec<usize>> = declarations
        .iter()
        .map(|declaration| {
            let name = declaration.entry.key;
            let given = overrides.iter().rev().find(|given| given.name == name && !given.is_word);
            let values = std::iter::once((declaration.scope, declaration.entry.value));
            // The files of values are part of the outermost scope.
            let values = values.chain(given.map(|given| (0, &given.value)));
            let names = values.filter_map(|(scope, value)| Some((scope, value.as_str()?)));
            let names = names.flat_map(|(scope, text)| names_in(text).into_iter().map(move |name| (scope, name)));
            names.filter_map(|(scope, name)| place(scope, name)).collect()
        })
        .collect();
    let mut state = vec![Visit::Unseen; declarations.len()];
    for start in 0..declarations.len() {
        // A list instead of recursion: a chain of variables is as long as the file.
        let mut stack = vec![(start, 0)];
        let mut is_told = false;
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
                // One cycle at a time: the others may well end with it.
                Visit::Open if is_told => {}
                Visit::Open => {
                    is_told = true;
                    let first = stack.iter().position(|&(open, _)| open == need).unwrap_or_default();
                    let members: Vec<_> = stack[first..].iter().map(|&(open, _)| &declarations[open]).collect();
                    out.push(cycle(&members));
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
