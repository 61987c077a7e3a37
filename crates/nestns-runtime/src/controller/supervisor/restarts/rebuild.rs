//! The creation of what comes back: each parent is told, one after the other, what to create.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;

use crate::controller::control_channels::Reach;
use crate::controller::supervisor::edge::Edge;
use crate::controller::target::Target;
use crate::engine::control_channel::{Answer, Command};
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{NamespaceIndex, Plan, ProcessKey};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Time that a PID 1 may take to carry a command out: longer than it gives itself.
const EXECUTION: Duration = Duration::from_secs(70);

/// A command and the PID 1 that is to carry it out: the controller itself where there is none.
#[derive(Debug, Clone, Copy)]
struct Order {
    to: Option<NamespaceIndex>,
    command: Command,
    of: ProcessKey,
}

/// Orders that are still to be given.
#[derive(Debug)]
pub(super) struct Rebuild {
    orders: VecDeque<Order>,
    /// Moment until which the first of them, which has been given, may take.
    given: Option<Moment>,
    answer: Option<Answer>,
    /// Descriptor that came along with the last answer.
    luggage: Option<Pidfd>,
}

/// Progress of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Wait,
    GoOn,
    Done,
}

impl Rebuild {
    /// Everything that has to be ordered for targets to come back.
    pub(super) fn of(plan: &Plan, targets: &[Target]) -> Self {
        let mut orders = VecDeque::new();
        for part in targets {
            let of = part.0;
            let ProcessKey { namespace, slot } = of;
            let children = plan.parent_of(of);
            let mut order = |to, command| orders.push_back(Order { to, command, of });
            if of.is_init() {
                order(children, Command::Raise { namespace });
            } else if children == Some(namespace) {
                order(children, Command::Fork { slot });
            } else {
                order(children, Command::Join { namespace, slot });
                if plan.namespace(namespace).forks_its_members() {
                    order(Some(namespace), Command::Member { slot });
                }
            }
        }
        Self {
            orders,
            given: None,
            answer: None,
            luggage: None,
        }
    }

    /// True if this PID 1 has been given an order.
    pub(super) fn awaits(&self, namespace: NamespaceIndex) -> bool {
        self.given.is_some()
            && self
                .orders
                .front()
                .is_some_and(|order| order.to == Some(namespace))
    }

    /// Takes an answer in.
    pub(super) fn take(&mut self, answer: Answer, pidfd: Option<Pidfd>) {
        self.answer = Some(answer);
        self.luggage = pidfd;
    }

    /// Takes in that the PID 1 which was to do it has hung up.
    pub(super) fn lose(&mut self) {
        if let Some(order) = self.orders.front() {
            self.answer = Some(Answer::Failed(Failure::of_no_call(
                order.of,
                Stage::Call,
                Errno::EPIPE,
            )));
        }
    }

    /// Moment at which it is given up.
    pub(super) fn until(&self) -> Option<Moment> {
        self.given
    }

    /// Goes on with the next order.
    ///
    /// # Errors
    ///
    /// The failure, as the parent has noticed it.
    pub(super) fn advance(&mut self, edge: &mut dyn Edge) -> Result<Progress, Failure> {
        let Some(&order) = self.orders.front() else {
            return Ok(Progress::Done);
        };
        let failed = |errno| Failure::of_no_call(order.of, Stage::Call, errno);
        let result = match (order.to, self.given) {
            // What no PID 1 can be told to do.
            (None, _) => edge.create(order.of).map(|pidfd| self.luggage = pidfd),
            (Some(_), Some(until)) => match self.answer.take() {
                Some(Answer::Done) => Ok(()),
                Some(Answer::Failed(failure)) => Err(failure),
                None if until <= edge.now() => Err(failed(Errno::ETIMEDOUT)),
                None => return Ok(Progress::Wait),
            },
            (Some(children), None) => match edge.reach(children) {
                Reach::Ready => {
                    let luggage = self.luggage.take();
                    self.given = Some(edge.now().plus(EXECUTION));
                    edge.command(children, order.command, luggage.as_ref().map(AsFd::as_fd));
                    return Ok(Progress::Wait);
                }
                Reach::Waiting(_) | Reach::Busy => return Ok(Progress::Wait),
                Reach::Unreachable => Err(failed(Errno::ETIMEDOUT)),
            },
        };
        self.given = None;
        result?;
        self.orders.pop_front();
        Ok(Progress::GoOn)
    }
}
