//! Waiting for what happens outside of the test: a generous bound, and a short pause between two looks.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::kernel;

/// Bound of every step of every test, even on the slowest machine.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// Looks until something is found, or the time is over.
pub(crate) fn within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let is_last = Instant::now() > end;
        let found = look();
        if found.is_some() || is_last {
            return found;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Looks until something is found.
pub(crate) fn until_some<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(TIMEOUT, look).unwrap_or_else(|| panic!("never: {what}"))
}

/// Looks until a condition holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    until_some(what, || condition().then_some(()));
}

/// Waits for the end of a child, which stays unreaped when the time is over.
pub(crate) fn exit(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    within(limit, || child.try_wait().expect("it is our child"))
}

/// Waits until these processes wait for something themselves: all are found asleep, ten times in a row.
pub(crate) fn until_asleep(pids: impl Fn() -> Vec<i32>) {
    let is_asleep = |pid: i32| kernel::process(pid).is_none_or(|process| process.state == 'S');
    let mut times = 0;
    until("all of them sleep", || {
        times = if pids().into_iter().all(is_asleep) {
            times + 1
        } else {
            0
        };
        times == 10
    });
}

/// Stops a process with SIGSTOP, and waits until it has stopped.
pub(crate) fn suspend(process: Pid) {
    kill(process, Signal::SIGSTOP).expect("it runs");
    until("it has stopped", || {
        kernel::process(process.as_raw()).is_some_and(|found| found.state == 'T')
    });
}
