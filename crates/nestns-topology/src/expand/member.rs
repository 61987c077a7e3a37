//! One instance of a block, and the names that it must not have.

use super::generator::{Generator, Shape, instance_name};
use super::place::join;
use super::prepare::Prepared;
use crate::check::{Instance, shared_name};
use crate::diagnostic::Diagnostics;

/// A declared namespace, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'b, 'a> {
    pub(super) prepared: &'b Prepared<'a>,
    pub(super) generator: &'b Generator,
    /// The shape of the generator, or of a sample of it.
    pub(super) shape: Shape,
}

/// One instance of a block, by its place in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Level in the block, 0 at the top.
    pub(super) place: u64,
    pub(super) depth: u64,
    pub(super) index: u64,
}

/// Reports a process of a chain that is numbered like the namespace inside it: `a.1` of `a.0`. With `as` that is seen by
/// [`Taken`](super::taken::Taken); elsewhere names that differ as they are declared differ with numbers as well.
pub(super) fn check_chain(
    Block {
        prepared,
        generator,
        shape,
    }: Block<'_, '_>,
    member: Member,
    instance: &Instance,
    out: &mut Diagnostics,
) {
    let is_outer = matches!(shape, Shape::Chain(_)) && member.place + 1 < member.depth;
    if !is_outer || generator.names.is_some() {
        return;
    }
    let inner = instance_name(&prepared.name, shape, member.place + 1, member.index + 1);
    if let Some(process) = instance
        .processes
        .iter()
        .find(|process| process.name.value == inner)
    {
        out.push(shared_name(
            &join(&instance.path.value, &inner),
            process.name.span,
            prepared.span,
        ));
    }
}
