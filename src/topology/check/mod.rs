//! The door: raw syntax in, a [`Topology`] out, or everything that stands against it.
//!
//! The tree of paths comes first, then defaults are filled in, then what depends on several keys is checked, namespace by
//! namespace. Only a file without an error is built.

mod build;
mod dependencies;
mod forest;
mod grace;
mod limits;
mod namespace;
mod pid_one;
mod terminal;

use super::syntax::Document;
use super::tree::Topology;
use crate::diagnostic::{Diagnostics, Source};
use dependencies::Dependencies;
use forest::Forest;

/// Checks a document and builds its tree; `stem` names a topology that does not name itself.
pub(super) fn check(mut document: Document, stem: &str, source: &Source, out: &mut Diagnostics) -> Option<Topology> {
    let forest = Forest::grow(&document, out);
    if !limits::within_limits(&document, out) {
        // Defaults would be copied into every namespace of a tree that is too large to look at.
        return None;
    }
    let process_defaults = std::mem::take(&mut document.process_defaults);
    let namespace_defaults = std::mem::take(&mut document.namespace_defaults);
    for declaration in &mut document.namespaces {
        declaration.body.inherit(&namespace_defaults);
        for process in &mut declaration.body.processes {
            process.body.inherit(&process_defaults);
        }
    }
    let mut dependencies = Vec::with_capacity(document.namespaces.len());
    for (index, declaration) in document.namespaces.iter().enumerate() {
        namespace::check(declaration, out);
        forest.check_shared_names(index, &document.namespaces, out);
        dependencies.push(Dependencies::resolve(declaration, out));
    }
    terminal::check(&document.namespaces, out);
    let graces = grace::derive(&document.namespaces, &forest, &dependencies, out);
    if out.has_errors() {
        return None;
    }
    Some(build::Builder { document, forest, dependencies, graces, source }.build(stem))
}
