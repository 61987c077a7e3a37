//! The built-in workloads, run in a process that was forked and executes nothing.
//!
//! Responsible for the life of one such process from its release to its exit code. Not for getting
//! it into a namespace, its title or its descriptors: it has 0, 1 and 2 and opens no other. It runs
//! as PID 1 as well, which receives only signals that it handles or blocks (`pid_namespaces(7)`),
//! so every actor defines its reaction to TERM. One thread except for the actor that has several,
//! which forks nothing; no panic, and no allocation that grows with time.

mod family;
mod output;
mod pace;
mod threads;
mod wait;

use std::time::Instant;

use nix::sys::signal::Signal;

use nestns_sys::disposition;
use nestns_topology::Actor;

use self::output::Written;
use self::wait::{Waiter, Woken};

/// Runs the actor to its end and returns the exit code, which the caller hands to `_exit`.
///
/// Inherited blocked or ignored signals do not matter. The code is 0 for an actor that was asked to
/// end by TERM or INT or whose time is over, the declared one for [`Actor::Exit`], and 1 for one
/// that could not do its work (a fork or a write failed), with the reason on standard error.
pub fn perform(actor: &Actor) -> i32 {
    match play(actor) {
        Ok(code) => code,
        Err(failure) => {
            output::complain(actor, failure);
            1
        }
    }
}

fn play(actor: &Actor) -> nix::Result<i32> {
    if *actor == Actor::IgnoreTerm {
        return ignore_term();
    }
    let waiter = Waiter::new()?;
    match *actor {
        Actor::Idle => idle(&waiter)?,
        Actor::Serve => {
            if output::write_line(&waiter, b"ready\n")? == Written::Whole {
                idle(&waiter)?;
            }
        }
        Actor::Tree { children } => family::tree(&waiter, children)?,
        Actor::Zombie => family::zombie(&waiter)?,
        Actor::Orphan => family::orphan(&waiter)?,
        Actor::ForkStorm { rate, duration } => family::storm(&waiter, rate, duration)?,
        Actor::Log { rate, duration } => output::log(&waiter, rate, duration)?,
        Actor::Threads { count } => threads::start(&waiter, count)?,
        Actor::Exit { code, after } => {
            return Ok(
                match wait::reap_until_asked(&waiter, Instant::now().checked_add(after))? {
                    Woken::Deadline => i32::from(code),
                    _ => 0,
                },
            );
        }
        Actor::IgnoreTerm => {}
    }
    Ok(0)
}

/// Waits for TERM or INT; reaps, because a PID 1 is given every orphan of its namespace.
fn idle(waiter: &Waiter) -> nix::Result<()> {
    wait::reap_until_asked(waiter, None).map(drop)
}

/// Returns only on failure: every signal that requests an end is ignored, which also drops pending
/// ones.
fn ignore_term() -> nix::Result<i32> {
    let waiter = Waiter::new()?;
    for signal in [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ] {
        disposition::ignore(signal)?;
    }
    loop {
        wait::reap_until_asked(&waiter, None)?;
    }
}
