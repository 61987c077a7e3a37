//! Repeated problems: what is wrong with one of a thousand instances is wrong with all, and reported once.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// So many problems of one kind at one place are told apart: a string with escapes is one place, whatever is in it.
const DIFFERENT: usize = 3;

/// The problems that have been said, by code and place.
#[derive(Debug, Default)]
pub(crate) struct Repetition {
    reported: HashMap<(Code, Span), Reported>,
    /// The number of batches so far.
    batches: usize,
}

/// The reports at one place.
#[derive(Debug)]
struct Reported {
    /// The batch that said it.
    batch: usize,
    messages: Vec<String>,
    /// The number of repetitions.
    more: usize,
}

impl Repetition {
    /// Hands on the problems of one instance, apart from those that an earlier one had at the same place, and those that it
    /// has twice itself.
    pub(crate) fn absorb(&mut self, found: Diagnostics, out: &mut Diagnostics) {
        self.batches += 1;
        let batch = self.batches;
        for diagnostic in found {
            let Some(label) = &diagnostic.primary else {
                out.push(diagnostic);
                continue;
            };
            let reported = self
                .reported
                .entry((diagnostic.code, label.span.in_layer(0)));
            let reported = reported.or_insert(Reported {
                batch,
                messages: Vec::new(),
                more: 0,
            });
            if reported.batch == batch
                && reported.messages.len() < DIFFERENT
                && !reported.messages.contains(&diagnostic.message)
            {
                reported.messages.push(diagnostic.message.clone());
                out.push(diagnostic);
            } else {
                reported.more += 1;
            }
        }
    }

    /// Says how often each problem was there again.
    pub(crate) fn finish(self, out: &mut Diagnostics) {
        out.amend(0, |diagnostic: &mut Diagnostic| {
            let Some(label) = &diagnostic.primary else {
                return;
            };
            let reported = self
                .reported
                .get(&(diagnostic.code, label.span.in_layer(0)));
            if let Some(reported) = reported.filter(|reported| reported.more > 0) {
                diagnostic
                    .notes
                    .push(format!("the same is true of {} more", reported.more));
            }
        });
    }
}
