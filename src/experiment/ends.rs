//! Experiments on ends: of a PID 1, of a parent, and of nesting.

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, getppid};

use super::stage::{Line, Stage, Where, await_end, cast, note, wait};
use super::{Finding, explain};
use nestns_sys::fork::{exit_now, fork};

pub(super) fn root_death(_: Stage) -> nix::Result<Finding> {
    // Each keeps the writing end of a pipe open for as long as it lives; the last to die closes it.
    let (reader, writer) =
        nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK)?;
    let first = cast(Where::New, |line| {
        let Ok(_second) = cast(Where::Here, wait) else {
            return;
        };
        let Ok(inner) = cast(Where::New, |inner| {
            let Ok(_second) = cast(Where::Here, wait) else {
                return;
            };
            inner.say("4");
            wait(inner);
        }) else {
            return;
        };
        line.say(inner.line.hear().unwrap_or_default());
        wait(line);
    })?;
    drop(writer);
    let count = first.line.hear()?;
    let mut byte = [0];
    let before = nix::unistd::read(&reader, &mut byte);
    first.signal(Signal::SIGKILL)?;
    let ended = await_end(first.pid);
    let after = nix::unistd::read(&reader, &mut byte);
    // Once the first has been reaped, no process is left that could hold the other end open.
    let holds = before == Err(Errno::EAGAIN) && after == Ok(0);
    let how = match ended {
        Some(WaitStatus::Signaled(_, signal, _)) => signal.as_str().to_owned(),
        other => format!("{other:?}"),
    };
    let left = if after == Ok(0) {
        "none of them"
    } else {
        "at least one"
    };
    Ok(Finding::check(
        format!(
            "{count} processes lived; PID 1 ended by {how}; when it was reaped, {left} was left"
        ),
        holds,
    ))
}

pub(super) fn orphans(_: Stage) -> nix::Result<Finding> {
    let first = cast(Where::New, |line| {
        // The orphan talks to PID 1 by a line of its own, which it inherits from its parent.
        let Ok(parent) = cast(Where::Here, |line| {
            // Until it has looked once.
            if let Ok(orphan) = cast(Where::Here, |own| be_orphaned(own, line)) {
                let _ = orphan.line.hear();
            }
        }) else {
            return;
        };
        let before = parent.line.hear().unwrap_or_default();
        await_end(parent.pid);
        line.say(format!(
            "{before} {}",
            parent.line.hear().unwrap_or_default()
        ));
        wait(line);
    })?;
    let said = first.line.hear()?;
    first.end();
    let (before, after) = said.split_once(' ').unwrap_or_default();
    Ok(Finding::check(
        format!("getppid() = {before} while its parent lived, {after} afterwards"),
        before == "2" && after == "1",
    ))
}

/// Reports its parent on `line`, confirms that on its own line, and reports again once the parent has changed.
pub(super) fn be_orphaned(own: &Line, line: &Line) {
    let before = getppid();
    line.say(before);
    own.say("looked");
    while getppid() == before {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    line.say(getppid());
}

pub(super) fn dead_space(_: Stage) -> nix::Result<Finding> {
    // In a throw-away process: a process in this state can no longer fork.
    let somebody = cast(Where::Here, |line| {
        if let Err(errno) = unshare(CloneFlags::CLONE_NEWPID) {
            line.say(format!("{errno:?}"));
            return;
        }
        match fork() {
            Ok(ForkResult::Child) => exit_now(0),
            Ok(ForkResult::Parent { child }) => {
                await_end(child);
            }
            Err(errno) => line.say(format!("{:?}", note(errno))),
        }
        match fork() {
            Ok(ForkResult::Child) => exit_now(0),
            Ok(ForkResult::Parent { .. }) => line.say("0"),
            Err(errno) => line.say(format!("{:?}", note(errno))),
        }
    })?;
    let said = somebody.line.hear()?;
    somebody.end();
    Ok(Finding::check(
        format!("the second fork(): {said}"),
        said == "ENOMEM",
    ))
}

pub(super) fn depth(stage: Stage) -> nix::Result<Finding> {
    let (levels, errno) = deeper(0)?;
    // The stage is the first level below the initial namespace, where nothing is around.
    let below = levels + 1;
    let found = format!(
        "{levels} below the stage, which is one itself; then {}",
        explain(errno)
    );
    if errno != Errno::ENOSPC {
        // Of processes, memory or descriptors there are too few: how deep namespaces nest is not known.
        return Ok(Finding::skip_at_limit(
            found,
            errno,
            u64::try_from(levels).unwrap_or(0) + 4,
        ));
    }
    if !stage.is_outermost {
        return Ok(Finding::skip(format!(
            "{found}; the number of namespaces around this machine is unknown"
        )));
    }
    // Fewer may be left by `user.max_pid_namespaces`, which is the same error.
    if below < 32 {
        return Ok(Finding::skip(format!(
            "{found}: `user.max_pid_namespaces` is reached first"
        )));
    }
    Ok(Finding::check(found, below == 32))
}

/// Number of further levels that can be made, and the error for the next one.
fn deeper(level: i32) -> nix::Result<(i32, Errno)> {
    let next = match cast(Where::New, move |line| tell(line, level + 1)) {
        Ok(next) => next,
        Err(errno) => return Ok((level, errno)),
    };
    let said = next.line.hear();
    next.end();
    let said = said?;
    let (levels, errno) = said.split_once(' ').ok_or(Errno::EBADMSG)?;
    let number = |text: &str| text.parse::<i32>().map_err(|_| Errno::EBADMSG);
    Ok((number(levels)?, Errno::from_raw(number(errno)?)))
}

fn tell(line: &Line, level: i32) {
    let (levels, errno) = deeper(level).unwrap_or((level, Errno::EIO));
    line.say(format!("{levels} {}", errno as i32));
}
