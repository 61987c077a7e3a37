//! There is one terminal: that of `nestns up`. One process can own it.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::topology::syntax::Declaration;

/// Reports every owner but the first.
pub(super) fn check(namespaces: &[Declaration], out: &mut Diagnostics) {
    let mut first: Option<(Span, String)> = None;
    for declaration in namespaces {
        let path = &declaration.path.value;
        let own = declaration.body.tty.iter().map(|tty| (tty, format!("{path}/init")));
        let processes = declaration
            .body
            .processes
            .iter()
            .filter_map(|process| Some((process.body.tty.as_ref()?, format!("{path}/{}", process.name.value))));
        for (tty, owner) in own.chain(processes).filter(|(tty, _)| tty.value) {
            match &first {
                None => first = Some((tty.span, owner)),
                Some((span, earlier)) => {
                    let mut diagnostic = Diagnostic::at(
                        Code::SeveralTerminals,
                        tty.span,
                        format!("both `{earlier}` and `{owner}` own the terminal"),
                    )
                    .label("there is one terminal: that of `nestns up`");
                    if *span != tty.span {
                        diagnostic = diagnostic.also(*span, "it is given away here");
                    }
                    out.push(diagnostic);
                }
            }
        }
    }
}
