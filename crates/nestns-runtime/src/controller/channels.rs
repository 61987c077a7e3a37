//! The descriptors of a tree: what every process inherits, and the controller's ends of it.

use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::pipe2;

use super::start_error::StartError;
use crate::engine::plan::Plan;
use crate::engine::report;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::{FIRST_FREE, GATE, NULL, REPORTS, SIGNALS, TERMINAL};
use nestns_sys::latch::Latch;

/// Descriptors that the controller needs besides those of captured streams.
const OWN_DESCRIPTORS: u64 = 64;
/// The number of these for programs that begin to start.
const FEWEST_OUTCOMES: u64 = 16;

/// Raises the soft limit on descriptors where not even the first few numbers of the controller are
/// below it; the limits as they were, for programs.
pub(super) fn reserve_own() -> Result<Option<(u64, u64)>, StartError> {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(None);
    };
    if hard < OWN_DESCRIPTORS {
        return Err(StartError::Descriptors {
            needed: OWN_DESCRIPTORS,
            captured: 0,
            limit: hard,
        });
    }
    if soft < OWN_DESCRIPTORS {
        let failed = |cause| StartError::System {
            what: "raise the limit on descriptors",
            cause,
        };
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
            .by(Call::Setrlimit)
            .map_err(failed)?;
    }
    Ok(Some((soft, hard)))
}

/// Raises the soft limit on descriptors as far as it goes, and makes sure that every captured
/// stream will find one.
pub(super) fn reserve(plan: &Plan) -> Result<(), StartError> {
    let failed = |cause| StartError::System {
        what: "raise the limit on descriptors",
        cause,
    };
    let wanted = u64::from(plan.counts().captured);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)
        .by(Call::Getrlimit)
        .map_err(failed)?;
    let needed = needed(plan);
    if needed <= soft {
        return Ok(());
    }
    if needed > hard {
        return Err(StartError::Descriptors {
            needed,
            captured: wanted,
            limit: hard,
        });
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
        .by(Call::Setrlimit)
        .map_err(failed)
}

/// Number of descriptors that the controller of a plan needs.
pub(super) fn needed(plan: &Plan) -> u64 {
    u64::from(plan.counts().captured) + u64::from(plan.counts().channels) + OWN_DESCRIPTORS
}

/// The number of programs that may begin to start at once, with a pipe each: as many as the limit
/// on descriptors leaves besides all that lasts.
pub(super) fn room_for_outcomes(plan: &Plan) -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
    let left = soft.saturating_sub(needed(plan)) + FEWEST_OUTCOMES;
    usize::try_from(left).unwrap_or(usize::MAX)
}

/// The controller's ends of the channels that every process inherits.
pub(super) struct Channels {
    pub(super) reports: OwnedFd,
    pub(super) gate: Gate,
}

/// The gate of processes that have been created.
#[derive(Debug)]
pub(super) struct Gate {
    /// The writing end: end of file aborts those that wait for a word of their own.
    _held: OwnedFd,
    latch: Latch,
}

impl Gate {
    /// Lets everything go that waits for nothing else.
    pub(super) fn open(&self) {
        self.latch.open();
    }
}

/// Opens what every process of the tree inherits, and puts it at the agreed numbers.
pub(super) fn lay_out() -> Result<Channels, CallError> {
    // Each is moved above the agreed numbers first: putting one down must not close another that
    // was opened there.
    let above = |descriptor: OwnedFd| descriptor::above(descriptor, FIRST_FREE).by(Call::Fcntl);
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .by(Call::Open)?;
    let null = above(null.into())?;
    let (reports, sender) = report::channel()?;
    let (reports, sender) = (above(reports)?, above(sender)?);
    let (waiting, held) = pipe2(OFlag::O_CLOEXEC).by(Call::Pipe)?;
    let (waiting, held) = (above(waiting)?, above(held)?);
    let signals = SignalFd::with_flags(
        &SigSet::all(),
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )
    .by(Call::Signalfd)?;
    let signals = descriptor::above(signals, FIRST_FREE).by(Call::Fcntl)?;
    for (descriptor, number) in [
        (sender.as_fd(), REPORTS),
        (waiting.as_fd(), GATE),
        (signals.as_fd(), SIGNALS),
        (null.as_fd(), NULL),
    ] {
        descriptor::place_at(descriptor, number).by(Call::Dup3)?;
    }
    descriptor::place_at(&null, TERMINAL).by(Call::Dup3)?;
    Ok(Channels {
        reports,
        gate: Gate {
            _held: held,
            latch: Latch::make()?,
        },
    })
}
