//! Contradictions between keys of one namespace.

use super::instance::Instance;
use super::pid_one;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::keys::ProcessKey;
use crate::process::Entry;
use crate::syntax::{InitSyntax, NamespaceBody, ProgramSyntax};

/// Reports what contradicts itself within a namespace.
pub(super) fn check(instance: &Instance, out: &mut Diagnostics) {
    let body = &*instance.body;
    check_mount_proc(body, out);
    check_terminal(body, out);
    check_processes(instance, out);
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
