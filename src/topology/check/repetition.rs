//! What is wrong with one of a thousand instances is wrong with all: it is said once.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// So many problems of one kind at one place are told apart: a string with escapes is one place, whatever is in it.
const DIFFERENT: usize = 3;

/// The problems that have been said, by code and place.
#[derive(Debug, Default)]
pub(in crate::topology) struct Repetition {
    said: HashMap<(Code, Span), Said>,
    /// How many batches there were.
    batches: usize,
}

/// What was said at a place.
#[derive(Debug)]
struct Said {
    /// The batch that said it.
    batch: usize,
    messages: Vec<String>,
    /// How often it was there again.
    more: usize,
}

impl Repetition {
    /// Hands on the problems of one instance, apart from those that an earlier one had at the same place, and those that it
    /// has twice itself.
    pub(in crate::topology) fn absorb(&mut self, found: Diagnostics, out: &mut Diagnostics) {
        self.batches += 1;
        let batch = self.batches;
        for diagnostic in found {
            let Some(label) = &diagnostic.primary else {
                out.push(diagnostic);
                continue;
            };
            let said = self.said.entry((diagnostic.code, label.span.in_layer(0)));
            let said = said.or_insert(Said { batch, messages: Vec::new(), more: 0 });
            if said.batch == batch && said.messages.len() < DIFFERENT && !said.messages.contains(&diagnostic.message) {
                said.messages.push(diagnostic.message.clone());
                out.push(diagnostic);
            } else {
                said.more += 1;
            }
        }
    }

    /// Says how often each problem was there again.
    pub(in crate::topology) fn finish(self, out: &mut Diagnostics) {
        out.amend(0, |diagnostic: &mut Diagnostic| {
            let Some(label) = &diagnostic.primary else { return };
            let said = self.said.get(&(diagnostic.code, label.span.in_layer(0)));
            if let Some(said) = said.filter(|said| said.more > 0) {
                diagnostic.notes.push(format!("the same is true of {} more", said.more));
            }
        });
    }
}
