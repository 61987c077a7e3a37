//! PIDs in notes of the script: those of nestns, and reasons why the script may give others.

use super::flags::Flag;
use super::namespace_script::{First, Forest, Job, Kind, Member, NamespaceScript};
use super::page::Page;
use super::series::{Repeat, Run};
use nestns_topology::Entry;

/// Certainty that the number in a note is the one that the script gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    /// Certain: nothing unknown forks.
    Sure,
    /// Uncertain: something else takes numbers, or starts at the same time.
    NestnsOnly,
}

/// Note for the line that starts a namespace.
pub(super) fn of_namespace(
    space: &NamespaceScript,
    run: Option<&Run<NamespaceScript>>,
    certainty: Certainty,
) -> String {
    let repeat = run.and_then(|run| run.repeat.as_ref());
    let name = match repeat {
        Some(repeat) => format!("{}/init … {}/init", space.path, repeat.last_path),
        None => format!("{}/init", space.path),
    };
    match (space.number, certainty) {
        (None, _) => format!("{name}: 1 inside"),
        (Some(number), Certainty::Sure) => format!("{name}: {number} here, 1 inside"),
        (Some(number), Certainty::NestnsOnly) => {
            format!("{name}: {} in nestns, 1 inside", numbers(number, repeat))
        }
    }
}

/// Note for the line that starts a process.
pub(super) fn of_member(
    member: &Member,
    run: Option<&Run<Member>>,
    certainty: Certainty,
) -> String {
    let repeat = run.and_then(|run| run.repeat.as_ref());
    let name = member.path.rsplit('/').next().unwrap_or_default();
    let mut note = format!(
        "{}: {}",
        range(name, repeat),
        numbers(member.number, repeat)
    );
    if certainty == Certainty::NestnsOnly {
        note.push_str(" in nestns");
    }
    if !member.after.is_empty() {
        note.push_str("; nestns waits until ");
        note.push_str(&member.after.join(" and "));
    }
    note
}

/// Reasons why the numbers may differ from those of nestns; empty if they do not.
pub(super) fn of_all(forest: &Forest, page: &Page) -> Vec<&'static str> {
    let spaces = forest.spaces();
    let children = |space: &NamespaceScript| space.children.iter().map(Run::count).sum::<usize>();
    let any = |condition: fn(&NamespaceScript) -> bool| spaces.iter().any(|space| condition(space));
    let mut reasons = Vec::new();
    if spaces.iter().any(|space| children(space) > 1) {
        reasons
            .push("of sibling namespaces, all but the last have an unshare that uses a PID, too");
    }
    if any(|space| space.has_chosen_pids) {
        reasons.push(
            "a shell cannot choose PIDs: `pid`, `last_pid` and `pid_max` have no effect here",
        );
    }
    if any(NamespaceScript::is_entered) {
        reasons.push("nsenter uses a PID outside, and processes enter in any order");
    }
    if any(children_follow_forks) {
        reasons.push("programs start at once, and what they fork may come before a namespace that is created later");
    }
    if page.flags.contains(&Flag::HostName) {
        reasons.push("for an ordinary user each hostname(1) uses one");
    }
    if page.flags.contains(&Flag::Loopback) {
        reasons.push("ip uses one");
    }
    reasons
}

/// Returns whether something may fork while namespaces are still to come.
fn children_follow_forks(space: &NamespaceScript) -> bool {
    let may_fork = |job: &Job| job.kind != Kind::Alone;
    let members = space
        .members
        .iter()
        .filter(|member| member.like.entry != Entry::Join);
    let program = match &space.first {
        First::Program(program) => Some(&**program),
        First::Builtin | First::Pause => None,
    };
    !space.children.is_empty()
        && members
            .map(|member| &member.like.job)
            .chain(program)
            .any(may_fork)
}

/// `w.0 … w.9`, by the name of the first.
fn range(name: &str, repeat: Option<&Repeat>) -> String {
    let Some(repeat) = repeat else {
        return name.to_owned();
    };
    let last = repeat.last_path.rsplit('/').next().unwrap_or_default();
    format!("{name} … {last}")
}

fn numbers(first: i32, repeat: Option<&Repeat>) -> String {
    match repeat.and_then(|repeat| repeat.last_number) {
        Some(last) => format!("{first} … {last}"),
        None => first.to_string(),
    }
}
