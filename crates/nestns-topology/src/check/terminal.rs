//! There is one terminal: that of `nestns up`. One process can own it.

use super::instance::Instance;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::keys::ProcessKey;
use crate::process::Terminal;

/// The owner of the terminal.
#[derive(Debug, Default)]
pub(super) struct Owner {
    first: Option<(Span, String)>,
}

impl Owner {
    /// Reports every owner but the first.
    pub(super) fn check(&mut self, instance: &Instance, out: &mut Diagnostics) {
        let path = &instance.path.value;
        let body = &instance.body;
        let own = body.tty.iter().filter(|tty| tty.value).map(|tty| tty.span);
        let init = body
            .program()
            .filter(|init| init.values.terminal == Terminal::Own);
        let init = init.and_then(|init| init.place(ProcessKey::Tty));
        let own = own.chain(init).map(|span| (span, "init"));
        let owners = instance
            .processes
            .iter()
            .filter(|process| process.body.values.terminal == Terminal::Own);
        let processes = owners.filter_map(|process| {
            Some((
                process.body.place(ProcessKey::Tty)?,
                process.name.value.as_str(),
            ))
        });
        let mut reported = None;
        for (tty, name) in own.chain(processes) {
            // What is true of one instance of a process is true of all.
            if reported == Some(tty) {
                continue;
            }
            let owner = format!("{path}/{name}");
            match &self.first {
                None => self.first = Some((tty, owner)),
                Some((span, earlier)) => {
                    reported = Some(tty);
                    let mut diagnostic = Diagnostic::at(
                        Code::SeveralTerminals,
                        tty,
                        format!("both `{earlier}` and `{owner}` claim the terminal"),
                    )
                    .label("there is only one terminal, that of `nestns up`");
                    if span.in_layer(0) != tty.in_layer(0) {
                        diagnostic = diagnostic.also(*span, "it is already claimed here");
                    }
                    out.push(diagnostic);
                }
            }
        }
    }
}
