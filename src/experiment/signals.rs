//! Experiments on signals: which are delivered, to which process, and with which sender.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

use super::Finding;
use super::stage::{Line, Stage, Where, cast, note, wait};
use nestns_sys::pidfd::Pidfd;

pub(super) fn deaf_init(_: Stage) -> nix::Result<Finding> {
    let first = cast(Where::New, |line| {
        // From inside: 2 kills 1.
        let Ok(second) = cast(Where::Here, |_| {
            let result = Pidfd::open(Pid::from_raw(1))
                .and_then(|pidfd| pidfd.signal(Signal::SIGKILL as i32));
            nestns_sys::fork::exit_now(i32::from(result.is_err()));
        }) else {
            return;
        };
        let ended = second.end();
        line.say(if matches!(ended, Some(WaitStatus::Exited(_, 0))) {
            "0"
        } else {
            "an error"
        });
        wait(line);
    })?;
    let inside = first.line.hear()?;
    let after_inside = first.lives();
    let asked = first.signal(Signal::SIGTERM);
    // Dropped or not: it would be seen before an answer to a message.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let after_term = first.lives();
    first.signal(Signal::SIGKILL)?;
    let ended = super::stage::await_end(first.pid);
    let is_killed = matches!(ended, Some(WaitStatus::Signaled(_, Signal::SIGKILL, _)));
    let lives = |lives: bool| if lives { "lives" } else { "is dead" };
    let found = format!(
        "KILL from inside returned {inside}, PID 1 {}; TERM from outside returned {}, PID 1 {}; KILL from outside {}",
        lives(after_inside),
        if asked.is_ok() { "0" } else { "an error" },
        lives(after_term),
        if is_killed {
            "killed it"
        } else {
            "did not kill it"
        },
    );
    Ok(Finding::check(
        found,
        inside == "0" && after_inside && asked.is_ok() && after_term && is_killed,
    ))
}

fn user_signal() -> SigSet {
    let mut set = SigSet::empty();
    set.add(Signal::SIGUSR1);
    set
}

/// Blocks USR1 and makes it readable.
fn ear() -> nix::Result<SignalFd> {
    let set = user_signal();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(note)
}

/// Sender of the signal; `None` if none arrives within a while.
fn sender(ear: &mut SignalFd) -> Option<u32> {
    for _ in 0..500 {
        match ear.read_signal() {
            Ok(Some(signal)) => return Some(signal.ssi_pid),
            _ => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
    None
}

fn word(sender: Option<u32>) -> String {
    sender.map_or_else(
        || "no signal arrived".to_owned(),
        |sender| sender.to_string(),
    )
}

pub(super) fn sender_zero(_: Stage) -> nix::Result<Finding> {
    let first = cast(Where::New, |line| {
        let Ok(mut ear) = ear() else { return };
        line.say("ready");
        line.say(word(sender(&mut ear)));
        let second = cast(Where::Here, |_| {
            let opened = Pidfd::open(Pid::from_raw(1)).map_err(note);
            let _ = opened.and_then(|pidfd| pidfd.signal(Signal::SIGUSR1 as i32));
        });
        line.say(word(sender(&mut ear)));
        if let Ok(second) = second {
            second.end();
        }
        wait(line);
    })?;
    first.line.hear()?;
    first.signal(Signal::SIGUSR1)?;
    let (outside, inside) = (first.line.hear()?, first.line.hear()?);
    first.end();
    Ok(Finding::check(
        format!("ssi_pid = {outside} from outside, {inside} from inside"),
        outside == "0" && inside == "2",
    ))
}

/// Waits for USR1 and reports its sender.
fn listen(line: &Line) {
    let Ok(mut ear) = ear() else { return };
    line.say("ready");
    line.say(word(sender(&mut ear)));
    wait(line);
}

pub(super) fn kill_all(_: Stage) -> nix::Result<Finding> {
    let first = cast(Where::New, |line| {
        let Ok(own) = ear() else { return };
        let Ok(sender) = cast(Where::Here, |line| {
            // As PID 1 has it blocked, so has this one, until here: a signal to itself would end it.
            let _ = sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&user_signal()), None);
            // No process outside this namespace is visible from it: this is the one place where `-1` is safe.
            if line.hear().is_ok() {
                let _ = kill(Pid::from_raw(-1), Signal::SIGUSR1);
                line.say("sent");
                wait(line);
            }
        }) else {
            return;
        };
        let (Ok(third), Ok(inner)) = (cast(Where::Here, listen), cast(Where::New, listen)) else {
            return;
        };
        let _ = (third.line.hear(), inner.line.hear());
        sender.line.say("go");
        let _ = sender.line.hear();
        let third = third.line.hear().unwrap_or_default();
        let inner = inner.line.hear().unwrap_or_default();
        let own = own.read_signal().ok().flatten().is_some();
        line.say(format!("{third},{inner},{own},{}", sender.lives()));
        wait(line);
    })?;
    let said = first.line.hear()?;
    first.end();
    let said: Vec<&str> = said.split(',').collect();
    let [third, inner, own, lives] = said.as_slice() else {
        return Ok(Finding::skip("it did not report"));
    };
    let found = format!(
        "at 3: from {third}; in `b`: from {inner}; at PID 1: {}; the sender {}",
        if *own == "true" {
            "it arrived"
        } else {
            "nothing"
        },
        if *lives == "true" { "lives" } else { "is dead" }
    );
    Ok(Finding::check(
        found,
        *third == "2" && *inner == "0" && *own == "false" && *lives == "true",
    ))
}
