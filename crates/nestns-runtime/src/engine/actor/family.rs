//! The actors that have children: a tree, a zombie, an orphan, a storm.
//!
//! A child that is not yet reaped keeps its number (wait(2)), so a number in a parent's list is
//! safe to signal for as long as only the parent takes it off.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use nestns_sys::fork::{ForkResult, exit_now, fork};
use nestns_sys::reap::{Reaped, reap_one};
use nestns_topology::Actor;

use super::output::complain;
use super::pace::{Beat, Pace};
use super::perform;
use super::wait::{Waiter, Woken, reap_until_asked};

/// Runs with idle children; on TERM they are asked first, and the parent ends when the last has
/// ended.
pub(super) fn tree(waiter: &Waiter, children: u32) -> nix::Result<()> {
    let mut alive = Vec::new();
    let mut grown = Ok(());
    for _ in 0..children {
        match fork_idle() {
            Ok(child) => alive.push(child),
            Err(errno) => {
                grown = Err(errno);
                break;
            }
        }
    }
    while grown.is_ok() && waiter.wait(None)? != Woken::Asked {
        reap_from(&mut alive);
    }
    for &child in &alive {
        // ESRCH cannot be, EPERM neither: they are copies of this process, and unreaped.
        let _ = kill(child, Signal::SIGTERM);
    }
    loop {
        reap_from(&mut alive);
        if alive.is_empty() {
            return grown;
        }
        // Asked again, it goes on waiting: the children have been asked.
        waiter.wait(None)?;
    }
}

/// Reaps what has ended, adopted orphans included, and takes the children among it off the list.
fn reap_from(alive: &mut Vec<Pid>) {
    loop {
        match reap_one() {
            Reaped::Child { pid, .. } => alive.retain(|&child| child != pid),
            Reaped::NoneEnded => return,
            Reaped::NoChild => return alive.clear(),
        }
    }
}

/// A child that has ended and is never waited for. Nothing else is either: as PID 1 this is the
/// program that was not written to be one, under which every orphan of the namespace stays a
/// zombie.
pub(super) fn zombie(waiter: &Waiter) -> nix::Result<()> {
    if let ForkResult::Child = fork()? {
        exit_now(0);
    }
    while waiter.wait(None)? != Woken::Asked {}
    Ok(())
}

/// A grandchild whose parent has ended: it falls to the nearest PID 1 (or subreaper), which is this
/// process if it is one.
pub(super) fn orphan(waiter: &Waiter) -> nix::Result<()> {
    if let ForkResult::Child = fork()? {
        if let Err(errno) = fork_idle() {
            complain(&Actor::Orphan, errno);
        }
        exit_now(0);
    }
    reap_until_asked(waiter, None).map(drop)
}

/// Children that end at once, at the rate, each reaped before the next: the count of live ones
/// stays at one, and the numbers of the namespace go up by one a child.
pub(super) fn storm(waiter: &Waiter, rate: u32, duration: Option<Duration>) -> nix::Result<()> {
    let mut pace = Pace::new(rate, duration);
    loop {
        let moment = match pace.beat() {
            Beat::At(moment) => moment,
            Beat::End(end) => return reap_until_asked(waiter, end).map(drop),
        };
        if reap_until_asked(waiter, Some(moment))? == Woken::Asked {
            return Ok(());
        }
        match fork() {
            Ok(ForkResult::Child) => exit_now(0),
            Ok(ForkResult::Parent { child }) => {
                let mut alive = vec![child];
                while !alive.is_empty() {
                    if waiter.wait(None)? == Woken::Asked {
                        return Ok(());
                    }
                    reap_from(&mut alive);
                }
            }
            // A limit of processes is the very thing that a storm is there to meet: this beat is
            // lost, the next may not be.
            Err(Errno::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
        pace.advance();
    }
}

/// A child that idles; returns in the parent only.
fn fork_idle() -> nix::Result<Pid> {
    match fork()? {
        ForkResult::Child => exit_now(perform(&Actor::Idle)),
        ForkResult::Parent { child } => Ok(child),
    }
}
