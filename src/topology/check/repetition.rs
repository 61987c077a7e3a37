//! What is wrong with one of a thousand instances is wrong with all: it is said once.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// The problems that have been said, by code and place.
#[derive(Debug, Default)]
pub(in crate::topology) struct Repetition {
    said: HashMap<(Code, Span), (usize, usize)>,
    /// How many batches there were.
    batches: usize,
}

impl Repetition {
    /// Hands on the problems of one instance, apart from those that an earlier one had at the same place.
    pub(in crate::topology) fn absorb(&mut self, found: Diagnostics, out: &mut Diagnostics) {
        self.batches += 1;
        let batch = self.batches;
        for diagnostic in found {
            let Some(label) = &diagnostic.primary else {
                out.push(diagnostic);
                continue;
            };
            let key = (diagnostic.code, label.span.in_layer(0));
            match self.said.get_mut(&key) {
                Some((first, _)) if *first == batch => out.push(diagnostic),
                Some((_, more)) => *more += 1,
                None => {
                    self.said.insert(key, (batch, 0));
                    out.push(diagnostic);
                }
            }
        }
    }

    /// Says how often each problem was there again.
    pub(in crate::topology) fn finish(self, out: &mut Diagnostics) {
        out.amend(0, |diagnostic: &mut Diagnostic| {
            let Some(label) = &diagnostic.primary else { return };
            if let Some((_, more @ 1..)) = self.said.get(&(diagnostic.code, label.span.in_layer(0))) {
                let note = if *more == 1 {
                    "the same is true of 1 more".to_owned()
                } else {
                    format!("the same is true of {more} more")
                };
                diagnostic.notes.push(note);
            }
        });
    }
}
