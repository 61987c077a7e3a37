//! Contradictions between keys of one namespace.

use super::instance::Instance;
use super::{ends, pid_one};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::keys::ProcessKey;
use crate::process::{Entry, Process, Session, Terminal};
use crate::syntax::{
    InitSyntax, NamespaceBody, ProgramSyntax, RestartSyntax, terminal_without_session,
};

/// Reports what contradicts itself within a namespace.
pub(super) fn check(instance: &Instance, out: &mut Diagnostics) {
    let body = &*instance.body;
    check_mount_proc(body, out);
    check_terminal(body, out);
    check_session(body, out);
    check_processes(instance, out);
    check_init(body, out);
    ends::check(instance, out);
    check_stop(body, out);
    pid_one::check(instance, out);
}

fn check_mount_proc(body: &NamespaceBody, out: &mut Diagnostics) {
    let (Some(mount_proc), Some(unshare)) = (&body.mount_proc, &body.unshare) else {
        return;
    };
    if mount_proc.value && !unshare.value.mount {
        out.push(
            Diagnostic::at(
                Code::Contradiction,
                mount_proc.span,
                "`mount_proc` needs a mount namespace",
            )
            .label("this would hide the /proc outside")
            .also(unshare.span, "\"mount\" is not in this list")
            .help("add \"mount\" to unshare, or leave `mount_proc` out"),
        );
    }
}

fn check_terminal(body: &NamespaceBody, out: &mut Diagnostics) {
    let Some(tty) = body.tty.as_ref().filter(|tty| tty.value) else {
        return;
    };
    let init = body.init.as_ref().map(|init| &init.value);
    if matches!(init, None | Some(InitSyntax::Builtin | InitSyntax::Pause)) {
        out.push(
            Diagnostic::at(
                Code::Contradiction,
                tty.span,
                "`tty` of a namespace needs a program as PID 1",
            )
            .label("nestns itself is PID 1 here and cannot use a terminal")
            .help(
                "write tty = true in the process that owns the terminal, or init = [\"program\"]",
            ),
        );
    }
}

fn check_session(body: &NamespaceBody, out: &mut Diagnostics) {
    let init = body.init.as_ref().map(|init| &init.value);
    if let Some(session) = &body.session
        && matches!(init, None | Some(InitSyntax::Builtin | InitSyntax::Pause))
    {
        out.push(
            Diagnostic::at(
                Code::Contradiction,
                session.span,
                "`session` of a namespace needs a program as PID 1",
            )
            .label("nestns itself is PID 1 here")
            .help("write it in a process, or init = [\"program\"]"),
        );
    }
    let session = body.session.as_ref();
    let session = session.filter(|session| session.value == Session::Inherit);
    let tty = body.tty.as_ref().filter(|tty| tty.value);
    if session.is_none() && tty.is_none() {
        // What the table of PID 1 alone says is checked with that table.
        return;
    }
    let of_init = |key, is_said: fn(&Process) -> bool| {
        let program = body.program().filter(|program| is_said(&program.values))?;
        program.place(key)
    };
    let session = session
        .map(|session| session.span)
        .or_else(|| of_init(ProcessKey::Session, |init| init.session == Session::Inherit));
    let tty = tty
        .map(|tty| tty.span)
        .or_else(|| of_init(ProcessKey::Tty, |init| init.terminal == Terminal::Own));
    if let (Some(session), Some(tty)) = (session, tty) {
        out.push(terminal_without_session(session, tty));
    }
}

/// Reports what is said of a namespace and of its PID 1 as well.
fn check_init(body: &NamespaceBody, out: &mut Diagnostics) {
    let Some(program) = body.program() else {
        return;
    };
    let when = |restart: &RestartSyntax| restart.when.as_ref().map(|when| when.span);
    let (outer, inner) = (&body.lifetime, &program.lifetime);
    let tty = program.place(ProcessKey::Tty);
    let session = program.place(ProcessKey::Session);
    for (key, outer, inner) in [
        ("stop", outer.stop().span(), inner.stop().span()),
        ("restart", when(&outer.restart()), when(&inner.restart())),
        ("tty", body.tty.as_ref().map(|tty| tty.span), tty),
        (
            "session",
            body.session.as_ref().map(|session| session.span),
            session,
        ),
    ] {
        if let (Some(outer), Some(inner)) = (outer, inner) {
            let message = format!("`{key}` is set for the namespace and for its PID 1");
            out.push(
                Diagnostic::at(Code::Contradiction, inner, message)
                    .label("a namespace begins and ends with its PID 1")
                    .also(outer, "it is also set here")
                    .help("remove one of the two"),
            );
        }
    }
}

/// Reports what is said of the stop of a program where PID 1 is none.
fn check_stop(body: &NamespaceBody, out: &mut Diagnostics) {
    let init = body.init.as_ref().map(|init| &init.value);
    if !matches!(init, None | Some(InitSyntax::Builtin | InitSyntax::Pause)) {
        return;
    }
    if let Some((key, span)) = body.lifetime.stop().of_program() {
        let message = format!("`stop.{key}` of a namespace needs a program as PID 1");
        out.push(
            Diagnostic::at(Code::Contradiction, span, message)
                .label("nestns itself is PID 1 here")
                .help(format!(
                    "write stop = {{ {key} = … }} in the process that it is meant for"
                )),
        );
    }
}

fn check_processes(instance: &Instance, out: &mut Diagnostics) {
    let path = &instance.path.value;
    let program = instance
        .body
        .init
        .as_ref()
        .filter(|init| matches!(init.value, InitSyntax::Program(_)));
    for process in &instance.processes {
        if matches!(process.body.program, ProgramSyntax::Absent) {
            out.push(
                Diagnostic::at(
                    Code::NotOneProgram,
                    process.name.span,
                    format!("process `{}` has no program", process.group),
                )
                .label("one of `cmd`, `sh` and `actor` is needed"),
            );
        }
        let fork = process
            .body
            .place(ProcessKey::Enter)
            .filter(|_| process.body.values.entry == Entry::Fork);
        if let (Some(init), Some(enter)) = (program, fork) {
            out.push(
                Diagnostic::at(
                    Code::ImpossibleFork,
                    enter,
                    format!("`{}` cannot be forked by the PID 1 of `{path}`", process.group),
                )
                .label("only an init of nestns forks processes on request")
                .also(init.span, "a program is PID 1 here")
                .help("write enter = \"join\" or leave it out, or run the program as a process under the builtin init"),
            );
        }
    }
}
