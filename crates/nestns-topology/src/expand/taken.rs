//! The addresses that are taken, where generated namespaces are given names.

use std::collections::HashMap;
use std::collections::hash_map;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// The addresses that are taken, kept where `as` gives names: those that a file declares do not collide.
#[derive(Debug, Default)]
pub(super) struct Taken {
    holders: HashMap<String, Holder>,
}

/// The holder of an address.
#[derive(Debug, Clone)]
pub(super) enum Holder {
    /// A namespace or process whose header or key stands here.
    Declared(Span),
    /// A namespace that was named by the `as` that stands here.
    Named { at: Span, message: String },
}

impl Taken {
    /// Enters something that is called as it is declared.
    pub(super) fn declare(&mut self, path: String, at: Span, out: &mut Diagnostics) {
        self.enter(path, Holder::Declared(at), out);
    }

    pub(super) fn enter(&mut self, path: String, holder: Holder, out: &mut Diagnostics) {
        let earlier = match self.holders.entry(path) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(holder);
                return;
            }
            hash_map::Entry::Occupied(occupied) => occupied,
        };
        let path = earlier.key();
        let (at, message, other, text) = match (earlier.get(), &holder) {
            // Reported where both are known to be declared.
            (Holder::Declared(_), Holder::Declared(_)) => return,
            (Holder::Declared(other), Holder::Named { at, message }) => {
                (*at, message, other, "it is declared here")
            }
            (Holder::Named { at, message }, Holder::Declared(other)) => {
                // The number of a layer means something to the block that is expanded.
                (at.in_layer(0), message, other, "it is declared here")
            }
            (Holder::Named { at: other, .. }, Holder::Named { at, message }) => {
                (*at, message, other, "it is given here")
            }
        };
        let diagnostic = Diagnostic::at(Code::BadInstanceName, at, message.clone());
        let diagnostic = diagnostic.label(format!("`{path}` already exists"));
        out.push(if other.in_layer(0) == at.in_layer(0) {
            diagnostic
                .help("use {{i}} in the name to make it unique, and in a tree {{level}} as well")
        } else {
            diagnostic.also(other.in_layer(0), text)
        });
    }
}
