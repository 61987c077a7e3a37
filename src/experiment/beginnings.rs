//! Experiments on numbers: the numbers of a process, and visibility between namespaces.

use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{Pid, getpid};

use super::Finding;
use super::stage::{Line, Stage, Where, cast, wait};
use nestns_observe::process::Process;
use nestns_sys::access::may_signal;

/// Reports its own PID and blocks.
fn introduce(line: &Line) {
    line.say(getpid());
    wait(line);
}

pub(super) fn pid_one(_: Stage) -> nix::Result<Finding> {
    let first = cast(Where::New, introduce)?;
    let number = first.line.hear_number()?;
    first.end();
    Ok(Finding::check(format!("getpid() = {number}"), number == 1))
}

pub(super) fn two_numbers(stage: Stage) -> nix::Result<Finding> {
    if !stage.has_proc {
        return Ok(Finding::skip("no /proc can be mounted here"));
    }
    let outer = cast(Where::New, |line| {
        let Ok(inner) = cast(Where::New, introduce) else {
            return;
        };
        // The number that this namespace gave, and the one that it has of itself.
        line.say(format!(
            "{} {}",
            inner.pid,
            inner.line.hear().unwrap_or_default()
        ));
        wait(line);
    })?;
    let said = outer.line.hear()?;
    let mut children = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let inner = children.find_map(|entry| {
        let pid = entry
            .file_name()
            .to_str()?
            .parse()
            .ok()
            .map(Pid::from_raw)?;
        Process::read(pid)
            .ok()
            .filter(|process| process.numbers.len() == 3)
    });
    let numbers = inner.map(|process| process.numbers).unwrap_or_default();
    outer.end();
    let shown: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let holds = numbers.len() == 3
        && said == format!("{} {}", numbers[1], numbers[2])
        && numbers[2] == 1
        && numbers[0] != 1;
    let (returned, own) = said.split_once(' ').unwrap_or((&said, ""));
    Ok(Finding::check(
        format!(
            "in `a` fork() returned {returned}; in `b` getpid() = {own}; NSpid outside: {}",
            shown.join(" ")
        ),
        holds,
    ))
}

pub(super) fn collision(stage: Stage) -> nix::Result<Finding> {
    let (one, other) = (cast(Where::New, introduce)?, cast(Where::New, introduce)?);
    let numbers = [one.line.hear_number()?, other.line.hear_number()?];
    let inode = |pid: Pid| {
        std::fs::metadata(format!("/proc/{pid}/ns/pid"))
            .map(|found| found.ino())
            .ok()
    };
    let differ =
        !stage.has_proc || (inode(one.pid).is_some() && inode(one.pid) != inode(other.pid));
    let found = format!(
        "getpid() = {} in `a`, {} in `b`; outside they are {} and {}, in {} namespaces",
        numbers[0],
        numbers[1],
        one.pid,
        other.pid,
        if differ { "two" } else { "the same" }
    );
    one.end();
    other.end();
    Ok(Finding::check(found, numbers == [1, 1] && differ))
}

pub(super) fn downward_only(_: Stage) -> nix::Result<Finding> {
    // A number that no process inside has.
    let myself = getpid();
    let sibling = cast(Where::New, introduce)?;
    sibling.line.hear()?;
    let theirs = sibling.pid;
    let inside = cast(Where::New, move |line| {
        line.say(format!(
            "{} {}",
            word(may_signal(myself)),
            word(may_signal(theirs))
        ));
        wait(line);
    })?;
    let said = inside.line.hear()?;
    let (upward, sideways) = said.split_once(' ').unwrap_or_default();
    let downward = word(may_signal(inside.pid));
    let found = format!(
        "inward: {downward}; outward (to {myself}): {upward}; to the sibling ({theirs}): {sideways}"
    );
    inside.end();
    sibling.end();
    Ok(Finding::check(
        found,
        downward == "0" && upward == "ESRCH" && sideways == "ESRCH",
    ))
}

/// Result of a system call as a word.
fn word(result: nix::Result<()>) -> String {
    match result {
        Ok(()) => "0".to_owned(),
        Err(errno) => format!("{errno:?}"),
    }
}
