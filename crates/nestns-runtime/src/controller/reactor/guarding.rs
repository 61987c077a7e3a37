//! The reactor as a parent's wait hook: waiting for a creation without missing anything else, and
//! the guardian's part in it.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::unistd::Pid;

use super::Reactor;
use crate::controller::event_loop::Token;
use crate::controller::event_sink::{EventSink, Loss, Note};
use crate::controller::guardian::{GUARDIANS, Guardian, Name, SavedTerminal, Ward};
use crate::controller::state_directory::Remains;
use crate::engine::children::{BuildError, WaitHook};
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::ProcessKey;
use nestns_client::documents::EndedDocument;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::fault;
use nestns_sys::pidfd::Pidfd;

/// The guardian, and what it is told.
pub(in crate::controller) struct Guarding<'a> {
    pub(in crate::controller) guardian: Guardian,
    /// The PID 1s directly below the host that it knows.
    pub(in crate::controller) roots: Vec<Pid>,
    /// True if there is none any more.
    pub(super) is_lost: bool,
    saved: Option<&'a SavedTerminal>,
    remains: &'a Remains,
    /// The end of the topology if this process is killed; `None` if none is recorded.
    pub(in crate::controller) record: Option<&'a EndedDocument>,
}

impl<'a> Guarding<'a> {
    pub(super) fn new(
        guardian: Guardian,
        saved: Option<&'a SavedTerminal>,
        remains: &'a Remains,
        record: Option<&'a EndedDocument>,
    ) -> Self {
        Self {
            guardian,
            roots: Vec::new(),
            is_lost: false,
            saved,
            remains,
            record,
        }
    }

    /// Starts another guardian when the first has been killed, and tells it all it has to know.
    pub(in crate::controller) fn replace(
        &mut self,
        event_sink: &mut dyn EventSink,
        mut loss: Loss,
    ) -> Result<(), CallError> {
        let mut attempts = 1;
        loop {
            event_sink.note(&Note::GuardianLost { loss });
            self.guardian.bury();
            fault::point("guardian-lost");
            match self.start() {
                // This one has been killed as well.
                Err(cause)
                    if attempts < GUARDIANS
                        && matches!(
                            cause.errno,
                            Errno::EPIPE | Errno::EAGAIN | Errno::ECONNRESET
                        ) =>
                {
                    attempts += 1;
                    loss = Loss::of(cause);
                }
                result => {
                    self.is_lost = result.is_err();
                    return result;
                }
            }
        }
    }

    /// The roots first and the lock last: the holder of the lock removes what tells of the roots,
    /// and must know them all. Until then the guardian goes by what the state directory tells, and
    /// takes its lock only when it has no holder any more.
    fn start(&mut self) -> Result<(), CallError> {
        let directory = self.remains.directory();
        self.guardian = Guardian::start(&Ward {
            terminal: self.saved,
            directory: &directory,
            name: Name::Taken,
            record: self.record,
        })?;
        fault::point("guardian-started");
        for &root in &self.roots {
            match Pidfd::open(root).by(Call::PidfdOpen) {
                Ok(pidfd) => self.guardian.guard(&pidfd)?,
                // The process has ended, and is not reaped yet: there is nothing to guard.
                Err(CallError {
                    errno: Errno::ESRCH,
                    ..
                }) => {}
                Err(cause) => return Err(cause),
            }
            fault::point("guardian-told");
        }
        self.guardian.entrust(self.remains)
    }
}

impl WaitHook for Reactor<'_> {
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, BuildError> {
        self.sync_channel_ready = None;
        for (place, channel) in (0..).zip(channels) {
            let flags = EpollFlags::EPOLLIN;
            self.events
                .add(channel, Token::SyncChannel(place), flags)
                .by(Call::EpollCtl)
                .map_err(|cause| {
                    BuildError::Failed(Failure::new(ProcessKey::init(0), Stage::Channel, cause))
                })?;
        }
        let result = loop {
            if self.tree.is_interrupted() {
                break Err(BuildError::Interrupted);
            }
            if let Some(place) = self.sync_channel_ready {
                break Ok(place);
            }
            self.pump_reports();
        };
        for (place, channel) in (0..).zip(channels) {
            self.events.remove(channel, Token::SyncChannel(place));
        }
        result
    }

    fn guard(&mut self, root: Pid, subject: ProcessKey) -> Result<(), BuildError> {
        let failed =
            |cause: CallError| BuildError::Failed(Failure::new(subject, Stage::Guard, cause));
        let pidfd = Pidfd::open(root).by(Call::PidfdOpen).map_err(failed)?;
        self.guarding.roots.push(root);
        fault::point("root-made");
        if let Err(cause) = self.guarding.guardian.guard(&pidfd) {
            // The next one is told of all of them.
            self.guarding
                .replace(self.console.event_sink, Loss::of(cause))
                .map_err(failed)?;
        }
        fault::point("root-guarded");
        Ok(())
    }
}
