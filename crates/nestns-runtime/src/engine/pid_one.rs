//! The new PID 1 of a namespace, from the fork until it is set up.
//!
//! Everything here may still fail: the failure is reported, the process ends, and the controller
//! rolls the tree back. It runs with all signals blocked, so that nothing but KILL interrupts it.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::chdir;

use super::failure::{Failure, Stage};
use super::forked_by::ForkedBy;
use super::init::Init;
use super::isolation;
use super::panic_hook;
use super::plan::{
    Channel, InitGroup, InitPlan, NamespaceIndex, NamespacePlan, Plan, ProcessKey, Slot,
};
use super::sync_channel::{self, SyncMessage};
use super::{program, report};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor_layout::{self, FIRST_FREE, SYNC_CHANNEL};
use nestns_sys::{descriptor, dumpable};

/// The whole life of a PID 1, from the fork on.
pub fn run_pid_one(
    plan: Plan,
    index: NamespaceIndex,
    channel: Option<OwnedFd>,
    forked_by: ForkedBy,
) -> ! {
    let subject = ProcessKey::init(index);
    panic_hook::belong_to(subject);
    let has_sync_channel = channel.is_some();
    if let Err(failure) = set_up(subject, channel, forked_by) {
        program::fail(failure);
    }
    let namespace = plan.namespace(index);
    if namespace.channel == Channel::Own
        && let Err(errno) = report::open_own(subject)
    {
        program::fail(Failure::new(subject, Stage::Channel, errno));
    }
    // It holds no more descriptors of others.
    dumpable::show();
    if namespace.parent.is_none()
        && let Err(failure) = await_parent(subject)
    {
        program::fail(failure);
    }
    let (title, kind) = match &namespace.init {
        InitPlan::Builtin => (namespace.path.clone(), "init"),
        InitPlan::Pause => (namespace.path.clone(), "pause"),
        InitPlan::Program(program) => (namespace.path_of(Slot::Init), program::kind(program)),
    };
    match (&namespace.init, namespace.init_group()) {
        (InitPlan::Program(_), InitGroup::Own) => program::begin_session(),
        (InitPlan::Builtin | InitPlan::Pause, InitGroup::Own) => program::begin_group(),
        // The helper that has forked this process led it.
        (_, InitGroup::LedFromOutside) => {}
    }
    program::take_name(&plan, &title, kind);
    if let Err(failure) = stand(subject, &namespace) {
        program::fail(failure);
    }
    if let InitPlan::Program(process) = &namespace.init {
        if has_sync_channel {
            // Joined processes and the namespaces inside it are its parent's work from now on.
            say_taken(subject);
        }
        program::become_program(&plan, subject, process, None)
    }
    let mut init = Init::new(plan, index, &namespace, run_pid_one);
    if let Err(failure) = init.create(&namespace) {
        program::fail(failure);
    }
    drop(namespace);
    if has_sync_channel {
        say_taken(subject);
    }
    program::drop_standard_descriptors();
    init.live()
}

/// Puts the channel to the parent in its place and closes everything that belonged to the creator.
fn set_up(
    subject: ProcessKey,
    channel: Option<OwnedFd>,
    forked_by: ForkedBy,
) -> Result<(), Failure> {
    let failed = |cause: CallError| Failure::new(subject, Stage::Channel, cause);
    let Some(channel) = channel else {
        descriptor::close_from(SYNC_CHANNEL)
            .by(Call::CloseRange)
            .map_err(failed)?;
        return Ok(());
    };
    descriptor::place_at(&channel, SYNC_CHANNEL)
        .by(Call::Dup3)
        .map_err(failed)?;
    // Its number is closed below, with all others.
    std::mem::forget(channel);
    descriptor::close_from(FIRST_FREE)
        .by(Call::CloseRange)
        .map_err(failed)?;
    if forked_by == ForkedBy::Helper {
        sync_channel::send(
            descriptor_layout::fd(SYNC_CHANNEL),
            SyncMessage::Ready,
            None,
        )
        .map_err(failed)?;
    }
    Ok(())
}

/// Waits, in a root, until the controller is its parent and the guardian knows it; then binds its
/// life to the controller's.
///
/// Until then end of file on the channel reports the controller's death. Only from then on may
/// `PR_SET_PDEATHSIG` be armed: before, it would fire when a helper ends. getppid(2) is of no use,
/// it is 0 in every PID 1 (R23).
fn await_parent(subject: ProcessKey) -> Result<(), Failure> {
    let failed = |stage| move |cause: CallError| Failure::new(subject, stage, cause);
    let channel = descriptor_layout::fd(SYNC_CHANNEL);
    match sync_channel::receive(channel).map_err(failed(Stage::Channel))? {
        Some(received) if received.message == SyncMessage::Continue => {}
        _ => program::leave(1),
    }
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .by(Call::Prctl)
        .map_err(failed(Stage::Guard))?;
    // Had the controller died before the line above, the other end would be closed by now.
    let mut hung_up = [PollFd::new(channel, PollFlags::empty())];
    while let Err(errno) = poll(&mut hung_up, PollTimeout::ZERO) {
        if errno != Errno::EINTR {
            return Err(failed(Stage::Channel)(CallError {
                call: Call::Poll,
                errno,
            }));
        }
    }
    if hung_up[0].any().unwrap_or(true) {
        program::leave(1);
    }
    Ok(())
}

fn stand(subject: ProcessKey, namespace: &NamespacePlan) -> Result<(), Failure> {
    chdir("/").map_err(|errno| Failure::with(subject, Stage::WorkingDirectory, errno, "/"))?;
    isolation::establish(subject, namespace)
}

fn say_taken(subject: ProcessKey) {
    match sync_channel::send(
        descriptor_layout::fd(SYNC_CHANNEL),
        SyncMessage::NumbersTaken,
        None,
    ) {
        Ok(()) => {}
        // The parent is gone, and this namespace ends with it.
        Err(CallError {
            errno: Errno::EPIPE,
            ..
        }) => program::leave(1),
        Err(cause) => program::fail(Failure::new(subject, Stage::Channel, cause)),
    }
    // The number is freed; no object owns it.
    let _ = nix::unistd::close(SYNC_CHANNEL);
}
