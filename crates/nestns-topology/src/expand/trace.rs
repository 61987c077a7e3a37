//! Origins of computed values.

use crate::diagnostic::{Diagnostic, Label, Span};

/// A value that was computed: where its text is, and what to say about where it comes from.
#[derive(Debug, Default)]
pub(super) struct Trace {
    list: Vec<(Span, Label)>,
}

impl Trace {
    /// Remembers a label for problems with the value at a place.
    pub(super) fn add(&mut self, span: Span, label: Label) {
        self.list.push((span, label));
    }

    /// Tells under a problem with a computed value where the value comes from.
    pub(super) fn explain(&self, diagnostic: &mut Diagnostic) {
        let Some(primary) = &diagnostic.primary else {
            return;
        };
        let place = primary.span;
        for (span, label) in &self.list {
            if *span == place && !diagnostic.secondary.contains(label) {
                diagnostic.secondary.push(label.clone());
            }
        }
    }
}
