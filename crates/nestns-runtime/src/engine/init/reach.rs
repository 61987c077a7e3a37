//! Processes that a request to stop reaches besides the one that it is for (`stop.to`), and the wait for them.
//!
//! A process group is the kernel's own list, so that nothing is enumerated: it is signalled through
//! the pidfd of its leader in one call, which also tells when it is empty (R73). Everything
//! that comes from a process is found and asked by the controller; here it is waited for: by then all
//! of it is inherited by this PID 1.

use std::time::Duration;

use nix::errno::Errno;

use super::Init;
use crate::engine::plan::ProcessKey;
use crate::engine::reach;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{Signal, StopReach};

/// Time between two looks at groups: the end of a process that is no child of this one is told by
/// nothing.
const LOOK: Duration = Duration::from_millis(20);

/// Processes besides declared ones that a stop has reached.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Leaders of process groups that were asked.
    groups: Vec<Pidfd>,
    /// True if everything that comes from a process was asked.
    is_all: bool,
}

impl Reached {
    /// True if none of it is left. `childless` says that this process has no child at all.
    pub(super) fn has_left(&self, childless: bool) -> bool {
        (childless || !self.is_all) && self.groups.iter().all(is_empty)
    }

    /// Moment of the next look.
    pub(super) fn next(&self) -> Option<Moment> {
        let is_any = self.groups.iter().any(|group| !is_empty(group));
        is_any.then(|| Moment::now().plus(LOOK))
    }

    /// True if everything that comes from a process was asked.
    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Leaders of process groups that were asked.
    pub(super) fn groups(&self) -> &[Pidfd] {
        &self.groups
    }
}

/// True if a group has no process left, or cannot be asked about.
fn is_empty(leader: &Pidfd) -> bool {
    // One of another user is not empty either.
    !matches!(leader.signal_group(0), Ok(()) | Err(Errno::EPERM))
}

impl Init {
    fn reach_of(&self, subject: ProcessKey) -> StopReach {
        let namespace = self.plan.namespace(subject.namespace);
        namespace.stop_reach(subject.slot)
    }

    /// Notes what the request to a process of this namespace reaches.
    pub(super) fn reach(&mut self, subject: ProcessKey) {
        if subject.namespace != self.index {
            // What is left of another one ends with its PID 1.
            return;
        }
        match self.reach_of(subject) {
            StopReach::Process => {}
            StopReach::Group => self.reached.groups.extend(self.open(subject)),
            StopReach::All => self.reached.is_all = true,
        }
    }

    /// Signals a process, and with it the group that it leads where the request reaches that.
    pub(super) fn signal_reached(&self, subject: ProcessKey, signal: Signal) {
        let reach = self.reach_of(subject);
        self.send(subject, |pidfd| reach::signal(pidfd, reach, signal));
    }
}
