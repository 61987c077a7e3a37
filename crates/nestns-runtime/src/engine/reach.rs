//! Signals of a stop to a process, and to the process group that it leads where they reach that.

use nestns_sys::pidfd::Pidfd;
use nestns_topology::{Signal, StopReach};

/// Signals a process. Its group is signalled in one call, so that no fork escapes (R73); before Linux
/// 6.9 the process alone. All that comes from it is found by the controller.
///
/// # Errors
///
/// Those of `pidfd_send_signal(2)`.
pub fn signal(pidfd: &Pidfd, reach: StopReach, signal: Signal) -> nix::Result<()> {
    match reach {
        StopReach::Process | StopReach::All => pidfd.signal(signal.number()),
        // While it waits at its gate it may not lead one.
        StopReach::Group => pidfd
            .signal_group(signal.number())
            .or_else(|_| pidfd.signal(signal.number())),
    }
}
