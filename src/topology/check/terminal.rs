//! There is one terminal: that of `nestns up`. One process can own it.

use super::instance::Instance;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// Who owns the terminal.
#[derive(Debug, Default)]
pub(super) struct Owner {
    first: Option<(Span, String)>,
}

impl Owner {
    /// Reports every owner but the first.
    pub(super) fn check(&mut self, instance: &Instance, out: &mut Diagnostics) {
        let path = &instance.path.value;
        let own = instance.body.tty.iter().map(|tty| (tty, "init"));
        let processes = instance
            .processes
            .iter()
            .filter_map(|process| Some((process.body.tty.as_ref()?, process.name.value.as_str())));
        let mut reported = None;
        for (tty, name) in own.chain(processes).filter(|(tty, _)| tty.value) {
            // What is true of one instance of a process is true of all.
            if reported == Some(tty.span) {
                continue;
            }
            let owner = format!("{path}/{name}");
            match &self.first {
                None => self.first = Some((tty.span, owner)),
                Some((span, earlier)) => {
                    reported = Some(tty.span);
                    let mut diagnostic = Diagnostic::at(
                        Code::SeveralTerminals,
                        tty.span,
                        format!("both `{earlier}` and `{owner}` own the terminal"),
                    )
                    .label("there is one terminal: that of `nestns up`");
                    if span.in_layer(0) != tty.span.in_layer(0) {
                        diagnostic = diagnostic.also(*span, "it is given away here");
                    }
                    out.push(diagnostic);
                }
            }
        }
    }
}
