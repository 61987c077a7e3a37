//! Requests to stop, as a pause init takes them.
//!
//! The pause container of a pod leaves at once on TERM and on INT from any sender, and passes
//! nothing on; what is inside is the kernel's to kill. Only what nestns itself asks for is a stop in
//! order, as a kubelet asks the containers of a pod before its sandbox. A request of nestns's own
//! carries a value; where the kernel had no room for that (R74), it has been announced before, so
//! that nothing is decided before all pending signals are read.

use nix::libc;

use super::Init;
use crate::engine::gate::Delivered;
use crate::engine::plan::InitPlan;
use crate::engine::report::{Report, StopManner, StopRequest};
use crate::engine::stop_plan;
use nestns_sys::moment::Moment;

/// Requests to stop that a pause init has not decided about.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// True if nestns has announced a request.
    is_announced: bool,
    /// A request from outside without a value.
    undecided: Option<Delivered>,
    /// A request that nestns has not sent.
    foreign: Option<Delivered>,
}

impl Init {
    pub(super) fn is_pause(&self) -> bool {
        matches!(self.plan.namespace(self.index).init, InitPlan::Pause)
    }

    /// Takes a signal that a pause init acts on, or that it does not pass on; false if it is one for
    /// any init.
    pub(super) fn takes_as_pause(&mut self, delivered: Delivered) -> bool {
        let Delivered {
            signal,
            sender,
            word,
            ..
        } = delivered;
        if signal == stop_plan::ANNOUNCE {
            self.requests.is_announced |= sender == 0;
            return true;
        }
        let own = stop_plan::request(self.stop).number();
        if ![libc::SIGTERM, libc::SIGINT, own].contains(&signal) {
            // A hold is lifted for any init; without a value the signal means nothing to this one.
            return signal != stop_plan::LIFT || word.is_none();
        }
        let place = if signal != own || sender != 0 {
            &mut self.requests.foreign
        } else if word.is_some() {
            self.requests.is_announced = false;
            self.begin_to_stop(delivered);
            return true;
        } else {
            &mut self.requests.undecided
        };
        place.get_or_insert(delivered);
        true
    }

    /// Decides about the requests, when no signal is pending; true if it is to leave.
    pub(super) fn leaves_as_pause(&mut self) -> bool {
        if let Some(delivered) = self.requests.undecided.take() {
            if std::mem::take(&mut self.requests.is_announced) {
                self.begin_to_stop(delivered);
            } else {
                self.requests.foreign.get_or_insert(delivered);
            }
        }
        if let Some(Delivered { signal, sender, .. }) = self.requests.foreign.take() {
            self.outbox.push(Report::Stopping {
                namespace: self.index,
                request: StopRequest {
                    sender,
                    signal,
                    at: Moment::now(),
                },
                manner: StopManner::Leaving,
            });
            return true;
        }
        false
    }
}
