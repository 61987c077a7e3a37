//! Experiments on borders: parents outside, a /proc from outside, processes that joined, and messages across.

use nix::errno::Errno;
use nix::unistd::{Pid, getpid, getppid};

use super::Finding;
use super::ends::be_orphaned;
use super::stage::{Line, Stage, Where, await_end, cast, wait};
use nestns_observe::process::Process;
use nestns_sys::access::may_signal;
use nestns_sys::channel::Wait;

/// Reports its own PID and its parent's, and blocks.
fn introduce(line: &Line) {
    line.say(format!("{} {}", getpid(), getppid()));
    wait(line);
}

pub(super) fn ppid_zero(stage: Stage) -> nix::Result<Finding> {
    let first = cast(Where::New, introduce)?;
    let joined = cast(Where::Beside(&first), introduce)?;
    let (one, two) = (first.line.hear()?, joined.line.hear()?);
    let myself = getpid().as_raw();
    let parent = |pid: Pid| Process::read(pid).ok().map(|process| process.parent);
    let outside = stage
        .has_proc
        .then(|| [parent(first.pid), parent(joined.pid)]);
    joined.end();
    first.end();
    let said = |text: &str| {
        text.split_once(' ')
            .map(|(pid, ppid)| (pid.to_owned(), ppid.to_owned()))
            .unwrap_or_default()
    };
    let ((first, of_first), (joined, of_joined)) = (said(&one), said(&two));
    let mut found =
        format!("inside: {first} has parent {of_first}, {joined} (joined) has parent {of_joined}");
    let is_ours = outside.is_none_or(|parents| parents == [Some(myself); 2]);
    if outside.is_some() {
        found.push_str(if is_ours {
            "; outside both have the experimenter"
        } else {
            "; outside they have another parent"
        });
    }
    Ok(Finding::check(
        found,
        of_first == "0" && of_joined == "0" && joined == "2" && is_ours,
    ))
}

pub(super) fn stale_proc(stage: Stage) -> nix::Result<Finding> {
    if !stage.has_proc {
        return Ok(Finding::skip("no /proc can be mounted here"));
    }
    let myself = getpid();
    let inside = cast(Where::New, move |line| {
        let link = std::fs::read_link("/proc/self").unwrap_or_default();
        let is_shown = Process::read(myself).is_ok();
        let is_reached = may_signal(myself).is_ok();
        line.say(format!(
            "{} {} {is_shown} {is_reached}",
            getpid(),
            link.display()
        ));
        wait(line);
    })?;
    let said = inside.line.hear()?;
    let number = inside.pid.to_string();
    inside.end();
    let said: Vec<&str> = said.split(' ').collect();
    let [own, link, is_shown, is_reached] = said.as_slice() else {
        return Ok(Finding::skip("it did not report"));
    };
    let found = format!(
        "getpid() = {own}, /proc/self -> {link}; the experimenter ({myself}) is {} by /proc, {} by kill()",
        if *is_shown == "true" {
            "seen"
        } else {
            "not seen"
        },
        if *is_reached == "true" {
            "seen"
        } else {
            "not seen"
        },
    );
    Ok(Finding::check(
        found,
        *own == "1" && *link == number && *is_shown == "true" && *is_reached == "false",
    ))
}

pub(super) fn joined_orphans(_: Stage) -> nix::Result<Finding> {
    let first = cast(Where::New, introduce)?;
    first.line.hear()?;
    let joined = cast(Where::Beside(&first), |line| {
        // Until its child has looked once.
        if let Ok(orphan) = cast(Where::Here, |own| be_orphaned(own, line)) {
            let _ = orphan.line.hear();
        }
    })?;
    let before = joined.line.hear()?;
    await_end(joined.pid);
    let after = joined.line.hear()?;
    first.end();
    Ok(Finding::check(
        format!("getppid() = {before} while the joined one lived, {after} afterwards"),
        before == "2" && after == "1",
    ))
}

pub(super) fn credentials(_: Stage) -> nix::Result<Finding> {
    let inside = cast(Where::New, |line| {
        if line.0.pass_credentials().is_err() {
            return;
        }
        line.say("ready");
        line.say(sender(line).unwrap_or(-1));
        wait(line);
    })?;
    inside.line.0.pass_credentials()?;
    let outward = sender(&inside.line)?;
    inside.line.0.send(b"hello", &[], Wait::Allowed)?;
    let inward = inside.line.hear_number()?;
    let number = inside.pid.as_raw();
    inside.end();
    let found = format!(
        "from inside outward: {outward}, which is its number there; from outside inward: {inward}"
    );
    Ok(Finding::check(found, outward == number && inward == 0))
}

/// The number that comes with the next message.
fn sender(line: &Line) -> nix::Result<i32> {
    let received = line
        .0
        .receive_without_descriptors(&mut [0; 64], Wait::Allowed)?;
    received.sender.map(Pid::as_raw).ok_or(Errno::EBADMSG)
}
