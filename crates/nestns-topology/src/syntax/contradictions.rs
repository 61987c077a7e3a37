//! Keys of one process that contradict each other.

use super::located::Located;
use super::process_body::ProcessBody;
use super::program::ProgramSyntax;
use super::restart::RestartSyntax;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::keys::ProcessKey;
use crate::probe::Probe;
use crate::process::{Output, Program, Session, Terminal};
use crate::restart::RestartWhen;

/// Reports them.
pub(super) fn check(body: &ProcessBody, restart: &RestartSyntax, out: &mut Diagnostics) {
    check_terminal(body, out);
    check_session(body, out);
    restart.check(out);
    check_oneshot(body, restart, out);
    check_ready(body, out);
}

fn check_terminal(body: &ProcessBody, out: &mut Diagnostics) {
    let Some(tty) = body
        .place(ProcessKey::Tty)
        .filter(|_| body.values.terminal == Terminal::Own)
    else {
        return;
    };
    let mut streams = [ProcessKey::Stdin, ProcessKey::Stdout, ProcessKey::Stderr].into_iter();
    if let Some(stream) = streams.find_map(|key| body.place(key)) {
        out.push(
            Diagnostic::at(
                Code::Contradiction,
                stream,
                "a process with a terminal cannot redirect its streams",
            )
            .label("this would replace the terminal")
            .also(tty, "the terminal is connected to descriptors 0, 1 and 2"),
        );
    }
}

fn check_session(body: &ProcessBody, out: &mut Diagnostics) {
    let (Some(session), Some(tty)) = (
        body.place(ProcessKey::Session)
            .filter(|_| body.values.session == Session::Inherit),
        body.place(ProcessKey::Tty)
            .filter(|_| body.values.terminal == Terminal::Own),
    ) else {
        return;
    };
    out.push(terminal_without_session(session, tty));
}

/// Report on a terminal of a process that does not lead a session.
pub(crate) fn terminal_without_session(session: Span, tty: Span) -> Diagnostic {
    Diagnostic::at(
        Code::Contradiction,
        session,
        "a process with a terminal needs a session of its own",
    )
    .label("a terminal controls one session, and its leader is outside")
    .also(tty, "this makes the terminal its controlling terminal")
    .help("leave `session` out, or leave `tty` out")
}

/// A one-shot is ready when it has done its work.
fn check_oneshot(body: &ProcessBody, restart: &RestartSyntax, out: &mut Diagnostics) {
    let Some(oneshot) = body
        .place(ProcessKey::Oneshot)
        .filter(|_| body.values.oneshot)
    else {
        return;
    };
    if let Some(ready) = body.place(ProcessKey::Ready) {
        out.push(
            Diagnostic::at(
                Code::Contradiction,
                ready,
                "`ready` cannot be used with oneshot = true",
            )
            .label("a one-shot is ready once it has exited successfully")
            .also(oneshot, "it is a one-shot because of this"),
        );
    }
    let ok = &body.values.ok;
    let again = restart.when.as_ref().and_then(|when| match when.value {
        Some(RestartWhen::Always) => Some((when.span, "restart = \"always\"".to_owned())),
        Some(RestartWhen::On(endings)) => {
            let mut statuses = endings.statuses();
            let status = statuses.find(|status| ok.contains(status))?;
            Some((when.span, format!("{status}, which is a success, in `on`")))
        }
        Some(RestartWhen::OnFailure) | None => None,
    });
    if let Some((span, what)) = again {
        out.push(
            Diagnostic::at(
                Code::Contradiction,
                span,
                format!("a one-shot cannot have {what}"),
            )
            .label("it would start again as soon as it has finished")
            .also(oneshot, "it is a one-shot because of this")
            .help("write restart = \"on-failure\", or remove `oneshot`"),
        );
    }
}

/// Reports a probe that the process itself cannot satisfy.
fn check_ready(body: &ProcessBody, out: &mut Diagnostics) {
    let values = &body.values;
    let (Some(ready), Some(probe)) = (body.place(ProcessKey::Ready), values.ready.as_deref())
    else {
        return;
    };
    let elsewhere = |key, output: &Output| body.place(key).filter(|_| *output != Output::Log);
    let diagnostic = match probe {
        Probe::Log(_) => {
            let message = "`ready` reads the log, but nothing is written to it";
            if let Some(tty) = body
                .place(ProcessKey::Tty)
                .filter(|_| values.terminal == Terminal::Own)
            {
                Diagnostic::at(Code::Contradiction, ready, message)
                    .also(tty, "its output is the terminal")
            } else if let (Some(stdout), Some(stderr)) = (
                elsewhere(ProcessKey::Stdout, &values.stdout),
                elsewhere(ProcessKey::Stderr, &values.stderr),
            ) {
                Diagnostic::at(Code::Contradiction, ready, message)
                    .also(stdout, "its output goes here")
                    .also(stderr, "its error output goes here")
                    .help("remove one of `stdout` and `stderr`")
            } else {
                return;
            }
        }
        Probe::Descriptor(_) | Probe::Notify(_) => {
            let ProgramSyntax::Given(Located {
                value: Program::Actor(_),
                span,
            }) = &body.program
            else {
                return;
            };
            Diagnostic::at(
                Code::Contradiction,
                ready,
                "an actor does not report that it is ready",
            )
            .label("it uses neither this descriptor nor this socket")
            .also(*span, "the actor is here")
            .help(
                "write ready = { log = \"…\" }, or remove it: an actor is ready when it is running",
            )
        }
        Probe::File(_) | Probe::Exec { .. } | Probe::Tcp { .. } => return,
    };
    out.push(diagnostic);
}
