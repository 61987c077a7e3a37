//! Lines of a PID 1 other than those that start a namespace.

use super::caveats::{self, Certainty};
use super::flags::Flag;
use super::job::{self, Runner};
use super::namespace_script::{First, Member, NamespaceScript};
use super::page::{Line, Page, repeated};
use super::series::{MARK, Repeat, Replica, Run};
use super::words::{Place, word};
use nestns_topology::Entry;

/// Lines of PID 1 before everything else.
pub(super) fn setup(space: &NamespaceScript, owner: &str, page: &mut Page) -> Vec<Line> {
    let mut lines = Vec::new();
    let names = [
        ("hostname", &space.hostname),
        ("domainname", &space.domainname),
    ];
    for (what, name) in names
        .into_iter()
        .filter_map(|(what, name)| Some((what, name.as_deref()?)))
    {
        page.flags.insert(Flag::HostName);
        let is_simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | MARK);
        let echo = if name.starts_with('-') || !name.chars().all(is_simple) {
            "printf %s"
        } else {
            "echo"
        };
        let name = word(name, Place::Within, owner, page);
        lines.push(Line::new(
            format!("{echo} {name} 2>/dev/null >/proc/sys/kernel/{what} || {what} {name}"),
            "",
        ));
    }
    if space.isolation.net {
        page.flags.insert(Flag::Loopback);
        lines.push(Line::new("ip link set lo up", ""));
    }
    lines
}

/// Starts a process as a child of PID 1.
pub(super) fn fork(
    space: &NamespaceScript,
    member: &Member,
    run: Option<&Run<Member>>,
    place: Place,
    page: &mut Page,
) -> Vec<Line> {
    let command = job::command(&member.job, &member.path, place, Runner::Shell, page);
    let files = job::redirections(&member.job, &member.path, place, page);
    let note = caveats::of_member(member, run, certainty_in(space));
    vec![Line::new(format!("{command}{files} &"), note)]
}

/// Certainty of the numbers of the processes of a namespace: ip(8) takes one before them.
pub(super) fn certainty_in(space: &NamespaceScript) -> Certainty {
    if space.isolation.net {
        Certainty::NestnsOnly
    } else {
        Certainty::Sure
    }
}

pub(super) fn looped(run: &Run<Member>, lines: Vec<Line>) -> Vec<Line> {
    match &run.repeat {
        Some(repeat) => repeated(repeat, false, lines),
        None => lines,
    }
}

/// Returns whether a namespace needs more lines than the one that starts it.
pub(super) fn needs_block(space: &NamespaceScript) -> bool {
    let forks = space
        .members
        .iter()
        .any(|member| member.like.entry != Entry::Join);
    match &space.first {
        First::Program(_) => space.needs_setup(),
        First::Builtin | First::Pause => space.needs_setup() || forks || !space.children.is_empty(),
    }
}

/// Returns whether a loop's variable stands anywhere in a namespace.
pub(super) fn mentions(space: &NamespaceScript, variable: &str) -> bool {
    let mark = format!("{MARK}{variable}{MARK}");
    let mut found = false;
    space
        .clone()
        .texts(&mut |text| found |= text.contains(&mark));
    found
}

/// Comment above the lines of a namespace.
pub(super) fn about(space: &NamespaceScript, repeat: Option<&Repeat>) -> Vec<String> {
    let (name, whose) = match repeat {
        Some(repeat) => (format!("{} … {}", space.path, repeat.last_path), "their"),
        None => (space.path.clone(), "its"),
    };
    let what = match &space.first {
        First::Program(_) => format!("what {whose} PID 1 does before it becomes the program"),
        First::Builtin | First::Pause => format!("the shell that is {whose} PID 1"),
    };
    let mut about = vec![format!("{name}: {what}")];
    about.extend(
        space
            .description
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned),
    );
    about
}
