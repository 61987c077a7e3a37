//! How long each namespace has to stop: derived bottom-up, or what the file says, compared with what is inside.
//!
//! The kernel's rule behind it: when the PID 1 of a namespace is killed, the kernel kills everything inside it
//! (`pid_namespaces(7)`), so an outer grace that ends first cuts the inner one short.

use std::time::Duration;

use super::dependencies::Dependencies;
use super::forest::Forest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::topology::duration::format_duration;
use crate::topology::syntax::{Declaration, Located};

/// What a namespace without namespaces inside has.
const LEAF: Duration = Duration::from_secs(5);
/// What each level has on top of the slowest thing inside.
const STEP: Duration = Duration::from_secs(1);

/// The slowest thing inside a namespace.
struct Inside {
    grace: Duration,
    what: String,
    span: Option<Span>,
}

/// The grace of every namespace, by index.
pub(super) fn derive(
    namespaces: &[Declaration],
    forest: &Forest,
    dependencies: &[Dependencies],
    out: &mut Diagnostics,
) -> Vec<Duration> {
    let mut graces = vec![LEAF; namespaces.len()];
    for &index in forest.pre_order.iter().rev() {
        let declaration = &namespaces[index];
        let children = forest.children[index].iter().map(|&child| Inside {
            grace: graces[child],
            what: format!("`{}`", namespaces[child].path.value),
            span: namespaces[child].body.stop.grace.as_ref().map(|grace| grace.span),
        });
        let slowest = children.chain(slowest_processes(declaration, &dependencies[index]));
        // The first of several equally slow ones: `max_by_key` would take the last.
        let slowest = slowest.reduce(|best, next| if next.grace > best.grace { next } else { best });
        let floor = if forest.children[index].is_empty() { LEAF } else { Duration::ZERO };
        let derived = slowest.as_ref().map_or(LEAF, |inside| inside.grace.saturating_add(STEP)).max(floor);
        graces[index] = match &declaration.body.stop.grace {
            None => derived,
            Some(explicit) => {
                if let Some(inside) = slowest.filter(|inside| explicit.value < inside.grace) {
                    out.push(too_short(&declaration.path.value, explicit, &inside, derived));
                }
                explicit.value
            }
        };
    }
    graces
}

/// The chain of processes whose own graces take longest together: what waits for something is stopped before it.
fn slowest_processes(declaration: &Declaration, dependencies: &Dependencies) -> Option<Inside> {
    let processes = &declaration.body.processes;
    let grace = |index: usize| processes[index].body.stop.grace.as_ref().map_or(Duration::ZERO, |grace| grace.value);
    let mut totals = vec![Duration::ZERO; processes.len()];
    let mut before = vec![None; processes.len()];
    for &index in &dependencies.order {
        let previous =
            dependencies.after[index].iter().map(|after| after.process).max_by_key(|&process| totals[process]);
        before[index] = previous;
        totals[index] = previous.map_or(Duration::ZERO, |process| totals[process]).saturating_add(grace(index));
    }
    let last = (0..processes.len()).rev().max_by_key(|&index| totals[index])?;
    if totals[last].is_zero() {
        return None;
    }
    let chain: Vec<_> =
        std::iter::successors(Some(last), |&index| before[index]).filter(|&index| !grace(index).is_zero()).collect();
    let names: Vec<_> =
        chain.iter().map(|&index| format!("`{}/{}`", declaration.path.value, processes[index].name.value)).collect();
    let span = processes[*chain.first()?].body.stop.grace.as_ref().map(|grace| grace.span);
    Some(Inside { grace: totals[last], what: names.join(" and then "), span })
}

fn too_short(path: &str, explicit: &Located<Duration>, inside: &Inside, derived: Duration) -> Diagnostic {
    let message = format!(
        "`{path}` gets {} to stop, but {} inside it asks for {}",
        format_duration(explicit.value),
        inside.what,
        format_duration(inside.grace)
    );
    let mut diagnostic = Diagnostic::at(Code::ShortGrace, explicit.span, message)
        .label("this ends first")
        .note(format!("when PID 1 of `{path}` is killed, the kernel kills everything inside with it"))
        .help(format!("leave `grace` out of `{path}`: it is then derived ({})", format_duration(derived)));
    if let Some(span) = inside.span.filter(|&span| span != explicit.span) {
        diagnostic = diagnostic.also(span, "asked for here");
    }
    diagnostic
}
