//! Entry into a namespace from outside: finding its PID 1, and the command line of nsenter(1).

use super::caveats::{self, Certainty};
use super::flags::{self, Flag};
use super::job::{self, Runner};
use super::namespace_script::{Kind, Member};
use super::page::{Line, Page};
use super::series::Run;
use super::words::Place;
use nestns_topology::Isolation;

/// A PID 1 to be entered: the variable with its number, and the namespaces that it does not share with the shell.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) variable: String,
    pub(super) isolation: Isolation,
}

/// PID namespace of the shell's /proc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proc {
    /// The shell's own.
    Own,
    /// A namespace further out.
    Outer,
}

/// Waits for the PID 1 of a namespace that has just been started, through `target` if there is one, and keeps its number.
pub(super) fn find(
    path: &str,
    variable: &str,
    proc: Proc,
    target: Option<&Target>,
    page: &mut Page,
) -> Vec<Line> {
    page.flags.insert(Flag::FindFirst);
    let mut lines = Vec::new();
    let mut parent = "!";
    if proc == Proc::Outer {
        // The newest child of the shell is the process that it has just started.
        lines.push(Line::new(
            "read -r children </proc/thread-self/children; newest=${children##* }",
            "$! with the PIDs of this /proc, which belongs to a namespace further out",
        ));
        parent = "newest";
    }
    let until = |found: &str, parent: &str| {
        let children = format!("/proc/${parent}/task/${parent}/children");
        format!(
            "until read -r {found} rest <{children}; [ \"${found}\" ]; do [ -e /proc/${parent}/exe ] || exit; done"
        )
    };
    if target.is_some() {
        lines.push(Line::new(
            until("inner", parent),
            "waits for the child of nsenter, the unshare inside",
        ));
        parent = "inner";
    }
    let note = format!("waits for {path}/init, and stores its PID here");
    lines.push(Line::new(until(variable, parent), note));
    lines
}

/// Starts a process outside and moves it in.
pub(super) fn join(
    target: &Target,
    member: &Member,
    run: Option<&Run<Member>>,
    place: Place,
    page: &mut Page,
) -> Line {
    let mut command = nsenter(target, page);
    if target.isolation.mount && member.job.cwd.is_none() && member.job.kind == Kind::Foreign {
        // nsenter(1) goes to / when it enters a mount namespace.
        command.push_str(" --wdns=\"$PWD\"");
    }
    let what = job::command(&member.job, &member.path, place, Runner::Other, page);
    let files = job::redirections(&member.job, &member.path, place, page);
    Line::new(
        format!("{command} {what}{files} &"),
        caveats::of_member(member, run, Certainty::NestnsOnly),
    )
}

/// The command that enters the namespaces of a process.
pub(super) fn nsenter(target: &Target, page: &mut Page) -> String {
    page.flags.insert(Flag::Nsenter);
    format!(
        "nsenter --target \"${}\" {}",
        target.variable,
        flags::spelled(&flags::to_enter(target.isolation))
    )
}
