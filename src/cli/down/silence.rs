//! Silence of a controller during a stop, and what follows from its length.

use std::time::Duration;

use nix::unistd::Pid;

use nestns_client::protocol::message::Force;
use nestns_observe::process;
use nestns_sys::moment::Moment;

/// After so long a controller that is stopped says nothing because of that.
const SURE: Duration = Duration::from_secs(1);
/// Time that a controller has to kill everything: its own bounds are shorter.
const LONGEST: Duration = Duration::from_secs(20);

/// Time since a stop was last heard of: a controller tells every second what it waits for.
pub(super) struct Silence {
    since: Moment,
    force: Force,
    has_told: bool,
}

impl Silence {
    pub(super) fn begin(force: Force) -> Self {
        Self {
            since: Moment::now(),
            force,
            has_told: false,
        }
    }

    pub(super) fn break_it(&mut self) {
        self.since = Moment::now();
        self.has_told = false;
    }

    /// Returns whether a controller that was to kill everything has to be killed itself.
    pub(super) fn is_over(&self, controller: i32) -> bool {
        let wait_until = if is_stopped(controller) {
            SURE
        } else {
            LONGEST
        };
        self.force == Force::Kill && self.since.plus(wait_until) <= Moment::now()
    }

    /// Returns whether there is something to say about a controller that was to ask.
    pub(super) fn is_news(&mut self, controller: i32) -> bool {
        let is_late = self.since.plus(SURE) <= Moment::now() && is_stopped(controller);
        is_late && !std::mem::replace(&mut self.has_told, true)
    }
}

fn is_stopped(controller: i32) -> bool {
    process::is_stopped(Pid::from_raw(controller)).unwrap_or(false)
}
