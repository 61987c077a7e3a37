//! The lint for programs that are PID 1 and would never see their stop signal.
//!
//! The kernel's rule: a signal for which PID 1 of a namespace has no handler is dropped, except KILL and STOP from outside
//! (`pid_namespaces(7)`). Which handlers a program installs cannot be read from a file, so this knows a few famous ones.

use super::instance::Instance;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::process::Program;
use crate::stop::Signal;
use crate::syntax::ProgramSyntax;

/// Programs that install no handler at all.
const WITHOUT_HANDLER: [&str; 10] = [
    "cat", "echo", "false", "head", "sleep", "tail", "tee", "true", "wc", "yes",
];
/// Shells that, given one command, are that command or wait for it without a handler of their own.
const SHELLS: [&str; 4] = ["sh", "bash", "dash", "ash"];

/// Warns of a PID 1 that will sit out its whole grace.
pub(super) fn check(instance: &Instance, out: &mut Diagnostics) {
    let (Some(init), Some(body)) = (&instance.body.init, instance.body.program()) else {
        return;
    };
    let ProgramSyntax::Given(program) = &body.program else {
        return;
    };
    let Program::Command(words) = &program.value else {
        return;
    };
    let (stop, _) = instance.body.of_init();
    let signal = stop
        .signal
        .as_ref()
        .map_or(Signal::TERM, |signal| signal.value);
    if signal == Signal::KILL || signal == Signal::STOP {
        return;
    }
    let Some(name) = deaf_program(words) else {
        return;
    };
    let path = &instance.path.value;
    out.push(
        Diagnostic::at(
            Code::DroppedSignal,
            init.span,
            format!(
                "PID 1 of `{path}` ({name}) has no handler for {signal}, so the kernel will drop it"
            ),
        )
        .label("it keeps running until its grace period is over and is then killed")
        .note("a PID 1 receives only signals that it handles, except KILL from outside")
        .help("make it a process under init = \"builtin\", or write stop = { signal = \"KILL\" }"),
    );
}

fn deaf_program(words: &[String]) -> Option<&str> {
    let name = words.first()?.rsplit('/').next()?;
    if name == "busybox" {
        return deaf_program(&words[1..]);
    }
    if SHELLS.contains(&name) && words.len() == 3 && words[1] == "-c" {
        return deaf_script(&words[2]);
    }
    WITHOUT_HANDLER.contains(&name).then_some(name)
}

/// One simple command; with anything more the shell stays in front of it, and may set a trap.
fn deaf_script(script: &str) -> Option<&str> {
    if script.contains(|c: char| "|&;<>()$`\\\"'*?[#~=%{}\n".contains(c)) {
        return None;
    }
    let mut words = script.split_whitespace();
    let first = words.next()?;
    let program = if first == "exec" {
        words.next()?
    } else {
        first
    };
    let name = program.rsplit('/').next()?;
    WITHOUT_HANDLER.contains(&name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::deaf_program;

    #[test]
    fn only_famous_programs_are_named() {
        for (words, name) in [
            (&["sleep", "infinity"][..], Some("sleep")),
            (&["/usr/bin/sleep", "5"], Some("sleep")),
            (&["busybox", "sleep", "5"], Some("sleep")),
            (&["busybox"], None),
            (&["sh", "-c", "exec sleep 5"], Some("sleep")),
            (&["sh", "-c", "trap exit TERM; sleep 5"], None),
            (&["sh", "-c", ""], None),
            (&["bash"], None),
            (&["systemd"], None),
        ] {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            assert_eq!(deaf_program(&words), name, "{words:?}");
        }
    }
}
