//! Faults on purpose, for tests: a named point in the program at which it is killed, stopped, or told that a call has failed.
//!
//! `NESTNS_FAULT=POINT:ACTION[,…]`, where ACTION is `kill`, `stop` or the number of an errno; with `POINT#N` only the N-th
//! time. A window of a microsecond between two calls is hit so every time. None of it is in a release build.

use nix::errno::Errno;

/// A point at which the process may be killed or stopped.
#[cfg(not(debug_assertions))]
#[inline]
pub fn point(_name: &str) {}

/// The errno with which a call is to fail here.
#[cfg(not(debug_assertions))]
#[inline]
pub fn errno(_name: &str) -> Option<Errno> {
    None
}

/// A point at which the process may be killed or stopped.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use nix::libc;
    use nix::sys::signal::{Signal, kill};
    let signal = match action(name).as_deref() {
        Some("kill") => Signal::SIGKILL,
        Some("stop") => Signal::SIGSTOP,
        _ => return,
    };
    // The process's own number is not reused while it runs.
    let _ = kill(nix::unistd::Pid::this(), signal);
    debug_assert_ne!(signal as i32, libc::SIGKILL);
}

/// The errno with which a call is to fail here.
#[cfg(debug_assertions)]
pub fn errno(name: &str) -> Option<Errno> {
    action(name)?.parse().ok().map(Errno::from_raw)
}

#[cfg(debug_assertions)]
fn action(name: &str) -> Option<String> {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    static PASSED: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let faults = std::env::var("NESTNS_FAULT").ok()?;
    let of_this = |fault: &str| fault.split(['#', ':']).next() == Some(name);
    let fault = faults.split(',').find(|fault| of_this(fault))?;
    let (place, action) = fault.split_once(':')?;
    if let Some((_, count)) = place.split_once('#') {
        let mut passed = PASSED.lock().ok()?;
        let passed = passed.entry(name.to_owned()).or_default();
        *passed += 1;
        if passed.to_string() != count {
            return None;
        }
    }
    Some(action.to_owned())
}
