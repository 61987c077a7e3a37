//! Threads that wait: numbers that no process has.
//!
//! A forked copy of a process with one thread may start threads of its own. It must fork nothing
//! any more, and does not: an actor builds no namespaces, and this one has no children. Signals are
//! the first thread's; the others block all of them.

use std::thread::{Builder, park};

use nix::sys::signal::SigSet;

use super::wait::{Waiter, reap_until_asked};
use nestns_sys::errno::number_of;

/// Stack size of each thread, of which it uses next to nothing.
const STACK: usize = 64 * 1024;

/// Starts so many threads, reports `ready` by waiting, and ends all of them with the process when
/// asked to.
pub(super) fn start(waiter: &Waiter, count: u32) -> nix::Result<()> {
    let own = SigSet::thread_get_mask()?;
    // A thread begins with the mask of the thread that has started it.
    SigSet::all().thread_set_mask()?;
    let started = (0..count).try_for_each(|_| spawn());
    own.thread_set_mask()?;
    started?;
    reap_until_asked(waiter, None).map(drop)
}

fn spawn() -> nix::Result<()> {
    let begun = Builder::new().stack_size(STACK).spawn(|| {
        loop {
            park();
        }
    });
    begun.map(drop).map_err(|error| number_of(&error))
}
